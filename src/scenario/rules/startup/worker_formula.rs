//! worker-formula: as many workers as the rule of thumb says on a machine of many cores, and
//! memory for a few of them.

use super::{
    COMMAND_AFTER, COMMAND_BEFORE, HEALTH_200_AFTER, IMPORT_FAILED, STATS_AFTER, STILL_FAILING,
    rivals,
};
use crate::evidence::criteria::{
    Bearing, Check, Criterion, Kind, Moment, Need, Promise, ScenarioRules,
};

/// The rule of thumb, 2 x CPU + 1, where the machine has 33 cores.
const BY_FORMULA: Check = Check::CommandContains {
    moment: Moment::Before,
    text: "--workers=67",
};
const KILLED: Check = Check::ConsoleContains {
    any: &["was sent SIGKILL! Perhaps out of memory?"],
    count: 3,
};
const BY_THE_KERNEL: Check = Check::ConsoleContains {
    any: &["was killed by the kernel, out of memory"],
    count: 1,
};

/// The rules of worker-formula.
pub const WORKER_FORMULA: ScenarioRules = ScenarioRules {
    name: "worker-formula",
    aliases: &["too-many-workers"],
    hypothesis: "the number of workers follows the cores of the machine and not its memory, so that \
                 the kernel kills workers as fast as the arbiter boots them",
    promises: &[Promise {
        word: "out-of-memory kill",
        check: BY_THE_KERNEL,
    }],
    trigger: &[],
    proof: &[
        Criterion {
            id: "workers-by-formula",
            kind: Kind::Proof,
            statement: "before the fix the command asks for 67 workers",
            check: BY_FORMULA,
            needs: &[COMMAND_BEFORE],
        },
        Criterion {
            id: "workers-killed",
            kind: Kind::Proof,
            statement: "at least three workers were ended by SIGKILL",
            check: KILLED,
            needs: &[Need::ConsoleTable],
        },
        Criterion {
            id: "killed-by-the-kernel",
            kind: Kind::Proof,
            statement: "the kernel's counter says that it was memory",
            check: BY_THE_KERNEL,
            needs: &[Need::ConsoleTable],
        },
        Criterion {
            id: "capped-after",
            kind: Kind::Proof,
            statement: "after the fix the command asks for 4 workers",
            check: Check::CommandContains {
                moment: Moment::After,
                text: "--workers=4 ",
            },
            needs: &[COMMAND_AFTER],
        },
        HEALTH_200_AFTER,
        STATS_AFTER,
    ],
    support: &[],
    disproof: &[
        Criterion {
            id: "nobody-killed",
            kind: Kind::Disproof,
            statement: "the console has lines, and no worker was ended by SIGKILL",
            check: Check::Not { check: &KILLED },
            needs: &[Need::ConsoleTable],
        },
        Criterion {
            id: "heartbeat-kills",
            kind: Kind::Disproof,
            statement: "the arbiter itself killed workers whose heartbeat stopped",
            check: Check::ConsoleContains {
                any: &["WORKER TIMEOUT"],
                count: 1,
            },
            needs: &[Need::ConsoleTable],
        },
        IMPORT_FAILED,
        STILL_FAILING,
    ],
    rivals: &[
        rivals::out_of_memory_kill(Bearing::Hypothesis),
        rivals::worker_timeout(Bearing::Competes),
        rivals::wrong_command(Bearing::Competes),
        rivals::wrong_port(Bearing::Competes),
        rivals::boot_failure(Bearing::Competes),
        rivals::slow_start(Bearing::Accompanies),
        rivals::client_abort(Bearing::Accompanies),
    ],
    expected: crate::scenario::rules::expected::WORKER_FORMULA,
};
