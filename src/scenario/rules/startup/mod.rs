//! The start-up family: sites that do not start, each for another reason, and what all of them
//! have in common.

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

use super::rivals;
use crate::evidence::criteria::{Check, Criterion, Kind, Moment, Need, SnapshotKind};
use crate::evidence::manifest::{EventKind, PhaseKind};

const HEALTH_SAMPLES: Need = Need::Samples { route: "/health" };
const COMMAND_BEFORE: Need = Need::StartupCommand {
    moment: Moment::Before,
};
const COMMAND_AFTER: Need = Need::StartupCommand {
    moment: Moment::After,
};

/// The container ended by itself.
const EXITED: Check = Check::PlatformContains {
    any: &["Container has finished running with exit code"],
    count: 1,
};
/// What Python and Gunicorn say of an application that cannot be imported.
const IMPORT_FAILURE: Check = Check::ConsoleContains {
    any: &[
        "No module named",
        "App failed to load.",
        "Failed to find attribute",
    ],
    count: 1,
};
/// An application that names the setting that it lacks.
const NAMES_A_SETTING: Check = Check::ConsoleContains {
    any: &["required setting ", "KeyError: '"],
    count: 1,
};

/// The symptom: nothing answers before the fix.
const NOT_200_BEFORE: Criterion = Criterion {
    id: "not-200-before",
    kind: Kind::Proof,
    statement: "before the fix the site does not answer /health with 200",
    check: Check::RouteAnswers {
        route: "/health",
        moment: Moment::Before,
        ok: false,
    },
    needs: &[HEALTH_SAMPLES],
};
/// The fix works.
const HEALTH_200_AFTER: Criterion = Criterion {
    id: "health-200-after",
    kind: Kind::Proof,
    statement: "after the fix /health is answered 200",
    check: Check::RouteAnswers {
        route: "/health",
        moment: Moment::After,
        ok: true,
    },
    needs: &[HEALTH_SAMPLES],
};
/// What answers is the application, and no page of the platform.
const STATS_AFTER: Criterion = Criterion {
    id: "stats-after",
    kind: Kind::Proof,
    statement: "after the fix a worker tells its statistics",
    check: Check::StatsReadableAfter,
    needs: &[Need::Snapshot {
        of: SnapshotKind::Stats,
        at: PhaseKind::Post,
    }],
};
/// The fix was a setting.
const SETTING_CHANGED: Criterion = Criterion {
    id: "setting-changed",
    kind: Kind::Proof,
    statement: "the fix was the change of a setting",
    check: Check::EventSucceeded {
        kind: EventKind::SettingChanged,
    },
    needs: &[Need::Manifest],
};
/// The platform saw the container end.
const CONTAINER_EXITED: Criterion = Criterion {
    id: "container-exited",
    kind: Kind::Proof,
    statement: "the container ended by itself during start",
    check: EXITED,
    needs: &[Need::PlatformTable],
};
/// Nobody waited for it in vain.
const EXITED_BY_ITSELF: Criterion = Criterion {
    id: "exited",
    kind: Kind::Disproof,
    statement: "the container ended by itself",
    check: EXITED,
    needs: &[Need::PlatformTable],
};
/// The platform waited in vain for a container that ran.
const NEVER_EXITED: Criterion = Criterion {
    id: "never-exited",
    kind: Kind::Proof,
    statement: "the container ran on: the platform records no exit",
    check: Check::Not { check: &EXITED },
    needs: &[Need::PlatformTable],
};
/// The platform's limit passed.
const LIMIT_REACHED: Criterion = Criterion {
    id: "limit-reached",
    kind: Kind::Proof,
    statement: "the platform waited for an answer until its limit",
    check: Check::PlatformContains {
        any: &["did not start within expected time limit"],
        count: 1,
    },
    needs: &[Need::PlatformTable],
};
/// It was up all the time.
const ANSWERED_BEFORE: Criterion = Criterion {
    id: "answered-before",
    kind: Kind::Disproof,
    statement: "the site answers /health with 200 before the fix",
    check: Check::RouteAnswers {
        route: "/health",
        moment: Moment::Before,
        ok: true,
    },
    needs: &[HEALTH_SAMPLES],
};
/// The fix did not help, so that it was not the cause.
const STILL_FAILING: Criterion = Criterion {
    id: "still-failing-after",
    kind: Kind::Disproof,
    statement: "the site still fails after the fix",
    check: Check::RouteAnswers {
        route: "/health",
        moment: Moment::After,
        ok: false,
    },
    needs: &[HEALTH_SAMPLES],
};
/// Another member of the family: the wrong module.
const IMPORT_FAILED: Criterion = Criterion {
    id: "import-failed",
    kind: Kind::Disproof,
    statement: "the application could not even be imported",
    check: IMPORT_FAILURE,
    needs: &[Need::ConsoleTable],
};
