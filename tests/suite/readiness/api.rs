//! The lab's readiness with another service, and the hooks of the warm-up.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::StatusCode;
use labrat::machine::reserved_port::ReservedPort;

use super::ask::{Worker, words};
use super::servers;

/// A service that gives everybody this answer, and how many have come.
fn service(answer: &'static str) -> (u16, Arc<AtomicUsize>) {
    let (listener, port) = servers::silent();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            counter.fetch_add(1, Ordering::Relaxed);
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, count)
}

fn status(line: &'static str) -> u16 {
    let answer = format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    service(answer.leak()).0
}

#[tokio::test]
async fn every_answer_of_another_service_has_its_word() {
    let (_listener, silent) = servers::silent();
    let reserved = ReservedPort::choose().unwrap();
    let http = |port: u16| format!("http://127.0.0.1:{port}/base?key=planted");
    for (url, expected) in [
        (http(status("200 OK")), None),
        (http(status("302 Found")), None),
        (http(status("401 Unauthorized")), Some("wrong_password")),
        (http(status("403 Forbidden")), Some("forbidden")),
        (http(status("404 Not Found")), Some("wrong_answer")),
        (http(status("503 Service Unavailable")), Some("failed")),
        (
            http(service("220 mail.example ESMTP\r\n").0),
            Some("wrong_answer"),
        ),
        (http(service("").0), Some("closed")),
        (http(reserved.number()), Some("refused")),
        (http(silent), Some("slow")),
        (
            "http://no-such-host.invalid/planted".to_owned(),
            Some("unknown_host"),
        ),
        (
            format!("https://127.0.0.1:{}/planted", status("200 OK")),
            Some("tls"),
        ),
    ] {
        let worker = Worker::new(&[("API_BASE_URL", &url), ("LAB_CHECK_SECONDS", "0.5")]);
        let expected = expected.map_or(words(&[]), |word| words(&[("api", word)]));
        assert_eq!(worker.errors().await, expected, "{url}");
    }
}

#[tokio::test]
async fn hooks_are_asked_for_once_however_often_one_warms_up() {
    let answer = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    let (port, count) = service(answer);
    let hooks = format!("http://127.0.0.1:{port}/prices, http://127.0.0.1:{port}/menu");
    let worker = Worker::new(&[("LAB_WARMUP_URLS", &hooks)]);
    for _ in 0..3 {
        let (status, body) = worker.ask("/warmup").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(body["steps"][0]["name"], "hooks");
    }
    assert_eq!(count.load(Ordering::Relaxed), 2);
    let reserved = ReservedPort::choose().unwrap();
    let gone = format!("http://{}/", reserved.address());
    let worker = Worker::new(&[("LAB_WARMUP_URLS", &gone)]);
    let (status, body) = worker.ask("/warmup").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    assert_eq!(body["steps"][0]["error"], "refused");
}
