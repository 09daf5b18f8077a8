//! Swaps that succeed and hurt all the same: a setting or a dependency that belongs to the other
//! slot, a restart afterwards, and traffic before the target is warm.

mod dependency_context;
mod slot_swap_drift;
mod swap_restart;
mod warmup_race;

pub use dependency_context::DEPENDENCY_CONTEXT;
pub use slot_swap_drift::SLOT_SWAP_DRIFT;
pub use swap_restart::SWAP_RESTART;
pub use warmup_race::WARMUP_RACE;

use super::rivals;
use crate::evidence::criteria::{Check, Criterion, Kind, Need};
use crate::evidence::manifest::EventKind;

const FAST_SAMPLES: Need = Need::Samples { route: "/fast" };

/// The swap was made.
const SWAPPED: Criterion = Criterion {
    id: "swapped",
    kind: Kind::Trigger,
    statement: "the swap was made and succeeded",
    check: Check::EventSucceeded {
        kind: EventKind::Swap,
    },
    needs: &[Need::Manifest],
};
/// Somebody changed a setting as well.
const SETTING_CHANGED: Check = Check::EventSucceeded {
    kind: EventKind::SettingChanged,
};
/// Requests that cost nothing take long.
const REQUESTS_SUFFER: Check = Check::LongRequestsAtLeast {
    route: "/fast",
    seconds: 10.0,
    count: 5,
};
/// Requests that cost nothing stay quick all the time.
const REQUESTS_STAY_FAST: Criterion = Criterion {
    id: "requests-stay-fast",
    kind: Kind::Disproof,
    statement: "/fast is answered within a second, 98 times in 100",
    check: Check::AnsweredWithinShareAtLeast {
        route: "/fast",
        seconds: 1.0,
        share: 0.98,
    },
    needs: &[FAST_SAMPLES],
};
