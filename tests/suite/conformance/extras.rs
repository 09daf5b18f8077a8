//! The deliberate differences that no other case meets: each is looked at on both sides.

use nix::sys::signal::Signal;

use crate::differences;
use crate::harness::{Kind, Launch, Server, both, entries, oracle, peer, skip_unless};

fn count(server: &Server, words: &str) -> usize {
    server
        .lines()
        .iter()
        .filter(|line| line.text.contains(words))
        .count()
}

#[test]
fn the_first_line_names_the_program_and_matches_queries_for_gunicorn() {
    if skip_unless(oracle()) {
        return;
    }
    let (gunicorn, labrat) = both(|kind| {
        let server = Launch::new(kind, "").start();
        entries(&server.lines())[0].message.clone()
    });
    assert_eq!(gunicorn, "Starting gunicorn 25.3.0");
    let own = format!(
        "Starting gunicorn-compatible labrat {}",
        env!("CARGO_PKG_VERSION")
    );
    differences::PROGRAM_NAME.holds(labrat == own);
}

#[test]
fn labrat_forks_its_workers_without_pauses() {
    if skip_unless(oracle()) {
        return;
    }
    let (gunicorn, labrat) = both(|kind| {
        let server = Launch::new(kind, "--workers 6").start();
        server.wait_for_count(6, "Booting worker");
        let booted: Vec<_> = entries(&server.lines())
            .into_iter()
            .filter(|entry| entry.message.starts_with("Booting worker"))
            .map(|entry| entry.at)
            .collect();
        booted[5].duration_since(booted[0])
    });
    // Five pauses of up to 0.1 s: together they are practically never under 50 ms.
    differences::FORK_PACE.holds(labrat < gunicorn);
}

#[test]
fn usr2_starts_a_second_arbiter_only_under_gunicorn() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1").start().ready();
        server.signal(Signal::SIGUSR2);
        server.wait_for("Handling signal: usr2");
        match kind {
            Kind::Gunicorn => server.wait_for_count(2, "Starting gunicorn"),
            Kind::Labrat => {
                server.wait_for("USR2 ignored");
            }
        }
        assert_eq!(server.get("/health").status(), Some(200));
        count(&server, "USR2 ignored")
    };
    let (gunicorn, labrat) = both(run);
    assert_eq!(gunicorn, 0);
    differences::UPGRADE_IN_PLACE.holds(labrat == 1);
}

#[test]
fn the_control_socket_is_announced_once() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let server = Launch::new(kind, "--workers 1")
            .with_control_socket()
            .start()
            .ready();
        let line = server.wait_for("Control socket listening at ").text;
        server.signal_to(server.booted()[0], Signal::SIGKILL);
        server.wait_for_count(2, "Booting worker");
        if kind == Kind::Gunicorn {
            server.wait_for_count(2, "Control socket listening at ");
        }
        assert_eq!(server.get("/health").status(), Some(200));
        let (_, path) = line.rsplit_once('/').unwrap_or_default();
        (
            path.to_owned(),
            count(&server, "Control socket listening at "),
        )
    };
    let (gunicorn, labrat) = both(run);
    assert_eq!(gunicorn, ("gunicorn.ctl".to_owned(), 2));
    differences::CONTROL_SOCKET.holds(labrat == ("labrat.ctl".to_owned(), 1));
}

#[test]
fn open_fault_endpoints_on_a_public_address_are_pointed_out() {
    if peer() == Kind::Gunicorn {
        return;
    }
    let start = |launch: Launch| {
        let server = launch.start().ready();
        count(&server, differences::OPEN_FAULTS.extra[0])
    };
    let public = || Launch::new(Kind::Labrat, "--bind 0.0.0.0:0").without_bind();
    differences::OPEN_FAULTS.holds(start(public()) == 1);
    assert_eq!(start(public().env("LAB_KEY", "k")), 0, "locked");
    assert_eq!(start(Launch::new(Kind::Labrat, "")), 0, "not public");
}
