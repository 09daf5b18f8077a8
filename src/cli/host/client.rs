//! One request to the control API of a running emulator.

use std::time::Duration;

use ::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use ::http::{HeaderValue, Request};
use anyhow::{Context as _, bail};
use http_body_util::Full;
use serde_json::Value;

use super::ControlOptions;
use crate::cli::http::{self, Answer, Part};
use crate::host::presence;

/// A swap waits for two starts, each of which may take up to 1800 s.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4_000);

/// The body of an answer as JSON.
///
/// # Errors
/// When it is none.
pub(super) fn json(answer: &Answer) -> anyhow::Result<Value> {
    serde_json::from_slice(&answer.body).context("the answer is no JSON")
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
    let body = body.map(Value::to_string).unwrap_or_default();
    let token = control
        .token
        .clone()
        .or_else(|| presence::find(address).map(|told| told.token));
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, address.to_string())
        .header(CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        let bearer = HeaderValue::try_from(format!("Bearer {token}"));
        request = request.header(AUTHORIZATION, bearer.context("a token has no line breaks")?);
    }
    let request = request.body(Full::from(body))?;
    let answer = http::ask(&address.to_string(), request, Part::Whole, ANSWER_TIMEOUT)
        .with_context(|| format!("no emulator at {address}\n\nhint: start one with labrat host, or name its --control address"))?;
    if (200..300).contains(&answer.status) {
        return Ok(answer);
    }
    let told = json(&answer).ok();
    match told.as_ref().and_then(|value| value["error"].as_str()) {
        Some(error) => bail!("{error}"),
        None => bail!(
            "the emulator answered {}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body).trim()
        ),
    }
}
