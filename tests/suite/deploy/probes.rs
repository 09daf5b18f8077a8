//! What the probes of deploy/kubernetes say of the program that the same file starts: no cluster, but
//! the container's command and environment, and each probe asked as the file says.

use serde_json::Value;

use super::kubernetes::{BASE, OVERLAYS, container, deployment};
use super::{network, tools};
use crate::harness::skip_unless;

const PROGRAM: &str = env!("CARGO_BIN_EXE_labrat");

/// The command of `labrat probe` that asks what this probe asks.
fn ask(container: &Value, probe: &str) -> String {
    let asked = &container[probe]["httpGet"];
    let port = match &asked["port"] {
        Value::String(name) => {
            let ports = container["ports"].as_array().unwrap();
            let port = ports.iter().find(|port| port["name"] == **name).unwrap();
            port["containerPort"].clone()
        }
        number => number.clone(),
    };
    format!(
        "{PROGRAM} probe --timeout {} http://127.0.0.1:{port}{}",
        container[probe]["timeoutSeconds"],
        asked["path"].as_str().unwrap()
    )
}

/// Start the container of an overlay, wait until it is alive, run `load`, and ask the probes:
/// which of them pass, as lines `NAME passes` and `NAME fails`.
fn outcome(name: &str, load: &str) -> String {
    let folder = match name {
        "" => BASE.to_owned(),
        name => format!("{OVERLAYS}/{name}"),
    };
    let deployment = deployment(&folder);
    let container = container(&deployment);
    let words = container["args"].as_array().unwrap().iter().skip(1);
    let words: Vec<String> = words
        .map(|word| format!("'{}'", word.as_str().unwrap()))
        .collect();
    // Secrets have no value here: without the key the routes are open, which the load needs.
    let environment = container["env"].as_array().unwrap().iter();
    let environment: Vec<String> = environment
        .filter_map(|entry| Some((entry["name"].as_str()?, entry["value"].as_str()?)))
        .map(|(name, value)| format!("'{name}={value}'"))
        .collect();
    let asked: Vec<String> = ["startupProbe", "livenessProbe", "readinessProbe"]
        .into_iter()
        .filter(|probe| container[probe].is_object())
        .map(|probe| {
            format!(
                "if {} >/dev/null 2>&1; then echo {probe} passes; else echo {probe} fails; fi",
                ask(container, probe)
            )
        })
        .collect();
    let (code, said) = network::run(&format!(
        "env {} {PROGRAM} {} >/dev/null 2>&1 &
        server=$!
        tries=0
        until {PROGRAM} probe http://127.0.0.1:8001/health >/dev/null 2>&1; do
            kill -0 $server
            tries=$((tries + 1))
            test $tries -lt 300
            sleep 0.1
        done
        {load}
        {}",
        environment.join(" "),
        words.join(" "),
        asked.join("\n")
    ));
    assert_eq!(code, Some(0), "{name}: {said}");
    said
}

/// Wait until the program is ready, as a rollout does.
fn until_ready() -> String {
    format!(
        "tries=0
        until {PROGRAM} probe http://127.0.0.1:8001/ready >/dev/null 2>&1; do
            tries=$((tries + 1))
            test $tries -lt 300
            sleep 0.1
        done"
    )
}

/// Hold every worker, and wait until a request of no cost is not answered in half a second.
fn saturated() -> String {
    format!(
        "{}
        for client in 1 2 3 4 5 6 7 8; do
            {PROGRAM} probe --timeout 60 http://127.0.0.1:8000/slow?seconds=30 >/dev/null 2>&1 &
        done
        tries=0
        while {PROGRAM} probe --timeout 0.5 http://127.0.0.1:8000/health >/dev/null 2>&1; do
            tries=$((tries + 1))
            test $tries -lt 300
            sleep 0.1
        done",
        until_ready()
    )
}

const ALL_PASS: &str = "startupProbe passes\nlivenessProbe passes\nreadinessProbe passes\n";

fn cannot_run() -> bool {
    skip_unless(tools().and_then(|()| network::available()))
}

#[test]
fn a_program_that_is_well_passes_all_three_probes_and_so_does_one_that_is_only_busy() {
    if cannot_run() {
        return;
    }
    assert_eq!(outcome("", &until_ready()), ALL_PASS);
    assert_eq!(outcome("", &saturated()), ALL_PASS);
}

#[test]
fn crashed_but_healthy_is_readiness_that_fails_while_liveness_passes() {
    if cannot_run() {
        return;
    }
    assert_eq!(
        outcome("readiness-failing", ""),
        "startupProbe passes\nlivenessProbe passes\nreadinessProbe fails\n"
    );
    assert_eq!(
        outcome("readiness-absent", ""),
        "startupProbe passes\nlivenessProbe passes\n"
    );
    assert_eq!(
        outcome("readiness-on-the-wrong-port", &until_ready()),
        "startupProbe passes\nlivenessProbe passes\nreadinessProbe fails\n"
    );
}

#[test]
fn liveness_through_the_pool_fails_when_the_pool_is_busy_and_only_then() {
    if cannot_run() {
        return;
    }
    assert_eq!(
        outcome("liveness-through-the-pool", &until_ready()),
        ALL_PASS
    );
    assert_eq!(
        outcome("liveness-through-the-pool", &saturated()),
        "startupProbe passes\nlivenessProbe fails\nreadinessProbe passes\n"
    );
}

#[test]
fn a_startup_probe_on_the_wrong_port_never_passes_for_a_program_that_works() {
    if cannot_run() {
        return;
    }
    assert_eq!(
        outcome("startup-on-the-wrong-port", &until_ready()),
        "startupProbe fails\nlivenessProbe passes\nreadinessProbe passes\n"
    );
}
