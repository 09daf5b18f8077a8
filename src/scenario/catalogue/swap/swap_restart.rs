//! swap-restart.

use super::{AFTER, BEFORE, NEEDS, SWAP, WARM_UP, one_process, setting};
use crate::evidence::manifest::PhaseKind;
use crate::scenario::rules;
use crate::scenario::shape::{
    Action, Change, Done, Estimate, Misreading, Scenario, Setting, Step, Variation,
};

/// The flag as a slot setting.
const fn sticky(slot: &'static str, value: &'static str) -> Setting {
    Setting {
        sticky: true,
        ..setting(slot, "FEATURE_FLAG", value)
    }
}

/// swap-restart, as data.
pub const SWAP_RESTART: Scenario = Scenario {
    title: "The swap went well, and then production restarted",
    incident: "A swap succeeds without a slow request, and a moment later production restarts and \
               its requests take as long as their clients wait. The flag that moved with the code \
               was put back, and a changed setting restarts the slot.",
    plays: "hypothesis H1 of the playbook on slot swaps: a restart by configuration",
    topology: one_process(&[
        setting("production", "FEATURE_FLAG", "off"),
        setting("staging", "FEATURE_FLAG", "on"),
        setting("production", "LAB_WARMUP_SECONDS", "40"),
        setting("staging", "LAB_WARMUP_SECONDS", "40"),
        setting("production", "WEBSITE_SWAP_WARMUP_PING_PATH", "/warmup"),
        setting("staging", "WEBSITE_SWAP_WARMUP_PING_PATH", "/warmup"),
        setting("production", "WEBSITE_SWAP_WARMUP_PING_STATUSES", "200"),
        setting("staging", "WEBSITE_SWAP_WARMUP_PING_STATUSES", "200"),
    ]),
    starts_down: false,
    steps: &[
        Step::Capture {
            moment: PhaseKind::Baseline,
        },
        WARM_UP,
        BEFORE,
        SWAP,
        Step::Act {
            name: "put-back",
            action: Action::SetSetting {
                setting: setting("production", "FEATURE_FLAG", "off"),
            },
            meanwhile: None,
            done: Done::Confirmed,
        },
        AFTER,
        Step::Capture {
            moment: PhaseKind::Post,
        },
    ],
    recorded: &[],
    rules: &rules::SWAP_RESTART,
    misreadings: &[
        Misreading {
            claim: "The swap restarted production.",
            answer: "The swap put a warm process there. The restart came with the change of a \
                     setting after it: compare the process's start with both.",
        },
        Misreading {
            claim: "Putting the flag back was harmless, it is only a flag.",
            answer: "Every change of a setting restarts the slot, whatever it means.",
        },
    ],
    variants: &[],
    fixes: &[
        Variation {
            name: "sticky",
            what: "Mark the flag as a slot setting: nothing moves, and nothing is put back.",
            changes: &[
                Change::Settings {
                    settings: &[sticky("production", "off"), sticky("staging", "on")],
                },
                Change::LeaveOutStep { name: "put-back" },
            ],
        },
        Variation {
            name: "warm-restart",
            what: "Have every start, and not only the swap, wait for /ready.",
            changes: &[Change::Settings {
                settings: &[
                    setting("production", "WEBSITE_WARMUP_PATH", "/ready"),
                    setting("staging", "WEBSITE_WARMUP_PATH", "/ready"),
                    setting("production", "WEBSITE_WARMUP_STATUSES", "200"),
                    setting("staging", "WEBSITE_WARMUP_STATUSES", "200"),
                ],
            }],
        },
    ],
    control: Variation {
        name: "control",
        what: "The same swap, and nobody changes a setting after it.",
        changes: &[Change::LeaveOutStep { name: "put-back" }],
    },
    needs: NEEDS,
    estimate: Estimate::None,
    quickest_pace: 0.05,
};
