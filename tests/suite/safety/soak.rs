//! The script that puts load and kills on everything for an hour, in small.

use std::process::{Command, Output};

use crate::harness::root;

fn soak(words: &[&str]) -> (Output, String) {
    let output = Command::new(root().join("scripts/soak.sh"))
        .env("LABRAT", env!("CARGO_BIN_EXE_labrat"))
        .args(words)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

#[test]
fn mixed_load_on_every_target_leaves_memory_descriptors_and_threads_as_they_were() {
    let (output, said) = soak(&["--minutes", "0.3", "--rate", "20"]);
    assert!(output.status.success(), "{said}");
    let table = String::from_utf8_lossy(&output.stdout);
    for target in ["sync", "gthread", "async", "host"] {
        // The arbiter and two workers of a pool; of an emulator its container as well.
        let processes = table.lines().filter(|line| line.starts_with(target));
        assert!(processes.count() >= 3, "{target}: {table}");
    }
}

#[test]
fn a_pool_that_leaks_is_found() {
    let (output, said) = soak(&["--minutes", "0.2", "--rate", "20", "--leak", "1"]);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("wrong: sync") && said.contains("anonymous:"),
        "{said}"
    );
}

#[test]
fn kills_of_every_kind_leave_nothing() {
    let (output, said) = soak(&["--minutes", "0", "--kills", "20"]);
    assert!(output.status.success(), "{said}");
    for kind in ["worker", "arbiter", "emulator", "container", "rehearsal"] {
        assert!(said.contains(&format!("'{kind}': ")), "{kind}: {said}");
    }
}
