//! The page beside the pool, by its requests: what it tells is what the kernel counts, it answers
//! while every worker is busy, and it lets nobody in without the token.

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{HASTY, SOON, Watched, in_queue, saturate};
use crate::harness::{PATIENCE, accept_queue, children, exchange, poll};

fn waiting(count: u64) -> impl Fn(&Value) -> bool {
    move |event| event["kind"] == "pool" && event["waiting"] == count
}

#[test]
fn a_saturated_pool_tells_who_waits_who_has_gone_and_how_long_a_new_client_would_wait() {
    let watched = Watched::start(HASTY);
    let mut told = watched.follow();
    let (_held, mut queued) = saturate(&watched.server, 7);
    let look = told.wait_for("a queue of seven", waiting(7));
    assert_eq!(accept_queue(watched.server.address()), Some(7));
    assert_eq!((&look["busy"], &look["alive"]), (&2.into(), &2.into()));
    let sentence = look["sentence"].as_str().unwrap();
    assert!(
        sentence.starts_with("2 of 2 workers busy, 7 waiting: a new client waits"),
        "{sentence}"
    );
    told.wait_until("each of the seven", |seen| in_queue(seen) == 7);
    // In order, and by a reset: both keep their turn.
    drop(queued.pop());
    queued.pop().unwrap().abort();
    let look = told.wait_for("two that have gone", |event| event["left"] == 2);
    assert_eq!(look["waiting"], 7);
    assert_eq!(accept_queue(watched.server.address()), Some(7));
    assert_eq!(told.count("left"), 2, "{:#?}", told.seen);
}

#[test]
fn a_request_is_told_with_its_worker_its_wait_and_its_answer() {
    let watched = Watched::start("--workers 1");
    let mut told = watched.follow();
    let held = watched.server.in_flight("/slow?seconds=3");
    let queued = watched.server.queued(1, "/missing?password=hunter2");
    let is_of = |event: &Value, path: &str| {
        (event["kind"] == "begun" || event["kind"] == "read")
            && event["text"].as_str().unwrap_or("").contains(path)
    };
    let slow = told.wait_for("the slow one", |event| is_of(event, "/slow"));
    let of_slow = |event: &Value| event["kind"] == "ended" && event["request"] == slow["request"];
    assert_eq!(told.wait_for("its end", of_slow)["status"], 200);
    // Others may have been seen in the queue as well, for a moment.
    let queued_one = told.wait_for("the queued one", |event| is_of(event, "/missing"));
    let behind = told.wait_for("who waited", |event| {
        event["waited"].as_f64().is_some() && event["request"] == queued_one["request"]
    });
    let waited = behind["waited"].as_f64().unwrap();
    assert!((0.1..10.0).contains(&waited), "{waited}");
    assert_eq!(behind["worker"], watched.server.workers()[0]);
    let request = behind["request"].clone();
    let of_behind = |event: &Value| event["kind"] == "ended" && event["request"] == request;
    assert_eq!(told.wait_for("its end", of_behind)["status"], 404);
    assert!(!format!("{:?}", told.seen).contains("hunter2"), "a secret");
    drop((held, queued));
}

#[test]
fn everybody_who_waited_is_told_to_be_served_however_many_and_however_quickly() {
    let watched = Watched::start("--workers 1");
    let mut told = watched.follow();
    let held = watched.server.in_flight("/slow?seconds=2");
    let queued = watched.server.queued(30, "/fast");
    told.wait_until("who waits", |told| {
        told.iter()
            .filter(|event| event["kind"] == "queued")
            .count()
            == 30
    });
    let served = |event: &&Value| event["kind"] == "begun" && event["text"] == "GET /fast";
    told.wait_until("who is served", |told| {
        told.iter().filter(served).count() == 30
    });
    assert_eq!((told.count("left"), told.count("dropped")), (0, 0));
    drop((held, queued));
}

#[test]
fn who_killed_a_worker_is_told() {
    let watched = Watched::start("--workers 1");
    let mut told = watched.follow();
    let first = watched.server.ready_worker();
    watched.server.signal_to(first, Signal::SIGKILL);
    let death = told.wait_for("a death", |event| event["kind"] == "died");
    assert_eq!(death["worker"], first);
    assert_eq!(
        (&death["how"], &death["by"]),
        (&"SIGKILL".into(), &"somebody else".into())
    );
    told.wait_for("its successor", |event| {
        event["kind"] == "born" && event["age"] == 2
    });
    watched.server.ready_worker();
    watched.server.signal(Signal::SIGTTIN);
    told.wait_for("one more", |event| {
        event["kind"] == "born" && event["age"] == 3
    });
    watched.server.signal(Signal::SIGTTOU);
    let death = told.wait_for("one fewer", |event| {
        event["kind"] == "died" && event["worker"] != first
    });
    assert_eq!(death["by"], "the arbiter, told to stop");
}

#[test]
fn a_lever_does_what_it_says_while_every_worker_is_busy() {
    let watched = Watched::start(HASTY);
    let mut told = watched.follow();
    let _saturated = saturate(&watched.server, 2);
    let levers = exchange(
        &watched.address,
        &watched.with_token("GET", "/levers"),
        PATIENCE,
    );
    let levers = levers.response().unwrap().json().unwrap();
    assert_eq!(levers["live"], true);
    assert_eq!(levers["levers"][0]["name"], "worker-add");
    let pulled = watched.with_token("POST", "/levers/worker-add");
    let answer = exchange(&watched.address, &pulled, PATIENCE);
    assert_eq!(answer.status(), Some(200));
    told.wait_for("the lever", |event| event["kind"] == "lever");
    told.wait_for("an empty queue", |event| {
        event["kind"] == "pool" && event["alive"] == 3 && event["waiting"] == 0
    });
    let unknown = watched.with_token("POST", "/levers/format-disk");
    assert_eq!(
        exchange(&watched.address, &unknown, PATIENCE).status(),
        Some(409)
    );
}

#[test]
fn nobody_is_let_in_without_the_token_or_from_another_site() {
    let watched = Watched::start("--workers 1");
    let ask = |bytes: &[u8]| exchange(&watched.address, bytes, PATIENCE);
    for target in ["/events", "/levers"] {
        assert_eq!(
            ask(&watched.request("GET", target, "")).status(),
            Some(401),
            "{target}"
        );
        let wrong = watched.request("GET", target, "Authorization: Bearer wrong\r\n");
        assert_eq!(ask(&wrong).status(), Some(401), "{target}");
    }
    let post = watched.request("POST", "/levers/worker-add", "");
    assert_eq!(ask(&post).status(), Some(401));
    let page = ask(&watched.request("GET", "/", "")).response().unwrap();
    assert_eq!(page.status, 200);
    assert!(!page.text().contains(&watched.token));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    let foreign = watched.request("GET", "/", "Origin: http://evil.example\r\n");
    assert_eq!(ask(&foreign).status(), Some(421));
    let rebound = b"GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n";
    assert_eq!(ask(rebound).status(), Some(421));
}

#[test]
fn the_dashboard_is_replaced_when_it_is_killed_and_ends_with_its_pool() {
    let mut watched = Watched::start("--workers 1");
    let server = &watched.server;
    let beside = || {
        let workers = server.workers();
        let mut beside = children(server.arbiter());
        beside.retain(|pid| !workers.contains(pid));
        beside.first().copied()
    };
    let first = poll(PATIENCE, beside).expect("a process beside the workers");
    server.signal_to(first, Signal::SIGKILL);
    server.wait_for("The dashboard (pid:");
    let page = watched.request("GET", "/", "");
    let answered = poll(PATIENCE, || {
        exchange(&watched.address, &page, SOON).status()
    });
    assert_eq!(answered, Some(200));
    watched.server.signal(Signal::SIGTERM);
    assert_eq!(watched.server.wait_for_end(), Some(0));
    assert_eq!(exchange(&watched.address, &page, SOON).status(), None);
}

#[test]
fn a_dashboard_without_a_control_socket_is_refused() {
    use crate::harness::{Kind, Launch, Stream};
    let ended = Launch::new(Kind::Labrat, "--dashboard 127.0.0.1:0 --no-control-socket").run();
    let said = ended.text(Stream::Error);
    assert!(
        said.contains("--dashboard needs the control socket"),
        "{said}"
    );
}
