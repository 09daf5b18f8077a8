//! outbound-pressure.

use super::{BESIDE, NEEDS, knob};
use crate::evidence::manifest::PhaseKind;
use crate::scenario::rules;
use crate::scenario::shape::{
    Around, Change, Estimate, Group, Misreading, Plan, Scenario, Step, Topology, Variation,
    WorkerClass,
};

/// outbound-pressure, as data.
pub const OUTBOUND_PRESSURE: Scenario = Scenario {
    title: "Outbound calls fail for want of a port",
    incident: "Requests that call another service fail with 502 after a while under load, and the \
               called service sees nothing wrong. Every call opens a connection of its own, each \
               holds one of the instance's 128 local ports for minutes, and then there is none.",
    plays: "hypothesis H4 of the playbook on intermittent 5xx: outbound connection pressure",
    topology: Topology {
        plan: Plan::B1,
        slots: &["production"],
        settings: &[
            knob("LAB_OUTBOUND_REUSE", "off"),
            knob("LAB_OUTBOUND_PORTS", "128"),
            knob("LAB_OUTBOUND_HOLD_SECONDS", "240"),
        ],
        startup_command: "labrat serve --bind=0.0.0.0:8000 --workers 2 --worker-class gthread \
                          --threads 8 --timeout 120 app:app",
        workers: 2,
        worker_class: WorkerClass::Gthread,
        threads: 8,
        timeout_seconds: 120,
        around: Around::DOWNSTREAM,
    },
    starts_down: false,
    steps: &[
        Step::Capture {
            moment: PhaseKind::Baseline,
        },
        Step::Load {
            name: "calls",
            kind: PhaseKind::Trigger,
            groups: &[
                Group::new("/outbound?calls=10", 30, 3, 30.0).every(1.0),
                BESIDE,
            ],
        },
        Step::Capture {
            moment: PhaseKind::Post,
        },
    ],
    recorded: &[],
    rules: &rules::OUTBOUND_PRESSURE,
    misreadings: &[
        Misreading {
            claim: "The called service is down.",
            answer: "Whatever has a connection is answered at once. What fails is making a new one.",
        },
        Misreading {
            claim: "It fails under load only, so the plan is too small.",
            answer: "Ports belong to the instance and not to its size. A connection that is used \
                     again needs one port for thousands of calls.",
        },
    ],
    variants: &[],
    fixes: &[Variation {
        name: "reuse",
        what: "Use connections again: one client for the life of the process.",
        changes: &[Change::Settings {
            settings: &[knob("LAB_OUTBOUND_REUSE", "on")],
        }],
    }],
    control: Variation {
        name: "control",
        what: "The same load with ports enough, as a NAT gateway gives them.",
        changes: &[Change::Settings {
            settings: &[knob("LAB_OUTBOUND_PORTS", "0")],
        }],
    },
    needs: NEEDS,
    estimate: Estimate::None,
    quickest_pace: 0.1,
};
