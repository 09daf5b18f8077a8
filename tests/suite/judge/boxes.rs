//! In a memory box only those figures count that the criterion names for it.

use labrat::evidence::manifest::{BoxKind, MemoryBox};
use labrat::verdict::{Finding, Outcome, Verdict};
use serde_json::{Value, json};

use super::builder::{Builder, criterion};
use super::incidents::{memory_pressure, proc_body};

fn in_box(kind: BoxKind, bundle: Builder) -> Verdict {
    let bundle = bundle.amend(|manifest| {
        manifest.topology.memory_box = Some(MemoryBox {
            kind,
            room_kb: 524_288,
            swap_kb: 4_194_304,
            swap_kb_per_second: Some(12_288),
            emulated: kind == BoxKind::Vm,
        });
    });
    bundle.judge()
}

/// What /diag/proc says in a cgroup of 512 MB, on a machine that is idle.
fn cgroup_body(usage: u64, swap: u64, limit_hits: u64) -> Value {
    let mut body = proc_body(23_000_000, 3_800_000, 6_000_000, 1_000, 300_000, 0.0);
    body["meminfo"]["MemTotal"] = json!("24000000 kB");
    body["cgroup"] = json!({
        "version": 1,
        "limit_bytes": 512 << 20,
        "usage_bytes": usage << 20,
        "swap_limit_bytes": (512 << 20) + (4_u64 << 30),
        "swap_usage_bytes": swap << 20,
        "refaults": 0,
        "events": {"failcnt": limit_hits, "oom_kill": 0},
    });
    body
}

fn in_cgroup(usage: u64, swap: u64, limit_hits: u64) -> Builder {
    memory_pressure()
        .json("baseline/diag-proc.json", cgroup_body(8, 0, 0))
        .json(
            "trigger/diag-proc-mid.json",
            cgroup_body(usage, swap, limit_hits),
        )
        .json("post/diag-proc.json", cgroup_body(usage, swap, limit_hits))
}

#[test]
fn a_virtual_machine_is_judged_by_the_machines_figures() {
    let verdict = in_box(BoxKind::Vm, memory_pressure());
    assert_eq!(verdict.outcome, Outcome::Reproduced, "{}", verdict.headline);
    let emulated = "never with Azure's";
    assert!(
        verdict
            .quality_warnings
            .iter()
            .any(|warning| warning.text.contains(emulated))
    );
}

#[test]
fn a_cgroup_is_not_judged_by_the_machines_figures() {
    // The machine around it collapses, and of the cgroup nothing is known.
    let verdict = in_box(BoxKind::Cgroup, memory_pressure());
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    for id in ["headroom-collapses", "reclaim-grows", "swap-used"] {
        assert_eq!(criterion(&verdict, id).finding, Finding::NoEvidence, "{id}");
    }
}

#[test]
fn a_cgroup_is_judged_by_its_own_figures_whatever_the_machine_around_it_does() {
    let full = in_box(BoxKind::Cgroup, in_cgroup(512, 1_200, 90_000));
    assert_eq!(full.outcome, Outcome::Reproduced, "{}", full.headline);
    let roomy = in_box(BoxKind::Cgroup, in_cgroup(100, 0, 0));
    assert_eq!(roomy.outcome, Outcome::NotReproduced, "{}", roomy.headline);
    // Its own room is left, but it swaps: the machine's figures do not help either way.
    let half = in_box(BoxKind::Cgroup, in_cgroup(300, 1_200, 90_000));
    let headroom = criterion(&half, "headroom-collapses");
    assert_eq!(headroom.finding, Finding::NotMet, "{}", headroom.observed);
}
