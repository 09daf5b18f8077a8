//! dependency-latency.

use super::{BESIDE, NEEDS, knob};
use crate::evidence::manifest::PhaseKind;
use crate::scenario::rules;
use crate::scenario::shape::{
    Action, Around, Change, Done, Estimate, Group, Misreading, Plan, Scenario, Step, Topology,
    Variation, WorkerClass,
};

/// dependency-latency, as data.
pub const DEPENDENCY_LATENCY: Scenario = Scenario {
    title: "A called service slows, and retries make it worse",
    incident: "Requests that call another service take half a minute and end with 502, while all \
               others are as quick as ever. Each of them is tried four times with a generous time \
               budget, so that the slow service is asked four times as often as before.",
    plays: "hypothesis H2 of the playbook on intermittent 5xx: a dependency latency cascade",
    topology: Topology {
        plan: Plan::B1,
        slots: &["production"],
        settings: &[
            knob("LAB_CALL_BUDGET_SECONDS", "10"),
            knob("LAB_CALL_RETRIES", "3"),
        ],
        startup_command: "labrat serve --bind=0.0.0.0:8000 --workers 2 --worker-class gthread \
                          --threads 16 --timeout 120 app:app",
        workers: 2,
        worker_class: WorkerClass::Gthread,
        threads: 16,
        timeout_seconds: 120,
        around: Around::DOWNSTREAM,
    },
    starts_down: false,
    steps: &[
        Step::Capture {
            moment: PhaseKind::Baseline,
        },
        Step::Act {
            name: "slow-down",
            action: Action::TurnDownstream {
                latency_seconds: 60.0,
                fail_share: 0.0,
            },
            meanwhile: None,
            done: Done::Confirmed,
        },
        Step::Load {
            name: "slow",
            kind: PhaseKind::Trigger,
            groups: &[Group::new("/dependency", 20, 10, 60.0), BESIDE],
        },
        Step::Act {
            name: "recover",
            action: Action::TurnDownstream {
                latency_seconds: 0.0,
                fail_share: 0.0,
            },
            meanwhile: None,
            done: Done::Confirmed,
        },
        Step::Capture {
            moment: PhaseKind::Post,
        },
    ],
    recorded: &[],
    rules: &rules::DEPENDENCY_LATENCY,
    misreadings: &[
        Misreading {
            claim: "502 comes from the gateway, so the platform is the matter.",
            answer: "The application itself answers 502 here, and its console names the call that \
                     timed out.",
        },
        Misreading {
            claim: "More retries make it more reliable.",
            answer: "Against a service that is slow for everybody each retry is more load on what \
                     is already too slow. Look at outbound calls for each request.",
        },
        Misreading {
            claim: "More workers would help.",
            answer: "They would wait as well, and ask more at a time. A tight time budget and a \
                     breaker give the threads back.",
        },
    ],
    variants: &[],
    fixes: &[
        Variation {
            name: "time-budget",
            what: "One attempt with a budget of a second: a slow answer is worth no more.",
            changes: &[Change::Settings {
                settings: &[
                    knob("LAB_CALL_BUDGET_SECONDS", "1"),
                    knob("LAB_CALL_RETRIES", "0"),
                ],
            }],
        },
        Variation {
            name: "capped-retries",
            what: "One retry at most, after a pause that is drawn, within a tight budget.",
            changes: &[Change::Settings {
                settings: &[
                    knob("LAB_CALL_BUDGET_SECONDS", "2"),
                    knob("LAB_CALL_RETRIES", "1"),
                    knob("LAB_CALL_BACKOFF_SECONDS", "1"),
                    knob("LAB_CALL_JITTER", "on"),
                ],
            }],
        },
        Variation {
            name: "circuit-breaker",
            what: "After three failures in a row nobody is called for half a minute.",
            changes: &[Change::Settings {
                settings: &[
                    knob("LAB_CALL_BUDGET_SECONDS", "2"),
                    knob("LAB_CALL_BREAKER_FAILURES", "3"),
                    knob("LAB_CALL_BREAKER_SECONDS", "30"),
                ],
            }],
        },
    ],
    control: Variation {
        name: "control",
        what: "The same load, with a called service that stays quick.",
        changes: &[Change::LeaveOutStep { name: "slow-down" }],
    },
    needs: NEEDS,
    estimate: Estimate::None,
    quickest_pace: 0.1,
};
