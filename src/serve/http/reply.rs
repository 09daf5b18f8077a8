//! Writing answers: the application's, with Gunicorn's three headers in front, and Gunicorn's own
//! error pages.

use std::cell::RefCell;

use http::{HeaderMap, StatusCode};
use hyper::ext::ReasonPhrase;
use jiff::Timestamp;

use crate::serve::python::latin1_bytes;

/// The `Server` header that Gunicorn sends; kept, so that nothing downstream sees a difference.
pub const SERVER: &str = "gunicorn";

/// What Gunicorn sends before the body when the client asked for it.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// One of Gunicorn's own pages, head and body: always HTTP/1.1, always closing.
pub fn error_page(status: u16, reason: &str, message: &str) -> Vec<u8> {
    let body = format!(
        "<html>\n  <head>\n    <title>{reason}</title>\n  </head>\n  <body>\n    \
         <h1><p>{reason}</p></h1>\n    {}\n  </body>\n</html>\n",
        escape_html(message)
    );
    let page = format!(
        "HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: text/html\r\n\
         Content-Length: {}\r\n\r\n{body}",
        // Bytes after the encoding below, not of UTF-8.
        body.chars().count()
    );
    // The message quotes Latin-1 text; Gunicorn encodes it back.
    latin1_bytes(&page).into_owned()
}

/// Python's `html.escape` with quotes.
fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            c => out.push(c),
        }
    }
    out
}

/// How a response goes out on the wire.
#[derive(Debug, Clone, Copy)]
pub struct Framing {
    /// Version of the request, echoed.
    pub version: (u8, u8),
    /// Whether the connection stays open afterwards.
    pub keep_alive: bool,
    /// The request was HEAD: the head only.
    pub head_only: bool,
}

/// Append a whole response to `out`, so that it goes out in one write.
pub fn write_response(
    out: &mut Vec<u8>,
    framing: Framing,
    parts: &http::response::Parts,
    body: &[u8],
) {
    let (major, minor) = framing.version;
    out.extend_from_slice(b"HTTP/");
    out.extend_from_slice(&[b'0' + major, b'.', b'0' + minor, b' ']);
    out.extend_from_slice(parts.status.as_str().as_bytes());
    out.push(b' ');
    match parts.extensions.get::<ReasonPhrase>() {
        Some(reason) => out.extend_from_slice(reason.as_bytes()),
        None => write_default_reason(out, parts.status),
    }
    out.extend_from_slice(b"\r\nServer: ");
    out.extend_from_slice(SERVER.as_bytes());
    out.extend_from_slice(b"\r\nDate: ");
    with_http_date(|date| out.extend_from_slice(date.as_bytes()));
    out.extend_from_slice(if framing.keep_alive {
        b"\r\nConnection: keep-alive\r\n"
    } else {
        b"\r\nConnection: close\r\n"
    });
    write_headers(out, &parts.headers);
    if !parts.headers.contains_key(http::header::CONTENT_LENGTH) {
        out.extend_from_slice(b"Content-Length: ");
        out.extend_from_slice(body.len().to_string().as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    if !framing.head_only {
        out.extend_from_slice(body);
    }
}

/// Headers in the application's order, names as Flask writes them: each word capitalised.
fn write_headers(out: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        let start = out.len();
        out.extend_from_slice(name.as_str().as_bytes());
        for word in out[start..].split_mut(|byte| *byte == b'-') {
            if let Some(first) = word.first_mut() {
                first.make_ascii_uppercase();
            }
        }
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

fn write_default_reason(out: &mut Vec<u8>, status: StatusCode) {
    let reason = status.canonical_reason().unwrap_or("UNKNOWN");
    out.extend(reason.bytes().map(|byte| byte.to_ascii_uppercase()));
}

thread_local! {
    /// The date of the current second, formatted once.
    static HTTP_DATE: RefCell<(i64, String)> = const { RefCell::new((0, String::new())) };
}

/// Hand the current date in the form of RFC 9110 section 5.6.7 to `use_date`.
fn with_http_date(use_date: impl FnOnce(&str)) {
    let now = Timestamp::now();
    HTTP_DATE.with_borrow_mut(|(second, text)| {
        if *second != now.as_second() || text.is_empty() {
            *second = now.as_second();
            *text = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        }
        use_date(text);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_a_timed_out_request_has_141_bytes_of_body() {
        let page = String::from_utf8(error_page(500, "Internal Server Error", "")).unwrap();
        let (head, body) = page.split_once("\r\n\r\n").unwrap();
        assert_eq!(
            head,
            "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n\
             Content-Type: text/html\r\nContent-Length: 141"
        );
        assert_eq!(body.len(), 141);
    }

    #[test]
    fn messages_are_escaped_as_python_escapes_them() {
        let page = String::from_utf8(error_page(400, "Bad Request", "<'a' & \"b\">")).unwrap();
        assert!(page.contains("&lt;&#x27;a&#x27; &amp; &quot;b&quot;&gt;"));
    }

    #[test]
    fn a_response_carries_gunicorns_headers_first_and_the_applications_after() {
        let (parts, ()) = http::Response::builder()
            .status(404)
            .header("content-type", "text/html; charset=utf-8")
            .header("content-length", "3")
            .body(())
            .unwrap()
            .into_parts();
        let mut out = Vec::new();
        let framing = Framing {
            version: (1, 0),
            keep_alive: false,
            head_only: false,
        };
        write_response(&mut out, framing, &parts, b"no\n");
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(lines[0], "HTTP/1.0 404 NOT FOUND");
        assert_eq!(lines[1], "Server: gunicorn");
        assert!(lines[2].starts_with("Date: ") && lines[2].ends_with(" GMT"));
        assert_eq!(lines[3], "Connection: close");
        assert_eq!(lines[4], "Content-Type: text/html; charset=utf-8");
        assert_eq!(lines[5], "Content-Length: 3");
        assert_eq!(lines[7], "no\n");
    }
}
