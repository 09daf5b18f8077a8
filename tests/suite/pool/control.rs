//! The control socket: an arbiter that answers while every worker is busy.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Connection, Kind, Launch, PATIENCE, Server, poll, request};

struct Pool {
    server: Server,
    socket: PathBuf,
    _folder: tempfile::TempDir,
}

impl Pool {
    fn start(arguments: &str) -> Self {
        Self::started(arguments, |launch| launch)
    }

    fn started(arguments: &str, change: impl FnOnce(Launch) -> Launch) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("private").join("labrat.ctl");
        let launch = Launch::new(Kind::Labrat, arguments)
            .with_control_socket()
            .argument(format!("--control-socket={}", socket.display()));
        let server = change(launch).start();
        server.wait_for("Control socket listening at");
        Self {
            server,
            socket,
            _folder: folder,
        }
    }

    fn ctl(&self, words: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_labrat"))
            .args(["ctl", "--socket"])
            .arg(&self.socket)
            .arg("--json")
            .args(words.split(' '))
            .output()
            .unwrap()
    }

    fn data(&self, words: &str) -> Value {
        let output = self.ctl(words);
        assert!(output.status.success(), "{words}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn workers(&self) -> Vec<Value> {
        self.data("show workers")["workers"]
            .as_array()
            .unwrap()
            .clone()
    }

    fn wait_for_workers(&self, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        poll(PATIENCE, || {
            let workers = self.workers();
            wanted(&workers).then_some(workers)
        })
        .unwrap_or_else(|| self.server.fail("the workers never became as wanted"))
    }
}

#[test]
fn it_shows_what_every_worker_does_while_all_of_them_are_busy() {
    let pool = Pool::start("--workers=2");
    let mut clients: Vec<Connection> = (0..5)
        .map(|_| {
            let mut client = Connection::open(pool.server.address());
            client.send(&request("GET", "/slow?seconds=20"));
            client
        })
        .collect();
    let workers = pool.wait_for_workers(|workers| {
        workers.len() == 2 && workers.iter().all(|worker| worker["state"] == "busy")
    });
    for worker in &workers {
        assert_eq!(worker["request"], "GET /slow?seconds=20");
        assert_eq!(worker["in_flight"], 1);
    }
    let queued = poll(PATIENCE, || {
        let listeners = pool.data("show listeners");
        (listeners["listeners"][0]["waiting"] == 3).then_some(())
    });
    assert!(
        queued.is_some(),
        "three clients wait in the kernel's accept queue"
    );
    // The undo of every fault lets the slow requests answer at once.
    pool.data("reset");
    for client in clients.drain(..2) {
        let answer = client.end(Duration::from_secs(60));
        assert_eq!(answer.status(), Some(200));
    }
}

#[test]
fn a_reset_gives_the_leaked_memory_of_every_worker_back() {
    let pool = Pool::start("--workers=2");
    poll(PATIENCE, || {
        pool.server.get("/leak");
        pool.workers()
            .iter()
            .all(|worker| worker["leak_blocks"].as_u64() > Some(0))
            .then_some(())
    })
    .expect("both workers leak");
    let resident = |worker: &Value| {
        let pid = u32::try_from(worker["pid"].as_u64().unwrap()).unwrap();
        crate::harness::resident_kilobytes(pid).unwrap()
    };
    let before: Vec<u64> = pool.workers().iter().map(resident).collect();
    pool.data("reset");
    let workers =
        pool.wait_for_workers(|workers| workers.iter().all(|worker| worker["leak_blocks"] == 0));
    for (worker, before) in workers.iter().zip(before) {
        let after = resident(worker);
        assert!(
            before > after + 15_000,
            "a block is 17 MB: {before} kB, then {after} kB"
        );
    }
}

#[test]
fn workers_are_added_removed_and_killed_and_the_pool_stays_whole() {
    let pool = Pool::start("--workers=1");
    assert_eq!(pool.data("worker add 2")["total"], 3);
    let workers = pool.wait_for_workers(|workers| workers.len() == 3);
    let oldest = workers[0]["pid"].clone();
    pool.data("worker remove");
    let left = pool.wait_for_workers(|workers| workers.len() == 2);
    assert!(
        left.iter().all(|worker| worker["pid"] != oldest),
        "the oldest leaves first"
    );
    let victim = left[0]["pid"].clone();
    pool.data(&format!("worker kill {victim}"));
    let whole = pool.wait_for_workers(|workers| {
        workers.len() == 2 && workers.iter().all(|worker| worker["pid"] != victim)
    });
    assert_eq!(whole.len(), 2);
    let refused = pool.ctl("worker kill 1");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is no worker of this pool"));
}

#[test]
fn reload_replaces_the_workers_and_shutdown_ends_the_pool() {
    let mut pool = Pool::start("--workers=1");
    let before = pool.workers()[0]["pid"].clone();
    pool.data("reload");
    pool.wait_for_workers(|workers| workers.len() == 1 && workers[0]["pid"] != before);
    assert_eq!(pool.data("show stats")["reloads"], 1);
    assert_eq!(pool.data("show config")["workers"], "1");
    pool.data("shutdown");
    assert_eq!(pool.server.wait_for_end(), Some(0));
    assert!(!pool.socket.exists(), "the socket file goes with the pool");
    assert!(!pool.ctl("show workers").status.success());
}

#[test]
fn the_socket_is_for_its_owner_only() {
    let pool = Pool::start("--workers=1");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&pool.socket), 0o600);
    assert_eq!(mode(pool.socket.parent().unwrap()), 0o700);
}

#[test]
fn nonsense_is_answered_or_cut_off_and_never_harms_the_pool() {
    let pool = Pool::start("--workers=1");
    let mut client = UnixStream::connect(&pool.socket).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(&[0, 0, 0, 1, b'{']).unwrap();
    let mut length = [0u8; 4];
    client.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    client.read_exact(&mut answer).unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["status"], "error");
    client.write_all(&[0xff; 64]).unwrap();
    assert_eq!(
        client.read(&mut length).unwrap_or(0),
        0,
        "too long a message ends the talk"
    );
    let unknown = pool.ctl("show nothing-of-the-kind");
    assert!(!unknown.status.success());
    assert_eq!(pool.workers().len(), 1);
}

#[test]
fn a_socket_that_cannot_be_made_is_a_warning_and_no_failed_start() {
    let server = Launch::new(Kind::Labrat, "--workers=1")
        .with_control_socket()
        .argument("--control-socket=/proc/no/such/place.ctl")
        .start();
    server.wait_for("Control socket not available");
    assert_eq!(server.get("/health").status(), Some(200));
}

#[test]
fn a_client_that_says_at_once_that_it_will_say_no_more_gets_its_answer() {
    let pool = Pool::start("--workers=1");
    for _ in 0..20 {
        let mut client = Client::connect(&pool);
        client.ask();
        client.0.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(client.is_answered());
        assert_eq!(client.0.read(&mut [0]).unwrap(), 0, "and then the end");
    }
}

/// One client of the socket, which may ask several things.
struct Client(UnixStream);

impl Client {
    fn connect(pool: &Pool) -> Self {
        let stream = UnixStream::connect(&pool.socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    fn ask(&mut self) {
        let command = br#"{"id":7,"command":"show stats"}"#;
        let length = u32::try_from(command.len()).unwrap();
        self.0.write_all(&length.to_be_bytes()).unwrap();
        self.0.write_all(command).unwrap();
    }

    fn is_answered(&mut self) -> bool {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        self.0.read_exact(&mut answer).unwrap();
        serde_json::from_slice::<Value>(&answer).unwrap()["status"] == "ok"
    }
}

/// Set the soft limit of the arbiter's descriptors.
fn limit_descriptors(pool: &Pool, soft: usize, hard: usize) {
    let status = Command::new("prlimit")
        .args(["--pid", &pool.server.arbiter().to_string()])
        .arg(format!("--nofile={soft}:{hard}"))
        .status();
    assert!(status.is_ok_and(|status| status.success()));
}

/// The least number that the arbiter's next descriptor can have.
fn next_descriptor(pool: &Pool) -> usize {
    let folder = format!("/proc/{}/fd", pool.server.arbiter());
    let is_open = |number: &usize| PathBuf::from(format!("{folder}/{number}")).is_symlink();
    (0..).find(|number| !is_open(number)).unwrap()
}

#[test]
fn an_arbiter_without_descriptors_answers_who_is_connected_and_the_others_as_soon_as_it_has_some() {
    for limit in [40, 256] {
        let script = format!("ulimit -n {limit}; exec \"$@\"");
        let words = ["/bin/sh", "-c", &script, "sh"].map(Into::into).to_vec();
        let pool = Pool::started("--workers=1", |launch| launch.started_by(words));
        let workers = pool.workers();
        let mut held = Client::connect(&pool);
        held.ask();
        assert!(held.is_answered());
        let began = Instant::now();
        limit_descriptors(&pool, next_descriptor(&pool), limit);
        let mut waiting: Vec<Client> = (0..5).map(|_| Client::connect(&pool)).collect();
        waiting.iter_mut().for_each(Client::ask);
        let complaint = "Cannot accept connections: Too many open files";
        pool.server.wait_for_count(3, complaint);
        held.ask();
        assert!(held.is_answered(), "{limit}: it was held");
        limit_descriptors(&pool, limit, limit);
        let freed = Instant::now();
        assert!(waiting.iter_mut().all(Client::is_answered), "{limit}");
        let took = freed.elapsed();
        // Not only with the arbiter's next pass, a second later.
        assert!(took < Duration::from_millis(600), "{limit}: {took:?}");
        let lines = pool.server.lines();
        let said = lines.iter().filter(|line| line.text.contains(complaint));
        let seconds = usize::try_from(began.elapsed().as_secs()).unwrap();
        assert!(said.count() <= seconds + 2, "{limit}: once a second");
        assert_eq!(pool.workers()[0]["pid"], workers[0]["pid"]);
    }
}

#[test]
fn silent_clients_keep_nobody_waiting() {
    let pool = Pool::start("--workers=1");
    let _silent: Vec<UnixStream> = (0..100)
        .map(|_| UnixStream::connect(&pool.socket).unwrap())
        .collect();
    let began = std::time::Instant::now();
    assert_eq!(pool.workers().len(), 1);
    assert!(
        began.elapsed() < Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn no_number_of_workers_to_add_wraps_around() {
    let pool = Pool::start("--workers=1");
    for count in ["18446744073709551615", "4294967295", "128", "0", "-1"] {
        let refused = pool.ctl(&format!("worker add {count}"));
        assert!(!refused.status.success(), "{count}");
    }
    assert_eq!(pool.data("worker remove 65535")["total"], 1);
    assert_eq!(pool.data("show stats")["workers_wanted"], 1);
}

#[test]
fn the_listeners_are_shown_with_the_backlog_that_the_kernel_gave_them() {
    let pool = Pool::start("--workers=1 --backlog 7");
    assert_eq!(pool.data("show listeners")["listeners"][0]["backlog"], 7);
    let clamped = Pool::start("--workers=1 --backlog 2147483647");
    let shown = clamped.data("show listeners")["listeners"][0]["backlog"].clone();
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    assert_eq!(shown.to_string(), most.trim());
}
