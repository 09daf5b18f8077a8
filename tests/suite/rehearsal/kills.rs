//! A rehearsal that is killed at any moment leaves nothing that the next one stumbles over.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{NOT_REPRODUCED, command};
use crate::harness::{PATIENCE, poll, quiet};

/// Rehearsals that are killed.
const KILLS: usize = 4;
/// Longer than the start of the stand-in and the beginning of the load take.
const LATEST: f64 = 3.0;

/// The seed of the moments: `LABRAT_KILL_SEED`, else a new one.
pub(crate) fn seed() -> u64 {
    std::env::var("LABRAT_KILL_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..))
}

#[test]
fn a_rehearsal_killed_at_any_moment_leaves_no_process_and_its_folder_goes_with_the_next() {
    let _turn = quiet();
    let seed = seed();
    eprintln!("LABRAT_KILL_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    for number in 0..KILLS {
        let moment = Duration::from_secs_f64(random.f64() * LATEST);
        let out = folder.path().join(format!("killed-{number}"));
        let mut child = command("0.1", "intermittent-5xx", &out)
            .env("TMPDIR", &temporary)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Not synchronisation: the moment of the kill is what is varied.
        std::thread::sleep(moment);
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        kill(pid, Signal::SIGKILL).unwrap();
        child.wait().unwrap();
        let none = poll(PATIENCE, || {
            processes_of(&temporary).is_empty().then_some(())
        });
        let left = processes_of(&temporary);
        assert!(none.is_some(), "seed {seed}, {moment:?}: {left:?}");
    }
    let next = command(
        "0.1",
        "startup-failed --control",
        &folder.path().join("next"),
    )
    .env("TMPDIR", &temporary)
    .output()
    .unwrap();
    assert_eq!(next.status.code(), NOT_REPRODUCED, "seed {seed}: {next:?}");
    let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().flatten().collect();
    assert!(left.is_empty(), "seed {seed}: {left:?}");
}

/// Processes whose environment or working directory names the folder: everything of the
/// rehearsals with their temporary folders in it.
fn processes_of(folder: &Path) -> Vec<u32> {
    let marker = folder.display().to_string();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|&pid| pid != std::process::id())
        .filter(|pid| {
            let cwd = std::fs::read_link(format!("/proc/{pid}/cwd"));
            let here = cwd.is_ok_and(|path| path.to_string_lossy().contains(&marker));
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            here || String::from_utf8_lossy(&environment).contains(&marker)
        })
        .collect()
}
