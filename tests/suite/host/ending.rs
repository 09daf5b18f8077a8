//! Nothing is left behind, however the emulator ends.

use std::path::Path;
use std::process::Stdio;

use labrat::host::{Host, HostSettings, SlotName};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{PATIENCE, SERVE, Stand, executable, get, until};

/// Processes whose environment names the folder: everything of a run in it.
fn processes_of(folder: &Path) -> Vec<i32> {
    let needle = folder.to_str().unwrap().as_bytes();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment
            .windows(needle.len())
            .any(|window| window == needle)
        {
            found.push(pid);
        }
    }
    found
}

#[tokio::test]
async fn a_stop_leaves_no_process() {
    let stand = Stand::warm(SERVE, |_| {}).await;
    let folder = stand.folder.path().to_owned();
    // The two that keep the container, the shell, arbiter, worker.
    assert_eq!(processes_of(&folder).len(), 5);
    let _kept = stand.stop().await;
    assert_eq!(processes_of(&folder), [0_i32; 0]);
    assert_eq!(
        std::fs::read_dir(folder.join("run/production"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn a_command_that_ignores_term_and_hides_its_children_is_gone_after_the_stop() {
    let command = format!("trap '' TERM; setsid sleep 600 & {SERVE} & wait; wait; wait");
    let stand = Stand::warm(&command, |_| {}).await;
    let folder = stand.folder.path().to_owned();
    assert!(
        processes_of(&folder).len() >= 5,
        "{:?}",
        processes_of(&folder)
    );
    let begun = std::time::Instant::now();
    let _kept = stand.stop().await;
    assert!(begun.elapsed().as_secs_f64() >= 0.49, "the grace is given");
    assert_eq!(processes_of(&folder), [0_i32; 0]);
}

#[tokio::test]
async fn a_supervisor_that_is_killed_takes_its_container_along() {
    let stand = Stand::warm(SERVE, |_| {}).await;
    let folder = stand.folder.path().to_owned();
    let before = processes_of(&folder);
    let status = stand.host.status(SlotName::Production).unwrap();
    let supervisor = i32::try_from(status.process_group.unwrap()).unwrap();
    kill(Pid::from_raw(supervisor), Signal::SIGKILL).unwrap();
    until("none of them is left", || {
        let now = processes_of(&folder);
        before.iter().all(|pid| !now.contains(pid)).then_some(())
    })
    .await;
    let _kept = stand.stop().await;
}

/// Longer than two slots take to become warm.
const LATEST: f64 = 1.0;

#[tokio::test]
async fn emulators_killed_at_any_moment_leave_a_folder_in_which_the_next_one_starts() {
    let seed = crate::rehearsal::seed();
    eprintln!("LABRAT_KILL_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    for _ in 0..6 {
        let mut program = emulator(folder.path());
        let moment = std::time::Duration::from_secs_f64(random.f64() * LATEST);
        // Not synchronisation: the moment of the kill is what is varied.
        tokio::time::sleep(moment).await;
        program.kill().await.unwrap();
        until(&format!("seed {seed}: no process is left"), || {
            processes_of(&home).is_empty().then_some(())
        })
        .await;
    }
    let settings = HostSettings::new(folder.path(), executable(), SERVE);
    let host = Host::start(settings).await.unwrap();
    let warm = host.wait_until_warm(SlotName::Production, PATIENCE).await;
    assert!(warm.is_ok(), "seed {seed}: {warm:?}");
    let address = host.address(SlotName::Production).unwrap();
    let (reply, folder_of_tables) = (
        get(address, "/health").await,
        host.tables_folder().to_owned(),
    );
    assert_eq!(reply.status, 200, "seed {seed}");
    host.stop().await;
    // A row that a kill cut short costs itself and no other.
    for file in ["http.jsonl", "console.jsonl", "platform.jsonl"] {
        let text = std::fs::read_to_string(folder_of_tables.join(file)).unwrap();
        let cut = text
            .lines()
            .filter(|line| serde_json::from_str::<serde_json::Value>(line).is_err());
        assert!(cut.count() <= 6, "seed {seed}: {file}");
    }
}

/// `labrat host` with two slots in a folder.
fn emulator(folder: &Path) -> tokio::process::Child {
    tokio::process::Command::new(executable())
        .args(["host", "--port", "0", "--staging-port", "0"])
        .args([
            "--control",
            "127.0.0.1:0",
            "--startup-command",
            SERVE,
            "--folder",
        ])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn an_emulator_that_is_killed_leaves_nothing_that_the_next_one_stumbles_over() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    for _ in 0..3 {
        let mut program = emulator(folder.path());
        until("both slots have a pool", || {
            (processes_of(&run).len() >= 6).then_some(())
        })
        .await;
        let second = emulator(folder.path()).wait_with_output().await.unwrap();
        assert_eq!(second.status.code(), Some(1));
        let said = String::from_utf8(second.stderr).unwrap();
        assert!(said.contains("another emulator runs in"), "{said}");
        let pid = Pid::from_raw(i32::try_from(program.id().unwrap()).unwrap());
        kill(pid, Signal::SIGKILL).unwrap();
        program.wait().await.unwrap();
        until("no process is left", || {
            processes_of(&run).is_empty().then_some(())
        })
        .await;
    }
}
