//! Requests for a site that is not up, rows at a stop and on a full disk.

use std::sync::Arc;
use std::time::Duration;

use labrat::host::front_end::Routing;
use labrat::timeline::Feed;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::own_site::{Front, LIMIT, OwnSite, read_head};
use super::{PATIENCE, get, head, until};

/// How long a start takes here.
const START: Duration = Duration::from_millis(120);

async fn answering_site() -> OwnSite {
    OwnSite::start(|mut stream, _| async move {
        read_head(&mut stream).await;
        let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
        // The client may be gone.
        let _ = stream.write_all(answer).await;
    })
    .await
}

#[tokio::test]
async fn a_request_waits_while_the_site_starts_and_is_answered_when_it_is_up() {
    let site = answering_site().await;
    let front = Front::start(Routing::Starting, LIMIT).await;
    let address = front.address();
    let asked = tokio::spawn(async move { get(address, "/").await.status });
    front.held(1).await;
    tokio::time::sleep(START).await;
    assert!(!asked.is_finished() && front.rows().is_empty());
    front.routing.send_replace(site.routing());
    assert_eq!(asked.await.unwrap(), 200);
    let row = front.row().await;
    assert!(row.time_taken.unwrap() >= 100, "{row:?}");
}

#[tokio::test]
async fn a_request_that_waits_for_a_start_that_fails_gets_the_error_page_with_503() {
    let front = Front::start(Routing::Starting, LIMIT).await;
    let address = front.address();
    let asked = tokio::spawn(async move { get(address, "/").await });
    front.held(1).await;
    front.routing.send_replace(Routing::Down { start: 1 });
    let reply = asked.await.unwrap();
    assert_eq!(reply.status, 503);
    assert!(
        reply.body.contains(":( Application Error"),
        "{}",
        reply.body
    );
    assert_eq!(front.row().await.sc_status, Some(503));
}

#[tokio::test]
async fn a_request_for_a_site_whose_start_has_failed_asks_for_another_and_waits_for_it() {
    let site = answering_site().await;
    let front = Front::start(Routing::Down { start: 1 }, LIMIT).await;
    let address = front.address();
    let asked = tokio::spawn(async move { get(address, "/").await.status });
    let wanted = tokio::time::timeout(PATIENCE, front.wake.notified()).await;
    wanted.expect("a start is asked for");
    front.routing.send_replace(Routing::Starting);
    front.routing.send_replace(site.routing());
    assert_eq!(asked.await.unwrap(), 200);
}

#[tokio::test]
async fn a_request_that_waits_longer_than_the_limit_gets_503() {
    let front = Front::start(Routing::Starting, Duration::from_millis(150)).await;
    assert_eq!(get(front.address(), "/").await.status, 503);
    assert!(front.row().await.time_taken.unwrap() >= 145);
}

#[tokio::test]
async fn a_site_that_is_stopped_is_a_403_and_one_blocked_or_not_ready_a_503_at_once() {
    for (routing, status) in [
        (Routing::Stopped, 403),
        (Routing::Blocked, 503),
        (Routing::NotReady(None), 503),
    ] {
        let front = Front::start(routing.clone(), LIMIT).await;
        assert_eq!(
            get(front.address(), "/").await.status,
            status,
            "{routing:?}"
        );
        let row = front.row().await;
        assert!(row.time_taken.unwrap() < 5_000, "{row:?}");
    }
}

#[tokio::test]
async fn clients_that_leave_while_the_site_starts_have_their_rows_when_it_is_up_with_the_whole_wait()
 {
    let site = answering_site().await;
    let front = Front::start(Routing::Starting, LIMIT).await;
    for _ in 0..3 {
        let mut client = TcpStream::connect(front.address()).await.unwrap();
        client
            .write_all(head("GET", "/early").as_bytes())
            .await
            .unwrap();
        front.held(1).await;
        drop(client);
        front.held(0).await;
        tokio::time::sleep(START).await;
    }
    assert_eq!(front.rows().len(), 0);
    front.routing.send_replace(site.routing());
    let rows = until("three rows", || {
        let rows = front.rows();
        (rows.len() == 3).then_some(rows)
    })
    .await;
    let mut waits: Vec<i64> = rows.iter().filter_map(|row| row.time_taken).collect();
    waits.sort_unstable();
    assert!(rows.iter().all(|row| row.sc_status == Some(499)));
    assert!(waits[0] >= 100 && waits[2] >= 300, "{waits:?}");
    assert!(waits[2] - waits[0] >= 200, "{waits:?}");
}

#[tokio::test]
async fn a_request_in_flight_has_its_row_when_the_front_end_has_stopped() {
    let site = OwnSite::start(|mut stream, _| async move {
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let front = Front::start(site.routing(), LIMIT).await;
    let address = front.address();
    let asked = tokio::spawn(async move { get(address, "/").await.status });
    until("the site has it", || {
        (site.connections() == 1).then_some(())
    })
    .await;
    front.front_end.stop().await;
    assert_eq!(front.rows().len(), 1);
    assert_eq!(front.rows()[0].sc_status, Some(503));
    assert_eq!(asked.await.unwrap(), 0, "the client has no answer");
}

#[tokio::test]
async fn a_full_disk_is_said_once_and_serving_goes_on() {
    let site = answering_site().await;
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join("http.jsonl")).unwrap();
    let front = Front::in_folder(folder, site.routing(), LIMIT).await;
    for _ in 0..5 {
        assert_eq!(get(front.address(), "/").await.status, 200);
    }
    front.front_end.stop().await;
    let said = front.said.lock().clone();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("http.jsonl") && said[0].contains("serving goes on"));
    assert_eq!(front.journal.close(), 5);
    assert!(front.said.lock()[1].contains("5 rows are lost"));
}

/// The events of a front end, as they lie in the stream.
fn told(feed: &Feed) -> Vec<serde_json::Value> {
    let (lines, _) = feed.since(0);
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn who_is_held_and_who_is_let_go_and_who_gets_no_answer_is_told_with_the_number_held() {
    let site = answering_site().await;
    let front = Front::start(Routing::Starting, LIMIT).await;
    let feed = Arc::new(Feed::default());
    front.journal.show_platform_in(Arc::clone(&feed));
    let address = front.address();
    let asked = tokio::spawn(async move { get(address, "/first?password=hunter2").await.status });
    front.held(1).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = head("GET", "/second");
    client.write_all(request.as_bytes()).await.unwrap();
    front.held(2).await;
    drop(client);
    front.held(1).await;
    front.routing.send_replace(site.routing());
    assert_eq!(asked.await.unwrap(), 200);
    front.routing.send_replace(Routing::Stopped);
    assert_eq!(get(address, "/third").await.status, 403);
    let events = told(&feed);
    let brief: Vec<_> = events
        .iter()
        .map(|event| {
            let number = |name: &str| event[name].as_u64();
            let kind = event["kind"].as_str().unwrap();
            (kind, number("number"), number("status"), number("holding"))
        })
        .collect();
    assert_eq!(
        brief,
        [
            ("held", Some(1), None, Some(1)),
            ("held", Some(2), None, Some(2)),
            ("unanswered", Some(2), Some(499), Some(1)),
            ("released", Some(1), None, Some(0)),
            ("unanswered", None, Some(403), Some(0)),
        ],
        "{events:#?}"
    );
    assert_eq!(events[0]["text"], "GET /first");
    assert_eq!(events[2]["why"], "client-left");
    assert!(events.iter().all(|event| event["slot"] == "production"));
}

#[tokio::test]
async fn a_request_at_the_front_ends_limit_is_told() {
    let silent = OwnSite::start(|mut stream, _| async move {
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let front = Front::start(silent.routing(), Duration::from_millis(150)).await;
    let feed = Arc::new(Feed::default());
    front.journal.show_platform_in(Arc::clone(&feed));
    assert_eq!(get(front.address(), "/slow").await.status, 504);
    let events = told(&feed);
    assert_eq!(events.len(), 1, "{events:#?}");
    let event = &events[0];
    assert_eq!(
        (&event["why"], &event["status"]),
        (&"limit".into(), &504.into())
    );
    assert!(event["took"].as_f64().unwrap() >= 0.145, "{event}");
}

#[tokio::test]
async fn events_beyond_the_bound_are_counted_and_the_number_held_stays_right() {
    const CLIENTS: usize = 150;
    let site = answering_site().await;
    let front = Front::start(Routing::Starting, LIMIT).await;
    let feed = Arc::new(Feed::default());
    front.journal.show_platform_in(Arc::clone(&feed));
    let address = front.address();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(async move { get(address, "/").await.status }))
        .collect();
    front.held(CLIENTS).await;
    front.routing.send_replace(site.routing());
    for client in clients {
        assert_eq!(client.await.unwrap(), 200);
    }
    let events = until("what was not told", || {
        let events = told(&feed);
        let told = events.iter().filter(|event| event["kind"] != "untold");
        let untold = events.iter().filter_map(|event| event["count"].as_u64());
        let all = told.count() as u64 + untold.sum::<u64>();
        (all == 2 * CLIENTS as u64).then_some(events)
    })
    .await;
    assert!(events.iter().any(|event| event["kind"] == "untold"));
    assert_eq!(events.last().unwrap()["holding"], 0, "{events:#?}");
}
