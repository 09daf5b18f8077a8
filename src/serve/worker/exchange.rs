//! One request on one blocking connection: read the head, call the application, write the answer.
//!
//! Shared by the sync worker and the threads of a gthread worker.

use std::borrow::Cow;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use http::{HeaderName, HeaderValue, Uri};
use http_body_util::BodyExt;
use nix::errno::Errno;
use tokio::runtime::Runtime;
use tower::Service;

use crate::app::{ConsoleText, RequestBase, RouteLabel};
use crate::serve::access_log::{AccessLog, Entry};
use crate::serve::clock;
use crate::serve::console::{ErrorLog, LogEvent, write_standard_error};
use crate::serve::http::head::{Head, HeadParser, Progress, Refused, SCRIPT_NAME};
use crate::serve::http::reply::{self, Framing};
use crate::serve::listener::Connection;
use crate::serve::python::latin1_bytes;
use crate::serve::settings::HeadRules;
use crate::serve::tally::{Request, Tally};

/// Bytes that are read at once, as Gunicorn does: a body that comes with the head is swallowed up
/// to here.
pub(super) const CHUNK: usize = 8192;

/// Why no request was read.
#[derive(Debug)]
pub(super) enum NoRequest {
    /// The client left.
    Gone,
    /// The head was refused; what to answer.
    Refused(Refused),
    /// The socket failed.
    Socket(io::Error),
}

/// Read a request head, beginning with what an earlier read left in `buffer`. Afterwards the
/// buffer holds what follows the head.
pub(super) fn read_head(
    connection: &Connection,
    buffer: &mut Vec<u8>,
    rules: &HeadRules,
    is_trusted: bool,
) -> Result<Head, NoRequest> {
    let mut parser = HeadParser::default();
    loop {
        if !buffer.is_empty() {
            match parser.parse(buffer, rules, is_trusted) {
                Ok(Progress::Complete(head)) => {
                    buffer.drain(..head.consumed.min(buffer.len()));
                    return Ok(head);
                }
                Ok(Progress::Partial) => {}
                Err(refused) => return Err(NoRequest::Refused(refused)),
            }
        }
        match connection.receive(buffer, CHUNK) {
            Ok(0) => return Err(NoRequest::Gone),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(NoRequest::Socket(error)),
        }
    }
}

/// Where an exchange reports to.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestLog<'a> {
    pub log: &'a ErrorLog,
    pub access: Option<&'a AccessLog>,
    pub tally: &'a Tally,
    pub peer: Option<SocketAddr>,
}

impl RequestLog<'_> {
    /// Say why there was no request, and answer it if an answer is due.
    pub fn reject(&self, connection: &Connection, reason: NoRequest) {
        match reason {
            NoRequest::Gone => self.log.debug("Ignored premature client disconnection."),
            NoRequest::Socket(error) => self.report_socket_error(&error),
            NoRequest::Refused(refused) => self.refuse(connection, &refused),
        }
    }

    fn refuse(&self, connection: &Connection, refused: &Refused) {
        let (status, reason) = refused.rejection.status();
        self.tally.count_invalid_request();
        self.log.log(&LogEvent::InvalidRequest {
            peer: &self
                .peer
                .map(|peer| peer.ip().to_string())
                .unwrap_or_default(),
            error: &refused.rejection.text(),
        });
        if let (Some(access), Some((method, target, version))) = (self.access, &refused.request) {
            access.write(&Entry {
                peer: self.peer,
                request: (method, target, *version),
                head: None,
                script_name: "",
                status,
                sent: 0,
                response: None,
                took: Duration::ZERO,
            });
        }
        let page = reply::error_page(status, reason, &refused.rejection.page_message());
        if let Err(error) = connection.send_without_waiting(&page) {
            self.log
                .debug(&format!("Failed to send error message. {error}"));
        }
    }

    /// A socket that failed because the client left is no error of ours.
    pub fn report_socket_error(&self, error: &io::Error) {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EPIPE) => self.log.debug("Ignoring EPIPE"),
            Some(Errno::ECONNRESET) => self.log.debug("Ignoring connection reset"),
            Some(Errno::ENOTCONN) => self.log.debug("Ignoring socket not connected"),
            _ => self.log.log(&LogEvent::SocketError {
                error: &error.to_string(),
            }),
        }
    }

    /// Write one line of the access log for an answered request, and what the application printed
    /// meanwhile.
    pub fn record(&self, head: &Head, route: &Route<'_>, answer: &Answer, began: Instant) {
        print_of(&answer.parts.extensions);
        let (took, status) = (began.elapsed(), answer.parts.status.as_u16());
        self.count(head, route, status, took);
        if let Some(access) = self.access {
            access.write(&Entry {
                peer: self.peer,
                request: (&head.method, &head.target, head.version),
                head: Some(head),
                script_name: route.script_name,
                status,
                sent: if head.method == "HEAD" {
                    0
                } else {
                    answer.body.len()
                },
                response: Some(&answer.parts.headers),
                took,
            });
        }
    }

    fn count(&self, head: &Head, route: &Route<'_>, status: u16, took: Duration) {
        self.tally.count_request(&Request {
            method: &head.method,
            target: &route.target,
            route: RouteLabel::of(&route.target),
            status,
            took,
            parent: self.tally.parent(|| head.header("TRACEPARENT")),
        });
    }
}

/// The application's answer, whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub parts: http::response::Parts,
    pub body: bytes::Bytes,
}

/// Print what the application has for standard error, where an answer carries it. A console that
/// is gone must not stop a worker.
pub(super) fn print_of(extensions: &http::Extensions) {
    if let Some(ConsoleText(text)) = extensions.get() {
        let stamp = clock::local_time()
            .strftime("%Y-%m-%d %H:%M:%S,%3f")
            .to_string();
        let _ = write_standard_error(&format!("[{stamp}] {text}"));
    }
}

/// What the application is asked for.
#[derive(Debug)]
pub(super) struct Route<'a> {
    /// Path and query; the path begins with a slash or is empty.
    target: Cow<'a, str>,
    /// The beginning of the path that is not the application's.
    script_name: &'a str,
}

/// What of the target the application routes: behind `SCRIPT_NAME`, of a trusted proxy's header or
/// else of the environment.
pub(super) fn route<'a>(head: &'a Head, script_name: &'a str) -> Result<Route<'a>, NoRequest> {
    let told = head
        .headers
        .iter()
        .rev()
        .find(|(name, _)| name == SCRIPT_NAME);
    let script_name = told.map_or(script_name, |(_, value)| value);
    let target = head.path_and_query(script_name);
    target
        .map(|target| Route {
            target,
            script_name,
        })
        .map_err(|rejection| {
            NoRequest::Refused(Refused {
                rejection,
                request: Some((head.method.clone(), head.target.clone(), head.version)),
            })
        })
}

impl Route<'_> {
    fn has_empty_path(&self) -> bool {
        !self.target.starts_with('/')
    }

    /// The address of the application, where its answer may be a redirect.
    fn base(&self, head: &Head, connection: &Connection) -> Option<RequestBase> {
        if !self.has_empty_path() && !self.target.contains("//") && !self.target.contains("%2") {
            return None;
        }
        let scheme = if head.is_encrypted { "https" } else { "http" };
        let default_port = if head.is_encrypted { ":443" } else { ":80" };
        let mut hosts = head.headers.iter().filter(|(name, _)| name == "HOST");
        let host = match (hosts.next(), hosts.next()) {
            (Some((_, host)), None) => host.trim_end_matches(default_port).to_owned(),
            // Joined with a comma, as WSGI has them, they are no host.
            (Some(_), Some(_)) => String::new(),
            (None, _) => connection.local_name(),
        };
        let script_name = self.script_name;
        let script_name = script_name.strip_suffix('/').unwrap_or(script_name);
        Some(RequestBase {
            url: format!("{scheme}://{host}{script_name}"),
            has_empty_path: self.has_empty_path(),
        })
    }
}

/// Call the application and wait for its whole answer, in this thread.
///
/// `Err` is a panic in the application: its message.
pub(super) fn call(
    router: &Router,
    runtime: &Runtime,
    head: &Head,
    route: &Route<'_>,
    connection: &Connection,
) -> Result<Answer, String> {
    let mut router = router.clone();
    let work = async move {
        let mut request = request_of(head, route).map_err(|error| error.to_string())?;
        if let Some(base) = route.base(head, connection) {
            request.extensions_mut().insert(base);
        }
        let Ok(response) = router.call(request).await;
        let (parts, body) = response.into_parts();
        match body.collect().await {
            Ok(collected) => Ok(Answer {
                parts,
                body: collected.to_bytes(),
            }),
            Err(error) => Err(error.to_string()),
        }
    };
    std::panic::catch_unwind(AssertUnwindSafe(|| drive(runtime, work))).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("panic");
        Err(message.to_owned())
    })
}

/// Run a future to its end in this thread. Most answers are ready at the first poll, and then the
/// runtime is not troubled at all.
fn drive<T>(runtime: &Runtime, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    {
        let _context = runtime.enter();
        if let Poll::Ready(answer) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return answer;
        }
    }
    runtime.block_on(work)
}

/// The request as the application gets it: without a body, which no route reads.
fn request_of(head: &Head, route: &Route<'_>) -> Result<http::Request<Body>, http::Error> {
    let mut request = http::Request::new(Body::empty());
    *request.method_mut() = head.method.parse()?;
    *request.uri_mut() = match route.has_empty_path() {
        // Two slashes are no route's own spelling, so the router looks at the base.
        true => Uri::try_from(format!("//{}", encode_target(&route.target)))?,
        false => Uri::try_from(&*encode_target(&route.target))?,
    };
    let headers = request.headers_mut();
    headers.try_reserve(head.headers.len())?;
    for (name, value) in &head.headers {
        // For the application an underscore that was let pass is a dash, as WSGI has it.
        let name = match name.contains('_') {
            true => HeaderName::from_bytes(name.replace('_', "-").as_bytes())?,
            false => HeaderName::from_bytes(name.as_bytes())?,
        };
        // Gunicorn lets control characters pass that no HTTP library of ours takes. No route
        // reads such a header, so it is left out rather than the request refused.
        if let Ok(value) = HeaderValue::from_bytes(&latin1_bytes(value)) {
            headers.try_append(name, value)?;
        }
    }
    Ok(request)
}

/// A target in which everything that a URI may not hold is percent-encoded, so that an odd
/// target is simply not found.
fn encode_target(target: &str) -> Cow<'_, str> {
    if target.bytes().all(may_stand_in_a_uri) {
        return Cow::Borrowed(target);
    }
    let mut out = String::with_capacity(target.len() + 2);
    for character in target.chars() {
        match u8::try_from(character) {
            Ok(byte) if may_stand_in_a_uri(byte) => out.push(character),
            _ => out.push_str(&format!("%{:02X}", u32::from(character))),
        }
    }
    Cow::Owned(out)
}

fn may_stand_in_a_uri(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(
            byte,
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
        )
}

/// The answer as bytes for the wire.
pub(super) fn serialise(head: &Head, answer: &Answer, keep_alive: bool, out: &mut Vec<u8>) {
    out.clear();
    let framing = Framing {
        version: head.version,
        keep_alive,
        head_only: head.method == "HEAD",
    };
    reply::write_response(out, framing, &answer.parts, &answer.body);
}

/// The application failed in the middle of a request: log it and answer with Gunicorn's page.
pub(super) fn fail(
    request_log: &RequestLog<'_>,
    connection: &Arc<Connection>,
    (head, route): (&Head, &Route<'_>),
    began: Instant,
    message: &str,
) {
    request_log.count(head, route, 500, began.elapsed());
    request_log.log.log(&LogEvent::ErrorHandlingRequest {
        request: &format!("{} {}", head.method, head.target),
        traceback: &format!("Traceback (most recent call last):\nRuntimeError: {message}"),
    });
    let page = reply::error_page(500, "Internal Server Error", "");
    if let Err(error) = connection.send_without_waiting(&page) {
        request_log
            .log
            .debug(&format!("Failed to send error message. {error}"));
    }
}
