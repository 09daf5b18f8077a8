//! slow-start.

use super::{MINUTE_LIMIT, NEEDS, RIGHT_COMMAND, steps, topology};
use crate::scenario::rules;
use crate::scenario::shape::{Action, Change, Estimate, Misreading, Scenario, Setting, Variation};

const LONGER_LIMIT: Setting = Setting::production("WEBSITES_CONTAINER_START_TIME_LIMIT", "180");

const fn delay(seconds: &'static str) -> Setting {
    Setting::production("LAB_START_DELAY_SECONDS", seconds)
}

/// slow-start, as data.
pub const SLOW_START: Scenario = Scenario {
    title: "The application starts, and the platform does not wait for it",
    incident: "The site answers 503 although nothing in the console is an error. The application \
               needs a minute and a half until its first answer, and the platform ends it after one.",
    plays: "a rival of the lab `deployment-succeeded-startup-failed`: a start past the limit",
    topology: topology(RIGHT_COMMAND, &[MINUTE_LIMIT, delay("90")]),
    starts_down: true,
    steps: &steps(Action::SetSetting {
        setting: LONGER_LIMIT,
    }),
    recorded: &[],
    rules: &rules::SLOW_START,
    misreadings: &[
        Misreading {
            claim: "The container did not start, so something in it is broken.",
            answer: "It ran until it was ended: there is no exit code. A crash leaves one.",
        },
        Misreading {
            claim: "A larger plan makes it start in time.",
            answer: "Only where processor time is what it waits for. Look at what the start does \
                     before paying for it.",
        },
    ],
    variants: &[],
    fixes: &[
        Variation {
            name: "longer-limit",
            what: "Let the platform wait longer than the start takes.",
            changes: &[Change::Settings {
                settings: &[LONGER_LIMIT],
            }],
        },
        Variation {
            name: "lighter-start",
            what: "Do at the start only what the first answer needs, and the rest in warm-up.",
            changes: &[Change::Settings {
                settings: &[delay("10")],
            }],
        },
    ],
    control: Variation {
        name: "control",
        what: "The same site with a start that takes no time.",
        changes: &[Change::Settings {
            settings: &[delay("0")],
        }],
    },
    needs: NEEDS,
    estimate: Estimate::None,
    quickest_pace: 0.05,
};
