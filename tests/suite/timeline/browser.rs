//! The page in a real browser, beside a pool that is saturated: dots, words and kernel agree.

use std::process::Command;

use super::{HASTY, Watched, saturate};
use crate::harness::{accept_queue, skip_unless};
use crate::judge::chromium;

/// What a page has become after some seconds, and what it complained of.
fn shown(url: &str) -> (String, Vec<String>) {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(chromium().unwrap())
        .args(["--headless", "--no-sandbox", "--disable-gpu"])
        .args([
            "--enable-logging=stderr",
            "--dump-dom",
            "--virtual-time-budget=4000",
        ])
        .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(url)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let complaints = said.lines().filter(|line| line.contains(":CONSOLE"));
    let complaints = complaints.map(str::to_owned).collect();
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        complaints,
    )
}

/// The number in an attribute of the page.
fn number(dom: &str, attribute: &str) -> Option<u32> {
    let (_, rest) = dom.split_once(&format!("{attribute}=\""))?;
    rest.split('"').next()?.parse().ok()
}

#[test]
fn the_dots_the_words_and_the_kernel_agree_while_every_worker_is_busy() {
    if skip_unless(chromium().map(drop)) {
        return;
    }
    let watched = Watched::start(HASTY);
    let (_held, mut queued) = saturate(&watched.server, 9);
    drop(queued.split_off(6));
    let (dom, complaints) = shown(&watched.url);
    assert_eq!(complaints, [""; 0]);
    assert_eq!(accept_queue(watched.server.address()), Some(9));
    for (attribute, expected) in [
        ("data-dots", 9),
        ("data-kernel", 9),
        ("data-gone", 3),
        ("data-served", 2),
    ] {
        assert_eq!(
            number(&dom, attribute),
            Some(expected),
            "{attribute}\n{dom}"
        );
    }
    assert!(dom.contains("2 of 2 workers busy, 9 waiting (3 of them gone): a new client waits"));
    assert!(dom.contains("One worker more (TTIN)"), "{dom}");
}

#[test]
fn a_page_with_a_wrong_token_says_so_and_shows_nothing() {
    if skip_unless(chromium().map(drop)) {
        return;
    }
    let watched = Watched::start("--workers 1");
    let (dom, _) = shown(&watched.url.replace(&watched.token, "wrong"));
    assert!(dom.contains("This page needs the token"), "{dom}");
    assert!(!dom.contains("workers busy"));
}
