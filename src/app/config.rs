//! `/config`: the settings that a swap may or may not move.

use axum::body::Body;
use http::Response;
use serde_json::{Value, json};

use super::query::Query;
use super::reply;
use super::state::AppState;

/// What stands for a setting that is not set.
pub(super) const UNSET: &str = "<unset>";
/// The slot of an application that is not told otherwise.
pub(super) const DEFAULT_SLOT: &str = "Production";

/// The settings in force, with credentials.
pub(super) fn current(state: &AppState) -> Value {
    json!({
        "DB_CONNECTION_STRING": state.setting("DB_CONNECTION_STRING", UNSET),
        "FEATURE_FLAG": state.setting("FEATURE_FLAG", UNSET),
        "PROCESS_START_UTC": state.started_isoformat(),
        "WEBSITE_SLOT_NAME": state.setting("WEBSITE_SLOT_NAME", DEFAULT_SLOT),
    })
}

/// `GET /config`.
pub(super) fn config_dump(state: &AppState, _: &Query) -> Response<Body> {
    let shown = current(state);
    *state.last_config_snapshot.lock() = Some(shown.clone());
    reply::json(&shown)
}
