//! A collector of OpenTelemetry's over a real socket: takes what is exported, and answers as it is told.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// How a collector answers a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// It takes it.
    Take,
    /// It takes it, and says that it did not take so many.
    TakePartly(i64),
    /// It answers with this status and takes nothing.
    Refuse(u16),
    /// It does not answer.
    Hang,
}

/// What a collector has received.
#[derive(Debug, Default)]
pub struct Received {
    /// Spans that it took, in their order.
    pub spans: Vec<Span>,
    /// The last figures that it took.
    pub metrics: Vec<Metric>,
    /// Exports of figures that it took.
    pub metric_exports: usize,
    /// Who sent.
    pub resources: Vec<Resource>,
    /// The head of each request, taken or not.
    pub heads: Vec<String>,
    /// How the next requests are answered; those after them as the last one.
    replies: VecDeque<Reply>,
    /// Connections of those that get no answer.
    held: Vec<TcpStream>,
    is_over: bool,
}

/// A collector that runs until it is dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    received: Arc<Mutex<Received>>,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    /// A collector that answers its first requests so, and all later ones as the last of them.
    pub fn start(replies: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let received = Arc::new(Mutex::new(Received {
            replies: replies.iter().copied().collect(),
            ..Received::default()
        }));
        let shared = Arc::clone(&received);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if lock(&shared).is_over {
                    return;
                }
                serve(stream.expect("a connection"), &shared);
            }
        });
        Self {
            address,
            received,
            thread: Some(thread),
        }
    }

    /// The endpoint of all signals.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has received so far.
    pub fn received(&self) -> MutexGuard<'_, Received> {
        lock(&self.received)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        lock(&self.received).is_over = true;
        // It waits for a connection, and this is the last one.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(received: &Mutex<Received>) -> MutexGuard<'_, Received> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut stream: TcpStream, received: &Mutex<Received>) {
    let Some((head, body)) = read(&mut stream) else {
        return;
    };
    let mut received = lock(received);
    let reply = match received.replies.len() {
        0 => Reply::Take,
        1 => received.replies[0],
        _ => received.replies.pop_front().expect("one"),
    };
    let is_traces = head.starts_with("POST /v1/traces HTTP/1.1");
    received.heads.push(head);
    let mut answer = Vec::new();
    match reply {
        Reply::Hang => return received.held.push(stream),
        Reply::Refuse(_) => {}
        Reply::Take if is_traces => received.take_traces(&body),
        Reply::Take => received.take_metrics(&body),
        Reply::TakePartly(rejected_spans) => {
            if is_traces {
                received.take_traces(&body);
            } else {
                received.take_metrics(&body);
            }
            // Both services' answers have the same form.
            answer = ExportTraceServiceResponse {
                partial_success: Some(ExportTracePartialSuccess {
                    rejected_spans,
                    error_message: "too old".to_owned(),
                }),
            }
            .encode_to_vec();
        }
    }
    let status = match reply {
        Reply::Refuse(status) => status,
        _ => 200,
    };
    let head = format!(
        "HTTP/1.1 {status} Said\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.len()
    );
    // Who is killed meanwhile does not read it.
    let _ = stream.write_all(&[head.as_bytes(), &answer].concat());
}

impl Received {
    fn take_traces(&mut self, body: &[u8]) {
        let request = ExportTraceServiceRequest::decode(body).expect("spans");
        for of_resource in request.resource_spans {
            self.resources.extend(of_resource.resource);
            let scopes = of_resource.scope_spans.into_iter();
            self.spans.extend(scopes.flat_map(|scope| scope.spans));
        }
    }

    fn take_metrics(&mut self, body: &[u8]) {
        let request = ExportMetricsServiceRequest::decode(body).expect("metrics");
        self.metrics.clear();
        self.metric_exports += 1;
        for of_resource in request.resource_metrics {
            self.resources.extend(of_resource.resource);
            let scopes = of_resource.scope_metrics.into_iter();
            self.metrics.extend(scopes.flat_map(|scope| scope.metrics));
        }
    }
}

/// One request: head and body; `None` where it is cut off.
fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse::<usize>().ok())?
            });
            let whole = end + 4 + length.expect("a length");
            if bytes.len() >= whole {
                return Some((head, bytes[end + 4..whole].to_vec()));
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend(&chunk[..count]),
        }
    }
}
