//! The front end keeps to RFC 9112 on both sides: what is no HTTP ends there, and the row says whose it
//! was. Bytes go over real sockets, bad ones beside good ones.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::own_site::{Front, LIMIT, OwnSite, read_head};
use super::{Reply, head, send};

/// The Win32 code of an answer that is no HTTP.
const INVALID_ANSWER: &str = "12152";

/// A site that answers with the head and the body that it got, read by its framing.
async fn echo() -> OwnSite {
    OwnSite::start(|mut stream, _| async move {
        let mut seen = read_head(&mut stream).await;
        if seen.contains("transfer-encoding: chunked") {
            let Some(body) = read_chunked(&mut stream).await else {
                return;
            };
            seen.push_str(&body);
        }
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{seen}",
            seen.len()
        );
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await
}

/// Read to the last chunk of a body without trailers; `None` where it breaks off.
async fn read_chunked(stream: &mut TcpStream) -> Option<String> {
    use tokio::io::AsyncReadExt as _;
    let mut seen = Vec::new();
    while !seen.ends_with(b"0\r\n\r\n") {
        seen.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(seen).ok()
}

/// A request, the status of answer and row, and what the site has to have seen of it.
const REQUESTS: [(&str, u16, &str); 31] = [
    // Bodies.
    (
        "POST /|Host: h|Content-Length: 3||abc",
        200,
        "content-length: 3",
    ),
    (
        "POST /|Host: h|Transfer-Encoding: chunked||3|abc|0||",
        200,
        "3\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "POST /|Host: h|Transfer-Encoding: Chunked||3;a=b|abc|0||",
        200,
        "3\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "GET /|Host: h|Transfer-Encoding: chunked||3|abc|0||",
        200,
        "3\r\nabc\r\n0\r\n\r\n",
    ),
    // Of two lengths the coding is true, and the other does not reach the site.
    (
        "POST /|Host: h|Content-Length: 5|Transfer-Encoding: chunked||3|abc|0||",
        200,
        "3\r\nabc",
    ),
    (
        "POST /|Host: h|Transfer-Encoding: chunked||no chunk|",
        400,
        "",
    ),
    (
        "POST /|Host: h|Transfer-Encoding: chunked||-3|abc|0||",
        400,
        "",
    ),
    (
        "POST /|Host: h|Transfer-Encoding: chunked||0x3|abc|0||",
        400,
        "",
    ),
    (
        "POST /|Host: h|Transfer-Encoding: chunked||fffffffffffffffff|abc|0||",
        400,
        "",
    ),
    (
        "POST /|Host: h|Transfer-Encoding: chunked||3|abcd|0||",
        400,
        "",
    ),
    (
        "POST /|Host: h|Transfer-Encoding: chunked||3|abc|0|bad trailer||",
        400,
        "",
    ),
    (
        "POST /|Host: h|Transfer-Encoding: gzip, chunked||3|abc|0||",
        501,
        "",
    ),
    (
        "POST /|Host: h|Transfer-Encoding: chunked|Transfer-Encoding: chunked||0||",
        501,
        "",
    ),
    ("POST /|Host: h|Transfer-Encoding: gzip||abc", 400, ""),
    (
        "POST /|Host: h|Content-Length: 3|Content-Length: 3||abc",
        200,
        "content-length: 3",
    ),
    (
        "POST /|Host: h|Content-Length: 3|Content-Length: 4||abcd",
        400,
        "",
    ),
    ("POST /|Host: h|Content-Length: -1||", 400, ""),
    ("POST /|Host: h|Content-Length: 3, 3||abc", 400, ""),
    // Hosts, and what Connection names.
    (
        "GET /|Host: lab.example|Connection: close, host||",
        200,
        "host: lab.example",
    ),
    (
        "GET /|Host: h|Cookie: a=b|Connection: close, cookie||",
        200,
        "cookie: a=b",
    ),
    (
        "GET http://user:secret@lab.example/x|Host: h||",
        200,
        "\r\nhost: lab.example\r\n",
    ),
    ("GET /|Host: [::1]:80||", 200, "host: [::1]:80"),
    ("GET /|Accept: x||", 400, ""),
    ("GET /|Host: a|Host: b||", 400, ""),
    ("GET /|Host: a b||", 400, ""),
    ("GET /|Host: a/b||", 400, ""),
    // Heads.
    ("GET /|Host : h||", 400, ""),
    ("GET /|Host: h|No colon||", 400, ""),
    ("GET /|Host: h|Accept: x|  folded||", 400, ""),
    ("G@T /|Host: h||", 400, ""),
    ("CONNECT h:80|Host: h:80||", 405, ""),
];

#[tokio::test]
async fn a_request_is_passed_on_or_refused_with_the_same_status_in_answer_and_row() {
    for (request, status, seen) in REQUESTS {
        let site = echo().await;
        let front = Front::start(site.routing(), LIMIT).await;
        let request = match request.split_once('|') {
            Some((first, rest)) => format!("{first} HTTP/1.1\r\nConnection: close|{rest}"),
            None => unreachable!("each has a head"),
        };
        let request = request.replace('|', "\r\n");
        let reply = send(front.address(), request.as_bytes()).await;
        assert_eq!(reply.status, status, "{request:?}: {reply:?}");
        assert!(reply.body.contains(seen), "{request:?}: {reply:?}");
        assert!(!reply.body.contains("secret"), "{request:?}: {reply:?}");
        if status == 200 && seen.starts_with('3') {
            assert!(!reply.body.contains("content-length"), "{reply:?}");
        }
        let row = front.row().await;
        assert_eq!(row.sc_status, Some(i64::from(status)), "{request:?}");
        assert_eq!(row.sc_win32_status.as_deref(), Some("0"), "{request:?}");
    }
}

#[tokio::test]
async fn a_head_that_is_refused_has_the_row_of_its_answer() {
    // More than is taken of a target and of a head, and less.
    let (target, long, shorter) = ("x".repeat(70_000), "x".repeat(500_000), "x".repeat(400_000));
    for (request, status) in [
        ("GET / NOT-HTTP\r\n\r\n".to_owned(), 400),
        (format!("GET /{target} HTTP/1.1\r\nHost: h\r\n\r\n"), 414),
        (
            format!("GET / HTTP/1.1\r\nHost: h\r\nX-Long: {long}\r\n\r\n"),
            431,
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Long: {shorter}\r\n\r\n"),
            200,
        ),
        (
            "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
            400,
        ),
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), 200),
    ] {
        let site = echo().await;
        let front = Front::start(site.routing(), LIMIT).await;
        let reply = send(front.address(), request.as_bytes()).await;
        let shown = &request[..request.len().min(60)];
        assert_eq!(reply.status, status, "{shown:?}");
        assert_eq!(
            front.row().await.sc_status,
            Some(i64::from(status)),
            "{shown:?}"
        );
    }
}

/// An answer, what the client gets, and the row: its status, its result and its Win32 code.
struct Answer {
    sent: &'static str,
    status: u16,
    body: &'static str,
    result: &'static str,
    win32: &'static str,
}

const fn whole(sent: &'static str, body: &'static str) -> Answer {
    Answer {
        sent,
        status: 200,
        body,
        result: "Success",
        win32: "0",
    }
}

/// Its head is no HTTP, and so the answer is the front end's own.
const fn refused(sent: &'static str) -> Answer {
    Answer {
        sent,
        status: 502,
        body: "The application answered what is no HTTP.",
        result: "Failure",
        win32: INVALID_ANSWER,
    }
}

/// Its head has gone out, and so the connection ends in the middle.
const fn broken(sent: &'static str, win32: &'static str) -> Answer {
    Answer {
        sent,
        status: 200,
        body: "",
        result: "Failure",
        win32,
    }
}

const ANSWERS: [Answer; 24] = [
    whole("200 OK|Content-Length: 5||whole", "whole"),
    whole("200 OK||whole", "whole"),
    whole("200 OK|Transfer-Encoding: chunked||5|whole|0||", "whole"),
    whole(
        "200 OK|Content-Length: 2|Transfer-Encoding: chunked||5|whole|0||",
        "whole",
    ),
    whole(
        "200 OK|Transfer-Encoding: chunked|Content-Length: 2||5|whole|0||",
        "whole",
    ),
    whole(
        "200 OK|Transfer-Encoding: CHUNKED||5;x=y|whole|0|X-Trailer: 1||",
        "whole",
    ),
    whole("200 OK|Content-Length: 5|Content-Length: 5||whole", "whole"),
    whole(
        "200 OK|Connection: content-length|Content-Length: 5||whole and more",
        "whole",
    ),
    whole(
        "103 Early Hints|Link: a||HTTP/1.1 200 OK|Content-Length: 5||whole",
        "whole",
    ),
    refused("200 OK|Content-Length: 5|Content-Length: 6||whole"),
    refused("200 OK|Content-Length: five||whole"),
    refused("200 OK|Content-Length: -5||whole"),
    refused("200 OK|Transfer-Encoding: gzip||whole"),
    refused("200 OK|Transfer-Encoding: gzip, chunked||5|whole|0||"),
    refused("200 OK|No colon||whole"),
    refused("2000 OK||whole"),
    refused("101 Switching Protocols|Connection: Upgrade|Upgrade: x||"),
    broken(
        "200 OK|Transfer-Encoding: chunked||no chunk|",
        INVALID_ANSWER,
    ),
    broken(
        "200 OK|Transfer-Encoding: chunked||5|whole|-1|",
        INVALID_ANSWER,
    ),
    broken(
        "200 OK|Transfer-Encoding: chunked||5|whole and more|0||",
        INVALID_ANSWER,
    ),
    broken(
        "200 OK|Transfer-Encoding: chunked||fffffffffffffffff|x|",
        INVALID_ANSWER,
    ),
    broken(
        "200 OK|Transfer-Encoding: chunked||5|whole|0|bad trailer||",
        INVALID_ANSWER,
    ),
    broken("200 OK|Transfer-Encoding: chunked||5|who", "0"),
    broken("200 OK|Content-Length: 50||who", "0"),
];

#[tokio::test]
async fn an_answer_arrives_whole_or_its_row_names_the_container() {
    for Answer {
        sent,
        status,
        body,
        result,
        win32,
    } in ANSWERS
    {
        let site = OwnSite::start(move |mut stream, _| async move {
            read_head(&mut stream).await;
            let answer = format!("HTTP/1.1 {}", sent.replace('|', "\r\n"));
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let front = Front::start(site.routing(), LIMIT).await;
        let reply = send(front.address(), head("GET", "/").as_bytes()).await;
        assert_eq!(reply.status, status, "{sent}: {reply:?}");
        assert!(reply.body.contains(body), "{sent}: {reply:?}");
        let is_cut = !reply.body.ends_with("0\r\n\r\n");
        if result == "Failure" && status == 200 {
            assert!(is_cut, "{sent}: {reply:?}");
        }
        let row = front.row().await;
        assert_eq!(row.sc_status, Some(i64::from(status)), "{sent}");
        assert_eq!(row.result.as_deref(), Some(result), "{sent}");
        assert_eq!(row.sc_win32_status.as_deref(), Some(win32), "{sent}");
    }
}

#[tokio::test]
async fn what_a_site_sends_after_its_answer_is_nobodys_answer() {
    let site = OwnSite::start(|mut stream, number| async move {
        while !read_head(&mut stream).await.is_empty() {
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}\
                 HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
            );
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    let front = Front::start(site.routing(), LIMIT).await;
    for expected in ["1", "2", "3"] {
        let reply: Reply = send(front.address(), head("GET", "/").as_bytes()).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, expected));
    }
}
