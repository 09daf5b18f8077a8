//! What becomes of a request's row: it is written exactly once, when the request ends, however it
//! ends.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::header::{HeaderMap, REFERER, USER_AGENT};
use http::request::Parts;
use jiff::Timestamp;
use tokio::time::Instant;

use super::headers::{ClientAddress, head_bytes, host_of};
use super::request_body::Progress;
use super::teller::{End, Hold};
use super::{RequestEnd, Shared};
use crate::host::Ended;
use crate::redaction::{MASK, redact, redact_query};
use crate::tables::{HttpRow, TableRow};
use crate::timeline::event::Unanswered;

/// A request that has not ended. Dropping it means that the client left, or that the front end was
/// stopped: either way hyper gives up the work on a request by dropping it.
#[derive(Debug)]
pub(super) struct Record {
    shared: Arc<Shared>,
    started: Instant,
    /// `None` once it is written.
    row: Option<Box<HttpRow>>,
    /// How the client's side is, and what came of it.
    progress: Arc<Progress>,
    sent: u64,
    /// Whether the request waits for the site to start, as was told.
    hold: Hold,
}

impl Record {
    pub(super) fn new(shared: &Arc<Shared>, client: &ClientAddress, head: &Parts) -> Self {
        let text = |name| {
            let value = head.headers.get(name)?;
            Some(redact(&String::from_utf8_lossy(value.as_bytes())).into_owned())
        };
        let first_line = head.method.as_str().len() + uri_length(&head.uri) + 10;
        let received = head_bytes(first_line, &head.headers);
        let mut row = begun(shared, client);
        row.cs_host = Some(without_user(host_of(head)));
        row.cs_method = Some(head.method.as_str().to_owned());
        row.cs_uri_query = head.uri.query().map(redact_query);
        row.cs_uri_stem = Some(redact(head.uri.path()).into_owned());
        row.referer = text(REFERER);
        row.user_agent = text(USER_AGENT);
        Self::of(shared, row, received)
    }

    /// The row of a request whose head was not taken.
    pub(super) fn refused(shared: &Arc<Shared>, client: &ClientAddress, end: RequestEnd) {
        Self::of(shared, begun(shared, client), 0).end(end);
    }

    fn of(shared: &Arc<Shared>, row: Box<HttpRow>, received: u64) -> Self {
        let started = Instant::now();
        Self {
            shared: Arc::clone(shared),
            started,
            row: Some(row),
            progress: Progress::new(received, started),
            sent: 0,
            hold: Hold::Never,
        }
    }

    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// Where the request's body says how it gets on.
    pub(super) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    pub(super) fn count_head_sent(&mut self, headers: &HeaderMap) {
        self.sent += head_bytes("HTTP/1.1 200 OK".len(), headers);
    }

    pub(super) fn count_sent(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    /// It waits for the site to start.
    pub(super) fn hold(&mut self) {
        if self.hold == Hold::Never
            && let Some(row) = &self.row
        {
            self.hold = Hold::Held(self.shared.teller.held(&text_of(row)));
        }
    }

    /// It goes to a container, and waits for no start any more.
    pub(super) fn release(&mut self) {
        if let Hold::Held(number) = self.hold {
            self.hold = Hold::Released(number);
            self.shared.teller.released(number, self.started.elapsed());
        }
    }

    /// Tell the stream of an end without an answer.
    fn tell(&self, row: &HttpRow, end: RequestEnd, status: u16) {
        let why = match (end.unanswered(), self.hold) {
            (Some(why), _) => why,
            (None, Hold::Held(_)) => Unanswered::TurnedAway,
            (None, _) => return,
        };
        self.shared.teller.unanswered(End {
            hold: self.hold,
            text: &text_of(row),
            why,
            status,
            took: self.started.elapsed(),
        });
    }

    /// Write the row.
    pub(super) fn end(mut self, end: RequestEnd) {
        self.write(end);
    }

    /// The same, once.
    fn write(&mut self, end: RequestEnd) {
        let Some(mut row) = self.row.take() else {
            return;
        };
        let status = end.status(self.shared.settings.limit_status);
        self.tell(&row, end, status);
        let is_held = matches!(self.hold, Hold::Held(_));
        if let Some(heal) = &self.shared.settings.auto_heal
            && end.reached_the_site()
            && !is_held
        {
            heal.note(Ended {
                path: row.cs_uri_stem.as_deref().unwrap_or_default(),
                status,
                taken: self.started.elapsed(),
            });
        }
        row.sc_status = Some(i64::from(status));
        row.sc_sub_status = Some("0".to_owned());
        row.sc_win32_status = Some(end.win32_status().to_owned());
        row.result = Some(
            match end.is_success(status) {
                true => "Success",
                false => "Failure",
            }
            .to_owned(),
        );
        row.cs_bytes = i64::try_from(self.progress.received()).ok();
        row.sc_bytes = i64::try_from(self.sent).ok();
        let unfinished = Unfinished {
            status,
            row,
            started: self.started,
        };
        // Clients that leave while their site starts get their rows when the start has ended, with
        // the whole wait: the platform looks at them only then.
        match end == RequestEnd::ClientLeft && is_held {
            true => self.shared.defer(unfinished),
            false => self.shared.write(unfinished),
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let end = match self.shared.is_stopping() {
            true => RequestEnd::FrontEndStopped,
            false => RequestEnd::ClientLeft,
        };
        self.write(end);
    }
}

/// A row that lacks only its time.
#[derive(Debug)]
pub(super) struct Unfinished {
    status: u16,
    row: Box<HttpRow>,
    started: Instant,
}

impl Unfinished {
    /// The whole row, with its status and the time that the request took.
    pub(super) fn finish(self) -> (u16, Duration, Box<HttpRow>) {
        let took = self.started.elapsed();
        let milliseconds = took.as_secs_f64() * 1_000.0;
        let mut row = self.row;
        row.time_generated = Timestamp::now().into();
        row.time_taken = Some(milliseconds.round() as i64);
        (self.status, took, row)
    }
}

/// The row of a request of which no more is known than whose it is.
fn begun(shared: &Shared, client: &ClientAddress) -> Box<HttpRow> {
    let mut row = Box::new(HttpRow::at(Timestamp::now().into()));
    row.c_ip = Some(client.ip.clone());
    row.computer_name = Some(shared.settings.computer.clone());
    row.s_port = Some(shared.settings.port.to_string());
    row.row_type = Some(HttpRow::TABLE.to_owned());
    row
}

/// Method and path.
fn text_of(row: &HttpRow) -> String {
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{} {}", part(&row.cs_method), part(&row.cs_uri_stem))
}

/// A host without the user and password that a client put before it.
fn without_user(host: &str) -> String {
    match host.rsplit_once('@') {
        Some((_, host)) => format!("{MASK}@{host}"),
        None => host.to_owned(),
    }
}

/// Bytes of a request's target as the client wrote it.
fn uri_length(uri: &Uri) -> usize {
    let origin = match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(authority)) => scheme.len() + "://".len() + authority.as_str().len(),
        (_, authority) => authority.map_or(0, |authority| authority.as_str().len()),
    };
    origin
        + uri
            .path_and_query()
            .map_or(0, |target| target.as_str().len())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_host_loses_its_user_and_nothing_else() {
        assert_eq!(super::without_user("me:pw@app.example"), "***@app.example");
        assert_eq!(super::without_user("app.example:8000"), "app.example:8000");
    }
}
