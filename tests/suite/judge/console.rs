//! Who sent a SIGKILL: attributed where the evidence says so, open where it does not.

use labrat::tables::ConsoleRow;
use labrat::verdict::{KillCause, KilledWorker};
use serde_json::{Value, json};

use super::incidents::{console_row, memory_pressure, proc_body};

const SIGKILL: &str = "[ERROR] Worker (pid:11) was sent SIGKILL! Perhaps out of memory?";

fn killed(rows: &[ConsoleRow]) -> KilledWorker {
    let verdict = memory_pressure().table("console", rows).judge();
    assert_eq!(verdict.killed_workers.len(), 1);
    verdict.killed_workers[0].clone()
}

fn with_oom_kills(kills: u64) -> Value {
    let mut body = proc_body(500_000, 3_800_000, 6_000_000, 1_000, 300_000, 0.0);
    body["cgroup"] = json!({"events": {"oom_kill": kills}});
    body
}

#[test]
fn a_sigkill_after_a_timeout_of_the_same_pid_is_the_arbiters() {
    let worker = killed(&[
        console_row(60.0, "[CRITICAL] WORKER TIMEOUT (pid:11)"),
        console_row(61.0, SIGKILL),
    ]);
    assert_eq!(worker.cause, KillCause::Heartbeat);
    assert!(worker.quotes[1].text.contains("WORKER TIMEOUT (pid:11)"));
}

#[test]
fn a_timeout_of_another_pid_or_of_long_ago_explains_nothing() {
    let another = killed(&[
        console_row(60.0, "[CRITICAL] WORKER TIMEOUT (pid:12)"),
        console_row(61.0, SIGKILL),
    ]);
    assert_eq!(another.cause, KillCause::Open);
    let long_ago = killed(&[
        console_row(40.0, "[CRITICAL] WORKER TIMEOUT (pid:11)"),
        console_row(61.0, SIGKILL),
    ]);
    assert_eq!(long_ago.cause, KillCause::Open);
}

#[test]
fn the_arbiters_own_attribution_counts() {
    let kernel = "[ERROR] Worker (pid:11) was killed by the kernel, out of memory: oom_kill of \
                  /sys/fs/cgroup went from 0 to 1";
    let worker = killed(&[console_row(61.0, SIGKILL), console_row(61.0, kernel)]);
    assert_eq!(worker.cause, KillCause::OutOfMemory);
    let arbiter = "[ERROR] Worker (pid:11) was killed by the arbiter, not by the kernel: it did \
                   not stop in time";
    let worker = killed(&[console_row(61.0, SIGKILL), console_row(61.0, arbiter)]);
    assert_eq!(worker.cause, KillCause::Arbiter);
}

#[test]
fn the_kernels_counter_decides_what_the_console_leaves_open() {
    let judged = |after: u64| {
        let bundle = memory_pressure()
            .json("baseline/diag-proc.json", with_oom_kills(2))
            .json("post/diag-proc.json", with_oom_kills(after))
            .table("console", &[console_row(61.0, SIGKILL)]);
        bundle.judge().killed_workers.remove(0)
    };
    assert_eq!(judged(3).cause, KillCause::OutOfMemory);
    let other = judged(2);
    assert_eq!(other.cause, KillCause::Open);
    assert!(other.because.contains("did not move"), "{}", other.because);
}

/// Two workers ended by SIGKILL, of which the arbiter saw the kernel end the first, and a counter that
/// stood at 2 before.
fn one_by_the_kernel_and_another(after: u64) -> Vec<KilledWorker> {
    let kernel = "[ERROR] Worker (pid:11) was killed by the kernel, out of memory: oom_kill of \
                  /sys/fs/cgroup went from 2 to 3";
    let by_hand = SIGKILL.replace("pid:11", "pid:12");
    let rows = [
        console_row(61.0, SIGKILL),
        console_row(61.0, kernel),
        console_row(80.0, &by_hand),
    ];
    let bundle = memory_pressure()
        .json("baseline/diag-proc.json", with_oom_kills(2))
        .json("post/diag-proc.json", with_oom_kills(after))
        .table("console", &rows);
    bundle.judge().killed_workers
}

#[test]
fn one_kill_for_memory_and_one_by_hand_are_one_kill_for_memory() {
    let workers = one_by_the_kernel_and_another(3);
    let causes: Vec<_> = workers
        .iter()
        .map(|worker| (worker.pid, worker.cause))
        .collect();
    let expected = [(11, KillCause::OutOfMemory), (12, KillCause::Open)];
    assert_eq!(causes, expected);
    assert!(workers[1].because.contains("somebody else sent it"));
    // The counter moved for the second one as well.
    let workers = one_by_the_kernel_and_another(4);
    assert!(
        workers
            .iter()
            .all(|worker| worker.cause == KillCause::OutOfMemory)
    );
    // It was read before the kill that the arbiter saw: it says nothing of the other one.
    let workers = one_by_the_kernel_and_another(2);
    assert_eq!(workers[1].cause, KillCause::Open);
    assert!(!workers[1].because.contains("somebody else"));
}

#[test]
fn of_two_kills_and_one_for_memory_nobody_can_say_which_it_was() {
    let second = SIGKILL.replace("pid:11", "pid:12");
    let rows = [console_row(61.0, SIGKILL), console_row(62.0, &second)];
    let bundle = memory_pressure()
        .json("baseline/diag-proc.json", with_oom_kills(2))
        .json("post/diag-proc.json", with_oom_kills(3))
        .table("console", &rows);
    let workers = bundle.judge().killed_workers;
    assert_eq!((workers.len(), workers[0].count), (1, 2));
    assert_eq!(workers[0].cause, KillCause::Open);
    assert!(
        workers[0].because.contains("by fewer"),
        "{}",
        workers[0].because
    );
}
