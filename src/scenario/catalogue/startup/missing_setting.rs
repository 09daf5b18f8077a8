//! missing-setting.

use super::{NEEDS, RIGHT_COMMAND, steps, topology};
use crate::scenario::rules;
use crate::scenario::shape::{Action, Change, Estimate, Misreading, Scenario, Setting, Variation};

const REQUIRED: Setting = Setting::production("LAB_REQUIRED_SETTINGS", "PAYMENT_ENDPOINT");
const PRESENT: Setting = Setting::production("PAYMENT_ENDPOINT", "https://payments.example.net/v2");

/// missing-setting, as data.
pub const MISSING_SETTING: Scenario = Scenario {
    title: "A setting is missing, and the application refuses to start without it",
    incident: "The site answers 503 after a release that reads a new setting. The setting exists in \
               one environment and not in this one, and the application names it and ends.",
    plays: "a rival of the lab `deployment-succeeded-startup-failed`: a missing setting",
    topology: topology(RIGHT_COMMAND, &[REQUIRED]),
    starts_down: true,
    steps: &steps(Action::SetSetting { setting: PRESENT }),
    recorded: &[],
    rules: &rules::MISSING_SETTING,
    misreadings: &[
        Misreading {
            claim: "An application should start whatever is missing, and log a warning.",
            answer: "Then the failure moves to the first request that needs the setting, hours \
                     later and far from the release. Failing at once, with the name, is the good \
                     case.",
        },
        Misreading {
            claim: "The setting is in the repository's example file, so it is set.",
            answer: "Only what the platform injects into the container counts: /diag/env shows it.",
        },
    ],
    variants: &[],
    fixes: &[Variation {
        name: "setting-added",
        what: "Add the setting before the release that needs it.",
        changes: &[Change::Settings {
            settings: &[PRESENT],
        }],
    }],
    control: Variation {
        name: "control",
        what: "A release that needs no such setting.",
        changes: &[Change::Settings {
            settings: &[Setting::production("LAB_REQUIRED_SETTINGS", "")],
        }],
    },
    needs: NEEDS,
    estimate: Estimate::None,
    quickest_pace: 0.05,
};
