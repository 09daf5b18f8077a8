//! What the server's processes took is read while the pool is saturated, and waits for none of its
//! workers.

use std::collections::BTreeSet;

use labrat::evidence::processes::Role;
use labrat::evidence::{self, manifest::PhaseKind};

use super::rehearse;

/// Seconds between two looks, with room for a machine that is busy.
const LONGEST_GAP: f64 = 1.5;

#[test]
fn a_saturated_pool_is_looked_at_all_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let output = rehearse("intermittent-5xx", &out);
    assert_eq!(output.status.code(), super::REPRODUCED, "{output:?}");
    let bundle = evidence::read(&out).unwrap();
    let workers: BTreeSet<i32> = bundle
        .processes
        .iter()
        .filter(|sample| sample.role == Role::Worker)
        .map(|sample| sample.pid)
        .collect();
    assert!(workers.len() >= 2, "{workers:?}");
    assert!(bundle.processes.iter().all(|sample| {
        sample.resident_kb > 1_000 && sample.threads >= 1 && sample.descriptors > Some(3)
    }));
    let manifest = bundle.manifest.unwrap();
    let load = manifest
        .phases
        .iter()
        .find(|phase| phase.kind == PhaseKind::Trigger);
    let load = load.expect("a phase of load");
    let (start, end) = (load.started.unwrap(), load.ended.unwrap());
    let looks: BTreeSet<_> = bundle.processes.iter().map(|sample| sample.taken).collect();
    let looks: Vec<_> = looks.range(start..=end).collect();
    assert!(looks.len() >= 2, "{looks:?}");
    for pair in looks.windows(2) {
        let apart = pair[1].duration_since(*pair[0]).as_secs_f64();
        assert!(apart < LONGEST_GAP, "{apart} s");
    }
}
