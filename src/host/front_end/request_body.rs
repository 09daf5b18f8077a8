//! The body of a request on its way to the site: passed on as it comes, and counted.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use parking_lot::Mutex;
use tokio::time::Instant;

/// How the client's side of a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Upload {
    /// Nobody waits for the client.
    Idle = 0,
    /// The site wants more, and the client sends nothing.
    Awaited = 1,
    /// The client broke off.
    Broken = 2,
    /// What the client sent is no body.
    NotUnderstood = 3,
}

/// The state of a body, for who waits for the answer.
#[derive(Debug)]
pub(super) struct Progress {
    upload: AtomicU8,
    /// When the client last sent something, and the site took it.
    moved: Mutex<Instant>,
    /// Bytes of the head and, as it comes, of the body.
    received: AtomicU64,
}

impl Progress {
    /// Of a request whose head had so many bytes.
    pub(super) fn new(head: u64, now: Instant) -> Arc<Self> {
        Arc::new(Self {
            upload: AtomicU8::new(Upload::Idle as u8),
            moved: Mutex::new(now),
            received: AtomicU64::new(head),
        })
    }

    pub(super) fn upload(&self) -> Upload {
        match self.upload.load(Ordering::Relaxed) {
            1 => Upload::Awaited,
            2 => Upload::Broken,
            3 => Upload::NotUnderstood,
            _ => Upload::Idle,
        }
    }

    /// Bytes that the client sent.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// When something last moved.
    pub(super) fn moved(&self) -> Instant {
        *self.moved.lock()
    }

    fn set(&self, upload: Upload) {
        self.upload.store(upload as u8, Ordering::Relaxed);
    }
}

/// The client's body; a frame is asked of the client only when the site takes one.
#[derive(Debug)]
pub(super) struct RequestBody {
    inner: Incoming,
    progress: Arc<Progress>,
}

impl RequestBody {
    pub(super) fn new(inner: Incoming, progress: Arc<Progress>) -> Self {
        Self { inner, progress }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        let progress = &self.progress;
        progress.set(match &polled {
            Poll::Pending => Upload::Awaited,
            Poll::Ready(Some(Err(error))) if is_no_body(error) => Upload::NotUnderstood,
            Poll::Ready(Some(Err(_))) => Upload::Broken,
            Poll::Ready(frame) => {
                if let Some(Ok(frame)) = frame {
                    let length = frame.data_ref().map_or(0, Bytes::len);
                    progress
                        .received
                        .fetch_add(length as u64, Ordering::Relaxed);
                }
                *progress.moved.lock() = Instant::now();
                Upload::Idle
            }
        });
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Whether a body failed because of what was sent, and not because no more was.
pub(super) fn is_no_body(error: &hyper::Error) -> bool {
    let cause = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| {
        matches!(
            cause.kind(),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
        )
    })
}
