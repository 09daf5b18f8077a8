//! `labrat probe`: the health check of an image that has no curl.

use std::time::Duration;

use ::http::Request;
use ::http::header::{CONNECTION, HOST, USER_AGENT};
use anyhow::{Context as _, bail, ensure};
use clap::Args;
use http_body_util::Full;

use super::exit::Exit;
use super::http::{self, Part};
use super::{output, values};
use crate::redaction::redact;

/// Words of `labrat probe`.
#[derive(Debug, Args)]
pub(super) struct ProbeOptions {
    /// What to ask, http only
    url: String,
    /// Seconds for the whole probe
    #[arg(long, default_value_t = 5.0, value_name = "SECONDS", value_parser = values::some_seconds)]
    timeout: f64,
}

/// An `http://` URL, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    /// For the `Host` header.
    authority: String,
    /// For the connection: always with a port.
    address: String,
    path: String,
}

/// Ask once; success is a 2xx.
///
/// # Errors
/// When the URL is not one, the target cannot be reached in time or answers with another status.
pub(super) fn run(options: &ProbeOptions) -> anyhow::Result<Exit> {
    let target = target(&options.url)?;
    let url = redact(&options.url);
    let limit = Duration::from_secs_f64(options.timeout);
    let status = ask(&target, limit).with_context(|| format!("probing {url}"))?;
    ensure!((200..300).contains(&status), "{url} answered {status}");
    output::message(&format!("{url} answered {status}\n"));
    Ok(Exit::Success)
}

fn target(url: &str) -> anyhow::Result<Target> {
    let Some(rest) = url.strip_prefix("http://") else {
        bail!("not an http:// URL: {}", redact(url));
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    ensure!(!host.is_empty(), "no host in {}", redact(url));
    ensure!(
        !rest.contains(|character: char| character.is_whitespace() || character.is_control()),
        "blanks in {}",
        redact(url)
    );
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && !port.contains(']'));
    let address = match has_port {
        true => host.to_owned(),
        false => format!("{}:80", host.trim_end_matches(':')),
    };
    let path = match path {
        path if path.starts_with('/') => path.to_owned(),
        query => format!("/{query}"),
    };
    Ok(Target {
        authority: host.to_owned(),
        address,
        path,
    })
}

fn ask(target: &Target, limit: Duration) -> anyhow::Result<u16> {
    let request = Request::get(&target.path)
        .header(HOST, &target.authority)
        .header(USER_AGENT, "labrat-probe")
        .header(CONNECTION, "close")
        .body(Full::default())?;
    Ok(http::ask(&target.address, request, Part::Head, limit)?.status)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;
    use crate::machine::reserved_port::ReservedPort;

    fn parts(url: &str) -> (String, String, String) {
        let target = target(url).unwrap();
        (target.authority, target.address, target.path)
    }

    #[test]
    fn a_url_is_taken_apart() {
        let expected = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(parts("http://h"), expected("h", "h:80", "/"));
        assert_eq!(
            parts("http://h:8000/health?x=1#f"),
            expected("h:8000", "h:8000", "/health?x=1")
        );
        assert_eq!(
            parts("http://u:p@[::1]?a"),
            expected("[::1]", "[::1]:80", "/?a")
        );
        assert_eq!(
            parts("http://[::1]:9/"),
            expected("[::1]:9", "[::1]:9", "/")
        );
    }

    #[test]
    fn what_is_no_http_url_is_refused() {
        for url in [
            "https://h/",
            "h:80",
            "http://",
            "http:///health",
            "http://h/a b",
            "http://h/\r\nX: y",
        ] {
            assert!(target(url).is_err(), "{url}");
        }
    }

    fn probe_an_answer(answer: &'static [u8], timeout: f64) -> anyhow::Result<Exit> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/health", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer);
            if answer == b"HTTP/1.1" {
                // Hold the line open, with the status line unfinished, until the prober goes.
                let _ = stream.read(&mut request);
            }
        });
        let result = run(&ProbeOptions { url, timeout });
        server.join().unwrap();
        result
    }

    #[test]
    fn any_2xx_is_success_and_any_other_status_is_named() {
        assert_eq!(
            probe_an_answer(b"HTTP/1.1 200 OK\r\n\r\n", 5.0).unwrap(),
            Exit::Success
        );
        assert_eq!(
            probe_an_answer(b"HTTP/1.0 204 No Content\r\n\r\n", 5.0).unwrap(),
            Exit::Success
        );
        let error = probe_an_answer(b"HTTP/1.1 503 Service Unavailable\r\n\r\n", 5.0).unwrap_err();
        assert!(error.to_string().ends_with("answered 503"), "{error}");
    }

    #[test]
    fn an_empty_a_foreign_and_a_stalled_answer_are_failures() {
        for (answer, timeout, expected) in [
            (&b""[..], 5.0, "closed without a whole answer"),
            (b"SSH-2.0-x\r\n", 5.0, "not an HTTP answer"),
            (b"HTTP/1.1", 0.2, "no answer in time"),
        ] {
            let error = probe_an_answer(answer, timeout).unwrap_err();
            assert!(format!("{error:#}").contains(expected), "{error:#}");
        }
    }

    #[test]
    fn a_refused_connection_is_a_failure_that_names_the_address() {
        let reserved = ReservedPort::choose().unwrap();
        let free = reserved.address();
        let error = run(&ProbeOptions {
            url: format!("http://{free}/"),
            timeout: 5.0,
        })
        .unwrap_err();
        assert!(
            format!("{error:#}").contains(&format!("connecting to {free}")),
            "{error:#}"
        );
    }
}
