//! Requests that the platform itself makes of a container.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{Request, Uri};
use http_body_util::Empty;
use tokio::time::Instant;

use crate::exchange::exchange;
use crate::host::Dialer;

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

    /// Ask once and wait for the status.
    pub(in crate::host) async fn ask(&self, dialer: &Dialer) -> Option<u16> {
        let stream = dialer.connect().await.ok()?;
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

    /// Ask until an answer counts. `false` when `limit` passes.
    pub(in crate::host) async fn succeeds(&self, dialer: &Dialer, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let asking = async {
            let mut pause = FIRST_PAUSE;
            loop {
                if self
                    .ask(dialer)
                    .await
                    .is_some_and(|status| self.accepts(status))
                {
                    return;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        };
        tokio::time::timeout_at(deadline, asking).await.is_ok()
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
