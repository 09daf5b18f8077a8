//! The probe server: probes beside the pool, compared with probes through it.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::harness::{
    Address, Ending, Exchange, Kind, Launch, PATIENCE, Server, children, exchange, exists, get,
    poll, request, root, with_probe_server,
};

const PAGE: &str = "docs/probes.md";
/// What Kubernetes gives a probe unless told otherwise.
const PROBE_LIMIT: Duration = Duration::from_secs(1);
/// How many failures in a row make Kubernetes restart a container unless told otherwise.
const THRESHOLD: usize = 3;
/// Pause between two probes here; a platform's is longer, and so is its saturation.
const PERIOD: Duration = Duration::from_millis(250);
const SLOW_REQUESTS: usize = 12;

/// The process that is no worker.
fn pid_of_probe_server(server: &Server) -> u32 {
    let found = poll(PATIENCE, || {
        let workers = server.booted();
        let mut beside = children(server.arbiter());
        beside.retain(|pid| !workers.contains(pid) && exists(*pid));
        beside.first().copied()
    });
    found.expect("the arbiter has a child beside the workers")
}

#[test]
fn the_probe_server_answers_the_probes_and_nothing_else() {
    let (_server, probes) = with_probe_server(Launch::new(Kind::Labrat, "--workers 2"));
    for path in [
        "/health", "/health/", "/startup", "/warmup", "/warmup/", "/ready",
    ] {
        // A pool that has just started is not ready at once.
        let good = poll(PATIENCE, || {
            (get(&probes, path).status() == Some(200)).then_some(())
        });
        assert!(good.is_some(), "{path}");
    }
    for path in ["/", "/fast", "/leak", "/config", "/diag/env"] {
        assert_eq!(get(&probes, path).status(), Some(404), "{path}");
    }
}

#[test]
fn the_probe_server_warms_the_pool_up_and_knows_when_it_is_warm() {
    let launch = Launch::new(Kind::Labrat, "--workers 3").env("LAB_WARMUP_SECONDS", "2");
    let (server, probes) = with_probe_server(launch);
    assert_eq!(get(&probes, "/ready").status(), Some(503));
    let answer = get(&probes, "/warmup");
    assert_eq!(answer.status(), Some(200), "{answer}");
    assert_eq!(get(&probes, "/ready").status(), Some(200));
    assert!(server.get("/fast").took < Duration::from_secs(2));
}

#[test]
fn a_dependency_that_is_away_makes_it_not_ready_and_leaves_it_alive() {
    let launch =
        Launch::new(Kind::Labrat, "--workers 1").env("DATABASE_URL", "sqlite:/nowhere/orders.db");
    let (server, probes) = with_probe_server(launch);
    for address in [&probes, server.address()] {
        let answer = get(address, "/ready").response().expect("an answer");
        assert_eq!(answer.status, 503);
        let body = answer.json().expect("JSON");
        assert_eq!(
            body["checks"]["database"]["error"], "wrong_database",
            "{body}"
        );
        assert_eq!(get(address, "/health").status(), Some(200));
    }
}

#[test]
fn a_probe_server_that_dies_is_replaced_and_one_without_an_arbiter_ends() {
    let (mut server, address) = with_probe_server(Launch::new(Kind::Labrat, "--workers 1"));
    let first = pid_of_probe_server(&server);
    server.signal_to(first, Signal::SIGTERM);
    assert_eq!(
        get(&address, "/health").status(),
        Some(200),
        "signals do not end it"
    );
    server.signal_to(first, Signal::SIGKILL);
    server.wait_for("The probe server");
    // Who comes before the next one is born waits in the probe server's accept queue.
    assert_eq!(get(&address, "/health").status(), Some(200));
    let second = pid_of_probe_server(&server);
    assert_ne!(first, second);
    server.signal(Signal::SIGKILL);
    server.wait_for_end();
    let gone = poll(PATIENCE, || (!exists(second)).then_some(()));
    assert!(gone.is_some());
    assert_eq!(get(&address, "/health").ending, Ending::Refused);
}

#[test]
fn the_probe_server_says_not_ready_for_as_long_as_work_is_in_flight_and_ends_with_it() {
    let (mut server, probes) = with_probe_server(Launch::new(Kind::Labrat, "--workers 1"));
    let address = server.address().clone();
    let held = server.in_flight("/slow?seconds=2");
    server.signal(Signal::SIGTERM);
    let not_ready = poll(PATIENCE, || {
        (get(&probes, "/ready").status() == Some(503)).then_some(())
    });
    assert!(not_ready.is_some());
    assert_eq!(
        get(&probes, "/health").status(),
        Some(200),
        "it drains, it is not dead"
    );
    assert_eq!(held.end(PATIENCE).status(), Some(200));
    assert_eq!(server.wait_for_end(), Some(0));
    for gone in [&probes, &address] {
        assert_eq!(get(gone, "/health").ending, Ending::Refused);
    }
}

#[test]
fn a_saturated_pool_fails_its_probes_through_the_pool_and_none_beside_it() {
    let (server, probes) = with_probe_server(Launch::new(Kind::Labrat, "--workers 2"));
    let server = server.with_workers(2);
    let pool = server.address().clone();
    let (through, beside) = std::thread::scope(|scope| {
        for _ in 0..SLOW_REQUESTS {
            scope.spawn(|| exchange(&pool, &request("GET", "/slow?seconds=1"), PATIENCE));
        }
        server.wait_for_queue(u32::try_from(SLOW_REQUESTS - 2).expect("small"));
        let through = scope.spawn(|| probe(&pool));
        let beside = scope.spawn(|| probe(&probes));
        (
            through.join().expect("no panic"),
            beside.join().expect("no panic"),
        )
    });
    let (through, beside) = (Seen::of(&through), Seen::of(&beside));
    assert!(
        through.failed_in_a_row >= THRESHOLD,
        "the saturation is long enough to be taken for death: {through:?}"
    );
    assert_eq!(beside.failed, 0, "{beside:?}");
    assert!(
        beside.slowest < PROBE_LIMIT / 2,
        "far from its limit: {beside:?}"
    );
    write_or_check(&through, &beside);
}

/// Probe liveness again and again for as long as the slow requests need two workers.
fn probe(address: &Address) -> Vec<Exchange> {
    let saturated = Duration::from_secs(u64::try_from(SLOW_REQUESTS / 2).expect("small"));
    let count = saturated.as_millis() / PERIOD.as_millis();
    let began = Instant::now();
    std::thread::scope(|scope| {
        let probes: Vec<_> = (0..u32::try_from(count).expect("small"))
            .map(|number| {
                let pause = (PERIOD * number).saturating_sub(began.elapsed());
                // Not synchronisation: the platform's clock.
                std::thread::sleep(pause);
                scope.spawn(|| exchange(address, &request("GET", "/health"), PROBE_LIMIT))
            })
            .collect();
        let end = |probe: std::thread::ScopedJoinHandle<'_, Exchange>| probe.join();
        probes
            .into_iter()
            .map(|probe| end(probe).expect("no panic"))
            .collect()
    })
}

/// What a platform would have seen.
#[derive(Debug)]
struct Seen {
    probes: usize,
    failed: usize,
    failed_in_a_row: usize,
    /// Of those that were answered in time.
    median: Option<Duration>,
    slowest: Duration,
}

impl Seen {
    fn of(probes: &[Exchange]) -> Self {
        let is_good = |probe: &&Exchange| probe.status() == Some(200);
        let mut took: Vec<Duration> = probes
            .iter()
            .filter(is_good)
            .map(|probe| probe.took)
            .collect();
        took.sort_unstable();
        let (mut row, mut longest) = (0, 0);
        for probe in probes {
            row = if is_good(&probe) { 0 } else { row + 1 };
            longest = longest.max(row);
        }
        Self {
            probes: probes.len(),
            failed: probes.len() - took.len(),
            failed_in_a_row: longest,
            median: took.get(took.len() / 2).copied(),
            slowest: probes
                .iter()
                .map(|probe| probe.took)
                .max()
                .unwrap_or_default(),
        }
    }

    fn row(&self, name: &str) -> String {
        let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
        let restart = match self.failed_in_a_row >= THRESHOLD {
            true => "restart",
            false => "nothing",
        };
        format!(
            "| {name} | {} | {} | {} | {} | {} | {restart} |\n",
            self.probes,
            self.failed,
            self.failed_in_a_row,
            self.median
                .map_or_else(|| "none answered".to_owned(), milliseconds),
            milliseconds(self.slowest),
        )
    }
}

/// With `LABRAT_UPDATE=1` the page gets this run's figures; else it has to hold such a table.
fn write_or_check(through: &Seen, beside: &Seen) {
    let path = root().join(Path::new(PAGE));
    let page = std::fs::read_to_string(&path).expect("the page");
    let (before, rest) = page
        .split_once("<!-- measured:begin -->\n")
        .expect("a marker");
    let (table, after) = rest.split_once("<!-- measured:end -->").expect("a marker");
    if std::env::var_os("LABRAT_UPDATE").is_none() {
        assert!(table.contains("| through the pool |") && table.contains("| beside it |"));
        return;
    }
    let table = format!(
        "\n| Probes go | sent | failed | in a row | median answer | slowest | a platform with a \
         threshold of {THRESHOLD} does |\n|---|---|---|---|---|---|---|\n{}{}\n",
        through.row("through the pool"),
        beside.row("beside it")
    );
    let page = format!("{before}<!-- measured:begin -->\n{table}<!-- measured:end -->{after}");
    std::fs::write(path, page).expect("the page can be written");
}
