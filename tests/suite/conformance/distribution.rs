//! Who serves: every worker takes its part, and what they serve adds up.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::harness::{
    Address, Kind, Launch, PATIENCE, Server, both, get_many, oracle, poll, skip_unless,
};

/// Requests served by each worker, as each one counts. A sync worker reads from one connection until
/// its request is whole, so that as many unfinished requests hold every worker there is.
fn counters(server: &Server, workers: usize) -> BTreeMap<u64, u64> {
    let mut served = BTreeMap::new();
    let all = poll(PATIENCE, || {
        let held: Vec<TcpStream> = (0..workers).map(|_| unfinished(server)).collect();
        for mut stream in held {
            stream.write_all(b"\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
            let stats: Value = serde_json::from_str(body).unwrap();
            let fast = stats["endpoint_counters"]["fast"].as_u64();
            served.insert(stats["pid"].as_u64().unwrap(), fast.unwrap());
        }
        (served.len() == workers).then_some(())
    });
    if all.is_none() {
        server.fail(&format!("only {served:?} served"));
    }
    served
}

/// A request whose last line is to come.
fn unfinished(server: &Server) -> TcpStream {
    let Address::Tcp(address) = server.address() else {
        server.fail("it listens on no port");
    };
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /diag/stats HTTP/1.0\r\n").unwrap();
    stream
}

#[test]
fn under_load_every_one_of_four_workers_serves_and_nothing_is_lost_or_doubled() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind: Kind| {
        let server = Launch::new(kind, "--workers 4").start().with_workers(4);
        // Held workers make each other serve: a queue of slow requests and fast ones between them.
        let targets: Vec<_> = (0..100)
            .flat_map(|number| match number % 10 {
                0 => vec!["/slow?seconds=0.05".to_owned(), "/fast".to_owned()],
                _ => vec!["/fast".to_owned()],
            })
            .collect();
        let answers = get_many(server.address(), &targets, PATIENCE);
        let good = answers
            .iter()
            .filter(|answer| answer.status() == Some(200))
            .count();
        let served = counters(&server, 4);
        (good, served.len(), served.values().sum::<u64>())
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, (110, 4, 100));
    assert_eq!(expected, actual);
}
