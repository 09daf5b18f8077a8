//! Looking at a target before any load is sent.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::error::TriggerError;
use crate::load::{Client, Failure, FailureClass, Target};

/// How long the first questions wait; longer than a healthy site under a cold start's eye needs.
const PATIENCE: Duration = Duration::from_secs(20);
/// The least of it at any pace, where no answer is a finding.
const LEAST_PATIENCE: Duration = Duration::from_secs(3);

/// What the first questions found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// A labrat target answers.
    Up,
    /// Nothing that works answers, with the reason; only some scenarios begin so.
    Down {
        /// The reason.
        why: String,
    },
}

/// Refuse a host that is not this machine, unless somebody said that it may be loaded.
///
/// # Errors
/// [`TriggerError::NotLoopback`]; [`TriggerError::Unreachable`] when the name has no address.
pub async fn check_host(target: &Target, mine: bool) -> Result<bool, TriggerError> {
    let addresses = target
        .addresses()
        .await
        .map_err(|error| TriggerError::Unreachable {
            url: target.url("/"),
            failure: Failure {
                class: FailureClass::Dns,
                detail: error.to_string(),
            },
        })?;
    let loopback = addresses.iter().all(|address| address.ip().is_loopback());
    if loopback || mine {
        return Ok(loopback);
    }
    Err(TriggerError::NotLoopback {
        host: target.host().to_owned(),
    })
}

/// Ask /health and /diag/stats. With `may_be_down` a target that does not answer is a finding and
/// no error, waited for at the pace of the run; a name that has no address or a TLS failure stays an
/// error, for nothing that the platform does to a site that cannot start looks like that.
///
/// # Errors
/// When the target cannot be reached, or is none.
pub async fn look(
    client: &Client,
    target: &Target,
    may_be_down: bool,
    pace: f64,
) -> Result<State, TriggerError> {
    let patience = match may_be_down {
        true => PATIENCE.mul_f64(pace).clamp(LEAST_PATIENCE, PATIENCE),
        false => PATIENCE,
    };
    // A pool whose workers are killed one after the other may answer the first and not the second.
    let mut last = Bytes::new();
    for path in ["/health", "/diag/stats"] {
        match client
            .send(target, Method::GET, path, patience)
            .await
            .result
        {
            Ok(answer) if answer.status == 200 => last = answer.body,
            Ok(answer) if may_be_down && answer.status >= 500 => {
                let why = format!("{path} answered {}", answer.status);
                return Ok(State::Down { why });
            }
            Ok(answer) => {
                let why = format!("it answered {}", answer.status);
                return Err(not_labrat(target, path, why));
            }
            Err(failure) if may_be_down && is_down(&failure) => {
                let why = format!("{path}: {failure}");
                return Ok(State::Down { why });
            }
            Err(failure) => {
                let url = target.url(path);
                return Err(TriggerError::Unreachable { url, failure });
            }
        }
    }
    if worker_of(&last).is_none() {
        let why = "its answer is no JSON with a pid and a request_count".to_owned();
        return Err(not_labrat(target, "/diag/stats", why));
    }
    Ok(State::Up)
}

/// The pid in the answer of /diag/stats, if it is one.
#[must_use]
pub fn worker_of(body: &[u8]) -> Option<u32> {
    let stats: Value = serde_json::from_slice(body).ok()?;
    stats.get("request_count")?.as_u64()?;
    stats.get("pid")?.as_u64()?.try_into().ok()
}

const fn is_down(failure: &Failure) -> bool {
    !matches!(failure.class, FailureClass::Dns | FailureClass::Tls)
}

fn not_labrat(target: &Target, path: &str, why: String) -> TriggerError {
    TriggerError::NotLabrat {
        url: target.url(path),
        why,
    }
}
