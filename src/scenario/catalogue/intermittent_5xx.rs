//! intermittent-5xx.

use crate::evidence::manifest::PhaseKind;
use crate::scenario::rules;
use crate::scenario::shape::{
    Around, Change, Estimate, Group, Misreading, Needs, Plan, Scenario, Step, Topology, Variation,
    WorkerClass,
};

/// The quick requests begin a fifth of a second after the slow ones, when those hold the workers.
const AT_ONCE_SECONDS: f64 = 0.2;
/// More workers than there are slow requests at a time.
const MORE_WORKERS: Change = Change::sync_workers(
    "labrat serve --bind=0.0.0.0:8000 --workers 24 --worker-class sync --timeout 30 app:app",
    24,
    30,
);

/// intermittent-5xx, as data.
pub const INTERMITTENT_5XX: Scenario = Scenario {
    title: "Intermittent failures under load: every worker is held by a slow request",
    incident: "Now and then requests that cost nothing fail at the client, while others succeed \
               and the platform reports no incident. A burst of slow requests occupies all sync \
               workers, and whoever comes next waits in the accept queue until it gives up.",
    plays: "the lab `intermittent-5xx`, hypothesis H1 of its playbook: worker exhaustion",
    topology: Topology {
        plan: Plan::B1,
        slots: &["production"],
        settings: &[],
        startup_command: "labrat serve --bind=0.0.0.0:8000 --workers 2 --worker-class sync \
                          --timeout 30 app:app",
        workers: 2,
        worker_class: WorkerClass::Sync,
        threads: 1,
        timeout_seconds: 30,
        around: Around::NOTHING,
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
                Group::new("/slow", 20, 20, 45.0),
                Group::new("/fast", 10, 1, 15.0).after(AT_ONCE_SECONDS),
            ],
        },
        Step::Capture {
            moment: PhaseKind::Post,
        },
    ],
    recorded: &[
        "6 of 10 clients of /fast gave up at their limit; clients of /slow gave up at 45 s.",
        "The HTTP table holds 29 rows of 200 and 31 of 499, and no 5xx at all.",
        "The console table is empty: no worker timed out. The platform's rows are informational.",
        "/diag/env took 7 ms beside /diag/stats with 21,735 ms: one found a free worker, the other \
         waited.",
    ],
    rules: &rules::INTERMITTENT_5XX,
    misreadings: &[
        Misreading {
            claim: "499: the platform drops requests.",
            answer: "499 is written when the client closes first. The platform held the request \
                     until then.",
        },
        Misreading {
            claim: "One route takes 7 ms and its neighbour 21 s, so the neighbour is slow.",
            answer: "Neither works longer than a few milliseconds; the second one queued for a \
                     worker.",
        },
        Misreading {
            claim: "No WORKER TIMEOUT in the console, so the workers are fine.",
            answer: "A worker times out only when one request alone lasts longer than --timeout. \
                     5 to 15 s are below 30: all workers can be busy for ever without a line.",
        },
        Misreading {
            claim: "Let the clients retry.",
            answer: "A request whose client has gone is still executed. Retries make the queue \
                     longer.",
        },
    ],
    variants: &[
        Variation {
            name: "three-workers",
            what: "The playbook's topology: three sync workers.",
            changes: &[Change::sync_workers(
                "labrat serve --bind=0.0.0.0:8000 --workers 3 --worker-class sync \
                          --timeout 30 app:app",
                3,
                30,
            )],
        },
        Variation {
            name: "short-timeout",
            what: "A --timeout below the slowest request: workers are killed, clients get a 500.",
            changes: &[Change::sync_workers(
                "labrat serve --bind=0.0.0.0:8000 --workers 2 --worker-class sync \
                          --timeout 8 app:app",
                2,
                8,
            )],
        },
    ],
    fixes: &[
        Variation {
            name: "more-workers",
            what: "More workers than there are slow requests at a time.",
            changes: &[MORE_WORKERS],
        },
        Variation {
            name: "gthread",
            what: "Threads, so that a request that waits does not hold a whole worker.",
            changes: &[Change::StartupCommand {
                command: "labrat serve --bind=0.0.0.0:8000 --workers 2 --worker-class gthread \
                          --threads 16 --timeout 30 app:app",
                workers: 2,
                worker_class: WorkerClass::Gthread,
                threads: 16,
                timeout_seconds: 30,
            }],
        },
        Variation {
            name: "async",
            what: "An event loop, on which waiting costs nothing.",
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
        what: "The same burst against more workers than there are slow requests.",
        changes: &[MORE_WORKERS],
    },
    needs: Needs {
        plan: Some(Plan::B1),
        also: "",
    },
    estimate: Estimate::Saturation {
        slow: "/slow",
        shortest_seconds: 5.0,
        longest_seconds: 15.0,
        fast: "/fast",
    },
    quickest_pace: 0.1,
};
