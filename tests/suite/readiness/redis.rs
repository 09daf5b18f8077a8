//! The lab's readiness with a real Redis: every failure has its word, and none a secret.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use labrat::machine::reserved_port::ReservedPort;
use nix::sys::signal::Signal;

use super::ask::{Worker, block_on, words};
use super::servers::{self, Server};
use crate::harness::{PATIENCE, skip_unless};

const BUDGET: (&str, &str) = ("LAB_CHECK_SECONDS", "2.5");

async fn errors(url: &str) -> BTreeMap<String, String> {
    Worker::new(&[("REDIS_URL", url), BUDGET]).errors().await
}

/// A server that answers every connection with a page, whatever it is asked.
fn not_redis() -> u16 {
    let (listener, port) = servers::silent();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; 256]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    port
}

#[test]
fn every_way_in_which_redis_is_not_there_has_its_word() {
    let started = servers::redis(&[
        "requirepass planted-right",
        "user reader on >planted-reader ~* +get +ping +select +client",
    ]);
    let server = match started {
        Ok(server) => server,
        Err(why) => {
            let _ = skip_unless(Err(why));
            return;
        }
    };
    block_on(cases(server));
}

async fn cases(server: Server) {
    let port = server.port();
    let reserved = ReservedPort::choose().unwrap();
    let nowhere = reserved.number();
    let replica = servers::redis(&[&format!("replicaof 127.0.0.1 {nowhere}")])
        .expect("there is a redis-server");
    let (_listener, silent) = servers::silent();
    let right = format!("redis://:planted-right@127.0.0.1:{port}");
    for (url, expected) in [
        (right.clone(), None),
        (format!("{right}/3"), None),
        (format!("{right}/99"), Some("wrong_database")),
        (
            format!("redis://:planted-wrong@127.0.0.1:{port}"),
            Some("wrong_password"),
        ),
        (
            format!("redis://nobody:planted@127.0.0.1:{port}"),
            Some("wrong_password"),
        ),
        (format!("redis://127.0.0.1:{port}"), Some("wrong_password")),
        (
            format!("redis://reader:planted-reader@127.0.0.1:{port}"),
            Some("forbidden"),
        ),
        (
            format!("redis://127.0.0.1:{}", replica.port()),
            Some("read_only"),
        ),
        (
            "redis://:planted@no-such-host.invalid".to_owned(),
            Some("unknown_host"),
        ),
        (
            format!("redis://:planted@127.0.0.1:{nowhere}"),
            Some("refused"),
        ),
        (
            format!("redis://:planted@127.0.0.1:{silent}"),
            Some("silent"),
        ),
        (
            format!("redis://:planted@127.0.0.1:{}", not_redis()),
            Some("wrong_answer"),
        ),
    ] {
        let expected = expected.map_or(words(&[]), |word| words(&[("cache", word)]));
        assert_eq!(errors(&url).await, expected, "{url}");
    }

    let worker = Worker::new(&[("REDIS_URL", &right), BUDGET]);
    assert_eq!(worker.errors().await, words(&[]));
    server.signal(Signal::SIGSTOP);
    assert_eq!(until(&worker, 1).await, words(&[("cache", "slow")]));
    assert_eq!(
        errors(&right).await,
        words(&[("cache", "silent")]),
        "a new connection"
    );
    server.signal(Signal::SIGCONT);
    until(&worker, 0).await;
    drop(server);
    assert_eq!(errors(&right).await, words(&[("cache", "refused")]));
    until(&worker, 1).await;
}

/// Ask until there are so many errors.
async fn until(worker: &Worker, wanted: usize) -> BTreeMap<String, String> {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let errors = worker.errors().await;
        if errors.len() == wanted {
            return errors;
        }
        assert!(std::time::Instant::now() < deadline, "still {errors:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
