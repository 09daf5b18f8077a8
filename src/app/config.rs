//! `/config`: the settings that a swap may or may not move.

use axum::body::Body;
use http::Response;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::json::dumps;
use super::query::Query;
use super::reply;
use super::state::AppState;
use crate::identifiers::hexadecimal;
use crate::redaction::redact_setting;

/// What stands for a setting that is not set.
pub(super) const UNSET: &str = "<unset>";
/// The slot of an application that is not told otherwise.
pub(super) const DEFAULT_SLOT: &str = "Production";

/// The settings in force. It never leaves the process as it is: only [`Settings::shown`] does.
pub(super) struct Settings {
    values: [(&'static str, String); 3],
    process_start: String,
    digest_key: Vec<u8>,
}

impl Settings {
    /// What this worker runs with.
    pub(super) fn of(state: &AppState) -> Self {
        Self {
            values: [
                ("DB_CONNECTION_STRING", UNSET),
                ("FEATURE_FLAG", UNSET),
                ("WEBSITE_SLOT_NAME", DEFAULT_SLOT),
            ]
            .map(|(name, default)| (name, state.setting(name, default))),
            process_start: state.started_isoformat(),
            digest_key: state.digest_key.clone(),
        }
    }

    /// The settings with credentials blotted out.
    pub(super) fn shown(&self) -> Value {
        self.object(true, |name, value| redact_setting(name, value).into_owned())
    }

    /// The labs' fingerprint: SHA-256 of the settings as compact JSON with sorted keys, credentials
    /// included, so that it changes when only a password does. The process start is one of them,
    /// so each worker has its own. Where there is a credential the digest is keyed, since the rest
    /// is known and a password could be found by trying.
    pub(super) fn config_hash(&self) -> String {
        self.fingerprint(true)
    }

    /// The same without the process start: equal in all workers for as long as the settings are.
    /// Where there is a credential it is comparable within a run only: that of the emulator, else
    /// that of the arbiter.
    pub(super) fn settings_hash(&self) -> String {
        self.fingerprint(false)
    }

    fn fingerprint(&self, with_start: bool) -> String {
        let whole = self.object(with_start, |_, value| value.to_owned());
        let holds_secret =
            |(name, value): &(&str, String)| redact_setting(name, value) != value.as_str();
        let mut hasher = Sha256::new();
        if self.values.iter().any(holds_secret) {
            hasher.update(&self.digest_key);
        }
        hasher.update(dumps(&whole));
        hexadecimal(&hasher.finalize())
    }

    fn object(&self, with_start: bool, show: impl Fn(&str, &str) -> String) -> Value {
        let mut object: serde_json::Map<String, Value> = self
            .values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::String(show(name, value))))
            .collect();
        if with_start {
            object.insert("PROCESS_START_UTC".to_owned(), json!(self.process_start));
        }
        Value::Object(object)
    }
}

/// `GET /config`.
pub(super) fn config_dump(state: &AppState, _: &Query) -> Response<Body> {
    let shown = Settings::of(state).shown();
    *state.last_config_snapshot.lock() = Some(shown.clone());
    reply::json(&shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(connection: &str) -> Settings {
        Settings {
            values: [
                ("DB_CONNECTION_STRING", connection.to_owned()),
                ("FEATURE_FLAG", UNSET.to_owned()),
                ("WEBSITE_SLOT_NAME", DEFAULT_SLOT.to_owned()),
            ],
            process_start: "2026-11-21T04:24:12.744777+00:00".to_owned(),
            digest_key: b"of one run".to_vec(),
        }
    }

    #[test]
    fn the_hash_is_the_one_that_the_flask_application_computes() {
        assert_eq!(
            settings(UNSET).config_hash(),
            "fa6864a89cc514bad915c98f4805dc1da966a153422aa6757e43350fc76db0a9"
        );
    }

    #[test]
    fn a_changed_password_changes_the_hashes_but_not_what_is_shown() {
        let (old, new) = (
            settings("Server=s;Database=d;Password=old"),
            settings("Server=s;Database=d;Password=new"),
        );
        assert_eq!(old.shown(), new.shown());
        assert_eq!(
            old.shown()["DB_CONNECTION_STRING"],
            "Server=s;Database=d;Password=***"
        );
        assert_ne!(old.config_hash(), new.config_hash());
        assert_ne!(old.settings_hash(), new.settings_hash());
    }

    #[test]
    fn a_digest_that_holds_a_credential_is_of_one_run_alone() {
        let (plain, secret) = ("Server=s", "Server=s;Password=hunter2");
        for (connection, differs) in [(plain, false), (secret, true)] {
            let here = settings(connection);
            let mut elsewhere = settings(connection);
            elsewhere.digest_key = b"of another".to_vec();
            assert_eq!(here.settings_hash() != elsewhere.settings_hash(), differs);
            assert_eq!(here.config_hash() != elsewhere.config_hash(), differs);
        }
    }

    #[test]
    fn a_restart_changes_the_labs_hash_only() {
        let first = settings("x");
        let mut second = settings("x");
        second.process_start = "2026-11-21T05:00:00.000000+00:00".to_owned();
        assert_ne!(first.config_hash(), second.config_hash());
        assert_eq!(first.settings_hash(), second.settings_hash());
    }
}
