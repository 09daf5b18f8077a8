//! `/fill`: a file in the site's home with every request, as logs and uploads leave them.

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::json;

use super::home_files::NotWritten;
use super::outbound::ConsoleText;
use super::query::Query;
use super::reply;
use super::state::AppState;

/// Most megabytes that one request may ask for.
const MOST_PER_REQUEST: u64 = 64;
/// Megabytes of a request that does not say how many.
const USUAL: u64 = 4;
const MEGABYTE: u64 = 1 << 20;

/// `GET /fill`, `GET /fill?megabytes=N`: write one more file.
pub(super) fn fill(state: &AppState, query: &Query) -> Response<Body> {
    let asked = match query.whole("megabytes", 1..=MOST_PER_REQUEST) {
        Ok(asked) => asked.unwrap_or(USUAL),
        Err(bad) => return bad.reply(),
    };
    let (held, cap) = (
        state.files.held(),
        state.config.fill_max_megabytes * MEGABYTE,
    );
    if held + asked * MEGABYTE > cap {
        let error = "the cap of /fill is reached";
        return reply::json_with_status(
            StatusCode::INSUFFICIENT_STORAGE,
            &json!({"cap": cap, "error": error, "held": held, "status": "refused"}),
        );
    }
    match state.files.write(asked * MEGABYTE) {
        Ok(()) => {
            if let Ok(newest @ 1..) = usize::try_from(state.config.fill_keep) {
                state.files.keep(newest);
            }
            reply::json(&json!({"megabytes": asked, "status": "written"}))
        }
        Err(error) => failed(&error),
    }
}

/// `DELETE /fill`: remove every such file.
pub(super) fn free(state: &AppState, _: &Query) -> Response<Body> {
    reply::json(&json!({"freed": state.files.remove(), "status": "freed"}))
}

/// What Flask answers and prints where a view raises OSError.
fn failed(error: &NotWritten) -> Response<Body> {
    let number = error.source.raw_os_error().unwrap_or(0);
    let text = error.source.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let path = error.path.display();
    let python = format!("OSError: [Errno {number}] {text}: '{path}'");
    let mut response = reply::json_with_status(
        StatusCode::INTERNAL_SERVER_ERROR,
        &json!({"error": python, "status": "failed"}),
    );
    response.extensions_mut().insert(ConsoleText(format!(
        "ERROR in app: Exception on /fill [GET]\nTraceback (most recent call last):\n{python}\n"
    )));
    response
}
