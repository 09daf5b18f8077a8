//! What the front end passes on, and the status that follows from who failed.

use std::sync::Arc;
use std::time::Duration;

use labrat::host::front_end::{Routing, Upstream};
use labrat::machine::reserved_port::ReservedPort;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify as Wakeup;

use super::own_site::{Front, LIMIT, OK, OwnSite, read_head};
use super::{PATIENCE, Reply, get, head, send, until};

#[tokio::test]
async fn the_site_sees_exactly_the_headers_that_the_platform_adds() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let site = OwnSite::start(move |mut stream, _| {
        let tell = tell.clone();
        async move {
            tell.send(read_head(&mut stream).await).unwrap();
            stream.write_all(OK).await.unwrap();
        }
    })
    .await;
    let front = Front::start(site.routing(), LIMIT).await;
    let request = "GET /a/b?c=d HTTP/1.1\r\nHost: lab.example\r\nConnection: close, x-hop\r\nX-Hop: 1\r\n\
                   X-Forwarded-For: 10.1.1.1\r\nX-Forwarded-Proto: https\r\nCLIENT-IP: 6.6.6.6\r\n\
                   Accept: */*\r\nTE: trailers\r\nKeep-Alive: 5\r\n\r\n";
    let reply = send(front.address(), request.as_bytes()).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "ok"));
    let seen = told.recv().await.unwrap();
    let mut lines = seen.trim_end().split("\r\n");
    assert_eq!(lines.next(), Some("GET /a/b?c=d HTTP/1.1"));
    let mut names = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let is_client = |text: &str| text.starts_with("127.0.0.1:");
        let right = match name {
            "host" | "x-forwarded-host" | "disguised-host" => value == "lab.example",
            "accept" => value == "*/*",
            "x-forwarded-for" => value.strip_prefix("10.1.1.1, ").is_some_and(is_client),
            "client-ip" => is_client(value),
            "x-forwarded-proto" | "x-appservice-proto" => value == "https",
            "x-original-url" | "x-waws-unencoded-url" => value == "/a/b?c=d",
            "x-client-ip" => value == "127.0.0.1",
            "x-client-port" => value.parse::<u16>().is_ok(),
            "x-forwarded-tlsversion" | "x-arr-ssl" => !value.is_empty(),
            "max-forwards" => value == "10",
            "x-arr-log-id" => value.len() == 36 && value.split('-').count() == 5,
            "x-site-deployment-id" => value == "site",
            "was-default-hostname" => value == "site.localhost",
            _ => false,
        };
        assert!(right, "{line}");
        names.push(name);
    }
    assert_eq!(names.len(), 18, "{names:?}");
    let row = front.row().await;
    assert_eq!(row.cs_method.as_deref(), Some("GET"));
    assert_eq!(row.cs_uri_stem.as_deref(), Some("/a/b"));
    assert_eq!(row.cs_uri_query.as_deref(), Some("c=d"));
    assert_eq!(row.cs_host.as_deref(), Some("lab.example"));
    assert_eq!(row.c_ip.as_deref(), Some("127.0.0.1"));
    assert_eq!(row.sc_status, Some(200));
    assert_eq!(row.result.as_deref(), Some("Success"));
    assert_eq!(row.s_port, Some(front.address().port().to_string()));
    assert!(row.cs_bytes.unwrap() > 100 && row.sc_bytes.unwrap() > 20);
}

#[tokio::test]
async fn an_answer_goes_out_as_it_comes_and_is_not_collected_first() {
    let client_has_first = Arc::new(Wakeup::new());
    let wait = Arc::clone(&client_has_first);
    let site = OwnSite::start(move |mut stream, _| {
        let wait = Arc::clone(&wait);
        async move {
            read_head(&mut stream).await;
            let first = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
            stream.write_all(first).await.unwrap();
            wait.notified().await;
            stream.write_all(b"4\r\nlast\r\n0\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let front = Front::start(site.routing(), LIMIT).await;
    let mut client = TcpStream::connect(front.address()).await.unwrap();
    client.write_all(head("GET", "/").as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !seen.windows(5).any(|window| window == b"first") {
        let mut part = [0_u8; 512];
        let read = tokio::time::timeout(PATIENCE, client.read(&mut part)).await;
        let read = read
            .expect("the first chunk comes before the last is sent")
            .unwrap();
        assert!(read > 0);
        seen.extend_from_slice(&part[..read]);
    }
    client_has_first.notify_one();
    client.read_to_end(&mut seen).await.unwrap();
    assert!(Reply::parse(&seen).body.contains("last"));
    assert_eq!(front.row().await.sc_status, Some(200));
}

#[tokio::test]
async fn a_request_body_reaches_the_site_before_the_client_has_sent_all_of_it() {
    let site_has_first = Arc::new(Wakeup::new());
    let tell = Arc::clone(&site_has_first);
    let site = OwnSite::start(move |mut stream, _| {
        let tell = Arc::clone(&tell);
        async move {
            let head = read_head(&mut stream).await;
            assert!(head.contains("content-length: 9"), "{head}");
            let mut first = [0_u8; 5];
            stream.read_exact(&mut first).await.unwrap();
            tell.notify_one();
            let mut last = [0_u8; 4];
            stream.read_exact(&mut last).await.unwrap();
            assert_eq!((&first, &last), (b"first", b"last"));
            stream.write_all(OK).await.unwrap();
        }
    })
    .await;
    let front = Front::start(site.routing(), LIMIT).await;
    let mut client = TcpStream::connect(front.address()).await.unwrap();
    let request =
        "POST /p HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 9\r\n\r\nfirst";
    client.write_all(request.as_bytes()).await.unwrap();
    let reached = tokio::time::timeout(PATIENCE, site_has_first.notified()).await;
    reached.expect("the site has the first part");
    client.write_all(b"last").await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(Reply::parse(&answer).status, 200);
}

#[tokio::test]
async fn silent_and_half_hearted_clients_cost_only_themselves() {
    let site = OwnSite::start(|mut stream, _| async move {
        read_head(&mut stream).await;
        stream.write_all(OK).await.unwrap();
    })
    .await;
    let front = Front::start(site.routing(), LIMIT).await;
    let mut idle = Vec::new();
    for number in 0..200 {
        let mut client = TcpStream::connect(front.address()).await.unwrap();
        // One says nothing at all, the next the half of a head.
        if number % 2 == 0 {
            client.write_all(b"GET / HTTP/1.1\r\nHos").await.unwrap();
        }
        idle.push(client);
    }
    for _ in 0..20 {
        assert_eq!(get(front.address(), "/").await.status, 200);
    }
    // One of them finishes after all.
    idle[0]
        .write_all(b"t: h\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    idle[0].read_to_end(&mut answer).await.unwrap();
    assert_eq!(Reply::parse(&answer).status, 200);
    drop(idle);
    front.front_end.stop().await;
    let rows = front.rows();
    assert_eq!(rows.len(), 21, "who asked nothing has no row");
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_site_and_not_the_memory() {
    let sent = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let site = OwnSite::start(move |mut stream, _| {
        let count = Arc::clone(&count);
        async move {
            read_head(&mut stream).await;
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
            stream.write_all(head).await.unwrap();
            let block = vec![b'x'; 64 * 1024];
            while stream.write_all(&block).await.is_ok() {
                count.fetch_add(block.len(), std::sync::atomic::Ordering::SeqCst);
            }
        }
    })
    .await;
    let front = Front::start(site.routing(), LIMIT).await;
    let mut client = TcpStream::connect(front.address()).await.unwrap();
    client.write_all(head("GET", "/").as_bytes()).await.unwrap();
    let now = || sent.load(std::sync::atomic::Ordering::SeqCst);
    let mut before = 0;
    let mut unchanged = 0;
    until("the site is stopped by the full buffers", || {
        unchanged = if now() == before && now() > 0 {
            unchanged + 1
        } else {
            0
        };
        before = now();
        (unchanged > 60).then_some(())
    })
    .await;
    assert!(now() < 64 * 1024 * 1024, "{} bytes", now());
    drop(client);
    assert_eq!(front.row().await.sc_status, Some(499));
}

#[tokio::test]
async fn an_upgrade_becomes_a_tunnel_in_both_directions_and_one_row() {
    let site = OwnSite::start(|mut stream, _| async move {
        let head = read_head(&mut stream).await;
        assert!(head.contains("upgrade: websocket") && head.contains("connection: Upgrade"));
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello";
        stream.write_all(answer).await.unwrap();
        let mut word = [0_u8; 4];
        stream.read_exact(&mut word).await.unwrap();
        word.reverse();
        stream.write_all(&word).await.unwrap();
    })
    .await;
    let front = Front::start(site.routing(), LIMIT).await;
    let mut client = TcpStream::connect(front.address()).await.unwrap();
    let request = "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\nping";
    client.write_all(request.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    let reading = client.read_to_end(&mut seen);
    tokio::time::timeout(PATIENCE, reading)
        .await
        .unwrap()
        .unwrap();
    let reply = Reply::parse(&seen);
    assert_eq!((reply.status, reply.body.as_str()), (101, "hellognip"));
    drop(client);
    assert_eq!(front.row().await.sc_status, Some(101));
}

#[tokio::test]
async fn a_client_that_leaves_is_a_499_and_its_connection_to_the_site_is_closed() {
    let site_saw_the_end = Arc::new(Wakeup::new());
    let tell = Arc::clone(&site_saw_the_end);
    let site = OwnSite::start(move |mut stream, _| {
        let tell = Arc::clone(&tell);
        async move {
            read_head(&mut stream).await;
            let mut rest = [0_u8; 1];
            // Ends with the connection, in order or by a reset.
            assert!(!matches!(stream.read(&mut rest).await, Ok(1)));
            tell.notify_one();
        }
    })
    .await;
    let front = Front::start(site.routing(), LIMIT).await;
    let mut client = TcpStream::connect(front.address()).await.unwrap();
    client
        .write_all(head("GET", "/slow").as_bytes())
        .await
        .unwrap();
    until("the site has the request", || {
        (site.connections() == 1).then_some(())
    })
    .await;
    assert_eq!(front.rows().len(), 0);
    drop(client);
    let seen = tokio::time::timeout(PATIENCE, site_saw_the_end.notified()).await;
    seen.expect("the connection to the site is closed");
    let row = front.row().await;
    assert_eq!(row.sc_status, Some(499));
    assert_eq!(row.result.as_deref(), Some("Failure"));
}

#[tokio::test]
async fn a_client_that_has_left_when_its_request_is_read_has_its_row_too() {
    use std::io::Write as _;
    let site = OwnSite::start(|_, _| std::future::pending()).await;
    let front = Front::start(site.routing(), LIMIT).await;
    // Nothing is polled meanwhile: the request and the end of its connection are read together.
    let mut client = std::net::TcpStream::connect(front.address()).unwrap();
    client.write_all(head("GET", "/slow").as_bytes()).unwrap();
    drop(client);
    let row = front.row().await;
    assert_eq!(
        (row.sc_status, row.cs_uri_stem.as_deref()),
        (Some(499), Some("/slow"))
    );
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_its_body_is_a_499() {
    let site = OwnSite::start(|mut stream, _| async move {
        read_head(&mut stream).await;
        let mut rest = Vec::new();
        // Ends with the connection, in order or by a reset.
        let _ = stream.read_to_end(&mut rest).await;
        assert_eq!(rest, b"first");
    })
    .await;
    let front = Front::start(site.routing(), LIMIT).await;
    let mut client = TcpStream::connect(front.address()).await.unwrap();
    let request = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nfirst";
    client.write_all(request.as_bytes()).await.unwrap();
    until("the site has the request", || {
        (site.connections() == 1).then_some(())
    })
    .await;
    drop(client);
    assert_eq!(front.row().await.sc_status, Some(499));
}

#[tokio::test]
async fn a_refused_connection_is_a_502() {
    let port = ReservedPort::choose().unwrap();
    let closed = Routing::Up(Arc::new(Upstream::new(port.address())));
    let front = Front::start(closed, LIMIT).await;
    assert_eq!(get(front.address(), "/").await.status, 502);
    assert_eq!(front.row().await.sc_status, Some(502));
}

#[tokio::test]
async fn a_request_that_the_site_took_and_did_not_answer_is_a_502_and_is_not_sent_again() {
    for method in ["GET", "POST"] {
        let site = OwnSite::start(|mut stream, _| async move {
            read_head(&mut stream).await;
        })
        .await;
        let front = Front::start(site.routing(), LIMIT).await;
        let reply = send(front.address(), head(method, "/once").as_bytes()).await;
        assert_eq!(reply.status, 502);
        assert_eq!(front.row().await.sc_status, Some(502));
        assert_eq!(site.connections(), 1, "{method}");
    }
}

#[tokio::test]
async fn a_connection_is_used_again_when_the_site_keeps_it_and_a_lost_request_is_not_sent_twice() {
    let requests = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    let site = OwnSite::start(move |mut stream, _| {
        let count = Arc::clone(&count);
        async move {
            for _ in 0..3 {
                if read_head(&mut stream).await.is_empty() {
                    return;
                }
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                stream.write_all(OK).await.unwrap();
            }
            // The fourth is taken and lost.
            if !read_head(&mut stream).await.is_empty() {
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        }
    })
    .await;
    let front = Front::start(site.routing(), LIMIT).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(get(front.address(), "/").await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 502]);
    assert_eq!(site.connections(), 1);
    assert_eq!(requests.load(std::sync::atomic::Ordering::SeqCst), 4);
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_client_too_and_is_a_failure() {
    let site = OwnSite::start(|mut stream, _| async move {
        read_head(&mut stream).await;
        let part = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart";
        stream.write_all(part).await.unwrap();
    })
    .await;
    let front = Front::start(site.routing(), LIMIT).await;
    let reply = get(front.address(), "/").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "part"));
    let row = front.row().await;
    assert_eq!(row.sc_status, Some(200));
    assert_eq!(row.result.as_deref(), Some("Failure"));
}

#[tokio::test]
async fn no_answer_within_the_limit_is_a_504_and_the_site_loses_its_connection() {
    let site_saw_the_end = Arc::new(Wakeup::new());
    let tell = Arc::clone(&site_saw_the_end);
    let site = OwnSite::start(move |mut stream, _| {
        let tell = Arc::clone(&tell);
        async move {
            read_head(&mut stream).await;
            let mut rest = [0_u8; 1];
            let _ = stream.read(&mut rest).await;
            tell.notify_one();
        }
    })
    .await;
    let front = Front::start(site.routing(), Duration::from_millis(200)).await;
    assert_eq!(get(front.address(), "/").await.status, 504);
    let row = front.row().await;
    assert_eq!(row.sc_status, Some(504));
    assert!((195..5_000).contains(&row.time_taken.unwrap()));
    let seen = tokio::time::timeout(PATIENCE, site_saw_the_end.notified()).await;
    seen.expect("the connection to the site is closed");
}

#[tokio::test]
async fn a_head_request_and_a_keep_alive_client_have_one_row_for_each_request() {
    let site = OwnSite::start(|mut stream, _| async move {
        loop {
            let head = read_head(&mut stream).await;
            let answer: &[u8] = match head.split(' ').next() {
                Some("HEAD") => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
                Some("GET") => OK,
                _ => return,
            };
            stream.write_all(answer).await.unwrap();
        }
    })
    .await;
    let front = Front::start(site.routing(), LIMIT).await;
    let both = "HEAD /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let reply = send(front.address(), both.as_bytes()).await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.ends_with("ok"), "{}", reply.body);
    let paths = until("both rows", || {
        let rows = front.rows();
        (rows.len() == 2).then_some(rows)
    })
    .await;
    let paths: Vec<_> = paths
        .iter()
        .filter_map(|row| row.cs_uri_stem.as_deref())
        .collect();
    assert_eq!(paths, ["/1", "/2"]);
}
