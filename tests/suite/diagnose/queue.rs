//! The number of servers, inferred from arrivals and departures, against what the pool itself knew.

use std::process::Command;

use serde_json::Value;

use super::{diagnosis, folder};
use crate::harness::in_parallel;

/// A pool with one queue in the order of arrival: what its HTTP table would say. Clients give up at
/// their limits, and their requests are served all the same.
fn simulated(servers: usize, seed: u64) -> String {
    let mut draw = fastrand::Rng::with_seed(seed);
    let mut arrivals: Vec<(f64, &str, f64, f64)> = Vec::new();
    for number in 0..12 {
        // Calm before: what each takes where nothing holds it up.
        let at = f64::from(number) * 30.0;
        arrivals.push((at, "/report", 6.0 + 3.0 * draw.f64(), 90.0));
        arrivals.push((at + 15.0, "/ping", 0.004, 30.0));
    }
    for number in 0..40 {
        let at = 400.0 + f64::from(number) * 0.3 + 0.2 * draw.f64();
        arrivals.push((at, "/report", 6.0 + 3.0 * draw.f64(), 90.0));
        if number % 4 == 0 {
            arrivals.push((at + 0.1, "/ping", 0.004, 30.0));
        }
    }
    arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free = vec![0.0_f64; servers];
    let mut rows = String::from("TimeGenerated,CsMethod,CsUriStem,ScStatus,TimeTaken\n");
    for (at, route, service, limit) in arrivals {
        let next = free
            .iter_mut()
            .min_by(|a, b| a.total_cmp(b))
            .expect("a pool has servers");
        let end = next.max(at) + service;
        *next = end;
        let (end, status) = match end - at > limit {
            true => (at + limit, 499),
            false => (end, 200),
        };
        let moment: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let moment = moment + jiff::SignedDuration::from_secs_f64(end);
        let taken = ((end - at) * 1000.0).round();
        rows.push_str(&format!("{moment},GET,{route},{status},{taken}\n"));
    }
    rows
}

fn queue_of(rows: &str) -> Value {
    let folder = folder(&[("export.csv", rows)]);
    diagnosis(folder.path())["queue"].clone()
}

#[test]
fn the_interval_holds_the_number_of_servers_and_is_narrow() {
    let mut wrong = Vec::new();
    let mut runs = 0;
    for servers in [1_usize, 2, 3, 4, 6, 8] {
        for seed in 0..4 {
            runs += 1;
            let queue = queue_of(&simulated(servers, seed));
            let bound = |name: &str| queue[name].as_u64().unwrap_or(0) as usize;
            let (least, most) = (bound("servers_least"), bound("servers_most"));
            if !(least..=most).contains(&servers) || most - least > 2 {
                wrong.push(format!("{servers} servers, seed {seed}: {least} to {most}"));
            }
        }
    }
    assert!(wrong.len() * 20 <= runs, "{wrong:#?}");
}

#[test]
fn three_workers_are_in_the_interval_where_many_came_at_once_or_ended_at_once() {
    // Two rehearsals on a busy machine: thirty came within a tenth of a second, so that their order
    // is a guess.
    for rows in [
        include_str!("inputs/three-workers-burst.csv"),
        include_str!("inputs/three-workers-close-finishes.csv"),
    ] {
        let queue = queue_of(rows);
        let bound = |name: &str| queue[name].as_u64().unwrap_or_default();
        let (least, most) = (bound("servers_least"), bound("servers_most"));
        assert!((least..=most).contains(&3) && most - least <= 2, "{queue}");
    }
}

#[test]
fn the_longest_queue_and_its_end_are_those_of_the_pool() {
    let queue = queue_of(&simulated(2, 1));
    let longest = queue["longest"].as_u64().unwrap();
    // 40 held and 10 quick requests came within twelve seconds, in which two servers served four.
    assert!((35..=50).contains(&longest), "{queue}");
    let end: jiff::Timestamp = queue["worked_off_at"].as_str().unwrap().parse().unwrap();
    let begin: jiff::Timestamp = "2026-01-01T00:06:40Z".parse().unwrap();
    assert!(end > begin, "{queue}");
}

#[test]
fn a_command_that_names_the_workers_narrows_the_interval() {
    let rows = simulated(4, 9);
    let folder = folder(&[
        ("export.csv", rows.as_str()),
        (
            "startup-command.txt",
            "gunicorn --workers 4 --timeout 120 shop:app\n",
        ),
    ]);
    let queue = diagnosis(folder.path())["queue"].clone();
    assert_eq!(queue["servers_least"], 4);
    assert_eq!(queue["servers_most"], 4);
    assert_eq!(queue["known_by"], "the startup command");
}

/// The catalogue's saturated pool with so many workers, and clients of the held route who wait until
/// they are answered.
fn saturated(workers: u32) -> String {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/scenario/catalogue/intermittent-5xx.toml"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let mut seen = 0;
    let mut replace = |text: String, from: &str, to: &str| {
        seen += usize::from(text.contains(from));
        text.replacen(from, to, 1)
    };
    let aliases = text.lines().find(|line| line.starts_with("aliases"));
    let text = replace(text.clone(), aliases.unwrap(), "");
    let text = replace(text, "name = \"intermittent-5xx\"", "name = \"saturated\"");
    let text = replace(text, "--workers 2", &format!("--workers {workers}"));
    let text = replace(text, "workers = 2", &format!("workers = {workers}"));
    let text = replace(text, "limit_seconds = 45.0", "limit_seconds = 400.0");
    let text = replace(text, "count = 20,", "count = 30,");
    assert_eq!(seen, 6, "the scenario reads otherwise now");
    text
}

#[test]
fn of_a_real_pool_the_http_table_alone_tells_the_number_of_workers() {
    let seen = in_parallel(&[1_u32, 2, 3], |workers| {
        let scenarios = folder(&[("saturated.toml", &saturated(*workers))]);
        let runs = tempfile::tempdir().unwrap();
        let run = runs.path().join("run");
        // What it is judged does not matter here.
        let output = Command::new(env!("CARGO_BIN_EXE_labrat"))
            .args(["rehearse", "saturated", "--pace", "0.1", "--scenarios"])
            .arg(scenarios.path())
            .arg("--out")
            .arg(&run)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let export = runs.path().join("export");
        std::fs::create_dir(&export).unwrap();
        std::fs::copy(run.join("tables/http.jsonl"), export.join("http.jsonl")).expect(&said);
        (diagnosis(&export)["queue"].clone(), said)
    });
    let mut wide = 0;
    for (workers, (queue, said)) in [1, 2, 3].into_iter().zip(&seen) {
        let bound = |name: &str| queue[name].as_u64().unwrap_or_default();
        assert!(bound("answers") >= 30, "{workers} workers: {queue}\n{said}");
        let interval = bound("servers_least")..=bound("servers_most");
        assert!(interval.contains(&workers), "{workers} workers: {queue}");
        wide += usize::from(interval.end() - interval.start() > 2);
    }
    // One in thirty is, where answers come in an unlucky order.
    assert!(wide <= 1, "{seen:?}");
}
