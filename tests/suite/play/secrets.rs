//! Keys and credentials: used, and kept out of everything that is written.

use tempfile::tempdir;

use super::program::{every_text, labrat, labrat_with_key, trigger};
use super::server::Reply;
use super::target_double;
use crate::harness::{Address, Kind, Launch};

const NO_SPECIAL: fn(&str, usize) -> Option<Reply> = |_, _| None;

#[tokio::test]
async fn the_key_is_sent_with_every_request_and_written_nowhere() {
    let server = target_double::start(NO_SPECIAL).await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let run = labrat_with_key(
        "k3y-of-mine",
        &trigger("intermittent-5xx", &url, &out, &["--pace", "0.02"]),
    )
    .await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    let heads = server.journal.lock().heads.clone();
    assert!(
        heads
            .iter()
            .all(|head| head.contains("x-lab-key: k3y-of-mine"))
    );
    for (path, text) in every_text(&out) {
        assert!(!text.contains("k3y-of-mine"), "{path}");
    }
    assert!(!run.out.contains("k3y") && !run.err.contains("k3y"));
}

#[tokio::test]
async fn planted_secrets_do_not_reach_the_bundle_and_equal_ones_stay_equal() {
    const SECRETS: [&str; 4] = ["hunter2", "Zm9vYmFy", "t0psecret", "s3cr3t-flag"];
    let server = target_double::start(|path, _| {
        let body = match path {
            "/config" => {
                r#"{"DB_CONNECTION_STRING":"Server=tcp:db.example.net;Database=orders;Password=hunter2;","CACHE":"redis://app:t0psecret@cache.example.net:6379","STORAGE":"AccountName=n;AccountKey=Zm9vYmFy;"}"#
            }
            "/diag/env" => r#"{"LAB_API_TOKEN":"s3cr3t-flag","PORT":"8000"}"#,
            _ => return None,
        };
        Some(Reply::Answer(200, body.into()))
    })
    .await;
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let url = server.url();
    let run = labrat(&trigger(
        "intermittent-5xx",
        &url,
        &out,
        &[
            "--pace",
            "0.02",
            "--command-before",
            "labrat serve --env DB_PASSWORD=hunter2 app:app",
        ],
    ))
    .await;
    assert_eq!(run.code, Some(0), "{}", run.err);
    for (path, text) in every_text(&out) {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{path} holds {secret}: {text}");
        }
    }
    let at = |moment: &str| std::fs::read_to_string(out.join(moment).join("config.json")).unwrap();
    assert!(
        at("baseline").contains("Server=tcp:db.example.net;Database=orders;Password=<redacted:")
    );
    assert!(at("baseline").contains("cache.example.net"));
    assert_eq!(at("baseline"), at("post"));
}

#[tokio::test]
async fn a_locked_target_is_told_before_any_load_and_a_key_opens_it() {
    let server = Launch::new(Kind::Labrat, "--workers 2")
        .env("LAB_KEY", "the-right-one")
        .env("LAB_SLOW_MIN_SECONDS", "0")
        .env("LAB_SLOW_MAX_SECONDS", "0")
        .start();
    let Address::Tcp(address) = server.address() else {
        panic!("a TCP address is needed");
    };
    let url = format!("http://{address}");
    let folder = tempdir().unwrap();
    for (name, key, code, words) in [
        ("none", "", 1, "no key was given"),
        ("wrong", "the-wrong-one", 1, "does not fit"),
        ("right", "the-right-one", 0, "judge it with"),
    ] {
        let out = folder.path().join(name);
        let run = labrat_with_key(
            key,
            &trigger("intermittent-5xx", &url, &out, &["--pace", "0.05"]),
        )
        .await;
        assert_eq!(run.code, Some(code), "{}", run.err);
        assert!(run.err.contains(words), "{}", run.err);
        assert_eq!(out.exists(), code == 0);
        assert!(!run.err.contains("the-right-one") && !run.err.contains("the-wrong-one"));
    }
}
