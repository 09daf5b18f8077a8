//! The start-up family: sites that do not start, each for another reason. They are played alike:
//! probe what is down, mend it, and probe until it answers.

mod crash_at_boot;
mod missing_setting;
mod slow_start;
mod start_command_override;
mod startup_failed;
mod worker_formula;
mod wrong_port;

pub use crash_at_boot::CRASH_AT_BOOT;
pub use missing_setting::MISSING_SETTING;
pub use slow_start::SLOW_START;
pub use start_command_override::START_COMMAND_OVERRIDE;
pub use startup_failed::STARTUP_FAILED;
pub use worker_formula::WORKER_FORMULA;
pub use wrong_port::WRONG_PORT;

use crate::evidence::manifest::PhaseKind;
use crate::scenario::shape::{
    Action, Around, Change, Done, Group, Needs, Plan, Setting, Step, Topology, WorkerClass,
};

/// The command of a site with nothing wrong.
const RIGHT_COMMAND: &str = "labrat serve --bind=0.0.0.0:8000 --timeout=120 --workers=2 app:app";
/// The platform waits a minute instead of its 230 s, so that a rehearsal is short.
const MINUTE_LIMIT: Setting = Setting::production("WEBSITES_CONTAINER_START_TIME_LIMIT", "60");

/// Two sync workers behind `command`, with these settings.
const fn topology(command: &'static str, settings: &'static [Setting]) -> Topology {
    Topology {
        plan: Plan::B1,
        slots: &["production"],
        settings,
        startup_command: command,
        workers: 2,
        worker_class: WorkerClass::Sync,
        threads: 1,
        timeout_seconds: 120,
        around: Around::NOTHING,
    }
}

/// Another command for the same two workers.
const fn command(command: &'static str) -> Change {
    Change::sync_workers(command, 2, 120)
}

const BROKEN: [Group; 1] = [Group::new("/health", 3, 1, 20.0).every(5.0)];
const RECOVERY: [Group; 1] = [Group::new("/health", 60, 1, 20.0).every(5.0).until(200)];

/// Probe, mend by `action`, and probe until it answers.
const fn steps(action: Action) -> [Step; 5] {
    [
        Step::Capture {
            moment: PhaseKind::Baseline,
        },
        Step::Load {
            name: "broken",
            kind: PhaseKind::Trigger,
            groups: &BROKEN,
        },
        Step::Act {
            name: "fix",
            action,
            meanwhile: None,
            done: Done::Confirmed,
        },
        Step::Load {
            name: "recovery",
            kind: PhaseKind::Recovery,
            groups: &RECOVERY,
        },
        Step::Capture {
            moment: PhaseKind::Post,
        },
    ]
}

const NEEDS_HELP: &str = "somebody, or a script, that mends the site when told to";
/// A site on the smallest plan, and somebody who mends it.
const NEEDS: Needs = Needs {
    plan: Some(Plan::B1),
    also: NEEDS_HELP,
};
