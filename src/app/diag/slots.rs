//! `/diag/slots`: which slot's settings this worker runs with.

use axum::body::Body;
use http::Response;
use serde_json::json;

use super::env;
use crate::app::config::{DEFAULT_SLOT, Settings, UNSET};
use crate::app::query::Query;
use crate::app::reply;
use crate::app::state::AppState;
use crate::redaction::redact;

/// The settings that matter to a swap.
const SLOT_NAMES: &[&str] = &[
    "DB_CONNECTION_STRING",
    "EXPECTED_DB_CONNECTION_STRING",
    "FEATURE_FLAG",
    "WEBSITE_HOSTNAME",
    "WEBSITE_INSTANCE_ID",
    "WEBSITE_SLOT_NAME",
];

/// `GET /diag/slots`.
pub(in crate::app) fn slots(state: &AppState, _: &Query) -> Response<Body> {
    let settings = Settings::of(state);
    let expected = state.setting("EXPECTED_DB_CONNECTION_STRING", UNSET);
    let actual = state.setting("DB_CONNECTION_STRING", UNSET);
    reply::json(&json!({
        "config_hash": settings.config_hash(),
        "settings_hash": settings.settings_hash(),
        "current_config": settings.shown(),
        "current_slot_name": state.setting("WEBSITE_SLOT_NAME", DEFAULT_SLOT),
        "expected_vs_actual": {
            "actual_db_connection_string": redact(&actual),
            "expected_db_connection_string": redact(&expected),
            "matches": expected == actual,
        },
        "process_start_time": state.started_isoformat(),
        "slot_relevant_env": env::shown(state, SLOT_NAMES.iter().copied()),
    }))
}
