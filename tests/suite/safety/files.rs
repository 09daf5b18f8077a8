//! What is written is its user's alone, whatever the umask says.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Emulator, everything, text};
use crate::harness::host_in;

/// Files and folders below `folder` that others may read or enter.
fn open_to_others(folder: &Path) -> Vec<String> {
    let open = |mode: u32| mode & 0o077 != 0;
    let own = folder.metadata().unwrap();
    let below = everything(folder).into_iter();
    let all = below.chain([(folder.to_owned(), own)]);
    all.filter(|(_, metadata)| !metadata.is_symlink() && open(metadata.mode()))
        .map(|(path, metadata)| format!("{} {:o}", path.display(), metadata.mode() & 0o777))
        .collect()
}

#[test]
fn evidence_and_reports_are_readable_by_their_user_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, report) = (folder.path().join("new/run"), folder.path().join("report"));
    let careless = |words: &[&str]| {
        let output = Command::new("/bin/sh")
            .args(["-c", "umask 0; exec \"$@\"", "sh"])
            .arg(env!("CARGO_BIN_EXE_labrat"))
            .args(words)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
    };
    let (bundle_text, report_text) = (bundle.to_str().unwrap(), report.to_str().unwrap());
    careless(&[
        "rehearse",
        "startup-failed",
        "--control",
        "--pace",
        "0.1",
        "--out",
        bundle_text,
    ]);
    assert_eq!(open_to_others(&bundle), [""; 0]);
    assert!(everything(&bundle).len() > 10, "a bundle was written");
    careless(&["diagnose", bundle_text, "--report", report_text]);
    assert_eq!(open_to_others(&report), [""; 0]);
}

#[test]
fn the_folder_of_an_emulator_is_its_users_alone_and_so_is_the_start_script_in_another() {
    let parent = tempfile::tempdir().unwrap();
    let made = Emulator::start(parent.path(), &[]);
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
    assert_eq!(mode(&made.folder), 0o700);
    made.end();
    // One that was there before stays as it is; what is written into it does not depend on that.
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(parent.path().join("run"), open).unwrap();
    let there = Emulator::start(parent.path(), &[]);
    assert_eq!(mode(&there.folder), 0o755);
    let files = everything(&there.folder);
    let scripts: Vec<_> = files
        .iter()
        .filter(|(path, _)| path.ends_with("startup.sh"))
        .collect();
    assert!(!scripts.is_empty());
    for (path, metadata) in files.iter().filter(|(_, one)| one.is_file()) {
        assert_eq!(metadata.mode() & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn an_emulator_deletes_nothing_that_no_emulator_made_and_follows_no_link() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("run");
    let theirs = folder.join("home/production/run/notes");
    std::fs::create_dir_all(theirs.parent().unwrap()).unwrap();
    std::fs::write(&theirs, "precious").unwrap();
    let target = parent.path().join("precious");
    std::fs::write(&target, "precious").unwrap();
    for name in ["host.lock", "host.json"] {
        let link = folder.join(name);
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let refused = host_in(&folder).output().unwrap();
        assert_eq!(refused.status.code(), Some(1), "{name}: {refused:?}");
        assert!(text(&refused.stderr).contains(name), "{refused:?}");
        std::fs::remove_file(link).unwrap();
        // The lock of the try that failed at host.json says that an emulator was here.
        let _ = std::fs::remove_file(folder.join("host.lock"));
    }
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
    let emulator = Emulator::start(parent.path(), &[]);
    assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "precious");
    emulator.end();
}
