//! worker-formula.

use super::{MINUTE_LIMIT, steps};
use crate::scenario::rules;
use crate::scenario::shape::{
    Action, Around, Change, Estimate, Memory, Misreading, Needs, Plan, Scenario, Setting, Topology,
    Variation, WorkerClass,
};

const CAPPED_COMMAND: &str = "labrat serve --bind=0.0.0.0:8000 --timeout=120 --workers=4 app:app";
const CAPPED: Change = Change::sync_workers(CAPPED_COMMAND, 4, 120);

/// worker-formula, as data.
pub const WORKER_FORMULA: Scenario = Scenario {
    title: "As many workers as the cores ask for, and memory for a few",
    incident: "After a move to a machine of many cores workers are killed as soon as they boot, \
               and requests end without an answer. Their number is computed as 2 x CPU + 1, which \
               is 67 here, and each of them needs 60 MB before its first request.",
    plays: "the incident report on a container that is crashed and healthy: the worker formula",
    topology: Topology {
        plan: Plan::B1,
        slots: &["production"],
        settings: &[
            MINUTE_LIMIT,
            Setting::production("LAB_WORKER_MEMORY_MB", "60"),
        ],
        startup_command: "labrat serve --bind=0.0.0.0:8000 --timeout=120 --workers=67 app:app",
        workers: 67,
        worker_class: WorkerClass::Sync,
        threads: 1,
        timeout_seconds: 120,
        around: Around {
            memory: Some(Memory {
                room_megabytes: 512,
                swap_megabytes: 0,
            }),
            ..Around::NOTHING
        },
    },
    starts_down: true,
    steps: &steps(Action::SetStartupCommand {
        command: CAPPED_COMMAND,
    }),
    recorded: &[],
    rules: &rules::WORKER_FORMULA,
    misreadings: &[
        Misreading {
            claim: "Perhaps out of memory, says the arbiter: perhaps not.",
            answer: "It says so of every SIGKILL. The kernel's own counter decides, and here it \
                     moves with each of them.",
        },
        Misreading {
            claim: "More cores want more workers.",
            answer: "Only as far as memory goes: the smaller of both numbers counts, and 4 is \
                     enough for most.",
        },
    ],
    variants: &[],
    fixes: &[Variation {
        name: "cap",
        what: "The smaller of the formula and 4.",
        changes: &[CAPPED],
    }],
    control: Variation {
        name: "control",
        what: "The same 67 workers, of an application that needs hardly any memory.",
        changes: &[Change::Settings {
            settings: &[Setting::production("LAB_WORKER_MEMORY_MB", "0")],
        }],
    },
    needs: Needs {
        plan: None,
        also: "a machine whose memory is bounded and that does not swap: a rehearsal needs a memory \
               box, and without one it ends inconclusive",
    },
    estimate: Estimate::None,
    quickest_pace: 0.1,
};
