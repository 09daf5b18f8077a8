//! The async worker: an event loop that holds many requests at the same time.
//!
//! A slow request waits without holding anything up; a heavy one still does, because there is one
//! thread. HTTP is hyper's here: what Gunicorn's own parser would refuse with a page, hyper
//! refuses with a bare 400.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use http::{HeaderValue, Uri};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Builder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::Service;

use super::boot::Application;
use super::exchange;
use super::state::WorkerState;
use super::sync::request_limit;
use super::{WorkerContext, arbiter_is_alive};
use crate::app::RouteLabel;
use crate::serve::accept_errors::{AcceptErrors, AfterAccept, SHORTAGE_PAUSE};
use crate::serve::access_log::Entry;
use crate::serve::clock;
use crate::serve::console::LogEvent;
use crate::serve::http::head::{BodyFraming, Head};
use crate::serve::http::reply;
use crate::serve::listener::Listener;
use crate::serve::scoreboard::{Serving, Slot};
use crate::serve::tally::Request;

/// Longest pause between two heartbeats.
const PASS: Duration = Duration::from_secs(1);

/// Serve until told to stop, then wait for what is in flight.
pub(super) fn serve(
    context: &WorkerContext,
    worker: &Arc<WorkerState>,
    application: &Application,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (stopping, _) = watch::channel(false);
    let worker = Arc::new(AsyncWorker {
        context: context.clone(),
        worker: Arc::clone(worker),
        application: application.clone(),
        permits: Arc::new(Semaphore::new(context.settings.worker_connections.max(1))),
        errors: AcceptErrors::default(),
        served: AtomicU64::new(0),
        limit: request_limit(context),
        stopping,
    });
    let served = runtime.block_on(worker.run());
    // What is still running is over its time: the process ends with it.
    runtime.shutdown_background();
    served
}

struct AsyncWorker {
    context: WorkerContext,
    worker: Arc<WorkerState>,
    application: Application,
    /// One permit a connection.
    permits: Arc<Semaphore>,
    errors: AcceptErrors,
    served: AtomicU64,
    limit: u64,
    /// Turns true when connections should finish.
    stopping: watch::Sender<bool>,
}

impl AsyncWorker {
    async fn run(self: &Arc<Self>) -> io::Result<()> {
        let mut acceptors = Vec::new();
        for listener in self.context.listeners.iter() {
            acceptors.push(match listener.try_clone()? {
                Listener::Tcp(listener) => {
                    let listener = TcpListener::from_std(listener)?;
                    tokio::spawn(Arc::clone(self).accept_tcp(listener))
                }
                Listener::Unix(listener) => {
                    let listener = UnixListener::from_std(listener)?;
                    tokio::spawn(Arc::clone(self).accept_unix(listener))
                }
            });
        }
        self.beat_until_told().await;
        self.stopping.send_replace(true);
        for acceptor in acceptors {
            acceptor.abort();
        }
        let all = u32::try_from(self.context.settings.worker_connections.max(1));
        let finished = self.permits.acquire_many(all.unwrap_or(u32::MAX));
        // Whoever is not done by then is cut off.
        let _ = tokio::time::timeout(self.context.settings.graceful_timeout, finished).await;
        Ok(())
    }

    /// Heartbeats, until the worker is to stop or its arbiter is gone.
    async fn beat_until_told(&self) {
        let pause = match self.context.settings.timeout / 2 {
            Duration::ZERO => PASS,
            half => half.min(PASS),
        };
        while self.worker.is_alive() {
            let slot = &self.context.slot;
            slot.beat();
            slot.note_leak_blocks(self.application.state.leak_blocks());
            if !arbiter_is_alive(self.context.arbiter) {
                self.context.log.log(&LogEvent::ParentChanged {
                    pid: std::process::id(),
                });
                break;
            }
            // Woken early is told to stop; not woken is time for the next heartbeat.
            let _ = tokio::time::timeout(pause, self.worker.stopped()).await;
        }
    }

    async fn accept_tcp(self: Arc<Self>, listener: TcpListener) {
        while let Some(permit) = self.free_permit().await {
            match listener.accept().await {
                Ok((stream, peer)) => self.spawn_connection(stream, Some(peer), permit),
                Err(error) if self.goes_on_after(&error).await => {}
                Err(_) => return,
            }
        }
    }

    async fn accept_unix(self: Arc<Self>, listener: UnixListener) {
        while let Some(permit) = self.free_permit().await {
            match listener.accept().await {
                Ok((stream, _)) => self.spawn_connection(stream, None, permit),
                Err(error) if self.goes_on_after(&error).await => {}
                Err(_) => return,
            }
        }
    }

    /// Wait until one more connection may be held; `None` when no more are taken.
    async fn free_permit(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        (!*self.stopping.borrow()).then_some(permit)
    }

    /// Whether to accept again after this error.
    async fn goes_on_after(&self, error: &io::Error) -> bool {
        match self.errors.judge(error, &self.context.log) {
            AfterAccept::Wait | AfterAccept::Retry => return true,
            AfterAccept::Pause => {
                tokio::time::sleep(SHORTAGE_PAUSE).await;
                return true;
            }
            AfterAccept::Stop => {}
            AfterAccept::Fail => self.context.log.log(&LogEvent::SocketError {
                error: &error.to_string(),
            }),
        }
        self.worker.stop();
        false
    }

    fn spawn_connection<S>(
        self: &Arc<Self>,
        stream: S,
        peer: Option<SocketAddr>,
        permit: OwnedSemaphorePermit,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let worker = Arc::clone(self);
        tokio::spawn(async move {
            worker.serve_connection(stream, peer).await;
            drop(permit);
        });
    }

    async fn serve_connection<S>(self: &Arc<Self>, stream: S, peer: Option<SocketAddr>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let worker = Arc::clone(self);
        let use_of = Arc::new(Use::begin());
        let noted = Arc::clone(&use_of);
        let service = service_fn(move |request| {
            Arc::clone(&worker).answer(request, peer, Arc::clone(&noted))
        });
        let keep_alive = self.context.settings.keep_alive;
        let mut builder = http1::Builder::new();
        builder
            .title_case_headers(true)
            // A client that says that it has asked all it wants gets its answer all the same.
            .half_close(true)
            // Answers are small: one buffer is cheaper for the kernel than a list of two.
            .writev(false)
            .keep_alive(!keep_alive.is_zero());
        let stream = Watched {
            stream,
            use_of: Arc::clone(&use_of),
        };
        let mut talk = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut stopping = self.stopping.subscribe();
        let mut idle = std::pin::pin!(use_of.until_idle(keep_alive));
        let outcome = tokio::select! {
            outcome = talk.as_mut() => outcome,
            () = told_to_finish(&mut stopping) => {
                talk.as_mut().graceful_shutdown();
                talk.await
            }
            // Nothing is in flight: dropping the connection closes it.
            () = idle.as_mut() => return,
        };
        if let Err(error) = outcome {
            self.context
                .log
                .debug(&format!("Closing connection. {error}"));
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: http::Request<Incoming>,
        peer: Option<SocketAddr>,
        use_of: Arc<Use>,
    ) -> Result<http::Response<Body>, Infallible> {
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", |both| both.as_str());
        let method = request.method().as_str();
        let busy = Busy::begin(&self.context.slot, peer, &use_of, method, target);
        let served = self.served.fetch_add(1, Ordering::Relaxed) + 1;
        if served >= self.limit && self.worker.is_alive() {
            self.context.log.log(&LogEvent::Autorestarting {});
            self.worker.stop();
        }
        let began = Instant::now();
        let (counted, route) = (request.method().clone(), RouteLabel::of(target));
        let tally = self.context.scoreboard.tally();
        let asked = tally.spans().map(|_| request.uri().clone());
        let parent = tally.parent(|| request.headers().get("traceparent")?.to_str().ok());
        let head = self.context.access.is_some().then(|| head_of(&request));
        let mut router = self.application.router.clone();
        let Ok(mut response) = router.call(request.map(Body::new)).await;
        busy.serving.note_status(response.status().as_u16());
        exchange::print_of(response.extensions());
        response.headers_mut().insert(
            http::header::SERVER,
            HeaderValue::from_static(reply::SERVER),
        );
        let (took, status) = (began.elapsed(), response.status().as_u16());
        tally.count_request(&Request {
            method: counted.as_str(),
            target: asked.as_ref().map_or("", Uri::path),
            route,
            status,
            took,
            parent,
        });
        if let (Some(access), Some(head)) = (&self.context.access, &head) {
            let sent = response.body().size_hint().exact().unwrap_or(0);
            access.write(&Entry {
                peer,
                request: (&head.method, &head.target, head.version),
                head: Some(head),
                script_name: "",
                status,
                sent: usize::try_from(sent).unwrap_or(usize::MAX),
                response: Some(response.headers()),
                took,
            });
        }
        Ok(response)
    }
}

/// How a connection is used, so that an idle one can be closed without a timer of its own for
/// every request.
struct Use {
    in_flight: AtomicU32,
    /// The client has not taken all of the last answer yet.
    is_writing: AtomicBool,
    /// Monotonic nanoseconds at which the last request or answer ended, or the connection began.
    last: AtomicU64,
}

impl Use {
    fn begin() -> Self {
        Self {
            in_flight: AtomicU32::new(0),
            is_writing: AtomicBool::new(false),
            last: AtomicU64::new(clock::now_nanoseconds()),
        }
    }

    /// Return when nothing has been in flight for so long; never, where connections are not kept.
    async fn until_idle(&self, at_most: Duration) {
        if at_most.is_zero() {
            return std::future::pending().await;
        }
        loop {
            let is_busy = self.in_flight.load(Ordering::Acquire) > 0
                || self.is_writing.load(Ordering::Acquire);
            let idle_for = match is_busy {
                false => clock::since(self.last.load(Ordering::Acquire)),
                true => Duration::ZERO,
            };
            match at_most.checked_sub(idle_for).filter(|left| !left.is_zero()) {
                Some(left) => tokio::time::sleep(left).await,
                None => return,
            }
        }
    }
}

/// A connection's stream, which notes whether the client keeps an answer waiting.
struct Watched<S> {
    stream: S,
    use_of: Arc<Use>,
}

impl<S> Watched<S> {
    fn note<T>(&self, written: Poll<T>) -> Poll<T> {
        let was_writing = self.use_of.is_writing.load(Ordering::Relaxed);
        if written.is_pending() != was_writing {
            let now = clock::now_nanoseconds();
            self.use_of.last.store(now, Ordering::Release);
            self.use_of
                .is_writing
                .store(!was_writing, Ordering::Release);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Marks slot and connection busy for as long as it lives, also when the client leaves in the
/// middle.
struct Busy<'a> {
    use_of: &'a Use,
    serving: Serving<'a>,
}

impl<'a> Busy<'a> {
    fn begin(
        slot: &'a Slot,
        peer: Option<SocketAddr>,
        use_of: &'a Use,
        method: &str,
        target: &str,
    ) -> Self {
        use_of.in_flight.fetch_add(1, Ordering::AcqRel);
        let serving = slot.serve(peer);
        serving.describe(method, target);
        Self { use_of, serving }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.use_of
            .last
            .store(clock::now_nanoseconds(), Ordering::Release);
        self.use_of.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Wait until connections should finish.
async fn told_to_finish(stopping: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and with it the worker.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// The head as the access log wants it.
fn head_of(request: &http::Request<Incoming>) -> Head {
    Head {
        method: request.method().as_str().to_owned(),
        target: request.uri().to_string(),
        version: if request.version() == http::Version::HTTP_10 {
            (1, 0)
        } else {
            (1, 1)
        },
        headers: request
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_ascii_uppercase(), value)
            })
            .collect(),
        body: BodyFraming::Length(0),
        is_encrypted: false,
        must_close: false,
        expects_continue: false,
        consumed: 0,
    }
}
