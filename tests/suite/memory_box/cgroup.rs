//! A pool in a cgroup: into swap and slower, or past the edge and killed.

use std::ffi::OsString;
use std::fs;
use std::process::Command;

use labrat::machine::cgroup::CgroupMemory;
use labrat::machine::memory_box::{CgroupBox, SwapWish};

use super::{folder, or_skip};
use crate::harness::{Kind, Launch, PATIENCE, Server, get_many, poll};

const MEGABYTE: u64 = 1 << 20;

/// What starts a program in the box: all words of the command before the program's own.
pub(crate) fn words(memory_box: &CgroupBox) -> Vec<OsString> {
    let command = memory_box.enter_command(&Command::new("the program"));
    let mut words = vec![command.get_program().to_owned()];
    words.extend(command.get_args().map(OsString::from));
    assert_eq!(words.pop().as_deref(), Some("the program".as_ref()));
    words
}

fn pool(memory_box: &CgroupBox, workers: usize) -> Server {
    Launch::new(Kind::Labrat, &format!("--workers={workers}"))
        .started_by(words(memory_box))
        .start()
        .with_workers(workers)
}

fn limit_hits(facts: &CgroupMemory) -> u64 {
    let events = facts.events.as_ref().unwrap();
    let hits = events.get("failcnt").or_else(|| events.get("max"));
    *hits.expect("both versions count how often the limit was hit")
}

fn kills(facts: &CgroupMemory) -> u64 {
    facts.events.as_ref().unwrap()["oom_kill"]
}

#[test]
fn a_pool_that_leaks_is_held_at_the_limit_and_swaps_while_all_answers_are_200() {
    let folder = folder();
    let prepared = CgroupBox::prepare(
        folder.path(),
        160 * MEGABYTE,
        SwapWish::Bytes(512 * MEGABYTE),
    );
    let Some(memory_box) = or_skip(prepared) else {
        return;
    };
    let server = pool(&memory_box, 4);
    let before = memory_box.facts();
    assert_eq!(before.limit, Ok(Some(160 * MEGABYTE)));
    assert!(
        before.usage.clone().unwrap() > MEGABYTE,
        "the pool is inside"
    );
    for _ in 0..24 {
        assert_eq!(server.get("/leak").status(), Some(200));
    }
    let leaked = memory_box.facts();
    let usage = leaked.usage.clone().unwrap();
    assert!(
        usage <= 160 * MEGABYTE && usage > 140 * MEGABYTE,
        "{usage} is not at the limit"
    );
    // 24 blocks of 17.6 MB are 423 MB; 160 of them fit.
    assert!(
        leaked.swap_usage.clone().unwrap() > 200 * MEGABYTE,
        "{leaked:?}"
    );
    assert!(
        limit_hits(&leaked) > limit_hits(&before) + 100,
        "{leaked:?}"
    );
    // Leaked blocks are cold and go to swap once. What is used again comes back, and that is the
    // refault: four workers at once need more for /heavy than is left.
    let heavy = vec!["/heavy".to_owned(); 8];
    let refaulted = poll(PATIENCE, || {
        for answer in get_many(server.address(), &heavy, 2 * PATIENCE) {
            assert_eq!(answer.status(), Some(200), "{answer}");
        }
        let now = memory_box.facts().refaults.unwrap();
        (now > leaked.refaults.clone().unwrap()).then_some(())
    });
    assert!(refaulted.is_some(), "no page was read back");
    let after = memory_box.facts();
    assert_eq!(kills(&after), 0);
    if let (Ok(before), Ok(after)) = (&before.pressure, &after.pressure) {
        assert!(after.some.total_microseconds > before.some.total_microseconds);
    }
    let all_live = server.workers().len();
    assert_eq!(all_live, 4, "nobody was killed");
    drop(server);
    assert_nothing_is_left(memory_box);
}

#[test]
fn the_target_itself_reports_the_box_it_is_in() {
    let folder = folder();
    let prepared = CgroupBox::prepare(folder.path(), 100 * MEGABYTE, SwapWish::None);
    let Some(memory_box) = or_skip(prepared) else {
        return;
    };
    let server = pool(&memory_box, 1);
    let body = server.json("/diag/proc");
    let facts = memory_box.facts();
    let directory = facts.location.directory.to_str().unwrap();
    assert_eq!(body["cgroup"]["source"], directory);
    assert_eq!(body["cgroup"]["limit_bytes"], 100 * MEGABYTE);
    assert!(body["cgroup"]["refaults"].is_u64(), "{}", body["cgroup"]);
    let available = &body["effective_available"];
    assert_eq!(available["source"], directory);
    assert!(available["bytes"].as_u64().unwrap() < 100 * MEGABYTE);
    if facts.pressure.is_ok() {
        assert!(
            body["cgroup"]["pressure"]["some"]["avg10"].is_f64(),
            "{body}"
        );
    }
    drop(server);
    assert_nothing_is_left(memory_box);
}

#[test]
fn past_the_edge_without_swap_the_kernel_kills_a_worker_and_the_arbiter_says_so() {
    let folder = folder();
    let prepared = CgroupBox::prepare(folder.path(), 100 * MEGABYTE, SwapWish::None);
    let Some(memory_box) = or_skip(prepared) else {
        return;
    };
    let server = pool(&memory_box, 2);
    assert_eq!(kills(&memory_box.facts()), 0);
    let killed = poll(PATIENCE, || {
        server.get("/leak");
        let lines = server.lines();
        let blamed = "was killed by the kernel, out of memory: oom_kill of";
        lines.into_iter().find(|line| line.text.contains(blamed))
    });
    let line = killed.unwrap_or_else(|| server.fail("no kill was attributed"));
    let facts = memory_box.facts();
    let directory = facts.location.directory.to_str().unwrap();
    assert!(line.text.contains(directory), "{}", line.text);
    assert!(kills(&facts) >= 1);
    assert_eq!(facts.swap_usage, Ok(0));
    server.wait_for_count(3, "Booting worker with pid: ");
    assert_eq!(server.get("/health").status(), Some(200));
    drop(server);
    assert_nothing_is_left(memory_box);
}

#[test]
fn a_worker_killed_for_its_heartbeat_in_a_box_is_not_blamed_on_memory() {
    let folder = folder();
    let prepared = CgroupBox::prepare(folder.path(), 100 * MEGABYTE, SwapWish::None);
    let Some(memory_box) = or_skip(prepared) else {
        return;
    };
    let server = Launch::new(Kind::Labrat, "--workers=1 --timeout=1")
        .started_by(words(&memory_box))
        .start()
        .with_workers(1);
    assert_ne!(server.get("/slow?seconds=5").status(), Some(200));
    server.wait_for_count(1, "WORKER TIMEOUT");
    server.wait_for_count(2, "Booting worker with pid: ");
    let lines = server.lines();
    let blamed = lines
        .iter()
        .find(|line| line.text.contains("killed by the kernel"));
    assert_eq!(blamed.map(|line| line.text.as_str()), None);
    assert_eq!(kills(&memory_box.facts()), 0);
    drop(server);
    assert_nothing_is_left(memory_box);
}

/// The kernel's words on a box, and its folder, are gone with it.
fn assert_nothing_is_left(memory_box: CgroupBox) {
    let directory = memory_box.facts().location.directory;
    let folder = memory_box.folder().to_owned();
    let swapped = |folder: &std::path::Path| {
        let swaps = fs::read_to_string("/proc/swaps").unwrap();
        swaps.contains(folder.to_str().unwrap())
    };
    assert!(directory.is_dir() && folder.is_dir());
    assert_eq!(swapped(&folder), memory_box.swap_file().is_some());
    drop(memory_box);
    assert!(!directory.exists(), "{} is left", directory.display());
    assert!(!swapped(&folder), "the swap file is still switched on");
    assert!(!folder.exists(), "{} is left", folder.display());
}
