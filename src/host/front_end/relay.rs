//! The body of an answer on its way to the client: passed on as it comes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Sleep;

use super::RequestEnd;
use super::record::Record;
use super::request_body::{Upload, is_no_body};
use super::upstream::{Connection, Upstream};

/// Why an answer broke off after its head.
#[derive(Debug, thiserror::Error)]
pub(super) enum RelayError {
    /// The site broke off.
    #[error("the site broke off its answer: {0}")]
    Broken(#[from] hyper::Error),
    /// The site fell silent in the middle of its answer.
    #[error("the site was silent for {0:?} in the middle of its answer")]
    Silent(Duration),
}

/// A body that goes to a client, with the request's record in it.
pub(super) struct Relay {
    source: Source,
    status: u16,
    record: Option<Record>,
    /// An error that waits until what came before it has gone to the client.
    held_back: Option<RelayError>,
}

enum Source {
    /// A page of the front end's own, and how the request ended.
    Page(Full<Bytes>, RequestEnd),
    /// The site's answer.
    Site {
        body: Incoming,
        /// The connection and where it may be kept; `None` when it is in use beyond this answer.
        connection: Option<Connection>,
        upstream: Arc<Upstream>,
        reusable: bool,
        silence: Option<Pin<Box<Sleep>>>,
        limit: Duration,
    },
}

impl Relay {
    pub(super) fn page(text: String, end: RequestEnd, status: u16, record: Record) -> Self {
        Self {
            source: Source::Page(Full::new(Bytes::from(text)), end),
            status,
            record: Some(record),
            held_back: None,
        }
    }

    pub(super) fn site(
        body: Incoming,
        status: u16,
        connection: Connection,
        upstream: Arc<Upstream>,
        reusable: bool,
        limit: Duration,
        record: Record,
    ) -> Self {
        Self {
            source: Source::Site {
                body,
                connection: Some(connection),
                upstream,
                reusable,
                silence: None,
                limit,
            },
            status,
            record: Some(record),
            held_back: None,
        }
    }

    /// An answer without a body whose row is written elsewhere.
    pub(super) fn handed_over() -> Self {
        Self {
            source: Source::Page(Full::default(), RequestEnd::Tunnelled),
            status: 101,
            record: None,
            held_back: None,
        }
    }

    fn count(&mut self, frame: &Frame<Bytes>) {
        let length = frame.data_ref().map_or(0, Bytes::len);
        if let Some(record) = &mut self.record {
            record.count_sent(length as u64);
        }
    }

    /// The whole answer has been handed to the client's connection.
    fn finished(&mut self) {
        let end = match &mut self.source {
            Source::Page(_, end) => *end,
            Source::Site {
                connection,
                upstream,
                reusable,
                ..
            } => {
                if let (Some(connection), true) = (connection.take(), *reusable) {
                    upstream.keep(connection);
                }
                RequestEnd::Answered(self.status)
            }
        };
        if let Some(record) = self.record.take() {
            record.end(end);
        }
    }

    /// The answer breaks off. A body of the client that breaks off takes the answer with it.
    fn broken(&mut self, error: &RelayError) {
        let mut end = match error {
            RelayError::Broken(error) if is_no_body(error) => {
                RequestEnd::AnswerGarbled(self.status)
            }
            RelayError::Broken(_) | RelayError::Silent(_) => RequestEnd::AnswerBroken(self.status),
        };
        if let Source::Site { connection, .. } = &mut self.source {
            *connection = None;
        }
        if let Some(record) = self.record.take() {
            match record.progress().upload() {
                Upload::Broken => end = RequestEnd::ClientLeft,
                Upload::NotUnderstood => end = RequestEnd::NotUnderstood,
                Upload::Idle | Upload::Awaited => {}
            }
            record.end(end);
        }
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = RelayError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RelayError>>> {
        let this = &mut *self;
        if let Some(error) = this.held_back.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let polled = match &mut this.source {
            Source::Page(page, _) => match Pin::new(page).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
                Poll::Ready(_) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            },
            Source::Site {
                body,
                silence,
                limit,
                ..
            } => match Pin::new(body).poll_frame(context) {
                Poll::Ready(frame) => {
                    *silence = None;
                    Poll::Ready(frame.map(|frame| frame.map_err(RelayError::from)))
                }
                Poll::Pending => {
                    let limit = *limit;
                    let sleep = silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
                    match sleep.as_mut().poll(context) {
                        Poll::Ready(()) => Poll::Ready(Some(Err(RelayError::Silent(limit)))),
                        Poll::Pending => Poll::Pending,
                    }
                }
            },
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                this.count(frame);
                // They are the end, and nobody asks for more after them.
                if frame.is_trailers() {
                    this.finished();
                }
            }
            Poll::Ready(Some(Err(error))) => this.broken(error),
            Poll::Ready(None) => this.finished(),
            Poll::Pending => {}
        }
        match polled {
            // hyper drops what it has not sent yet when a body fails: it sends before it waits.
            Poll::Ready(Some(Err(error))) => {
                this.held_back = Some(error);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            polled => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Page(page, _) => page.is_end_stream(),
            Source::Site { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Page(page, _) => page.size_hint(),
            Source::Site { body, .. } => body.size_hint(),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // A body that says it has ended is not polled again. A page is in memory as a whole, and
        // the answer to a HEAD is never polled.
        let whole = matches!(self.source, Source::Page(..)) || self.is_end_stream();
        if whole && self.record.is_some() {
            self.finished();
        }
        // Otherwise the record is dropped with the body: the client left in the middle.
    }
}
