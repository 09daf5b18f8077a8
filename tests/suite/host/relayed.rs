//! Requests and answers of unusual shapes pass through the front end whole, and what fails is told of
//! whom it was.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::own_site::{Front, LIMIT, OwnSite, read_head};
use super::{PATIENCE, Reply, send, until};

/// A site that answers with the head and the first bytes of the body that it got.
async fn echo(body: usize) -> OwnSite {
    OwnSite::start(move |mut stream, _| async move {
        let mut seen = read_head(&mut stream).await;
        let mut bytes = vec![0_u8; body];
        stream.read_exact(&mut bytes).await.unwrap();
        seen.push_str(&String::from_utf8_lossy(&bytes));
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{seen}",
            seen.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await
}

#[tokio::test]
async fn a_get_with_a_chunked_body_keeps_it() {
    let site = echo("3\r\nabc\r\n0\r\n\r\n".len()).await;
    let front = Front::start(site.routing(), LIMIT).await;
    let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3\r\nabc\r\n0\r\n\r\n";
    let reply = send(front.address(), request.as_bytes()).await;
    assert!(
        reply.body.contains("transfer-encoding: chunked"),
        "{reply:?}"
    );
    assert!(reply.body.contains("3\r\nabc\r\n0\r\n"), "{reply:?}");
}

#[tokio::test]
async fn a_client_that_stops_sending_is_told_so_and_the_site_is_not_blamed() {
    let site = OwnSite::start(|mut stream, _| async move {
        read_head(&mut stream).await;
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
    })
    .await;
    let front = Front::start(site.routing(), Duration::from_millis(400)).await;
    let mut client = TcpStream::connect(front.address()).await.unwrap();
    let request =
        b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 9\r\n\r\nabc";
    client.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, client.read_to_end(&mut answer)).await;
    let _ = read.expect("it is answered");
    assert_eq!(Reply::parse(&answer).status, 408);
    assert_eq!(front.row().await.sc_status, Some(408));
}

#[tokio::test]
async fn a_client_that_sends_slowly_is_waited_for_as_long_as_it_sends() {
    let site = echo(6).await;
    let front = Front::start(site.routing(), Duration::from_millis(900)).await;
    let mut client = TcpStream::connect(front.address()).await.unwrap();
    let request = b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 6\r\n\r\n";
    client.write_all(request).await.unwrap();
    for byte in b"abcdef" {
        // Longer than the limit in all, and never between two.
        tokio::time::sleep(Duration::from_millis(250)).await;
        client.write_all(&[*byte]).await.unwrap();
    }
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(Reply::parse(&answer).status, 200);
}

#[tokio::test]
async fn an_idle_connection_is_used_again_for_longer_than_gunicorn_keeps_one_and_then_reaped() {
    let site = OwnSite::answering().await;
    let upstream = labrat::host::front_end::Upstream::new(site.address)
        .keeping_idle_for(Duration::from_secs(6));
    let routing = labrat::host::front_end::Routing::Up(std::sync::Arc::new(upstream));
    let front = Front::start(routing, LIMIT).await;
    let ask = || send(front.address(), super::head("GET", "/").into_bytes().leak());
    ask().await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    ask().await;
    assert_eq!(site.connections(), 1, "it is used again");
    let open = || {
        let rows = procfs::net::tcp().unwrap().into_iter();
        rows.filter(|row| {
            row.remote_address == site.address && row.state == procfs::net::TcpState::Established
        })
        .count()
    };
    assert_eq!(open(), 1);
    until("it is closed without a request", || {
        (open() == 0).then_some(())
    })
    .await;
}
