//! memory-pressure, in both boxes: the symptom, each fix, the control, past the edge, and nothing
//! left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use labrat::machine::memory_box::{BoxKind, BoxRequest, BoxSize, VmParts};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use super::{HEALTHY, REPRODUCED, criterion, met, verdict_of};
use crate::harness::{PATIENCE, poll, root, skip_unless};

const INCONCLUSIVE: Option<i32> = Some(11);
/// The kill may free so much that the symptom is over.
const NOT_REPRODUCED: Option<i32> = Some(10);
const CUT_SHORT: Option<i32> = Some(12);
/// The least that TERM gives a container to end by itself, at any pace.
const GRACE: Duration = Duration::from_millis(500);
/// Full when the 100 leaks end, so that little has to go through the slow swap before /heavy does.
const FULL_AT_THE_END: &str = "--box-room 1700";
/// A slower swap than the calibrated one: a machine that is busy with other things computes longer,
/// and the tail is measured against that.
const SLOWER: &str = "--box-swap-speed 8";

/// A folder that can hold swap, in which a rehearsal makes everything.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// `labrat rehearse WORDS`, everything it makes being in here.
    fn command(&self, program: &Path, words: &str) -> Command {
        let mut command = Command::new(program);
        command
            .arg("rehearse")
            .args(words.split(' '))
            .args(["--json", "--out"])
            .arg(self.path().join("run"))
            .env("TMPDIR", self.path())
            .env("LABRAT_BOX_KERNEL", root().join("target/box"))
            .stdin(Stdio::null());
        command
    }

    /// Folders of boxes and of emulators that are there.
    fn left(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path()).unwrap().flatten();
        let folders = entries.map(|entry| entry.path());
        folders.filter(|path| !path.ends_with("run")).collect()
    }

    /// What the boxes in here have made elsewhere: cgroups, and drives upon their swap files.
    fn made_elsewhere(&self) -> Vec<PathBuf> {
        let records = self.left().into_iter().map(|folder| folder.join("record"));
        let texts = records.filter_map(|record| fs::read_to_string(record).ok());
        texts
            .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .filter_map(|line| Some(PathBuf::from(line.strip_prefix("cgroup ")?)))
            .collect()
    }

    fn drives(&self) -> Vec<String> {
        let Ok(devices) = fs::read_dir("/sys/block") else {
            return Vec::new();
        };
        let backing = devices
            .flatten()
            .filter_map(|device| fs::read_to_string(device.path().join("loop/backing_file")).ok());
        let here = self.path().display().to_string();
        backing.filter(|file| file.starts_with(&here)).collect()
    }

    fn assert_nothing_is_left(&self) {
        assert_eq!(self.left(), [""; 0].map(PathBuf::from));
        assert_eq!(self.drives(), [""; 0]);
        let swaps = fs::read_to_string("/proc/swaps").unwrap();
        assert!(!swaps.contains(self.path().to_str().unwrap()), "{swaps}");
    }
}

/// Whether this machine has such a box, with swap that is slow.
fn has(kind: BoxKind) -> bool {
    let scratch = Scratch::new();
    let request = BoxRequest {
        kind: Some(kind),
        size: BoxSize::B1.with_room(64).with_swap(64),
        room_is_told: true,
        parent: scratch.path().to_owned(),
        parts: VmParts {
            labrat: PathBuf::from(env!("CARGO_BIN_EXE_labrat")),
            kernel_root: root().join("target/box"),
        },
    };
    let made = request.fulfil().map_err(|none| none.to_string());
    let slow = made.and_then(|made| made.swap_speed().map_err(|why| why.to_string()));
    !skip_unless(slow.map(drop))
}

/// What came of a rehearsal, when its files were there and nothing else was left.
struct Judged {
    code: Option<i32>,
    verdict: Value,
    console: String,
    platform: String,
    said: String,
}

impl Judged {
    fn rehearse(words: &str) -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_labrat"));
        let scratch = Scratch::new();
        let output = scratch.command(&program, words).output().unwrap();
        let verdict = verdict_of(words, &output, &scratch.path().join("run"));
        let table = |name: &str| {
            let path = scratch.path().join("run/tables").join(name);
            fs::read_to_string(path).unwrap_or_default()
        };
        let (console, platform) = (table("console.jsonl"), table("platform.jsonl"));
        scratch.assert_nothing_is_left();
        Self {
            code: output.status.code(),
            verdict,
            console,
            platform,
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn expect(self, code: Option<i32>) -> Self {
        let headline = &self.verdict["headline"];
        assert_eq!(self.code, code, "{headline}\n{}", self.said);
        self
    }

    /// A pool that ended within its container's grace said so. One that stalled on its memory for
    /// longer was killed, and says nothing.
    fn assert_its_end_is_told(&self) {
        let told = "Container is terminated. Total time elapsed: ";
        let (_, elapsed) = self.platform.rsplit_once(told).expect(&self.platform);
        let (milliseconds, _) = elapsed.split_once(" ms").unwrap();
        let killed = milliseconds.parse::<u128>().unwrap() >= GRACE.as_millis();
        let said_so = self.console.contains("[INFO] Shutting down: Master");
        assert!(said_so || killed, "{}\n{}", self.platform, self.console);
    }

    /// The figures that a criterion was measured by.
    fn observed(&self, id: &str) -> String {
        let found = criterion(&self.verdict, id).unwrap();
        found["observed"].as_str().unwrap().to_owned()
    }

    fn status(&self, alternative: &str) -> &str {
        let alternatives = self.verdict["rivals"].as_array().unwrap();
        let found = alternatives
            .iter()
            .find(|one| one["id"] == alternative)
            .unwrap();
        found["ruling"].as_str().unwrap()
    }
}

#[test]
fn in_a_cgroup_pressure_is_reproduced_by_the_cgroups_own_figures() {
    if !has(BoxKind::Cgroup) {
        return;
    }
    let words = format!("memory-pressure --box cgroup {FULL_AT_THE_END} {SLOWER} --pace 0.2");
    let run = Judged::rehearse(&words).expect(REPRODUCED);
    for (criterion, figure) in [
        ("headroom-collapses", "free room of the cgroup"),
        ("reclaim-grows", "limit hits of the cgroup"),
        ("swap-used", "swap of the cgroup"),
        ("pressure-rises", "memory pressure of the cgroup"),
    ] {
        let observed = run.observed(criterion);
        assert!(observed.contains(figure), "{criterion}: {observed}");
        assert!(!observed.contains("MemAvailable"), "{observed}");
    }
    assert!(met(&run.verdict, "heavy-tail"), "{}", run.said);
    let quality_warnings = run.verdict["doubts"].to_string();
    assert!(
        quality_warnings.contains("memory box: a cgroup"),
        "{quality_warnings}"
    );
}

#[test]
fn in_a_cgroup_each_fix_and_the_control_make_pressure_go_away() {
    if !has(BoxKind::Cgroup) {
        return;
    }
    for variant in [
        "--fix max-requests",
        "--fix bounded-leak",
        "--fix larger-plan",
        "--control",
    ] {
        let words = format!("memory-pressure --box cgroup {variant} --pace 0.2");
        Judged::rehearse(&words).expect(HEALTHY);
    }
}

#[test]
fn past_the_edge_a_kill_for_memory_is_attributed_as_one() {
    if !has(BoxKind::Cgroup) {
        return;
    }
    let words = "memory-pressure --fix past-the-edge --box cgroup --box-room 1800 --box-swap 64 \
                 --pace 0.2";
    let run = Judged::rehearse(words);
    for criterion in [
        "leak-load",
        "killed-for-memory",
        "empty-reply",
        "replaced-by-a-fresh-worker",
    ] {
        assert!(met(&run.verdict, criterion), "{criterion}\n{}", run.said);
    }
    let blamed = "was killed by the kernel, out of memory: oom_kill of";
    assert!(run.console.contains(blamed), "{}", run.console);
    let killed = run.verdict["killed_workers"].as_array().unwrap();
    assert!(!killed.is_empty(), "{}", run.said);
    for worker in killed {
        assert_eq!(worker["cause"], "out-of-memory", "{worker}");
    }
    assert_eq!(run.status("out-of-memory-kill"), "ruled-in");
    assert_eq!(run.status("worker-timeout"), "ruled-out");
}

#[test]
fn in_a_virtual_machine_pressure_is_shown_by_the_labs_own_figures() {
    if !has(BoxKind::Vm) {
        return;
    }
    // So much less room than in a cgroup, because the kernel reclaims in the background before it
    // lets anybody stall.
    let words = "memory-pressure --box vm --box-room 1600";
    let run = Judged::rehearse(words);
    for criterion in [
        "headroom-collapses",
        "reclaim-grows",
        "swap-used",
        "leak-grows",
        "answers-dominate",
    ] {
        assert!(met(&run.verdict, criterion), "{criterion}\n{}", run.said);
    }
    // Two things make the verdict another one, and nothing else does. Where other work keeps the
    // emulator from its processor, every /heavy takes longer, and the tail need not stand out. And
    // a worker that stalls on its memory for the whole --timeout is killed by the arbiter, which
    // explains a slow answer as well.
    let timed_out = run.status("worker-timeout") == "ruled-in";
    let run = match (met(&run.verdict, "heavy-tail"), timed_out) {
        (true, false) => run.expect(REPRODUCED),
        (true, true) => run.expect(INCONCLUSIVE),
        (false, _) => run.expect(NOT_REPRODUCED),
    };
    for (criterion, figure) in [
        ("headroom-collapses", "MemAvailable"),
        ("reclaim-grows", "pgscan_kswapd + pgscan_direct"),
        ("reclaim-grows", "allocstall"),
        ("swap-used", "pswpin + pswpout"),
        ("swap-used", "SwapFree"),
        ("pressure-rises", "memory pressure some avg10"),
    ] {
        let observed = run.observed(criterion);
        assert!(observed.contains(figure), "{criterion}: {observed}");
        assert!(!observed.contains("cgroup"), "{observed}");
    }
    assert!(run.console.contains("Listening at: http://0.0.0.0:8000"));
    run.assert_its_end_is_told();
    let quality_warnings = run.verdict["doubts"].to_string();
    assert!(quality_warnings.contains("Azure's"), "{quality_warnings}");
}

#[test]
fn in_a_virtual_machine_the_control_shows_no_pressure() {
    if !has(BoxKind::Vm) {
        return;
    }
    let run = Judged::rehearse("memory-pressure --box vm --control").expect(HEALTHY);
    run.assert_its_end_is_told();
}

#[test]
fn without_any_box_it_says_why_and_what_to_run_and_is_inconclusive() {
    let scratch = Scratch::new();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_labrat"));
    // Neither a shell to enter a cgroup with nor an emulator can be found.
    let output = scratch
        .command(&program, "memory-pressure")
        .env("PATH", "/no/such/folder")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), INCONCLUSIVE, "{said}");
    for part in [
        "there is no memory box here; cgroup: ",
        "; virtual machine: ",
        "(hint: run scripts/box-setup.sh",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdict["outcome"], "inconclusive");
    let quality_warnings = verdict["doubts"].to_string();
    assert!(
        quality_warnings.contains("nothing was played"),
        "{quality_warnings}"
    );
    scratch.assert_nothing_is_left();
}

/// A rehearsal in a cgroup, caught while its box is there.
fn caught_in_its_box(scratch: &Scratch) -> (std::process::Child, Vec<PathBuf>) {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_labrat"));
    let words = "memory-pressure --box cgroup --box-room 256 --box-swap 256";
    let mut command = scratch.command(&program, words);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let manifest = scratch.path().join("run/manifest.json");
    let running = poll(PATIENCE, || {
        let begun = fs::read_to_string(&manifest).is_ok_and(|text| text.contains("\"leak\""));
        (begun && !scratch.drives().is_empty()).then(|| scratch.made_elsewhere())
    });
    let Some(made) = running else {
        let _ = child.kill();
        panic!("it never loads its box: {:?}", child.wait());
    };
    assert!(!made.is_empty() && made.iter().all(|cgroup| cgroup.is_dir()));
    (child, made)
}

#[test]
fn an_interrupted_rehearsal_takes_its_box_away() {
    if !has(BoxKind::Cgroup) {
        return;
    }
    let scratch = Scratch::new();
    let (mut child, made) = caught_in_its_box(&scratch);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), CUT_SHORT);
    assert!(made.iter().all(|cgroup| !cgroup.exists()), "{made:?}");
    scratch.assert_nothing_is_left();
}

#[test]
fn the_box_of_a_killed_rehearsal_is_taken_away_by_the_next() {
    if !has(BoxKind::Cgroup) {
        return;
    }
    let scratch = Scratch::new();
    let (mut child, made) = caught_in_its_box(&scratch);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!scratch.drives().is_empty(), "a kill leaves the swap");
    fs::remove_dir_all(scratch.path().join("run")).unwrap();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_labrat"));
    let next = scratch
        .command(&program, "startup-failed --control --pace 0.1")
        .output()
        .unwrap();
    assert_eq!(next.status.code(), HEALTHY);
    assert!(made.iter().all(|cgroup| !cgroup.exists()), "{made:?}");
    scratch.assert_nothing_is_left();
}
