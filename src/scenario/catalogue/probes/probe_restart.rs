//! probe-restart.

use super::{NEEDS, PROBED};
use crate::evidence::manifest::PhaseKind;
use crate::scenario::rules;
use crate::scenario::shape::{
    Change, Estimate, Group, Misreading, Plan, Probes, Scenario, Setting, Step, Topology,
    Variation, WorkerClass,
};

/// probe-restart, as data.
pub const PROBE_RESTART: Scenario = Scenario {
    title: "A busy pool is taken for dead, and restarted",
    incident: "Under load the site answers 502 and 503 for a while, again and again, and its \
               process is a new one each time. The liveness probe waits behind the work in the \
               same queue, fails three times in a row, and the container is restarted with \
               everything in it.",
    plays: "hypothesis H3 of the playbook on intermittent 5xx: probe and restart overlap",
    topology: Topology {
        plan: Plan::B1,
        slots: &["production"],
        settings: &[
            Setting::production("LAB_SLOW_MIN_SECONDS", "10"),
            Setting::production("LAB_SLOW_MAX_SECONDS", "15"),
        ],
        startup_command: "labrat serve --bind=0.0.0.0:8000 --workers 2 --worker-class sync \
                          --timeout 30 app:app",
        workers: 2,
        worker_class: WorkerClass::Sync,
        threads: 1,
        timeout_seconds: 30,
        around: PROBED,
    },
    starts_down: false,
    steps: &[
        Step::Capture {
            moment: PhaseKind::Baseline,
        },
        Step::Load {
            name: "burst",
            kind: PhaseKind::Trigger,
            groups: &[
                Group::new("/slow", 16, 16, 45.0),
                // Two rounds of clients that never rest at the same time, so that whenever the
                // restart comes, somebody waits for an answer.
                Group::new("/fast", 75, 5, 5.0).after(0.2).every(2.0),
                Group::new("/fast", 75, 5, 5.0).after(3.7).every(2.0),
            ],
        },
        Step::Load {
            name: "later",
            kind: PhaseKind::Recovery,
            groups: &[Group::new("/fast", 60, 1, 15.0).every(5.0).until(200)],
        },
        Step::Capture {
            moment: PhaseKind::Post,
        },
    ],
    recorded: &[],
    rules: &rules::PROBE_RESTART,
    misreadings: &[
        Misreading {
            claim: "The process died, so it must have crashed.",
            answer: "It was ended: there is a stop and no exit code. Whoever probes it took \
                     waiting for death.",
        },
        Misreading {
            claim: "The restart helped: it is quick again.",
            answer: "It dropped everything that was under way, and the load that comes back fills \
                     the queue again.",
        },
    ],
    variants: &[],
    fixes: &[
        Variation {
            name: "probe-lane",
            what: "Answer the probes beside the pool, so that they never wait behind the work.",
            changes: &[
                Change::sync_workers(
                    "labrat serve --bind=0.0.0.0:8000 --probe-bind=0.0.0.0:8001 \
                              --workers 2 --worker-class sync --timeout 30 app:app",
                    2,
                    30,
                ),
                Change::Probes {
                    probes: Probes {
                        readiness_port: Some(8_001),
                        liveness_port: Some(8_001),
                        ..Probes::USUAL
                    },
                },
            ],
        },
        Variation {
            name: "threshold",
            what: "Give liveness more failures in a row than a burst lasts.",
            changes: &[Change::Probes {
                probes: Probes {
                    failure_threshold: 60,
                    ..Probes::USUAL
                },
            }],
        },
        Variation {
            name: "async",
            what: "A worker on which a request that waits costs nothing, so that the probe does \
                   not wait either.",
            changes: &[Change::StartupCommand {
                command: "labrat serve --bind=0.0.0.0:8000 --workers 2 --worker-class async \
                          --timeout 30 app:app",
                workers: 2,
                worker_class: WorkerClass::Async,
                threads: 1,
                timeout_seconds: 30,
            }],
        },
    ],
    control: Variation {
        name: "control",
        what: "The same quick requests without the slow ones.",
        changes: &[Change::LeaveOut { path: "/slow" }],
    },
    needs: NEEDS,
    estimate: Estimate::None,
    quickest_pace: 0.1,
};
