//! Sockets that are handed over or made for others, and what a proxy on them may say.

use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::differences::SOCKETS_OF_WORKERS;
use crate::harness::{
    Address, Kind, Launch, PATIENCE, Stream, both, exchange, get, oracle, skip_unless,
};

#[test]
fn a_unix_socket_is_for_everybody_less_the_umask_flag_whatever_the_shells_mask() {
    if skip_unless(oracle()) {
        return;
    }
    for flag in ["", "-m 007", "--umask 0x3f", "-m 0"] {
        let (expected, actual) = both(|kind| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.sock");
            let server = Launch::new(kind, &format!("{flag} --bind unix:{}", path.display()))
                .without_bind()
                .started_by(
                    ["/bin/sh", "-c", "umask 077; exec \"$@\"", "sh"]
                        .map(Into::into)
                        .to_vec(),
                )
                .start()
                .ready();
            let mode = path.metadata().unwrap().permissions().mode() & 0o777;
            drop(server);
            format!("{mode:o}")
        });
        assert_eq!(expected, actual, "{flag}");
    }
}

/// Starts the words after it with this descriptor as number 3, for the process itself.
fn activated(descriptor: i32, environment: &str) -> Vec<std::ffi::OsString> {
    let script = format!("{environment} exec \"$@\" 3<&{descriptor}");
    ["bash", "-c", &script, "bash"].map(Into::into).to_vec()
}

fn inheritable() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    fcntl(&listener, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    let address = Address::Tcp(listener.local_addr().unwrap());
    (listener, address)
}

#[test]
fn sockets_of_a_service_manager_win_over_bind_and_are_nobody_elses_business() {
    if skip_unless(oracle()) {
        return;
    }
    for (environment, is_taken) in [
        ("LISTEN_FDS=1 LISTEN_PID=$$", true),
        ("LISTEN_FDS=1 LISTEN_PID=1", false),
        ("LISTEN_FDS=1", false),
    ] {
        let (expected, actual) = both(|kind| {
            let (listener, address) = inheritable();
            let server = Launch::new(kind, "--workers 1")
                .started_by(activated(listener.as_raw_fd(), environment))
                .start()
                .ready();
            (*server.address() == address, server.get("/health").status())
        });
        assert_eq!(expected, actual, "{environment}");
        assert_eq!(actual, (is_taken, Some(200)), "{environment}");
    }
}

#[test]
fn the_service_manager_is_told_when_the_pool_is_ready() {
    if skip_unless(oracle()) {
        return;
    }
    let (expected, actual) = both(|kind| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let _server = Launch::new(kind, "--workers 1")
            .env("NOTIFY_SOCKET", path.display().to_string())
            .start();
        let mut bytes = [0; 256];
        let count = socket.recv(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
        text.lines().next().map(str::to_owned)
    });
    assert_eq!(expected, actual);
    assert_eq!(actual.as_deref(), Some("READY=1"));
}

#[test]
fn a_unix_socket_is_shared_where_every_worker_has_tcp_sockets_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sock");
    let bind = format!("unix:{}", path.display());
    let server = Launch::new(Kind::Labrat, "--workers 3 --reuse-port")
        .without_bind()
        .argument(format!("--bind={bind}"))
        .start()
        .with_workers(3);
    // All three serve at the same time behind one file, also when one of them is replaced.
    let victim = server.booted()[0];
    server.signal_to(victim, Signal::SIGKILL);
    server.wait_for_count(4, "Booting worker");
    let served = get(&Address::Unix(path), "/health").status() == Some(200);
    SOCKETS_OF_WORKERS.holds(served);
    assert!(served);
}

#[test]
fn workers_that_cannot_have_their_own_port_say_so_and_try_as_gunicorns_do() {
    if skip_unless(oracle()) {
        return;
    }
    let (expected, actual) = both(|kind| {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let mut server = Launch::new(kind, &format!("--workers 1 --reuse-port --bind {address}"))
            .without_bind()
            .spawn();
        let is_end = |text: &str| text.contains("exited with code");
        server.lines.wait(0, PATIENCE, is_end);
        let group = Pid::from_raw(i32::try_from(server.child.id()).unwrap());
        killpg(group, Signal::SIGKILL).unwrap();
        server.child.wait().unwrap();
        let lines = server.lines.all();
        let count = |words: &str| {
            let lines = lines.iter().filter(|line| line.text.contains(words));
            lines.count()
        };
        (
            count("Connection in use"),
            count("Can't connect to"),
            count("exited with code 1."),
        )
    });
    assert_eq!(expected, actual);
    assert_eq!(actual, (5, 1, 1));
}

/// A request with these header lines, and what is answered, with the reason.
fn told(address: &Address, target: &str, lines: &str) -> String {
    let bytes = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n");
    let answer = exchange(address, bytes.as_bytes(), PATIENCE).response();
    answer.map_or_else(String::new, |answer| {
        format!("{} {}\n{}", answer.status, answer.reason, answer.text())
    })
}

#[test]
fn what_a_proxy_says_counts_where_it_is_trusted_as_with_gunicorn() {
    if skip_unless(oracle()) {
        return;
    }
    let contradiction = "X-Forwarded-Proto: https\r\nX-Forwarded-Protocol: https\r\n";
    let requests = [
        ("/health", contradiction),
        (
            "/health",
            "X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: on\r\n",
        ),
        ("/health", "SCRIPT_NAME: /lab\r\n"),
        ("/lab/health", "SCRIPT_NAME: /lab\r\n"),
        ("/lab/health", "SCRIPT_NAME: /x\r\nScript_Name: /lab\r\n"),
        ("/lab", "SCRIPT_NAME: /lab\r\nX-Forwarded-Proto: https\r\n"),
        (
            "/lab/diag//stats",
            "SCRIPT_NAME: /lab\r\nX-Forwarded-Ssl: on\r\n",
        ),
    ];
    for (flags, variable) in [
        ("", None),
        ("--forwarded-allow-ips=10.0.0.0/8", None),
        ("--forwarded-allow-ips=127.0.0.0/8", None),
        ("--forwarded-allow-ips=*", None),
        ("", Some("192.0.2.1")),
    ] {
        let (expected, actual) = both(|kind| {
            let mut launch = Launch::new(kind, &format!("--workers 1 {flags}"));
            if let Some(value) = variable {
                launch = launch.env("FORWARDED_ALLOW_IPS", value);
            }
            let server = launch.start().ready();
            requests.map(|(target, lines)| told(server.address(), target, lines))
        });
        assert_eq!(expected, actual, "{flags} {variable:?}");
    }
}

#[test]
fn names_with_an_underscore_count_as_the_two_settings_say_as_with_gunicorn() {
    if skip_unless(oracle()) {
        return;
    }
    let requests = [
        ("/health", "X_A: 1\r\n"),
        ("/lab/health", "SCRIPT_NAME: /lab\r\n"),
        ("/lab/health", "Script_Name: /lab\r\nX_A: 1\r\n"),
        ("/health", "PATH_INFO: /x\r\n"),
        ("/health", "X_A: 1\r\nX-A: 2\r\nX_A: 3\r\n"),
    ];
    let class = "--threads 2 --keep-alive 0";
    for flags in [
        "--header-map drop --forwarder-headers X_A",
        "--header-map refuse",
        "--header-map Refuse --forwarder-headers SCRIPT_NAME,X_A",
        "--header-map refuse --forwarder-headers *",
        "--header-map dangerous --forwarded-allow-ips 192.0.2.1",
        "--header-map refuse --forwarded-allow-ips 192.0.2.1 --forwarder-headers *",
        "--forwarder-headers script_name",
        "--forwarder-headers=",
    ] {
        for class in ["", class] {
            let (expected, actual) = both(|kind| {
                let logged = "--access-logfile - --access-logformat logged:%(U)s:%({script_name}e)s:%({x_a}i)s:%({x-a}i)s";
                let server = Launch::new(kind, &format!("--workers 1 {class} {flags} {logged}"))
                    .start()
                    .ready();
                let answers = requests.map(|(target, lines)| told(server.address(), target, lines));
                drop(server.get("/last"));
                server.wait_for("logged:/last");
                let lines: Vec<String> = server
                    .lines()
                    .into_iter()
                    .filter(|line| line.text.starts_with("logged:"))
                    .map(|line| line.text)
                    .collect();
                (answers, lines)
            });
            assert_eq!(expected, actual, "{class} {flags}");
        }
    }
    let (expected, actual) = both(|kind| {
        let ended = Launch::new(kind, "--header-map ignore").run();
        (ended.code, ended.text(Stream::Error).trim().to_owned())
    });
    assert_eq!(expected, actual);
}

#[test]
fn a_script_name_of_the_environment_is_cut_off_every_path() {
    if skip_unless(oracle()) {
        return;
    }
    let (expected, actual) = both(|kind| {
        let server = Launch::new(kind, "--workers 1 --access-logfile -")
            .env("SCRIPT_NAME", "/lab")
            .start();
        let answers = ["/lab/health", "/health", "/lab", "/labrat"]
            .map(|target| told(server.address(), target, ""));
        server.wait_for("GET /labrat HTTP/1.1");
        let logged = server
            .lines()
            .iter()
            .filter(|line| line.stream == Stream::Output && line.text.contains("GET /"))
            .count();
        (answers, logged)
    });
    assert_eq!(expected, actual);
}

#[test]
fn networks_that_are_none_stop_the_start_in_gunicorns_words() {
    if skip_unless(oracle()) {
        return;
    }
    for list in ["nonsense", "192.168.1.1/24", "10.0.0.0/33"] {
        let (expected, actual) = both(|kind| {
            let ended = Launch::new(kind, &format!("--forwarded-allow-ips {list}")).run();
            (ended.code, ended.text(Stream::Error).trim().to_owned())
        });
        assert_eq!(expected, actual, "{list}");
    }
}
