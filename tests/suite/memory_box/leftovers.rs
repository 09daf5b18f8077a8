//! A box whose owner was killed stands in nobody's way.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use labrat::machine::memory_box::{CgroupBox, SwapWish, sweep};

use super::{folder, or_skip};
use crate::harness::exists;

const MEGABYTE: u64 = 1 << 20;
/// Set in the process that is to be killed: where to make its box.
const FOLDER: &str = "LABRAT_SUITE_BOX_FOLDER";
/// How that process says what it has made, and that there is nothing more to come.
const MADE: &str = "made: ";

/// Not a case of its own: the other half of the case below, which runs it in another process.
#[test]
fn an_owner_that_waits_to_be_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let swap = SwapWish::Bytes(16 * MEGABYTE);
    let memory_box = CgroupBox::prepare(folder.as_ref(), 64 * MEGABYTE, swap).unwrap();
    let mut sleep = Command::new("sleep");
    sleep.arg("600");
    let mut child = memory_box.enter_command(&sleep).spawn().unwrap();
    println!("{MADE}{}", child.id());
    println!("{MADE}{}", memory_box.facts().location.directory.display());
    println!("{MADE}{}", memory_box.folder().display());
    // Until the other half closes the pipe, which it never does: it kills.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    let _ = child.kill();
    let _ = child.wait();
}

#[test]
fn a_box_left_behind_by_a_killed_owner_is_taken_away_by_the_next() {
    let folder = folder();
    let probe = CgroupBox::prepare(folder.path(), 64 * MEGABYTE, SwapWish::Bytes(MEGABYTE));
    let Some(living) = or_skip(probe) else {
        return;
    };
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args([
            "memory_box::leftovers::an_owner_that_waits_to_be_killed",
            "--exact",
            "--nocapture",
        ])
        .env(FOLDER, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(owner.stdout.take().unwrap());
    let mut made = output.lines().filter_map(|line| {
        let line = line.ok()?;
        line.split_once(MADE).map(|(_, what)| what.to_owned())
    });
    let mut next = || made.next().expect("the owner makes its box");
    let process: u32 = next().parse().unwrap();
    let (cgroup, files) = (PathBuf::from(next()), PathBuf::from(next()));
    let swaps = || fs::read_to_string("/proc/swaps").unwrap();
    let is_there = || cgroup.is_dir() && swaps().contains(files.to_str().unwrap());
    assert!(is_there() && exists(process));

    assert!(sweep(folder.path()).is_empty(), "its owner lives");
    assert!(is_there());
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(
        is_there() && exists(process),
        "a kill leaves everything behind"
    );

    let next = CgroupBox::prepare(folder.path(), 64 * MEGABYTE, SwapWish::None).unwrap();
    assert!(!cgroup.exists() && !files.exists() && !exists(process));
    assert!(!swaps().contains(files.to_str().unwrap()));
    assert!(
        living.facts().usage.is_ok(),
        "a living owner's box is left alone"
    );
    drop((next, living));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
