//! Chaos: random signals, kills, aborted, malformed and slow clients against a pool under load.
//!
//! Whatever happens in between, the pool is whole again at the end, no answer that began was lost
//! half-way, no zombie stays, and nobody holds more descriptors than before.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{
    Address, Connection, Exchange, Kind, Launch, PATIENCE, Server, children, descriptors, exchange,
    exists, poll, request, state,
};

/// Workers at the beginning and, by TTIN and TTOU, within these bounds in between.
const WORKERS: usize = 4;
const FEWEST: usize = 2;
const MOST: usize = 6;

/// How long, in seconds: `LABRAT_CHAOS_SECONDS`, else ten.
fn duration() -> Duration {
    let told = std::env::var("LABRAT_CHAOS_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    Duration::from_secs(told.unwrap_or(10))
}

/// The seed: `LABRAT_CHAOS_SEED`, else a new one. The order in which processes run stays the
/// kernel's, so the same seed gives the same blows, not the same moment for each.
fn seed() -> u64 {
    let told = std::env::var("LABRAT_CHAOS_SEED").ok();
    told.and_then(|text| text.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..))
}

/// What happened to the clients.
#[derive(Debug, Default)]
struct Tally {
    answered: AtomicUsize,
    without_answer: AtomicUsize,
    torn: AtomicUsize,
}

impl Tally {
    /// Count an exchange whose client waited to the end; the answer that was lost half-way.
    fn count(&self, exchange: &Exchange) -> Option<String> {
        if exchange.bytes.is_empty() {
            self.without_answer.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        match exchange.response() {
            Some(response) if response.is_complete() => {
                self.answered.fetch_add(1, Ordering::Relaxed);
                None
            }
            _ => {
                self.torn.fetch_add(1, Ordering::Relaxed);
                Some(String::from_utf8_lossy(&exchange.bytes).into_owned())
            }
        }
    }
}

/// A client that behaves, or one of those that do not.
fn client(address: &Address, random: &mut fastrand::Rng, tally: &Tally) -> Option<String> {
    match random.u8(0..12) {
        0..=4 => tally.count(&exchange(address, &request("GET", "/health"), PATIENCE)),
        5 => tally.count(&exchange(address, &request("GET", "/diag/stats"), PATIENCE)),
        6 => {
            let target = format!("/slow?seconds=0.{}", random.u8(1..5));
            tally.count(&exchange(address, &request("GET", &target), PATIENCE))
        }
        7 => tally.count(&exchange(address, b"garbage\r\n\r\n", PATIENCE)),
        8 => {
            // Leaves before the answer, in order or not.
            let mut connection = Connection::open_within(address, PATIENCE).ok()?;
            connection.send(&request("GET", "/slow?seconds=0.2"));
            if random.bool() {
                connection.abort();
            }
            None
        }
        9 => {
            // Says nothing, or half of something, and leaves.
            let mut connection = Connection::open_within(address, PATIENCE).ok()?;
            if random.bool() {
                connection.send(b"GET /health HT");
            }
            connection.read_until(Duration::from_millis(random.u64(1..300)), |_| false);
            None
        }
        10 => {
            // Trickles its request.
            let mut connection = Connection::open_within(address, PATIENCE).ok()?;
            for part in request("GET", "/fast").chunks(9) {
                connection.send(part);
                connection.read_until(Duration::from_millis(10), |bytes| !bytes.is_empty());
            }
            tally.count(&connection.end(PATIENCE))
        }
        _ => {
            let flood = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(30_000));
            // The answer to what nobody reads to its end may be lost in the reset.
            exchange(address, flood.as_bytes(), PATIENCE);
            None
        }
    }
}

/// One blow to the pool. `wanted` is about the number of workers that it should have: two equal
/// signals may reach the arbiter as one.
fn blow(server: &Server, random: &mut fastrand::Rng, wanted: &mut usize) {
    // A worker may be gone by the time the signal is sent: that is chaos, too.
    let hit = |pid: u32, signal| {
        let _ = kill(
            Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX)),
            signal,
        );
    };
    let workers: Vec<u32> = children(server.arbiter())
        .into_iter()
        .filter(|pid| exists(*pid))
        .collect();
    let victim = random.choice(&workers).copied();
    match (random.u8(0..10), victim) {
        (0, _) => {
            server.signal(Signal::SIGHUP);
            *wanted = WORKERS;
        }
        (1, _) if *wanted < MOST => {
            server.signal(Signal::SIGTTIN);
            *wanted += 1;
        }
        (2, _) if *wanted > FEWEST => {
            server.signal(Signal::SIGTTOU);
            *wanted -= 1;
        }
        (3, _) => server.signal(Signal::SIGUSR1),
        (4 | 5, Some(pid)) => hit(pid, Signal::SIGKILL),
        (6, Some(pid)) => hit(pid, Signal::SIGABRT),
        (7, Some(pid)) => hit(pid, Signal::SIGTERM),
        (8, Some(pid)) => hit(pid, Signal::SIGQUIT),
        (9, Some(pid)) => hit(pid, Signal::SIGSTOP),
        _ => {}
    }
}

/// Wait until exactly so many children are left, all of them workers that answer to nothing else.
fn settle(server: &Server, wanted: usize) -> Vec<u32> {
    let mut calm_since = None;
    let settled = poll(PATIENCE, || {
        let pids = children(server.arbiter());
        let whole = pids.len() == wanted && pids.iter().all(|pid| exists(*pid));
        let since = whole.then(|| *calm_since.get_or_insert_with(Instant::now));
        if !whole {
            calm_since = None;
        }
        (since?.elapsed() > Duration::from_secs(1)).then_some(pids)
    });
    match settled {
        Some(pids) => pids,
        None => {
            let found: Vec<_> = children(server.arbiter())
                .into_iter()
                .map(|pid| (pid, state(pid)))
                .collect();
            server.fail(&format!("{wanted} workers are wanted, there are {found:?}"))
        }
    }
}

/// Everything that is done to the pool while clients ask it; the answers that were torn.
fn blows_and_clients(server: &Server, random: &mut fastrand::Rng, tally: &Tally) -> Vec<String> {
    let over = AtomicBool::new(false);
    let mut wanted = WORKERS;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|_| {
                let mut random = fastrand::Rng::with_seed(random.u64(..));
                let (address, tally, over) = (server.address(), tally, &over);
                scope.spawn(move || {
                    let mut torn = Vec::new();
                    while !over.load(Ordering::Relaxed) {
                        torn.extend(client(address, &mut random, tally));
                    }
                    torn
                })
            })
            .collect();
        let end = Instant::now() + duration();
        while Instant::now() < end {
            blow(server, random, &mut wanted);
            std::thread::sleep(Duration::from_millis(random.u64(20..200)));
        }
        over.store(true, Ordering::Relaxed);
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    })
}

#[test]
fn a_pool_survives_whatever_is_done_to_it() {
    if crate::harness::peer() == Kind::Gunicorn {
        return;
    }
    let seed = seed();
    eprintln!("LABRAT_CHAOS_SEED={seed}");
    let server = Launch::new(Kind::Labrat, "--timeout 2 --graceful-timeout 2")
        .argument(format!("--workers={WORKERS}"))
        .start()
        .with_workers(WORKERS);
    let mut random = fastrand::Rng::with_seed(seed);
    // One of each before the count: what is opened once, for good, is no leak.
    server.signal(Signal::SIGUSR1);
    server.signal(Signal::SIGHUP);
    server.wait_for_count(2 * WORKERS, "Booting worker");
    let before = settle(&server, WORKERS);
    let fresh = before.iter().filter_map(|pid| descriptors(*pid)).max();
    let arbiter_before = descriptors(server.arbiter());

    let tally = Tally::default();
    let torn = blows_and_clients(&server, &mut random, &tally);
    eprintln!("{tally:?}, {} workers booted", server.booted().len());

    // A reload brings back the number of workers that was told at the start.
    server.signal(Signal::SIGHUP);
    let workers = settle(&server, WORKERS);
    let mut hung = workers.iter().filter(|pid| state(**pid) == Some('T'));
    assert_eq!(hung.next(), None, "seed {seed}: a stopped worker stays");
    for _ in 0..20 {
        assert_eq!(server.get("/health").status(), Some(200), "seed {seed}");
    }
    assert!(
        torn.is_empty(),
        "seed {seed}: answers lost half-way: {torn:#?}"
    );
    assert!(
        tally.answered.load(Ordering::Relaxed) > 20,
        "seed {seed}: {tally:?}"
    );

    assert_eq!(
        descriptors(server.arbiter()),
        arbiter_before,
        "seed {seed}: the arbiter's"
    );
    let counts: Vec<_> = workers.iter().map(|pid| descriptors(*pid)).collect();
    // A worker holds at most what a fresh one held, and one connection that may still be open.
    let most = fresh.map(|count| count + 1);
    assert!(
        counts.iter().all(|count| *count <= most),
        "seed {seed}: {counts:?}, {most:?}"
    );
}
