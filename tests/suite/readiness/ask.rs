//! Asking the lab application with the settings of one case, and holding answers against secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use labrat::app::pool::NoPool;
use labrat::app::{AppConfig, AppState, router};
use serde_json::Value;
use tower::ServiceExt as _;

/// What every secret of these tests begins with; no answer may hold it.
pub const PLANTED: &str = "planted";

/// A fresh worker's application.
pub struct Worker(Router);

impl Worker {
    /// With these settings.
    pub fn new(settings: &[(&str, &str)]) -> Self {
        let environment: BTreeMap<String, String> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let config = AppConfig::from_lookup(&|name| environment.get(name).cloned());
        let config = config.expect("the case's settings are accepted");
        assert!(!format!("{config:?}").contains(PLANTED), "{config:?}");
        Self(router(AppState::new(config, environment, Arc::new(NoPool))))
    }

    /// GET, and no secret in what comes back.
    pub async fn ask(&self, path: &str) -> (StatusCode, Value) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = self.0.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let whole = format!("{:?} {}", parts.headers, String::from_utf8_lossy(&body));
        assert!(!whole.contains(PLANTED), "{whole}");
        (parts.status, serde_json::from_slice(&body).unwrap())
    }

    /// The error words of `/ready`, by check; those that passed are left out.
    pub async fn errors(&self) -> BTreeMap<String, String> {
        let (status, body) = self.ask("/ready").await;
        let errors: BTreeMap<String, String> = body["checks"]
            .as_object()
            .expect("checks")
            .iter()
            .filter_map(|(name, check)| {
                assert_eq!(
                    check["ok"].as_bool(),
                    Some(check["error"].is_null()),
                    "{body}"
                );
                Some((name.clone(), check["error"].as_str()?.to_owned()))
            })
            .collect();
        if !errors.is_empty() {
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
        }
        errors
    }
}

/// Run to the end on an event loop of its own.
pub fn block_on<F: Future>(work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("an event loop").block_on(work)
}

/// The words as a map, for comparing.
pub fn words(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    expected
        .iter()
        .map(|(name, word)| ((*name).to_owned(), (*word).to_owned()))
        .collect()
}
