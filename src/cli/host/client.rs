//! One request to the control API of a running emulator.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::ControlOptions;
use crate::cli::http;
use crate::host::presence;

/// A swap waits for two starts, each of which may take up to 1800 s.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4_000);

/// An answer with a status of success.
#[derive(Debug)]
pub(super) struct Answer {
    head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub(super) fn header(&self, wanted: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.trim())
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.body).context("the answer is no JSON")
    }
}

/// Send a request and read its answer.
///
/// # Errors
/// When nobody answers, or the emulator refuses or fails; its words are the error's.
pub(super) fn ask(
    control: &ControlOptions,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> anyhow::Result<Answer> {
    let address = control.control;
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    let stream = http::connect(&address.to_string(), deadline).with_context(|| {
        format!("no emulator at {address}\n\nhint: start one with labrat host, or name its --control address")
    })?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let token = control
        .token
        .clone()
        .or_else(|| presence::find(address).map(|told| told.token));
    let authorization = match &token {
        Some(token) => format!("Authorization: Bearer {token}\r\n"),
        None => String::new(),
    };
    ensure!(
        !authorization.trim_end().contains(['\r', '\n']),
        "a token has no line breaks"
    );
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\n{authorization}Content-Type: \
         application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = http::exchange(stream, request.as_bytes(), deadline, |_| false)?;
    let status = http::status(&answer)?;
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .context("the answer is no HTTP")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let answer = Answer {
        head,
        body: answer.split_off(end + 4),
    };
    if (200..300).contains(&status) {
        return Ok(answer);
    }
    let told = answer.json().ok();
    match told.as_ref().and_then(|value| value["error"].as_str()) {
        Some(error) => bail!("{error}"),
        None => bail!(
            "the emulator answered {status}: {}",
            String::from_utf8_lossy(&answer.body).trim()
        ),
    }
}
