//! The same answers through a real server and a real socket.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::App;

/// One request on its own connection; the whole answer as text.
async fn exchange(address: std::net::SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    let request = format!("{head}\r\nHost: lab.example\r\nConnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("takes the request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answers");
    answer
}

/// Without the headers that belong to the server.
fn without_server_headers(answer: &str) -> String {
    answer
        .split("\r\n")
        .filter(|line| {
            let line = line.to_ascii_lowercase();
            !line.starts_with("date: ") && !line.starts_with("connection: ")
        })
        .collect::<Vec<_>>()
        .join("\r\n")
}

#[tokio::test]
async fn a_plain_axum_server_on_one_thread_gives_werkzeugs_status_lines_and_bodies() {
    let app = App::new(&[("LAB_SLOW_MIN_SECONDS", "0"), ("LAB_SLOW_MAX_SECONDS", "0")]);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("has an address");
    let router = app.router.clone();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    for (head, expected) in [
        (
            "GET /health HTTP/1.1",
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\r\n{\"status\":\"healthy\"}\n",
        ),
        (
            "HEAD /health HTTP/1.1",
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\r\n",
        ),
        (
            "OPTIONS /health HTTP/1.1",
            "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\nallow: GET, HEAD, OPTIONS\r\ncontent-length: 0\r\n\r\n",
        ),
        (
            "GET //health#fragment HTTP/1.1",
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\r\n{\"status\":\"healthy\"}\n",
        ),
        (
            "GET /slow HTTP/1.1",
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 37\r\n\r\n{\"delaySeconds\":0,\"endpoint\":\"slow\"}\n",
        ),
    ] {
        assert_eq!(
            without_server_headers(&exchange(address, head).await),
            expected
        );
    }
    for (head, status_line) in [
        ("GET /nope HTTP/1.1", "HTTP/1.1 404 NOT FOUND"),
        ("HEAD /nope HTTP/1.1", "HTTP/1.1 404 NOT FOUND"),
        (
            "POST /health HTTP/1.1\r\nContent-Length: 0",
            "HTTP/1.1 405 METHOD NOT ALLOWED",
        ),
        ("GET /leak?blocks=0 HTTP/1.1", "HTTP/1.1 400 BAD REQUEST"),
        (
            "GET /diag//stats HTTP/1.1",
            "HTTP/1.1 308 PERMANENT REDIRECT",
        ),
    ] {
        let answer = exchange(address, head).await;
        assert_eq!(answer.lines().next(), Some(status_line));
    }
    server.abort();
}

#[test]
fn every_handler_but_slow_is_ready_at_the_first_poll_inside_an_entered_runtime() {
    let app = App::new(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    for target in [
        "/",
        "/health",
        "/ready",
        "/fast",
        "/config",
        "/diag/stats",
        "/diag/proc",
        "/diag/env",
        "/diag/slots",
        "/diag/workers",
        "/nope",
    ] {
        // `get` fails where the answer is not there at the first poll.
        assert!(app.get(target).status.as_u16() < 500, "{target}");
    }
    let answer = runtime.block_on(app.wait_for("/slow?seconds=0.01"));
    assert_eq!(answer.json()["delaySeconds"], 0.01);
}

#[test]
fn the_state_is_freed_with_the_router() {
    let app = App::new(&[]);
    let state = Arc::downgrade(&app.state);
    drop(app);
    assert!(state.upgrade().is_none());
}
