//! Queueing: more slow requests than workers, clients that give up, a full accept queue.

use std::time::{Duration, Instant};

use crate::harness::{
    Address, Connection, Ending, Exchange, Kind, Launch, PATIENCE, WARM_UP, both, exchange,
    in_parallel, oracle, poll, request, skip_unless,
};

/// The seconds of 20 slow requests: the lab's 5 to 15, a twentieth as long, so that both servers
/// have the same work. They come in a fixed order, 20 ms apart.
const SLOW: [u32; 20] = [
    300, 700, 450, 250, 600, 350, 500, 750, 400, 550, 650, 300, 250, 700, 500, 450, 600, 350, 750,
    400,
];

/// Start one client after the other, `gap` apart, each with its own patience; their outcomes.
fn in_order(address: &Address, targets: &[(String, Duration)], gap: Duration) -> Vec<Exchange> {
    let began = Instant::now();
    let numbered: Vec<_> = (0..).zip(targets).collect();
    in_parallel(&numbered, |(position, (target, patience))| {
        let start = began + gap * *position;
        std::thread::sleep(start.saturating_duration_since(Instant::now()));
        exchange(address, &request("GET", target), *patience)
    })
}

/// 20 slow requests, and 10 fast ones behind them.
fn load(patience: Duration) -> Vec<(String, Duration)> {
    let slow = SLOW
        .iter()
        .map(|milliseconds| format!("/slow?seconds={}", f64::from(*milliseconds) / 1000.0));
    let fast = (0..10).map(|_| "/fast".to_owned());
    slow.chain(fast).map(|target| (target, patience)).collect()
}

fn sorted_seconds(exchanges: &[Exchange]) -> Vec<f64> {
    let mut seconds: Vec<f64> = exchanges
        .iter()
        .map(|exchange| exchange.took.as_secs_f64())
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds
}

#[test]
fn latencies_of_a_saturated_pool_agree_rank_by_rank() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 2").start().with_workers(2);
        let targets = load(PATIENCE);
        let exchanges = in_order(server.address(), &targets, Duration::from_millis(20));
        let statuses: Vec<_> = exchanges.iter().map(Exchange::status).collect();
        (statuses, sorted_seconds(&exchanges))
    };
    let (expected, actual) = both(run);
    assert_eq!(expected.0, actual.0);
    assert!(expected.0.iter().all(|status| *status == Some(200)));
    let mut ratios: Vec<f64> = actual
        .1
        .iter()
        .zip(&expected.1)
        .map(|(labrat, gunicorn)| labrat / gunicorn)
        .collect();
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    let figures = format!(
        "median ratio {median:.3}\nGunicorn {:.3?}\nlabrat   {:.3?}",
        expected.1, actual.1
    );
    eprintln!("{figures}");
    assert!((0.9..1.1).contains(&median), "{figures}");
    assert!((0.7..1.4).contains(&ratios[0]), "{figures}");
    assert!((0.7..1.4).contains(&ratios[ratios.len() - 1]), "{figures}");
}

#[test]
fn what_clients_have_given_up_is_still_executed_and_takes_its_time() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 2 --access-logfile -")
            .start()
            .with_workers(2);
        let mark = server.mark();
        let targets = load(Duration::from_millis(100));
        let exchanges = in_order(server.address(), &targets, Duration::from_millis(5));
        let gone = Instant::now();
        let answered = exchanges
            .iter()
            .filter(|exchange| exchange.status().is_some())
            .count();
        let drained = |server: &crate::harness::Server| {
            let lines = server.lines();
            // Its row may come after the answer that was waited for.
            let asked = |text: &str| !text.contains(WARM_UP);
            let count = |words: &str| {
                lines[mark..]
                    .iter()
                    .filter(|line| line.text.contains(words) && asked(&line.text))
                    .count()
            };
            let all = (count("GET /slow"), count("GET /fast"), count(" 200 "));
            (all.0 == 20 && all.1 == 10).then_some(all)
        };
        let Some(counts) = poll(PATIENCE, || drained(&server)) else {
            server.fail("not everything that was asked is executed");
        };
        (answered, counts, gone.elapsed().as_secs_f64())
    };
    let (expected, actual) = both(run);
    assert_eq!((expected.0, expected.1), (actual.0, actual.1));
    assert_eq!(expected.0, 0);
    let ratio = actual.2 / expected.2;
    eprintln!(
        "drained after {:.2} and {:.2} s, ratio {ratio:.3}",
        expected.2, actual.2
    );
    assert!(
        (0.85..1.15).contains(&ratio),
        "{} and {} s",
        expected.2,
        actual.2
    );
}

#[test]
fn a_full_accept_queue_delays_connects_and_refuses_none() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind: Kind| {
        let server = Launch::new(kind, "--workers 1 --backlog 8").start().ready();
        let held = server.in_flight("/slow?seconds=3");
        let clients = vec![server.address().clone(); 30];
        let within = Duration::from_millis(600);
        let connections: Vec<Result<Connection, Exchange>> =
            in_parallel(&clients, |address| Connection::open_within(address, within));
        let stood = connections
            .iter()
            .filter(|connection| connection.is_ok())
            .count();
        let endings: Vec<Ending> = connections
            .iter()
            .filter_map(|connection| Some(connection.as_ref().err()?.ending))
            .collect();
        let refused = endings.iter().any(|ending| *ending != Ending::GaveUp);
        let waiting = crate::harness::accept_queue(server.address());
        // Two handshakes that end at the same moment on two processors may both find the last place.
        assert!(matches!(waiting, Some(9 | 10)), "{kind:?}: {waiting:?}");
        drop(connections);
        assert_eq!(held.end(PATIENCE).status(), Some(200));
        assert_eq!(server.get("/health").status(), Some(200));
        (stood, endings.len(), refused)
    };
    let (expected, actual) = both(run);
    // The queue takes one more than its length; the kernel may let one or two more stand on the
    // client's side alone.
    assert!(
        expected.0.abs_diff(actual.0) <= 2,
        "{expected:?} {actual:?}"
    );
    for (stood, waited, refused) in [expected, actual] {
        assert!((9..=13).contains(&stood), "{stood} of 30 stood");
        assert!(waited > 15 && !refused);
    }
}
