//! The front end's connections share one event loop, and nobody outside can tell.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;

use super::own_site::{Front, LIMIT, OK, OwnSite, read_head};
use super::{get, head, until};

/// One request on a connection that stays open.
async fn ask(client: &mut TcpStream) {
    let request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    client.write_all(request).await.unwrap();
    let answer = read_head(client).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    client.read_exact(&mut [0_u8; 2]).await.unwrap();
}

#[tokio::test]
async fn clients_that_take_turns_share_a_connection_to_the_site() {
    let site = OwnSite::answering().await;
    let front = Front::start(site.routing(), LIMIT).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(TcpStream::connect(front.address()).await.unwrap());
    }
    for _ in 0..2 {
        for client in &mut clients {
            ask(client).await;
        }
    }
    assert_eq!(site.connections(), 1);
}

#[tokio::test]
async fn clients_at_the_same_time_have_a_connection_each_and_all_are_answered() {
    const CLIENTS: usize = 32;
    let all_are_there = Arc::new(Barrier::new(CLIENTS));
    let site = OwnSite::start(move |mut stream, _| {
        let all_are_there = Arc::clone(&all_are_there);
        async move {
            read_head(&mut stream).await;
            all_are_there.wait().await;
            stream.write_all(OK).await.unwrap();
        }
    })
    .await;
    let front = Front::start(site.routing(), LIMIT).await;
    let asked: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let address = front.address();
            tokio::spawn(async move { get(address, "/").await.status })
        })
        .collect();
    for client in asked {
        assert_eq!(client.await.unwrap(), 200);
    }
    assert_eq!(site.connections(), CLIENTS);
    front.front_end.stop().await;
    assert_eq!(front.rows().len(), CLIENTS);
}

#[tokio::test]
async fn a_tunnel_that_is_open_when_the_front_end_stops_ends_with_its_row() {
    let site = OwnSite::start(|mut stream, _| async move {
        read_head(&mut stream).await;
        let answer =
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        // Ends with the connection.
        let _ = stream.read(&mut [0_u8; 1]).await;
    })
    .await;
    let front = Front::start(site.routing(), LIMIT).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = TcpStream::connect(front.address()).await.unwrap();
        let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
        client.write_all(request.as_bytes()).await.unwrap();
        assert!(read_head(&mut client).await.contains(" 101 "));
        clients.push(client);
    }
    front.front_end.stop().await;
    let statuses: Vec<_> = front.rows().iter().map(|row| row.sc_status).collect();
    assert_eq!(statuses, [Some(101); 4]);
}

#[tokio::test]
async fn a_row_is_in_its_table_while_another_request_is_in_flight() {
    let site = OwnSite::start(|mut stream, _| async move {
        if read_head(&mut stream).await.starts_with("GET /quick") {
            stream.write_all(OK).await.unwrap();
        }
        // Ends with the connection.
        let _ = stream.read(&mut [0_u8; 1]).await;
    })
    .await;
    let front = Front::start(site.routing(), LIMIT).await;
    let mut slow = TcpStream::connect(front.address()).await.unwrap();
    slow.write_all(head("GET", "/slow").as_bytes())
        .await
        .unwrap();
    until("the site has the slow one", || {
        (site.connections() == 1).then_some(())
    })
    .await;
    assert_eq!(get(front.address(), "/quick").await.status, 200);
    assert_eq!(front.row().await.cs_uri_stem.as_deref(), Some("/quick"));
}
