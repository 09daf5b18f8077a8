//! Every line that the pool declares is really printed: a event that nothing can provoke is
//! documentation of something that is not there.

use std::net::TcpListener;

use labrat::serve::console::LogEvent;
use nix::sys::signal::Signal;

use crate::harness::{
    Collector, Kind, Launch, Line, PATIENCE, Reply, children, in_parallel, peer, poll,
};

/// Events that a test cannot provoke without harming the machine, and why.
const UNPROVOKED: &[(&str, &str)] = &[
    (
        "ForkFailed",
        "needs a process limit that would stop the tests' other processes too",
    ),
    (
        "KilledOutOfMemory",
        "needs a cgroup with a limit, hence root; the box's tests have it",
    ),
    (
        "CannotAccept",
        "needs a limit on descriptors; the tests of that have it",
    ),
    (
        "TooManyWorkers",
        "needs as many workers as a pool can have; the worker table's own tests have it",
    ),
    (
        "WorkerTerminated",
        "needs TERM in the moment before a worker handles it; the worker table's own tests have it",
    ),
    (
        "SocketError",
        "needs a failing system call on an accepted socket",
    ),
];

/// Whether a line has the words of an event, whatever stands in its braces.
fn has_words(line: &str, words: &str) -> bool {
    // Of an event of several lines only the first is looked at.
    let words = words.split('\n').next().unwrap_or_default();
    let mut parts = words
        .split('{')
        .map(|part| part.split_once('}').map_or(part, |(_, after)| after));
    let first = parts.next().unwrap_or_default();
    let Some((_, behind)) = line
        .split_once("] [")
        .and_then(|(_, rest)| rest.split_once("] ["))
    else {
        return false;
    };
    let Some((_, message)) = behind.split_once("] ") else {
        return false;
    };
    let Some(mut rest) = message.strip_prefix(first) else {
        return false;
    };
    for part in parts {
        match rest.find(part) {
            Some(position) => rest = &rest[position + part.len()..],
            None => return false,
        }
    }
    true
}

type Run = fn() -> Vec<Line>;

const RUNS: &[Run] = &[
    // Every signal, then a stop that becomes impatient.
    || {
        let mut server = Launch::new(Kind::Labrat, "--workers 1 --max-requests 3")
            .start()
            .ready();
        for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGHUP] {
            server.signal(signal);
        }
        server.wait_for("Hang up: Master");
        crate::harness::exchange(server.address(), b"garbage\r\n\r\n", PATIENCE);
        let replaced = poll(PATIENCE, || {
            server.get("/health");
            let lines = server.lines();
            lines
                .iter()
                .any(|line| line.text.contains("Autorestarting"))
                .then_some(())
        });
        assert!(replaced.is_some());
        let victim = server.ready_worker();
        server.signal_to(victim, Signal::SIGKILL);
        server.wait_for("was sent SIGKILL");
        let victim = server.ready_worker();
        server.signal_to(victim, Signal::SIGUSR2);
        server.wait_for("was sent SIGUSR2");
        server.ready_worker();
        let _held = server.in_flight("/slow?seconds=20");
        server.begin_stop(Signal::SIGTERM);
        server.signal(Signal::SIGINT);
        server.wait_for_end();
        server.lines()
    },
    // A worker that hangs, one that cannot react, and an arbiter that is killed.
    || {
        let mut server = Launch::new(Kind::Labrat, "--workers 1 --timeout 3")
            .start()
            .ready();
        server.get("/slow?seconds=20");
        let victim = server.ready_worker();
        let _held = server.in_flight("/slow?seconds=20");
        server.signal_to(victim, Signal::SIGSTOP);
        server.wait_for("was killed by the arbiter");
        server.ready_worker();
        server.signal(Signal::SIGKILL);
        server.wait_for_end();
        server.wait_for("Parent changed");
        server.lines()
    },
    || {
        Launch::new(Kind::Labrat, "--workers 2")
            .application(Some("wrong:app"))
            .run()
            .lines
    },
    || {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = taken.local_addr().expect("its address");
        Launch::new(Kind::Labrat, &format!("--bind {address}"))
            .without_bind()
            .run()
            .lines
    },
    || {
        Launch::new(Kind::Labrat, "--bind 192.0.2.1:18000")
            .without_bind()
            .run()
            .lines
    },
    // A probe server that is killed, and a stop that begins with readiness.
    || {
        let mut server = Launch::new(
            Kind::Labrat,
            "--workers 1 --probe-bind 127.0.0.1:0 --drain-pause 1",
        )
        .start()
        .ready();
        server.wait_for("Probes answered beside the pool");
        let lane = poll(PATIENCE, || {
            let workers = server.booted();
            let mut beside = children(server.arbiter());
            beside.retain(|pid| !workers.contains(pid));
            beside.first().copied()
        });
        server.signal_to(lane.expect("a lane"), Signal::SIGKILL);
        server.wait_for("The probe server");
        server.signal(Signal::SIGTERM);
        server.wait_for_end();
        server.lines()
    },
    // A dashboard that is killed.
    || {
        let server = Launch::new(Kind::Labrat, "--workers 1 --dashboard 127.0.0.1:0")
            .with_control_socket()
            .start()
            .ready();
        server.wait_for("Dashboard at");
        let beside = poll(PATIENCE, || {
            let workers = server.booted();
            let mut beside = children(server.arbiter());
            beside.retain(|pid| !workers.contains(pid));
            beside.first().copied()
        });
        server.signal_to(beside.expect("a dashboard"), Signal::SIGKILL);
        server.wait_for("The dashboard (pid:");
        server.lines()
    },
    // A collector that is busy, then takes all, then a part; and an exporter that is killed.
    || {
        let collector = Collector::start(&[Reply::Refuse(503), Reply::Take, Reply::TakePartly(1)]);
        let server = Launch::new(Kind::Labrat, "--workers 1")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
            .env("OTEL_METRIC_EXPORT_INTERVAL", "100")
            .env("OTEL_TRACES_EXPORTER", "none")
            .start()
            .ready();
        server.wait_for("OTLP: metrics get to ");
        let line = server.wait_for(" rejected 1 of the metrics").text;
        let exporter = line.split("] [").nth(1).and_then(|pid| pid.parse().ok());
        server.signal_to(exporter.expect("its pid"), Signal::SIGKILL);
        server.wait_for("The exporter (pid:");
        server.lines()
    },
    // A public address, another one than told, and a control socket.
    || {
        let server = Launch::new(Kind::Labrat, "--bind 0.0.0.0:0")
            .without_bind()
            .with_control_socket()
            .start();
        server.wait_for("Control socket listening");
        server.lines()
    },
    || {
        let server = Launch::new(Kind::Labrat, "--threads 2 --worker-connections 2").start();
        server.lines()
    },
    || {
        let server = Launch::new(Kind::Labrat, "")
            .env("LAB_BIND_OVERRIDE", "127.0.0.1:0")
            .start();
        server.lines()
    },
    || {
        let server = Launch::new(Kind::Labrat, "--control-socket /dev/null/labrat.ctl")
            .with_control_socket()
            .start()
            .ready();
        server.wait_for("Control socket not available");
        server.lines()
    },
];

#[test]
fn every_declared_event_is_emitted() {
    if peer() == Kind::Gunicorn {
        return;
    }
    let lines: Vec<Line> = in_parallel(RUNS, |run| run()).concat();
    let missing: Vec<_> = LogEvent::ALL
        .iter()
        .filter(|(name, words)| {
            let seen = lines.iter().any(|line| has_words(&line.text, words));
            let excused = UNPROVOKED.iter().any(|(excused, _)| excused == name);
            assert!(
                !(seen && excused),
                "{name} is emitted: take it off the list"
            );
            !seen && !excused
        })
        .collect();
    let text: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
    assert!(
        missing.is_empty(),
        "never emitted: {missing:#?}\n{}",
        text.join("\n")
    );
}

#[test]
fn lines_are_matched_by_the_words_around_the_values() {
    let line = "[2026-11-21 05:09:05 +0000] [7] [INFO] Worker (pid:7) exited with code 3.";
    assert!(has_words(
        line,
        "Worker (pid:{pid}) exited with code {code}."
    ));
    assert!(!has_words(line, "Worker (pid:{pid}) was sent {signal}!"));
    assert!(!has_words(
        "Worker (pid:7) exited with code 3.",
        "Worker (pid:{pid}) exited with code {code}."
    ));
}
