//! `/diag/env`: the settings that are safe to show, and nothing else of the environment.

use axum::body::Body;
use http::Response;
use serde_json::{Map, Value};

use crate::app::config::UNSET;
use crate::app::knobs;
use crate::app::query::Query;
use crate::app::reply;
use crate::app::state::AppState;
use crate::redaction::redact_setting;

/// Every name that one of the labs' applications shows, set or not.
const SAFE_NAMES: &[&str] = &[
    "APP_STARTUP_COMMAND",
    "DB_CONNECTION_STRING",
    "EXPECTED_DB_CONNECTION_STRING",
    "FEATURE_FLAG",
    "PORT",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "STARTUP_COMMAND",
    "WEBSITES_PORT",
    "WEBSITE_HOSTNAME",
    "WEBSITE_INSTANCE_ID",
    "WEBSITE_SLOT_NAME",
];

/// `GET /diag/env`: the safe names, and every setting of the application's own that is set.
pub(in crate::app) fn env(state: &AppState, _: &Query) -> Response<Body> {
    let own = state
        .environment
        .keys()
        .filter(|name| name.starts_with(knobs::PREFIX))
        .map(String::as_str);
    reply::json(&shown(state, SAFE_NAMES.iter().copied().chain(own)))
}

/// Settings by name, with credentials blotted out and [`UNSET`] for those that are not set.
pub(super) fn shown<'a>(state: &AppState, names: impl Iterator<Item = &'a str>) -> Value {
    let mut settings = Map::new();
    for name in names {
        let value = state.setting(name, UNSET);
        let value = match value.as_str() {
            UNSET => value,
            set => redact_setting(name, set).into_owned(),
        };
        settings.insert(name.to_owned(), Value::String(value));
    }
    Value::Object(settings)
}
