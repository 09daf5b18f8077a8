//! Requests that the platform itself makes of a container.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{Request, Uri};
use http_body_util::Empty;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::exchange::exchange;
use crate::host::{Dialer, Notify, Shortage};

/// Between two tries of a probe: short at first, because a site is often up in milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// What a container is asked, and which answers count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::host) struct Probe {
    /// Path and query.
    pub(in crate::host) path: String,
    /// Accepted statuses; any when empty.
    pub(in crate::host) statuses: Vec<u16>,
    /// The host that is asked for.
    pub(in crate::host) host: String,
    /// Who asks.
    pub(in crate::host) agent: &'static str,
}

impl Probe {
    /// Whether an answer with this status counts.
    pub(in crate::host) fn accepts(&self, status: u16) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }

    /// Ask once and wait for the status; `None` where the container gives none.
    ///
    /// # Errors
    /// When the emulator itself has nothing to ask with; `notify` has been told.
    pub(in crate::host) async fn ask(
        &self,
        dialer: &Dialer,
        notify: &Notify,
    ) -> Result<Option<u16>, Shortage> {
        let stream = match dialer.connect().await {
            Ok(stream) => stream,
            Err(error) => match Shortage::of(&error) {
                Some(shortage) => {
                    notify.lacks(shortage, "ask the container");
                    return Err(shortage);
                }
                None => return Ok(None),
            },
        };
        Ok(self.ask_over(stream).await)
    }

    async fn ask_over(&self, stream: TcpStream) -> Option<u16> {
        let path = match self.path.starts_with('/') {
            true => self.path.clone(),
            false => format!("/{}", self.path),
        };
        let request = Request::builder()
            .uri(Uri::try_from(path).ok()?)
            .header(HOST, &self.host)
            .header(USER_AGENT, self.agent)
            .body(Empty::<Bytes>::new())
            .ok()?;
        exchange(stream, request, async |response| response.status().as_u16())
            .await
            .ok()
    }

    /// Ask until an answer counts. `false` when `limit` passes, in which the time does not count that
    /// the emulator itself could not ask.
    pub(in crate::host) async fn succeeds(
        &self,
        dialer: &Dialer,
        limit: Duration,
        notify: &Notify,
    ) -> bool {
        let mut deadline = Instant::now() + limit;
        let mut pause = FIRST_PAUSE;
        loop {
            let begun = Instant::now();
            match timeout_at(deadline, self.ask(dialer, notify)).await {
                Err(_) => return false,
                Ok(Ok(Some(status))) if self.accepts(status) => return true,
                Ok(Ok(_)) => {
                    if timeout_at(deadline, tokio::time::sleep(pause))
                        .await
                        .is_err()
                    {
                        return false;
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Ok(Err(_)) => {
                    tokio::time::sleep(LONGEST_PAUSE).await;
                    deadline += begun.elapsed();
                }
            }
        }
    }
}

/// The statuses of a setting such as `200,202`; what is no status is left out.
pub(in crate::host) fn statuses(text: Option<&str>) -> Vec<u16> {
    text.unwrap_or_default()
        .split([',', ' ', ';'])
        .filter_map(|part| part.trim().parse().ok())
        .filter(|status| (100..600).contains(status))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_and_nonsense_is_left_out() {
        assert_eq!(statuses(Some("200, 202,x,99")), [200, 202]);
        assert_eq!(statuses(None), [0_u16; 0]);
    }

    #[test]
    fn any_answer_counts_unless_statuses_are_named() {
        let mut probe = Probe {
            path: "/".into(),
            statuses: Vec::new(),
            host: "h".into(),
            agent: "a",
        };
        assert!(probe.accepts(503));
        probe.statuses = vec![200];
        assert!(probe.accepts(200) && !probe.accepts(503));
    }
}
