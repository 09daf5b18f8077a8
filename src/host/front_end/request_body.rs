//! The body of a request on its way to the site: passed on as it comes, and counted.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// The client's body; a frame is asked of the client only when the site takes one.
#[derive(Debug)]
pub(super) struct RequestBody {
    inner: Incoming,
    counted: Arc<AtomicU64>,
    broken: Arc<AtomicBool>,
}

impl RequestBody {
    /// `counted` grows with what passes; `broken` becomes true when the client breaks off.
    pub(super) fn new(inner: Incoming, counted: Arc<AtomicU64>, broken: Arc<AtomicBool>) -> Self {
        Self {
            inner,
            counted,
            broken,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.counted.fetch_add(length as u64, Ordering::Relaxed);
            }
            Some(Err(_)) => self.broken.store(true, Ordering::Relaxed),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
