//! The lab's readiness with a database in a file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use labrat::app::dependencies::DatabaseUrl;
use labrat::app::dependencies::migrations::{MIGRATIONS, migrate};
use labrat::app::pool::NoPool;
use labrat::app::{AppConfig, AppState, router};
use serde_json::Value;
use tower::ServiceExt as _;

/// What a fresh worker with this `DATABASE_URL` answers.
async fn ask(database: &str, path: &str) -> (StatusCode, Value) {
    let environment = BTreeMap::from([("DATABASE_URL".to_owned(), database.to_owned())]);
    let config = AppConfig::from_lookup(&|name| environment.get(name).cloned()).unwrap();
    let app = router(AppState::new(config, environment, Arc::new(NoPool)));
    let request = Request::get(path).body(axum::body::Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(!String::from_utf8_lossy(&body).contains(database));
    (status, serde_json::from_slice(&body).unwrap())
}

fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

fn migrated(path: &Path, last: Option<&str>) -> Vec<&'static str> {
    migrate(&DatabaseUrl::parse(&url(path)).unwrap(), last).unwrap()
}

#[tokio::test]
async fn a_migrated_database_is_ready_once_it_is_warm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    assert_eq!(migrated(&path, None).len(), MIGRATIONS.len());
    assert_eq!(
        migrated(&path, None),
        [""; 0],
        "migrating again changes nothing"
    );
    let (status, body) = ask(&url(&path), "/warmup").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let names: Vec<_> = body["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| &step["name"])
        .collect();
    assert_eq!(names, ["database", "migrations"]);
    let (_, body) = ask(&url(&path), "/ready").await;
    for check in ["database", "migrations"] {
        assert_eq!(body["checks"][check]["ok"], true, "{body}");
        assert_eq!(body["checks"][check]["error"], Value::Null);
        assert!(body["checks"][check]["latency_ms"].as_f64().unwrap() > 0.0);
    }
}

#[tokio::test]
async fn every_way_in_which_a_file_is_not_the_database_has_its_word() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    migrated(&at("behind.db"), Some(MIGRATIONS[0].version));
    std::fs::write(at("empty.db"), "").unwrap();
    std::fs::write(
        at("text.db"),
        "not a database, and long enough to have a header ".repeat(4),
    )
    .unwrap();
    std::fs::create_dir(at("folder.db")).unwrap();
    for (file, database, migrations) in [
        ("behind.db", None, "pending_migration"),
        ("empty.db", None, "pending_migration"),
        ("absent.db", Some("wrong_database"), "wrong_database"),
        ("text.db", Some("wrong_database"), "wrong_database"),
        ("folder.db", Some("forbidden"), "forbidden"),
    ] {
        let (status, body) = ask(&url(&at(file)), "/ready").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{file}: {body}");
        let error = |check: &str| body["checks"][check]["error"].as_str().map(str::to_owned);
        assert_eq!(error("database").as_deref(), database, "{file}: {body}");
        assert_eq!(
            error("migrations").as_deref(),
            Some(migrations),
            "{file}: {body}"
        );
        let (status, body) = ask(&url(&at(file)), "/warmup").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{file}: {body}");
        assert_eq!(body["done"], false);
        assert_eq!(body["steps"][1]["error"], migrations, "{file}: {body}");
    }
    assert!(!at("absent.db").exists(), "a check makes no database");
}

#[test]
fn a_database_that_cannot_be_read_is_refused_without_showing_it() {
    for url in [
        "mysql://user:planted@host/db",
        "planted",
        "sqlite:",
        "sqlite://",
    ] {
        let config =
            AppConfig::from_lookup(&|name| (name == "DATABASE_URL").then(|| url.to_owned()));
        let message = config.unwrap_err().to_string();
        assert!(message.contains("DATABASE_URL"), "{message}");
        assert!(!message.contains("planted"), "{message}");
    }
}

#[test]
fn a_migration_that_does_not_exist_is_refused_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    let error = migrate(&DatabaseUrl::Sqlite(path.clone()), Some("9999")).unwrap_err();
    assert!(error.to_string().contains("9999"), "{error}");
    assert!(!path.exists());
}
