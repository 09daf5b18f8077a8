//! Where the kernel has a hand in it: out of memory, being PID 1, inherited sockets, queues.

use std::fs;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use labrat::machine::reserved_port::ReservedPort;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::Signal;

use crate::harness::{
    Address, Connection, Kind, Launch, PATIENCE, Stream, exchange, get, poll, request, skip_unless,
};

/// A memory cgroup of version 1 with a limit and no swap, gone when dropped.
struct MemoryBox(PathBuf);

impl MemoryBox {
    fn make(limit_bytes: u64) -> Option<Self> {
        let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = membership
            .lines()
            .find_map(|line| line.split_once(":memory:").map(|(_, path)| path))?;
        let parent = Path::new("/sys/fs/cgroup/memory").join(own.trim_start_matches('/'));
        let path = parent.join(format!("labrat-test-{}", std::process::id()));
        fs::create_dir(&path).ok()?;
        let made = Self(path);
        fs::write(
            made.0.join("memory.limit_in_bytes"),
            limit_bytes.to_string(),
        )
        .ok()?;
        // Where swap is not accounted there is no such file, and no swap in the box's way.
        let _ = fs::write(
            made.0.join("memory.memsw.limit_in_bytes"),
            limit_bytes.to_string(),
        );
        Some(made)
    }
}

impl Drop for MemoryBox {
    fn drop(&mut self) {
        poll(PATIENCE, || fs::remove_dir(&self.0).ok());
    }
}

#[test]
fn an_out_of_memory_kill_is_attributed_to_the_kernel_with_its_counter() {
    let memory_box = MemoryBox::make(96 * 1024 * 1024);
    let lacking = "this needs a writable memory cgroup (version 1, root)".to_owned();
    if skip_unless(memory_box.as_ref().map(|_| ()).ok_or(lacking)) {
        return;
    }
    let memory_box = memory_box.unwrap();
    let server = Launch::new(Kind::Labrat, "--workers=2")
        .start()
        .with_workers(2);
    let pids: Vec<u32> = server
        .workers()
        .into_iter()
        .chain([server.arbiter()])
        .collect();
    for pid in pids {
        fs::write(memory_box.0.join("cgroup.procs"), pid.to_string()).unwrap();
    }
    // The counters that the arbiter read at its start were those of another cgroup: it reads
    // them anew at the first death.
    let killed = poll(PATIENCE, || {
        server.get("/leak");
        let lines = server.lines();
        lines
            .iter()
            .any(|line| {
                line.text
                    .contains("was killed by the kernel, out of memory: oom_kill of")
            })
            .then_some(lines)
    });
    let lines = killed.unwrap_or_else(|| server.fail("no kill was attributed"));
    assert!(lines.iter().any(|line| {
        line.text
            .contains("was sent SIGKILL! Perhaps out of memory?")
    }));
    let whole = poll(PATIENCE, || (server.workers().len() == 2).then_some(()));
    assert!(whole.is_some(), "dead workers are replaced");
    drop(server);
}

#[test]
fn a_pool_says_how_many_requests_a_worker_serves_at_once() {
    for (flags, most) in [
        ("--workers=1", 1),
        ("--workers=1 --threads 3", 3),
        ("--workers=1 -k async --worker-connections 40", 40),
    ] {
        let server = Launch::new(Kind::Labrat, flags).start().with_workers(1);
        let pool = server.get("/diag/workers").response().unwrap().json();
        assert_eq!(pool.unwrap()["requests_at_once"], most, "{flags}");
    }
}

#[test]
fn a_kill_by_hand_is_not_blamed_on_the_kernel() {
    let server = Launch::new(Kind::Labrat, "--workers=1")
        .start()
        .with_workers(1);
    let victim = server.workers()[0];
    server.signal_to(victim, Signal::SIGKILL);
    server.wait_for("was sent SIGKILL! Perhaps out of memory?");
    server.wait_for_count(2, "Booting worker");
    let blamed = server
        .lines()
        .iter()
        .any(|line| line.text.contains("was killed by"));
    assert!(!blamed);
}

/// A pool as PID 1 of a namespace, with a stranger: a grandchild whose parent ends at once, so that
/// it is handed to PID 1.
fn with_a_stranger() -> std::process::Child {
    let script = format!(
        "(sh -c 'sleep 0.3; exit 3' &) ; exec {} serve --bind=127.0.0.1:0 --workers=1 \
         --no-control-socket app:app",
        env!("CARGO_BIN_EXE_labrat")
    );
    Command::new("unshare")
        .args([
            "--pid",
            "--fork",
            "--kill-child=TERM",
            "--mount-proc",
            "sh",
            "-c",
            &script,
        ])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn as_pid_1_it_buries_strangers_and_stops_when_told() {
    let namespaces = Command::new("unshare")
        .args(["--pid", "--fork", "--mount-proc", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let lacking = "this needs a PID namespace (unshare as root)".to_owned();
    if skip_unless(namespaces.then_some(()).ok_or(lacking)) {
        return;
    }
    let mut child = with_a_stranger();
    let mut reader = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    let mut line = String::new();
    while std::io::BufRead::read_line(&mut reader, &mut line).unwrap_or(0) > 0 {
        text.push_str(&line);
        if line.contains("Booting worker") {
            break;
        }
        line.clear();
    }
    let address = text
        .lines()
        .find_map(|line| line.split_once("http://").map(|(_, rest)| rest))
        .and_then(|rest| rest.split(' ').next())
        .expect("Listening at")
        .to_owned();
    assert!(
        text.contains("] [1] [INFO] Listening at"),
        "it is PID 1: {text}"
    );
    let address = Address::Tcp(address.parse().unwrap());
    // The stranger's exit code is 3, which of a worker would end the pool.
    let proc_of = |pid: u32| format!("/proc/{pid}/task/{pid}/children");
    let inner: u32 = poll(PATIENCE, || {
        fs::read_to_string(proc_of(child.id()))
            .ok()?
            .trim()
            .parse()
            .ok()
    })
    .expect("the namespace's PID 1");
    let buried = poll(PATIENCE, || {
        let children = fs::read_to_string(proc_of(inner)).ok()?;
        (children.split_whitespace().count() == 1).then_some(())
    });
    assert!(buried.is_some(), "only the worker is left");
    assert_eq!(get(&address, "/health").status(), Some(200));
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(inner).unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    let ended = poll(PATIENCE, || child.try_wait().ok().flatten());
    assert_eq!(ended.and_then(|status| status.code()), Some(0));
}

#[test]
fn an_inherited_socket_is_served() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::Tcp(listener.local_addr().unwrap());
    fcntl(&listener, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    let server = Launch::new(Kind::Labrat, "--workers=1")
        .without_bind()
        .argument(format!("--bind=fd://{}", listener.as_raw_fd()))
        .start();
    drop(listener);
    assert_eq!(get(&address, "/health").status(), Some(200));
    drop(server);
}

#[test]
fn a_socket_file_is_removed_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labrat.sock");
    let mut server = Launch::new(Kind::Labrat, "--workers=1")
        .argument(format!("--bind=unix:{}", path.display()))
        .start();
    assert!(path.exists());
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait_for_end(), Some(0));
    assert!(!path.exists());
}

#[test]
fn with_reuse_port_every_worker_listens_for_itself_and_all_are_served() {
    // Port 0 would give every worker a port of its own.
    let port = ReservedPort::choose().unwrap();
    let server = Launch::new(Kind::Labrat, "--workers=2 --reuse-port")
        .without_bind()
        .argument(format!("--bind={}", port.address()))
        .start();
    server.wait_for_count(2, "Booting worker");
    poll(PATIENCE, || {
        let answer = exchange(server.address(), &request("GET", "/health"), PATIENCE);
        (answer.status() == Some(200)).then_some(())
    })
    .expect("the first worker listens");
    for _ in 0..20 {
        let answer = exchange(server.address(), &request("GET", "/health"), PATIENCE);
        assert_eq!(answer.status(), Some(200));
    }
}

#[test]
fn captured_output_goes_to_the_error_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("error.log");
    let launch = Launch::new(
        Kind::Labrat,
        "--workers=1 --capture-output --access-logfile=-",
    )
    .argument(format!("--error-logfile={}", log.display()));
    let server = launch.start_logging_to(&log);
    assert_eq!(server.get("/health").status(), Some(200));
    let captured = poll(PATIENCE, || {
        let text = fs::read_to_string(&log).ok()?;
        text.contains("\"GET /health HTTP/1.1\" 200").then_some(())
    });
    assert!(captured.is_some());
    let leaked = server
        .lines()
        .iter()
        .any(|line| line.stream == Stream::Output);
    assert!(!leaked, "nothing on standard output");
}

#[test]
fn captured_output_follows_the_error_log_when_it_is_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("error.log");
    let launch = Launch::new(
        Kind::Labrat,
        "--workers=1 --capture-output --access-logfile=-",
    )
    .argument(format!("--error-logfile={}", log.display()));
    let server = launch.start_logging_to(&log);
    assert_eq!(server.get("/health").status(), Some(200));
    fs::rename(&log, folder.path().join("old.log")).unwrap();
    server.signal(Signal::SIGUSR1);
    let followed = poll(PATIENCE, || {
        server.get("/fast");
        let text = fs::read_to_string(&log).ok()?;
        text.contains("\"GET /fast HTTP/1.1\" 200").then_some(())
    });
    assert!(
        followed.is_some(),
        "what a worker prints is in the new file"
    );
}

#[test]
fn a_client_that_leaves_does_not_stop_its_request() {
    let server = Launch::new(Kind::Labrat, "--workers=1").start();
    let mut client = Connection::open(server.address());
    client.send(&request("GET", "/slow?seconds=1"));
    poll(PATIENCE, || {
        // The only worker is so the connection waits for it; what counts is that it ran.
        (server.lines().len() > 2).then_some(())
    });
    client.abort();
    let answer = exchange(
        server.address(),
        &request("GET", "/diag/stats"),
        Duration::from_secs(30),
    );
    let stats = answer.response().unwrap().json().unwrap();
    assert_eq!(stats["endpoint_counters"]["slow"], 1);
    assert_eq!(stats["active_slow_requests"], 0);
}
