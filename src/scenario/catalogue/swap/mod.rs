//! Swaps that succeed and hurt all the same.

mod dependency_context;
mod slot_swap_drift;
mod swap_restart;
mod warmup_race;

pub use dependency_context::DEPENDENCY_CONTEXT;
pub use slot_swap_drift::SLOT_SWAP_DRIFT;
pub use swap_restart::SWAP_RESTART;
pub use warmup_race::WARMUP_RACE;

use crate::evidence::manifest::PhaseKind;
use crate::scenario::shape::{
    Action, Around, Done, Group, Needs, Plan, Setting, Step, Topology, WorkerClass,
};

/// One process, so that it is warm or not as a whole.
const fn one_process(settings: &'static [Setting]) -> Topology {
    Topology {
        plan: Plan::S1,
        slots: &["production", "staging"],
        settings,
        startup_command: "labrat serve --bind=0.0.0.0:8000 --timeout=120 --workers=1 \
                          --worker-class=gthread --threads=8 app:app",
        workers: 1,
        worker_class: WorkerClass::Gthread,
        threads: 8,
        timeout_seconds: 120,
        around: Around::NOTHING,
    }
}

/// A setting of one slot.
const fn setting(slot: &'static str, name: &'static str, value: &'static str) -> Setting {
    Setting {
        slot,
        name,
        value,
        sticky: false,
    }
}

/// Production is warm before anything is done.
const WARM_UP: Step = Step::Load {
    name: "warm-up",
    kind: PhaseKind::Baseline,
    groups: &[Group::new("/warmup", 1, 1, 180.0)],
};
/// Requests that cost nothing, before anything is done.
const BEFORE: Step = Step::Load {
    name: "before",
    kind: PhaseKind::Baseline,
    groups: &[Group::new("/fast", 10, 1, 15.0)],
};
/// Requests that cost nothing, for a minute and a half, three at a time.
const AFTER: Step = Step::Load {
    name: "after",
    kind: PhaseKind::Post,
    groups: &[Group::new("/fast", 60, 3, 15.0).every(1.0)],
};
/// The swap, while requests that cost nothing go on.
const SWAP: Step = swap(Group::new("/fast", 1_800, 3, 15.0));

/// The swap, while these requests go on, with a second between one and the next.
const fn swap(meanwhile: Group) -> Step {
    Step::Act {
        name: "swap",
        action: Action::Swap {
            source: "staging",
            target: "production",
        },
        meanwhile: Some(meanwhile.every(1.0)),
        done: Done::ProcessReplaced {
            limit_seconds: 600.0,
        },
    }
}

/// Two slots, and somebody who swaps them.
const NEEDS: Needs = Needs {
    plan: Some(Plan::S1),
    also: "a second slot, and somebody, or a script, that swaps when told to",
};
