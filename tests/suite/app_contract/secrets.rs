//! Credentials never leave the process, and yet a changed one shows.

use super::App;

const ROUTES: [&str; 5] = [
    "/config",
    "/diag/slots",
    "/diag/env",
    "/diag/stats",
    "/diag/workers",
];

#[test]
fn a_planted_credential_is_in_no_answer() {
    for connection in [
        "Server=db.example;Database=shop;User ID=app;Password=planted-1",
        "Server=db.example;Database=shop;PWD='planted-1;x'",
        "postgres://app:planted-1@db.example/shop",
        "Endpoint=sb://db.example/;SharedAccessKeyName=n;SharedAccessKey=planted-1=;EntityPath=shop",
        "AccountName=db.example;AccountKey=planted-1==;Database=shop",
        "{\"host\":\"db.example\",\"database\":\"shop\",\"password\":\"planted-1\"}",
    ] {
        let app = App::new(&[
            ("DB_CONNECTION_STRING", connection),
            ("EXPECTED_DB_CONNECTION_STRING", connection),
            ("FEATURE_FLAG", "secret=planted-1"),
            ("APP_STARTUP_COMMAND", "run --token planted-1"),
            ("LAB_KEY", "planted-1"),
            ("LAB_DATABASE_PASSWORD", "planted-1"),
        ]);
        for route in ROUTES {
            let answer = app.get(route);
            assert!(
                !answer.body.contains("planted-1"),
                "{route}: {}",
                answer.body
            );
        }
        let shown = app.json("/config")["DB_CONNECTION_STRING"].to_string();
        assert!(
            shown.contains("db.example") && shown.contains("shop") && shown.contains("***"),
            "{shown}"
        );
    }
}

#[test]
fn a_changed_password_changes_the_hash_and_whether_settings_match() {
    let with = |password: &str| {
        let connection = format!("Server=s;Password={password}");
        App::new(&[
            ("DB_CONNECTION_STRING", &connection),
            ("EXPECTED_DB_CONNECTION_STRING", "Server=s;Password=old"),
        ])
        .json("/diag/slots")
    };
    let (old, new) = (with("old"), with("new"));
    assert_eq!(old["settings_hash"], with("old")["settings_hash"]);
    assert_ne!(old["settings_hash"], new["settings_hash"]);
    assert_eq!(old["expected_vs_actual"]["matches"], true);
    assert_eq!(new["expected_vs_actual"]["matches"], false);
    assert_eq!(
        new["expected_vs_actual"]["actual_db_connection_string"],
        new["expected_vs_actual"]["expected_db_connection_string"]
    );
}
