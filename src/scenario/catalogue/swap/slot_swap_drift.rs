//! slot-swap-drift.

use super::{NEEDS, setting, swap};
use crate::evidence::manifest::PhaseKind;
use crate::scenario::rules;
use crate::scenario::shape::{
    Around, Change, Estimate, Group, Misreading, Plan, Scenario, Setting, Step, Topology,
    Variation, WorkerClass,
};

const PRODUCTION_DATABASE: &str = "Server=tcp:sql-prod.example.net;Database=orders;User Id=app";
const STAGING_DATABASE: &str = "Server=tcp:sql-staging.example.net;Database=orders;User Id=app";

const fn database(slot: &'static str, value: &'static str, sticky: bool) -> Setting {
    Setting {
        slot,
        name: "DB_CONNECTION_STRING",
        value,
        sticky,
    }
}

/// What the application is told to expect; it belongs to the slot whatever is swapped.
const fn expected(slot: &'static str, value: &'static str) -> Setting {
    Setting {
        slot,
        name: "EXPECTED_DB_CONNECTION_STRING",
        value,
        sticky: true,
    }
}

/// slot-swap-drift, as data.
pub const SLOT_SWAP_DRIFT: Scenario = Scenario {
    title: "After the swap production talks to staging's database",
    incident: "A slot swap is reported as successful and every request is answered 200, yet \
               production shows data that is not its own. A setting that belongs to its \
               environment was not marked as a slot setting and went along with the code.",
    plays: "the lab `slot-swap-config-drift`, hypothesis H2 of its playbook: configuration drift",
    topology: Topology {
        plan: Plan::S1,
        slots: &["production", "staging"],
        settings: &[
            database("production", PRODUCTION_DATABASE, false),
            database("staging", STAGING_DATABASE, false),
            expected("production", PRODUCTION_DATABASE),
            expected("staging", STAGING_DATABASE),
            setting("production", "FEATURE_FLAG", "off"),
            setting("staging", "FEATURE_FLAG", "on"),
        ],
        startup_command: "labrat serve --bind=0.0.0.0:8000 --timeout=120 --workers=2 app:app",
        workers: 2,
        worker_class: WorkerClass::Sync,
        threads: 1,
        timeout_seconds: 120,
        around: Around::NOTHING,
    },
    starts_down: false,
    steps: &[
        Step::Capture {
            moment: PhaseKind::Baseline,
        },
        swap(Group::new("/config", 1_800, 1, 20.0)),
        Step::Load {
            name: "after",
            kind: PhaseKind::Post,
            groups: &[Group::new("/config", 20, 1, 20.0).every(1.0)],
        },
        Step::Capture {
            moment: PhaseKind::Post,
        },
    ],
    recorded: &[
        "In the published run DB_CONNECTION_STRING was a slot setting and stayed; FEATURE_FLAG was \
         not and moved, as intended. The lab's text tells the opposite case.",
        "The swap was called at 05:45:29. The source slot restarted and was warm at 05:46:58, `/` \
         was asked on both hosts at 05:47:48, and the other slot restarted until 05:49:06.",
        "Every answer was 200.",
    ],
    rules: &rules::SLOT_SWAP_DRIFT,
    misreadings: &[
        Misreading {
            claim: "The swap succeeded and everything is 200, so nothing changed for the worse.",
            answer: "Health looks at transport. What a setting points at is not asked by anyone \
                     unless the swap is gated on it.",
        },
        Misreading {
            claim: "FEATURE_FLAG differs after the swap: that is drift as well.",
            answer: "It went along with the code that it belongs to, and nobody declared it sticky. \
                     Drift is a value of the environment that moved.",
        },
    ],
    variants: &[Variation {
        name: "restart-only",
        what: "A setting that is the same in both slots: the swap restarts and nothing drifts.",
        changes: &[Change::Settings {
            settings: &[
                database("production", PRODUCTION_DATABASE, false),
                database("staging", PRODUCTION_DATABASE, false),
                expected("staging", PRODUCTION_DATABASE),
            ],
        }],
    }],
    fixes: &[
        Variation {
            name: "sticky",
            what: "Mark the connection string as a slot setting in both slots.",
            changes: &[Change::Settings {
                settings: &[
                    database("production", PRODUCTION_DATABASE, true),
                    database("staging", STAGING_DATABASE, true),
                ],
            }],
        },
        Variation {
            name: "gate",
            what: "Compare the two slots before the swap and refuse it while a value of the \
                   environment would move.",
            changes: &[Change::Described {
                how: "run the comparison of both /config answers before the swap",
            }],
        },
    ],
    control: Variation {
        name: "control",
        what: "The same swap with the connection string marked as a slot setting.",
        changes: &[Change::Settings {
            settings: &[
                database("production", PRODUCTION_DATABASE, true),
                database("staging", STAGING_DATABASE, true),
            ],
        }],
    },
    needs: NEEDS,
    estimate: Estimate::None,
    quickest_pace: 0.1,
};
