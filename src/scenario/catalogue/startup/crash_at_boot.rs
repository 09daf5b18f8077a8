//! crash-at-boot.

use super::{NEEDS, RIGHT_COMMAND, steps, topology};
use crate::scenario::rules;
use crate::scenario::shape::{Action, Change, Estimate, Misreading, Scenario, Setting, Variation};

const fn failure(message: &'static str) -> Setting {
    Setting::production("LAB_BOOT_FAIL", message)
}

/// crash-at-boot, as data.
pub const CRASH_AT_BOOT: Scenario = Scenario {
    title: "The application is found, and ends before its first answer",
    incident: "The site answers 503 right after a release, and the module in the startup command is \
               there. While a worker boots the application raises an exception of its own, and the \
               container ends with exit code 3.",
    plays: "a rival of the lab `deployment-succeeded-startup-failed`: a crash at boot",
    topology: topology(
        RIGHT_COMMAND,
        &[failure(
            "the schema of cache/plans.bin is newer than this release",
        )],
    ),
    starts_down: true,
    steps: &steps(Action::SetSetting {
        setting: failure(""),
    }),
    recorded: &[],
    rules: &rules::CRASH_AT_BOOT,
    misreadings: &[
        Misreading {
            claim: "Worker failed to boot: the module must be missing.",
            answer: "The same words end every failed boot. The exception above them says which: an \
                     import failure, or the application's own.",
        },
        Misreading {
            claim: "It did not start within the time limit, so it is slow.",
            answer: "The platform writes that sentence after every failed start. An exit code \
                     beside it says that nobody had to wait.",
        },
    ],
    variants: &[],
    fixes: &[Variation {
        name: "cause-removed",
        what: "Remove what makes the application give up.",
        changes: &[Change::Settings {
            settings: &[failure("")],
        }],
    }],
    control: Variation {
        name: "control",
        what: "The same site without the failure.",
        changes: &[Change::Settings {
            settings: &[failure("")],
        }],
    },
    needs: NEEDS,
    estimate: Estimate::None,
    quickest_pace: 0.05,
};
