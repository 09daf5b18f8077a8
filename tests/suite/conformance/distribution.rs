//! Who serves: every worker takes its part, and what they serve adds up.

use std::collections::BTreeMap;

use crate::harness::{Kind, Launch, PATIENCE, Server, both, get_many, oracle, poll, skip_unless};

/// Requests served by each worker, as each one counts: asked again and again until all answered.
fn counters(server: &Server, workers: usize) -> BTreeMap<u64, u64> {
    let mut served = BTreeMap::new();
    // Requests that hold a worker for a moment, so that the next goes to another.
    let targets = vec!["/slow?seconds=0.05".to_owned(); workers];
    let all = poll(PATIENCE, || {
        std::thread::scope(|scope| {
            scope.spawn(|| get_many(server.address(), &targets, PATIENCE));
            let stats = server.json("/diag/stats");
            if let (Some(pid), Some(fast)) = (
                stats["pid"].as_u64(),
                stats["endpoint_counters"]["fast"].as_u64(),
            ) {
                served.insert(pid, fast);
            }
        });
        (served.len() == workers).then_some(())
    });
    if all.is_none() {
        server.fail(&format!("only {served:?} served"));
    }
    served
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
