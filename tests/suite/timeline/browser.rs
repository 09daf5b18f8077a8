//! The page in a real browser, beside a pool that is saturated: dots, words and kernel agree.

use serde_json::json;

use super::emulator::Replay;
use super::{HASTY, Watched, saturate};
use crate::harness::{
    PATIENCE, Page, Profile, THIS_MACHINE, accept_queue, chromium, get_many, headless, skip_unless,
};

/// What a page has become after some seconds, and what it complained of.
fn shown(url: &str) -> (String, Vec<String>) {
    let profile = Profile::new();
    let output = headless(&profile, THIS_MACHINE)
        .args([
            "--enable-logging=stderr",
            "--dump-dom",
            "--virtual-time-budget=4000",
        ])
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

/// A telephone that is held upright.
const PHONE: (u32, u32) = (390, 844);
/// A large screen on a wall.
const WALL: (u32, u32) = (3840, 2160);

#[test]
fn nothing_scrolls_sideways_on_a_telephone_and_the_first_words_fit_a_wall() {
    if skip_unless(chromium().map(drop)) {
        return;
    }
    let watched = Watched::start(HASTY);
    let (_held, _queued) = saturate(&watched.server, 30);
    let sentence = "document.getElementById('sentence').textContent.includes('30 waiting')";
    for screen in [PHONE, WALL] {
        let mut page = Page::open(&watched.url, screen);
        page.wait_for(sentence);
        page.wait_for("document.querySelectorAll('#levers button').length > 0");
        let wider = page.value("document.documentElement.scrollWidth - innerWidth");
        assert_eq!(wider, 0, "{screen:?}");
        let outside = "[...document.querySelectorAll('main *')].filter(one => \
             one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML)";
        assert_eq!(page.value(outside), serde_json::json!([]), "{screen:?}");
    }
}

#[test]
fn the_keyboard_alone_reaches_a_request_and_pulls_a_lever_whose_effect_is_measured() {
    if skip_unless(chromium().map(drop)) {
        return;
    }
    let watched = Watched::start(HASTY);
    let (_held, _queued) = saturate(&watched.server, 4);
    let mut page = Page::open(&watched.url, (1280, 800));
    page.wait_for("document.querySelectorAll('#lanes [data-key]').length >= 2");
    page.tab_to("#lanes");
    page.press("ArrowLeft");
    let detail = page.value("document.getElementById('detail').textContent");
    let detail = detail.as_str().unwrap();
    assert!(
        detail.contains("/slow") && detail.contains("is running"),
        "{detail}"
    );

    let outlook =
        |lever: &str| format!("document.querySelector('[data-lever={lever}] + span').textContent");
    for lever in ["worker-add", "worker-remove"] {
        let words = page.value(&outlook(lever));
        let words = words.as_str().unwrap();
        assert!(
            words.starts_with("predicted: a new client waits"),
            "{words}"
        );
    }
    assert_eq!(
        page.value(&outlook("reload")),
        "no prediction: as many workers serve afterwards as before"
    );
    page.tab_to("#levers button[data-lever=worker-add]");
    page.press("Enter");
    page.wait_for("document.getElementById('sentence').textContent.includes('of 3 workers')");
    page.wait_for("document.querySelectorAll('#pulled tbody tr').length === 1");
    let row = "[...document.querySelectorAll('#pulled tbody td')].map(one => one.textContent)";
    let cells = page.value(row);
    let predicted = cells[2].as_str().unwrap();
    assert!(predicted.ends_with(" s"), "a predicted wait: {cells}");
    // Those that come since are taken by the third worker.
    for answer in get_many(
        watched.server.address(),
        &vec!["/fast".to_owned(); 3],
        PATIENCE,
    ) {
        assert_eq!(answer.status(), Some(200));
    }
    page.wait_for(
        "document.querySelector('#pulled tbody td:last-child').textContent.includes('clients')",
    );
}

#[test]
fn a_replay_shows_what_was_done_from_then_on_beside_what_was_predicted_and_offers_no_lever() {
    if skip_unless(chromium().map(drop)) {
        return;
    }
    let look = |at: u32| json!({"kind": "pool", "at": at, "alive": 2, "busy": 2, "waiting": 1});
    let lever = |at: u32, said: &str| json!({"kind": "lever", "at": at, "name": "worker-add", "said": said});
    let mut first = lever(110, "3 workers are wanted");
    first["predicted"] = json!(2.5);
    let mut second = lever(130, "a worker was stopped");
    second["unpredicted"] = json!("nobody knows");
    let mut recording = vec![look(100), first, second, look(140)];
    for came in [112.0, 114.0] {
        let (connection, request) = (came as u32, came as u32 + 1000);
        recording.push(json!({"kind": "queued", "at": came, "connection": connection}));
        recording.push(json!({
            "kind": "begun", "at": came + 3.0, "worker": 7, "request": request,
            "connection": connection, "text": "GET /fast", "waited": 3.0,
        }));
    }
    recording.sort_by(|one, other| {
        one["at"]
            .as_f64()
            .partial_cmp(&other["at"].as_f64())
            .unwrap()
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("timeline.jsonl");
    let lines: Vec<String> = recording.iter().map(ToString::to_string).collect();
    std::fs::write(&file, lines.join("\n")).unwrap();
    let replay = Replay::of(&file);
    let mut page = Page::open(&format!("{}&at=0", replay.url), (390, 844));
    page.wait_for("!document.getElementById('replay').hidden");
    let first = |measured: &str| json!(["3 workers are wanted", "2.5 s", measured]);
    let second = json!(["a worker was stopped", "none: nobody knows", "nobody yet"]);
    for (seconds, expected) in [
        (5, json!([])),
        (31, json!([second, first("3.0 s (2 clients)")])),
        (20, json!([first("3.0 s (2 clients)")])),
        (11, json!([first("nobody yet")])),
    ] {
        page.value(&format!(
            "(() => {{ const seek = document.getElementById('seek'); seek.value = '{seconds}'; \
             seek.dispatchEvent(new Event('input')) }})()"
        ));
        let rows =
            "[...document.querySelectorAll('#pulled tbody tr')].filter(one => one.offsetHeight)";
        let cells = "row => [...row.cells].slice(1).map(one => one.textContent)";
        page.wait_for(&format!(
            "JSON.stringify({rows}.map({cells})) === JSON.stringify({expected})"
        ));
        let wider = page.value("document.documentElement.scrollWidth - innerWidth");
        assert_eq!(wider, 0, "at {seconds} s");
    }
    let buttons = "document.querySelectorAll('#levers button').length";
    assert_eq!(page.value(buttons), 0);
    assert_eq!(
        page.value("document.getElementById('levers-section').hidden"),
        true
    );
}
