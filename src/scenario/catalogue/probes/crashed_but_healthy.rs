//! crashed-but-healthy.

use super::{NEEDS, PROBED};
use crate::evidence::manifest::PhaseKind;
use crate::scenario::rules;
use crate::scenario::shape::{
    Around, Change, Estimate, Group, Misreading, Plan, Probes, Scenario, Setting, Step, Topology,
    Variation, WorkerClass,
};

const COMMAND: &str = "labrat serve --bind=0.0.0.0:8000 --timeout=120 --workers=1 \
                       --worker-class=gthread --threads=8 app:app";
/// The same, with the database brought up to date first.
const MIGRATED: Change = Change::StartupCommand {
    command: "labrat migrate && exec labrat serve --bind=0.0.0.0:8000 --timeout=120 --workers=1 \
              --worker-class=gthread --threads=8 app:app",
    workers: 1,
    worker_class: WorkerClass::Gthread,
    threads: 8,
    timeout_seconds: 120,
};

/// By the time the orchestrator has made up its mind.
const DECIDED_SECONDS: f64 = 45.0;

/// crashed-but-healthy, as data.
pub const CRASHED_BUT_HEALTHY: Scenario = Scenario {
    title: "The platform says crashed, and the liveness path says healthy",
    incident: "From outside the liveness path answers 200 and every other request 503, with its \
               worker running and nothing in the console. Readiness fails, or is asked where \
               nobody answers, and the platform sends no traffic to what is not ready.",
    plays: "the incident report on a container that is crashed and healthy, hypotheses H1 to H3",
    topology: Topology {
        plan: Plan::B1,
        slots: &["production"],
        settings: &[Setting::production("DATABASE_URL", "sqlite:orders.db")],
        startup_command: COMMAND,
        workers: 1,
        worker_class: WorkerClass::Gthread,
        threads: 8,
        timeout_seconds: 120,
        around: Around {
            prepared: &[&["migrate", "--database", "sqlite:orders.db", "--to", "0001"]],
            ..PROBED
        },
    },
    starts_down: false,
    steps: &[
        Step::Capture {
            moment: PhaseKind::Baseline,
        },
        Step::Load {
            name: "from-outside",
            kind: PhaseKind::Trigger,
            groups: &[
                Group::new("/fast", 15, 1, 15.0)
                    .after(DECIDED_SECONDS)
                    .every(2.0),
                Group::new("/health", 15, 1, 15.0)
                    .after(DECIDED_SECONDS)
                    .every(2.0),
            ],
        },
        Step::Capture {
            moment: PhaseKind::Post,
        },
    ],
    recorded: &[],
    rules: &rules::CRASHED_BUT_HEALTHY,
    misreadings: &[
        Misreading {
            claim: "The platform says that it crashed, so look for the crash.",
            answer: "No process ended: there is no exit code and no new process. Look at what the \
                     platform asks, and what it gets for an answer.",
        },
        Misreading {
            claim: "/health is 200, so it is the network.",
            answer: "The same way in serves /health. What is different about the other paths is \
                     that the platform does not let them through.",
        },
    ],
    variants: &[
        Variation {
            name: "readiness-absent",
            what: "The probe asks for a path that the application does not have.",
            changes: &[
                MIGRATED,
                Change::Probes {
                    probes: Probes {
                        readiness_path: "/readyz",
                        ..Probes::USUAL
                    },
                },
            ],
        },
        Variation {
            name: "probe-wrong-port",
            what: "The probe asks at a port where nobody listens.",
            changes: &[
                MIGRATED,
                Change::Probes {
                    probes: Probes {
                        readiness_port: Some(9_000),
                        ..Probes::USUAL
                    },
                },
            ],
        },
    ],
    fixes: &[Variation {
        name: "ready-for-real",
        what: "Bring the database up to date before the server starts: readiness was right.",
        changes: &[MIGRATED],
    }],
    control: Variation {
        name: "control",
        what: "The same site without a database to wait for.",
        changes: &[Change::Settings {
            settings: &[Setting::production("DATABASE_URL", "")],
        }],
    },
    needs: NEEDS,
    estimate: Estimate::None,
    quickest_pace: 0.1,
};
