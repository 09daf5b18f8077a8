//! start-command-override.

use super::NEEDS_HELP;
use crate::evidence::manifest::PhaseKind;
use crate::scenario::rules;
use crate::scenario::shape::{
    Action, Around, Change, Done, Estimate, Group, Misreading, Needs, Plan, Scenario, Setting,
    Step, Topology, Variation, WorkerClass,
};

/// What the image's entry point would do: prepare, then serve.
const ENTRY_POINT: &str = "labrat migrate && exec labrat serve --bind=0.0.0.0:8000 --timeout=120 \
                           --workers=1 --worker-class=gthread --threads=8 app:app";

const PREPARED: Change = Change::StartupCommand {
    command: ENTRY_POINT,
    workers: 1,
    worker_class: WorkerClass::Gthread,
    threads: 8,
    timeout_seconds: 120,
};

const PROBES: [Group; 2] = [
    Group::new("/ready", 5, 1, 20.0).every(5.0),
    Group::new("/health", 5, 1, 20.0).every(5.0),
];

/// start-command-override, as data.
pub const START_COMMAND_OVERRIDE: Scenario = Scenario {
    title: "The startup command replaced the entry point",
    incident: "The site runs and its liveness path answers 200, yet nothing that needs the database \
               works. The startup command starts the server directly, and the entry point that \
               would have migrated the database first never ran.",
    plays: "a rival of the lab `deployment-succeeded-startup-failed`, and hypothesis H4 of the \
            incident report on a container that is crashed and healthy",
    topology: Topology {
        plan: Plan::B1,
        slots: &["production"],
        settings: &[Setting::production("DATABASE_URL", "sqlite:orders.db")],
        startup_command: "labrat serve --bind=0.0.0.0:8000 --timeout=120 --workers=1 \
                          --worker-class=gthread --threads=8 app:app",
        workers: 1,
        worker_class: WorkerClass::Gthread,
        threads: 8,
        timeout_seconds: 120,
        around: Around {
            prepared: &[&["migrate", "--database", "sqlite:orders.db", "--to", "0001"]],
            ..Around::NOTHING
        },
    },
    starts_down: false,
    steps: &[
        Step::Capture {
            moment: PhaseKind::Baseline,
        },
        Step::Load {
            name: "broken",
            kind: PhaseKind::Trigger,
            groups: &PROBES,
        },
        Step::Act {
            name: "fix",
            action: Action::SetStartupCommand {
                command: ENTRY_POINT,
            },
            meanwhile: None,
            done: Done::Confirmed,
        },
        Step::Load {
            name: "recovery",
            kind: PhaseKind::Recovery,
            groups: &[Group::new("/ready", 60, 1, 20.0).every(5.0).until(200)],
        },
        Step::Capture {
            moment: PhaseKind::Post,
        },
    ],
    recorded: &[],
    rules: &rules::START_COMMAND_OVERRIDE,
    misreadings: &[
        Misreading {
            claim: "/health is 200, so the start went well.",
            answer: "Liveness says that a process answers. Whether what it needs is there is for \
                     readiness to say.",
        },
        Misreading {
            claim: "The image is the one that was tested, so it behaves as tested.",
            answer: "A startup command takes the place of what the image would have run. Compare \
                     it with the image's own entry point.",
        },
    ],
    variants: &[],
    fixes: &[Variation {
        name: "entry-point",
        what: "Let the startup command do what the entry point does.",
        changes: &[PREPARED],
    }],
    control: Variation {
        name: "control",
        what: "The entry point's own command from the beginning.",
        changes: &[PREPARED],
    },
    needs: Needs {
        plan: None,
        also: NEEDS_HELP,
    },
    estimate: Estimate::None,
    quickest_pace: 0.05,
};
