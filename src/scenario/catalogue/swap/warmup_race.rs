//! warmup-race.

use super::{AFTER, BEFORE, NEEDS, SWAP, WARM_UP, one_process, setting};
use crate::evidence::manifest::PhaseKind;
use crate::scenario::rules;
use crate::scenario::shape::{Change, Estimate, Misreading, Scenario, Step, Variation};

/// warmup-race, as data.
pub const WARMUP_RACE: Scenario = Scenario {
    title: "Traffic arrives before the new code is warm",
    incident: "Right after a swap requests that cost nothing take as long as their clients wait, \
               and a minute later everything is as before. The swap took the first answer of the \
               new code for a sign that it was warm.",
    plays: "hypothesis H3 of the playbook on slot swaps: the warm-up race",
    topology: one_process(&[
        setting("production", "LAB_WARMUP_SECONDS", "60"),
        setting("staging", "LAB_WARMUP_SECONDS", "60"),
    ]),
    starts_down: false,
    steps: &[
        Step::Capture {
            moment: PhaseKind::Baseline,
        },
        WARM_UP,
        BEFORE,
        SWAP,
        AFTER,
        Step::Capture {
            moment: PhaseKind::Post,
        },
    ],
    recorded: &[],
    rules: &rules::WARMUP_RACE,
    misreadings: &[
        Misreading {
            claim: "The new release is slow, so roll it back.",
            answer: "It is slow until it is warm. A swap back brings the same wait once more.",
        },
        Misreading {
            claim: "The platform warms a slot up before it switches.",
            answer: "It asks `/` and takes any status, a 404 as well. What warm means has to be \
                     told: a path and the statuses that count.",
        },
    ],
    variants: &[],
    fixes: &[Variation {
        name: "ping-path",
        what: "Have the swap ask /warmup, which answers 200 when the code is warm.",
        changes: &[Change::Settings {
            settings: &[
                setting("staging", "WEBSITE_SWAP_WARMUP_PING_PATH", "/warmup"),
                setting("staging", "WEBSITE_SWAP_WARMUP_PING_STATUSES", "200"),
            ],
        }],
    }],
    control: Variation {
        name: "control",
        what: "The same swap of code that needs no warm-up.",
        changes: &[Change::Settings {
            settings: &[
                setting("production", "LAB_WARMUP_SECONDS", "0"),
                setting("staging", "LAB_WARMUP_SECONDS", "0"),
            ],
        }],
    },
    needs: NEEDS,
    estimate: Estimate::None,
    quickest_pace: 0.05,
};
