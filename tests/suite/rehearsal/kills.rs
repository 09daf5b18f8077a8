//! A rehearsal that is killed at any moment leaves nothing that the next one stumbles over.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{HEALTHY, command};
use crate::harness::{PATIENCE, poll, skip_unless};
use crate::readiness::servers;

/// Rehearsals that are killed.
const KILLS: usize = 4;
/// Longer than the start of the emulator and the beginning of the load take.
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
    assert_eq!(next.status.code(), HEALTHY, "seed {seed}: {next:?}");
    let left = std::fs::read_dir(&temporary).unwrap().flatten();
    // Who was killed before it had locked its folder has put nothing in it; that one goes in a minute.
    let holds = |folder: &Path| {
        let mut names = std::fs::read_dir(folder).unwrap().flatten();
        names.any(|name| name.file_name() != "owner.new")
    };
    let left: Vec<_> = left.filter(|folder| holds(&folder.path())).collect();
    assert!(left.is_empty(), "seed {seed}: {left:?}");
}

#[test]
fn a_killed_rehearsal_takes_its_database_server_along() {
    if skip_unless(servers::program("postgres").map(drop)) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    // Whoever runs the server passes through it, where that is another user.
    for path in [folder.path(), &temporary] {
        std::fs::set_permissions(path, Permissions::from_mode(0o711)).unwrap();
    }
    let words = "dependency-context --fix refused-identity";
    let mut child = command("0.05", words, &folder.path().join("killed"))
        .env("TMPDIR", &temporary)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let serving = poll(PATIENCE, || {
        let folders = std::fs::read_dir(&temporary).ok()?.flatten();
        let pid_files = folders.map(|folder| folder.path().join("server/data/postmaster.pid"));
        let ready =
            |path: PathBuf| std::fs::read_to_string(path).is_ok_and(|text| text.contains("ready"));
        pid_files.into_iter().any(ready).then_some(())
    });
    assert!(serving.is_some(), "the server runs");
    child.kill().unwrap();
    child.wait().unwrap();
    let none = poll(PATIENCE, || {
        processes_of(&temporary).is_empty().then_some(())
    });
    assert!(none.is_some(), "{:?}", processes_of(&temporary));
    let out = folder.path().join("next");
    let next = command("0.1", "startup-failed --control", &out)
        .env("TMPDIR", &temporary)
        .output()
        .unwrap();
    assert_eq!(next.status.code(), HEALTHY, "{next:?}");
    let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The folders of checks in `temporary`.
fn check_folders(temporary: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(temporary).unwrap().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.display().to_string().contains("/labrat-check-"))
        .collect()
}

/// Start `labrat scenarios NAME --check`.
fn check(name: &str, temporary: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_labrat"))
        .args(["scenarios", name, "--check"])
        .env("TMPDIR", temporary)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn the_folder_of_a_killed_check_goes_with_the_next_once_nobody_writes_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path();
    // Its first rehearsal takes seconds: the site never starts.
    let mut killed = check("missing-setting", temporary);
    let begun = poll(PATIENCE, || {
        let left = check_folders(temporary).pop()?;
        left.join("missing-setting-symptom/manifest.json")
            .exists()
            .then_some(left)
    });
    let left = begun.expect("a check plays in a folder of its own");
    killed.kill().unwrap();
    killed.wait().unwrap();

    // The rehearsal that it had begun lives, and is not robbed of its folder.
    let mut second = check("dependency-context", temporary);
    let own = poll(PATIENCE, || {
        let folders = check_folders(temporary);
        // One that has no lock yet belongs to nobody for a minute.
        let all_locked = folders.iter().all(|path| path.join("owner.lock").exists());
        (folders.len() == 2 && all_locked).then_some(())
    });
    assert!(own.is_some(), "{:?}", check_folders(temporary));
    let writing = processes_of(&left);
    second.kill().unwrap();
    second.wait().unwrap();
    assert!(!writing.is_empty(), "a rehearsal is under way");
    assert!(left.exists());

    // Each plays its rehearsal to the end, on a machine that may be busy.
    let none = poll(5 * PATIENCE, || {
        processes_of(temporary).is_empty().then_some(())
    });
    assert!(none.is_some(), "{:?}", processes_of(temporary));
    assert_eq!(check_folders(temporary).len(), 2, "nobody removed them");
    let mut third = check("dependency-context", temporary);
    let status = third.wait().unwrap();
    assert!(status.success(), "{status}");
    let left: Vec<_> = std::fs::read_dir(temporary).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Processes whose environment, command line or working directory names the folder: everything of
/// the rehearsals with their temporary folders in it.
fn processes_of(folder: &Path) -> Vec<u32> {
    let marker = folder.display().to_string();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|&pid| pid != std::process::id())
        .filter(|pid| {
            let cwd = std::fs::read_link(format!("/proc/{pid}/cwd"));
            let here = cwd.is_ok_and(|path| path.to_string_lossy().contains(&marker));
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let names = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(&marker);
            here || names(&environment) || names(&words)
        })
        .collect()
}
