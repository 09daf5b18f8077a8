//! `labrat migrate`, and what a worker does not do before it is asked.

use std::process::Command;

use labrat::machine::reserved_port::ReservedPort;

use crate::harness::{Kind, Launch};

/// `labrat migrate` with these words: exit code and what it said.
fn migrate(arguments: &[&str], database: Option<&str>) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labrat"));
    command
        .arg("migrate")
        .args(arguments)
        .env_remove("DATABASE_URL");
    if let Some(database) = database {
        command.env("DATABASE_URL", database);
    }
    let output = command.output().expect("labrat starts");
    assert!(output.stdout.is_empty(), "there is no data");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("planted"), "{said}");
    (output.status.code(), said)
}

#[test]
fn an_entry_point_migrates_what_its_environment_names_and_may_do_so_again() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("orders.db").display());
    let said = |words: &str| (Some(0), format!("{words}\n"));
    assert_eq!(migrate(&["--to", "0001"], Some(&url)), said("applied 0001"));
    assert_eq!(migrate(&[], Some(&url)), said("applied 0002"));
    assert_eq!(
        migrate(&["--database", &url], None),
        said("nothing is pending")
    );
}

#[test]
fn a_database_that_cannot_be_migrated_fails_the_entry_point_without_showing_a_password() {
    let reserved = ReservedPort::choose().unwrap();
    let refused = format!("postgres://lab:planted@{}/x", reserved.address());
    for (arguments, database, expected) in [
        (&[][..], Some(refused.as_str()), "cannot connect: refused"),
        (&[], Some("mysql://lab:planted@h/x"), "begins with none of"),
        (
            &["--to", "9999"],
            Some("sqlite:/nowhere/x.db"),
            "no migration 9999",
        ),
        (&[], Some("sqlite:/nowhere/x.db"), "unable to open"),
    ] {
        let (code, said) = migrate(arguments, database);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    let (code, said) = migrate(&[], None);
    assert_eq!(code, Some(2), "{said}");
}

#[test]
fn a_worker_makes_no_client_and_no_thread_before_a_probe_needs_one() {
    let reserved = ReservedPort::choose().unwrap();
    let nowhere = reserved.address();
    let server = Launch::new(Kind::Labrat, "--workers 1")
        .env("DATABASE_URL", "sqlite:/nowhere/orders.db")
        .env("REDIS_URL", format!("redis://{nowhere}"))
        .env("API_BASE_URL", format!("http://{nowhere}"))
        .start()
        .ready();
    let worker = server.ready_worker();
    let threads = || {
        let tasks = std::fs::read_dir(format!("/proc/{worker}/task")).expect("the worker runs");
        tasks.count()
    };
    assert_eq!(threads(), 2, "one serves, one watches");
    assert_eq!(server.get("/ready").status(), Some(503));
    assert!(threads() > 2, "now there is one that checks");
}
