//! The access log, with Gunicorn's atoms.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::clock;
use super::http::head::Head;
use super::log_file::{LogFile, StandardStream};
use super::settings::LogTarget;
use super::statsd::Statsd;
use crate::encoding::log_line;

/// What one answered request contributes to its line.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The client; `None` for a local socket.
    pub peer: Option<SocketAddr>,
    /// Method, target and version as in the request line.
    pub request: (&'a str, &'a str, (u8, u8)),
    /// The head, when it was accepted.
    pub head: Option<&'a Head>,
    /// The beginning of the path that is not the application's (`SCRIPT_NAME`).
    pub script_name: &'a str,
    /// Status code.
    pub status: u16,
    /// Bytes of the body that the application wrote.
    pub sent: usize,
    /// Response headers.
    pub response: Option<&'a http::HeaderMap>,
    /// Time in the application.
    pub took: Duration,
}

/// Where access lines go and what they look like.
#[derive(Debug)]
pub struct AccessLog {
    format: String,
    /// `None` where only the statistics are wanted.
    file: Option<LogFile>,
    statsd: Option<Arc<Statsd>>,
}

impl AccessLog {
    /// Open the log, where lines go to `target` and figures to `statsd`.
    ///
    /// # Errors
    /// When the file cannot be opened for appending.
    pub fn open(
        format: String,
        target: Option<LogTarget>,
        statsd: Option<Arc<Statsd>>,
    ) -> io::Result<Self> {
        let open = |target| LogFile::open(target, StandardStream::Output);
        Ok(Self {
            format,
            file: target.map(open).transpose()?,
            statsd,
        })
    }

    /// Reopen the file after a rotation.
    pub fn reopen(&self) {
        if let Some(file) = &self.file {
            file.reopen();
        }
    }

    /// Write one line.
    pub fn write(&self, entry: &Entry<'_>) {
        if let Some(file) = &self.file {
            let line = format!("{}\n", render(&self.format, entry));
            // A log that cannot be written must not cost the client its answer.
            let _ = file.write(&line);
        }
        if let Some(statsd) = &self.statsd {
            statsd.request(entry.status, entry.took);
        }
    }
}

/// Fill the atoms of a format: `%(name)s`, where an unknown name gives `-`.
fn render(format: &str, entry: &Entry<'_>) -> String {
    let mut out = String::with_capacity(format.len() + 64);
    let mut rest = format;
    while let Some(start) = rest.find('%') {
        out.push_str(&rest[..start]);
        if let Some(after) = rest[start..].strip_prefix("%%") {
            out.push('%');
            rest = after;
            continue;
        }
        let Some(after) = rest[start..].strip_prefix("%(") else {
            out.push('%');
            rest = &rest[start + 1..];
            continue;
        };
        match after.find(")s") {
            Some(end) => {
                let value = atom(&after[..end], entry);
                // What clients wrote moves no cursor of whoever reads the log in a terminal.
                out.push_str(&log_line(&value).replace('"', "\\\""));
                rest = &after[end + 2..];
            }
            None => {
                out.push_str("%(");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn atom(name: &str, entry: &Entry<'_>) -> String {
    let (method, target, (major, minor)) = entry.request;
    let protocol = format!("HTTP/{major}.{minor}");
    match name {
        "h" => entry
            .peer
            .map_or_else(String::new, |peer| peer.ip().to_string()),
        "t" => clock::local_time()
            .strftime("[%d/%b/%Y:%H:%M:%S %z]")
            .to_string(),
        "r" => format!("{method} {target} {protocol}"),
        "s" => entry.status.to_string(),
        "m" => method.to_owned(),
        // Gunicorn takes the path from the parsed head, which a refused request does not have.
        "U" if entry.head.is_none() => "None".to_owned(),
        // `PATH_INFO`: what the application routes.
        "U" => entry.head.map_or_else(String::new, |head| {
            let path = head.path();
            decode(path.strip_prefix(entry.script_name).unwrap_or(&path))
        }),
        "q" => entry.head.map_or_else(
            || {
                target
                    .split_once('?')
                    .map_or("", |(_, query)| query)
                    .to_owned()
            },
            |head| head.query().into_owned(),
        ),
        "H" => protocol,
        "b" | "B" => entry.sent.to_string(),
        "f" => request_header(entry, "REFERER"),
        "a" => request_header(entry, "USER-AGENT"),
        "T" => entry.took.as_secs().to_string(),
        "D" => entry.took.as_micros().to_string(),
        "M" => entry.took.as_millis().to_string(),
        "L" => format!("{}.{:06}", entry.took.as_secs(), entry.took.subsec_micros()),
        "p" => format!("<{}>", std::process::id()),
        other => named_atom(other, entry),
    }
}

fn named_atom(name: &str, entry: &Entry<'_>) -> String {
    let named = |suffix: &str| {
        name.strip_prefix('{')
            .and_then(|inner| inner.strip_suffix(suffix))
    };
    if let Some(header) = named("}i") {
        return last_request_header(entry, &header.to_ascii_uppercase());
    }
    if let Some(header) = named("}o") {
        return entry
            .response
            .and_then(|headers| headers.get(header))
            .map_or_else(
                || "-".to_owned(),
                |value| String::from_utf8_lossy(value.as_bytes()).into_owned(),
            );
    }
    // `{NAME}e` is the WSGI environment, of which only the request's own variables exist here.
    match named("}e").map(str::to_ascii_lowercase).as_deref() {
        Some("request_method") => entry.request.0.to_owned(),
        Some("raw_uri") => entry.request.1.to_owned(),
        Some("path_info") if entry.head.is_some() => atom("U", entry),
        Some("script_name") if entry.head.is_some() => entry.script_name.to_owned(),
        Some("query_string") => atom("q", entry),
        Some("server_protocol") => atom("H", entry),
        Some("remote_addr") => atom("h", entry),
        Some(variable) => variable
            .strip_prefix("http_")
            .map(|header| header.replace('_', "-").to_ascii_uppercase())
            .map_or_else(|| "-".to_owned(), |header| request_header(entry, &header)),
        None => "-".to_owned(),
    }
}

/// A path without its escapes, byte for byte, as WSGI hands it on.
fn decode(path: &str) -> String {
    percent_decode_str(path).map(char::from).collect()
}

/// Of a header that came several times, Gunicorn's `{name}i` is the last.
fn last_request_header(entry: &Entry<'_>, name: &str) -> String {
    let headers = entry.head.map_or(&[][..], |head| &head.headers);
    headers
        .iter()
        .rev()
        .find(|(candidate, _)| candidate == name)
        .map_or_else(|| "-".to_owned(), |(_, value)| value.clone())
}

fn request_header(entry: &Entry<'_>, name: &str) -> String {
    entry
        .head
        .and_then(|head| head.header(name))
        .unwrap_or("-")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::http::head::BodyFraming;

    const DEFAULT: &str = r#"%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s""#;

    fn head() -> Head {
        Head {
            method: "GET".into(),
            target: "/slow?seconds=1".into(),
            version: (1, 1),
            headers: vec![("USER-AGENT".into(), "say \"hi\"".into())],
            body: BodyFraming::Length(0),
            is_encrypted: false,
            must_close: false,
            expects_continue: false,
            consumed: 0,
        }
    }

    fn line(format: &str) -> String {
        line_of(&head(), format)
    }

    fn line_of(head: &Head, format: &str) -> String {
        render(
            format,
            &Entry {
                peer: "127.0.0.1:9".parse().ok(),
                request: (&head.method, &head.target, head.version),
                head: Some(head),
                script_name: "",
                status: 200,
                sent: 37,
                response: None,
                took: Duration::from_micros(1_500_250),
            },
        )
    }

    #[test]
    fn the_default_format_reads_as_gunicorns() {
        let line = line(DEFAULT);
        assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
        assert!(
            line.ends_with(r#""GET /slow?seconds=1 HTTP/1.1" 200 37 "-" "say \"hi\"""#),
            "{line}"
        );
    }

    #[test]
    fn times_headers_and_unknown_atoms_are_filled() {
        assert_eq!(
            line("%(T)s %(D)s %(M)s %(L)s %(U)s %(q)s %({user-agent}i)s %(zz)s %% %d %(open"),
            r#"1 1500250 1500 1.500250 /slow seconds=1 say \"hi\" - % %d %(open"#
        );
    }

    #[test]
    fn a_client_moves_no_cursor_and_forges_no_line() {
        let mut head = head();
        head.target = "/a%1b%5b2J%9b%0aforged".into();
        head.headers = vec![("USER-AGENT".into(), "red\u{1b}[31m\u{202e}".into())];
        assert_eq!(
            line_of(&head, "%(U)s %(a)s"),
            r"/a\u001b[2J\u009b\nforged red\u001b[31m\u202e"
        );
    }

    #[test]
    fn the_environments_variables_are_the_requests_own() {
        assert_eq!(
            line("%({path_info}e)s %({HTTP_USER_AGENT}e)s %({query_string}e)s %({home}e)s"),
            r#"/slow say \"hi\" seconds=1 -"#
        );
    }
}
