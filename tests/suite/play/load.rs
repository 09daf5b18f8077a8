//! What the load engine sends, and what it says of it.

use std::time::{Duration, Instant};

use labrat::load::{
    Attempt, Client, Event, FailureClass, Group, Phase, PhaseSummary, StopSignal, Target,
    run_phase, stop_pair,
};
use labrat::machine::reserved_port::ReservedPort;
use tokio::sync::mpsc::unbounded_channel;

use super::server::{Reply, Server};

const GENEROUS: Duration = Duration::from_secs(20);

fn client() -> Client {
    Client::new("labrat-test").unwrap()
}

async fn play(url: &str, phase: &Phase, stop: &StopSignal) -> (PhaseSummary, Vec<Attempt>) {
    let (sender, mut receiver) = unbounded_channel();
    let target = Target::parse(url).unwrap();
    let summary = run_phase(&client(), &target, phase, &sender, stop).await;
    drop(sender);
    let mut attempts = Vec::new();
    while let Some(event) = receiver.recv().await {
        if let Event::Ended(attempt) = event {
            attempts.push(attempt);
        }
    }
    (summary, attempts)
}

async fn play_group(url: &str, group: Group) -> Vec<Attempt> {
    let (_handle, stop) = stop_pair();
    let phase = Phase {
        name: "only".into(),
        groups: vec![group],
    };
    play(url, &phase, &stop).await.1
}

async fn outcome(url: &str, limit: Duration) -> Result<u16, FailureClass> {
    let attempts = play_group(url, Group::get("one", "/x", 1, 1, limit)).await;
    assert_eq!(attempts.len(), 1);
    attempts[0].result.clone().map_err(|failure| failure.class)
}

fn ok() -> Reply {
    Reply::Answer(200, "{}".into())
}

#[tokio::test]
async fn counts_are_exact_and_concurrency_is_reached_and_never_exceeded() {
    let server = Server::start(|_, _| Reply::After(Duration::from_millis(20))).await;
    let attempts = play_group(
        &server.url(),
        Group::get("heavy", "/heavy", 50, 10, GENEROUS),
    )
    .await;
    let seen = server.seen("/heavy");
    assert_eq!((seen.requests, seen.most_in_flight), (50, 10));
    assert_eq!(attempts.len(), 50);
    let mut numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.index).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn clients_in_step_wait_for_the_slowest_before_they_send_again() {
    let server = Server::start(|_, number| match number % 10 {
        0 => Reply::After(Duration::from_millis(200)),
        _ => ok(),
    })
    .await;
    let group = Group {
        in_step: true,
        ..Group::get("polls", "/polls", 45, 10, GENEROUS)
    };
    let mut attempts = play_group(&server.url(), group).await;
    attempts.sort_by_key(|attempt| attempt.index);
    assert_eq!(attempts.len(), 45);
    let rounds: Vec<&[Attempt]> = attempts.chunks(10).collect();
    for round in rounds.windows(2) {
        let last_end = round[0]
            .iter()
            .map(|attempt| attempt.started + attempt.total)
            .max();
        let first_start = round[1].iter().map(|attempt| attempt.started).min();
        assert!(last_end <= first_start, "{last_end:?} {first_start:?}");
    }
}

#[tokio::test]
async fn every_request_has_a_connection_of_its_own() {
    let server = Server::start(|_, _| ok()).await;
    play_group(&server.url(), Group::get("leak", "/leak", 25, 1, GENEROUS)).await;
    assert_eq!(server.seen("/leak").most_in_flight, 1);
    assert_eq!(server.journal.lock().connections, 25);
}

#[tokio::test]
async fn two_groups_run_at_the_same_time() {
    let server = Server::start(|path, _| match path {
        "/slow" => Reply::After(Duration::from_secs(3)),
        _ => ok(),
    })
    .await;
    let phase = Phase {
        name: "burst".into(),
        groups: vec![
            Group::get("slow", "/slow", 20, 20, GENEROUS),
            Group::get("fast", "/fast", 10, 1, GENEROUS),
        ],
    };
    let (_handle, stop) = stop_pair();
    let (summary, attempts) = play(&server.url(), &phase, &stop).await;
    assert_eq!(
        summary,
        PhaseSummary {
            sent: 30,
            ended: 30,
            stopped: false
        }
    );
    assert_eq!(server.seen("/slow").most_in_flight, 20);
    assert_eq!(server.seen("/fast").most_in_flight, 1);
    let first_slow = attempts
        .iter()
        .position(|attempt| &*attempt.group == "slow");
    let last_fast = attempts
        .iter()
        .rposition(|attempt| &*attempt.group == "fast");
    assert!(
        last_fast < first_slow,
        "the fast group waited for the slow one"
    );
}

#[tokio::test]
async fn a_client_that_gives_up_closes_its_socket_and_is_a_timeout() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let begun = Instant::now();
    let attempts = play_group(
        &server.url(),
        Group::get("slow", "/slow", 3, 3, Duration::from_millis(150)),
    )
    .await;
    assert!(begun.elapsed() < Duration::from_secs(5));
    for attempt in &attempts {
        let class = attempt.result.as_ref().unwrap_err().class;
        assert_eq!(class, FailureClass::Timeout);
        assert!(attempt.total >= Duration::from_millis(150));
        assert_eq!(attempt.first_byte, None);
    }
    let seen = server.wait_until("/slow", |seen| seen.gave_up == 3).await;
    assert_eq!((seen.gave_up, seen.in_flight), (3, 0));
}

#[tokio::test]
async fn a_stalled_body_is_a_timeout_although_its_head_said_200() {
    let server = Server::start(|_, _| Reply::Stall).await;
    let attempts = play_group(
        &server.url(),
        Group::get("slow", "/slow", 1, 1, Duration::from_millis(1500)),
    )
    .await;
    assert_eq!(
        attempts[0].result.as_ref().unwrap_err().class,
        FailureClass::Timeout
    );
    assert!(attempts[0].first_byte.is_some());
}

#[tokio::test]
async fn every_status_is_an_answer_and_no_failure() {
    for status in [200, 204, 404, 499, 500, 503, 507] {
        let server = Server::start(move |_, _| Reply::Answer(status, String::new())).await;
        assert_eq!(outcome(&server.url(), GENEROUS).await, Ok(status));
    }
}

#[tokio::test]
async fn a_close_a_reset_a_cut_body_and_an_answer_that_is_not_http_have_their_classes() {
    let cases: [(fn() -> Reply, FailureClass); 4] = [
        (|| Reply::Close, FailureClass::Closed),
        (|| Reply::Reset, FailureClass::Reset),
        (|| Reply::Truncate, FailureClass::Closed),
        (
            || Reply::Raw("SSH-2.0-OpenSSH_9.6\r\n\r\n"),
            FailureClass::Other,
        ),
    ];
    for (reply, class) in cases {
        let server = Server::start(move |_, _| reply()).await;
        assert_eq!(outcome(&server.url(), GENEROUS).await, Err(class));
    }
}

#[tokio::test]
async fn a_port_without_a_listener_is_refused_and_an_unknown_name_is_dns() {
    let reserved = ReservedPort::choose().unwrap();
    let free = reserved.address();
    let url = format!("http://{free}");
    assert_eq!(outcome(&url, GENEROUS).await, Err(FailureClass::Refused));
    // The top-level name `invalid` never resolves (RFC 2606).
    let url = "http://labrat.invalid";
    assert_eq!(outcome(url, GENEROUS).await, Err(FailureClass::Dns));
}

#[tokio::test]
async fn pace_multiplies_the_durations_and_leaves_the_counts() {
    let mut group = Group::get("slow", "/slow", 20, 20, Duration::from_secs(45));
    group.interval = Duration::from_secs(2);
    group.delay = Duration::from_secs(1);
    let phase = Phase {
        name: "burst".into(),
        groups: vec![group],
    };
    let fast = phase.paced(0.1);
    let group = &fast.groups[0];
    assert_eq!((group.count, group.concurrency), (20, 20));
    assert_eq!(group.limit, Duration::from_millis(4500));
    assert_eq!(group.interval, Duration::from_millis(200));
    assert_eq!(group.delay, Duration::from_millis(100));
    assert_eq!(phase.paced(1.0), phase);
    assert_eq!(phase.paced(f64::NAN), phase);
    assert_eq!(phase.paced(-1.0), phase);
}

#[tokio::test]
async fn a_limit_that_was_paced_is_the_limit_that_the_client_keeps() {
    let server = Server::start(|_, _| Reply::Silence).await;
    let group = Group::get("slow", "/slow", 1, 1, Duration::from_secs(45));
    let phase = Phase {
        name: "burst".into(),
        groups: vec![group],
    };
    let (_handle, stop) = stop_pair();
    let (_, attempts) = play(&server.url(), &phase.paced(0.01), &stop).await;
    assert!(attempts[0].total >= Duration::from_millis(450));
    assert!(attempts[0].total < Duration::from_secs(10));
}

#[tokio::test]
async fn probes_end_with_the_first_wanted_status() {
    let server = Server::start(|_, before| match before {
        0..=2 => Reply::Answer(503, String::new()),
        _ => ok(),
    })
    .await;
    let mut probes = Group::get("probe", "/health", 30, 1, GENEROUS);
    probes.until_status = Some(200);
    probes.interval = Duration::from_millis(10);
    let attempts = play_group(&server.url(), probes).await;
    let statuses: Vec<u16> = attempts
        .iter()
        .map(|attempt| *attempt.result.as_ref().unwrap())
        .collect();
    assert_eq!(statuses, [503, 503, 503, 200]);
    assert_eq!(server.seen("/health").requests, 4);
}

#[tokio::test]
async fn a_stop_closes_what_is_in_flight_and_keeps_what_ended() {
    let server = Server::start(|_, before| match before {
        0..=4 => ok(),
        _ => Reply::Silence,
    })
    .await;
    let (handle, stop) = stop_pair();
    let phase = Phase {
        name: "burst".into(),
        groups: vec![Group::get("slow", "/slow", 40, 2, GENEROUS)],
    };
    let url = server.url();
    let (played, ()) = tokio::join!(play(&url, &phase, &stop), async {
        server.wait_until("/slow", |seen| seen.in_flight == 2).await;
        handle.stop();
    });
    let (summary, attempts) = played;
    assert_eq!(
        summary,
        PhaseSummary {
            sent: 7,
            ended: 5,
            stopped: true
        }
    );
    assert_eq!(attempts.len(), 5);
    let seen = server.wait_until("/slow", |seen| seen.in_flight == 0).await;
    assert_eq!(seen.gave_up, 2);
}

#[tokio::test]
async fn requests_name_the_host_and_the_agent_and_keep_a_base_path() {
    let server = Server::start(|_, _| ok()).await;
    let url = format!("{}/base/", server.url());
    play_group(&url, Group::get("one", "/leak?blocks=2", 1, 1, GENEROUS)).await;
    let head = server.journal.lock().heads[0].clone();
    assert!(
        head.starts_with("GET /base/leak?blocks=2 HTTP/1.1\r\n"),
        "{head}"
    );
    let lower = head.to_lowercase();
    assert!(
        lower.contains(&format!("host: {}\r\n", server.address)),
        "{head}"
    );
    assert!(lower.contains("user-agent: labrat-test\r\n"), "{head}");
}

#[tokio::test]
async fn bodies_of_every_framing_are_read_to_their_end_or_told_as_cut() {
    let cases: [(&'static str, Result<u16, FailureClass>); 5] = [
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            Ok(200),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
            Err(FailureClass::Closed),
        ),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end", Ok(200)),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
            Ok(503),
        ),
        ("HTTP/1.1 200", Err(FailureClass::Closed)),
    ];
    for (text, expected) in cases {
        let server = Server::start(move |_, _| Reply::Raw(text)).await;
        assert_eq!(outcome(&server.url(), GENEROUS).await, expected, "{text:?}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_not_read_to_its_end() {
    let server = Server::start(|_, _| Reply::Answer(200, "x".repeat(9 * 1024 * 1024))).await;
    let found = outcome(&server.url(), GENEROUS).await;
    assert_eq!(found, Err(FailureClass::Other));
}
