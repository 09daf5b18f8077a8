//! The memory box of a rehearsal: how large, and what is told of it.

use super::plan::{RehearsalError, RehearsalPlan};
use crate::evidence::manifest;
use crate::machine::memory_box::{BoxKind, BoxSize, BoxWish, MemoryBox, VmParts};
use crate::scenario::shape::Change;

/// The larger plan that a box can stand for.
const LARGER_PLAN: &str = "P1v3";

/// What somebody wants of the box.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BoxOrder {
    /// Its kind; with `None` there is one only where the scenario needs one, of either kind.
    pub kind: Option<BoxKind>,
    /// What it leaves to the target at rest, in MB; a B1's without.
    pub room_megabytes: Option<u64>,
    /// Its swap in MB; a B1's without.
    pub swap_megabytes: Option<u64>,
    /// What its swap moves in a second, in MB, where nothing is emulated; as calibrated without.
    pub swap_speed: Option<u64>,
    /// Where the kernel of a virtual machine is.
    pub kernel_root: std::path::PathBuf,
}

/// The box of this plan, where it has one.
pub(super) fn prepare(plan: &RehearsalPlan) -> Result<Option<MemoryBox>, RehearsalError> {
    let order = &plan.memory_box;
    if order.kind.is_none() && !plan.scenario.needs_box() {
        return Ok(None);
    }
    let wish = BoxWish {
        // A virtual machine holds no server but labrat.
        kind: order.kind.or(plan.server.as_ref().map(|_| BoxKind::Cgroup)),
        size: size(plan),
        room_is_told: order.room_megabytes.is_some(),
        parent: plan.scratch.clone(),
        parts: VmParts {
            labrat: plan.executable.clone(),
            kernel_root: order.kernel_root.clone(),
        },
    };
    Ok(Some(wish.fulfil()?))
}

/// Whether a box can stand for this plan of App Service.
pub(super) fn stands_for(name: &str) -> bool {
    name == LARGER_PLAN
}

/// As large as the course wants it, and then as it was ordered: what is ordered is a B1's room, to
/// which a larger plan adds what it has more.
fn size(plan: &RehearsalPlan) -> BoxSize {
    let mut size = BoxSize::B1;
    if let Some(memory) = plan.scenario.topology.around.memory {
        size = size
            .with_room(memory.room_megabytes)
            .with_swap(memory.swap_megabytes);
    }
    let changes = plan.course.changes(plan.scenario);
    for change in changes {
        match change {
            Change::Plan { name } if stands_for(name) => size = BoxSize::P1V3,
            Change::SwapSpace { megabytes } => size = size.with_swap(*megabytes),
            _ => {}
        }
    }
    if let Some(room) = plan.memory_box.room_megabytes {
        let more = (size.room_bytes - BoxSize::B1.room_bytes) >> 20;
        size = size.with_room(room + more);
    }
    if let Some(swap) = plan.memory_box.swap_megabytes {
        size = size.with_swap(swap);
    }
    match plan.memory_box.swap_speed {
        Some(speed) => size.with_swap_speed(speed),
        None => size,
    }
}

/// The box, as a manifest tells it.
pub(super) fn told(made: &MemoryBox) -> manifest::MemoryBox {
    let size = made.size();
    manifest::MemoryBox {
        kind: made.kind(),
        room_kb: size.room_bytes / 1024,
        swap_kb: size.swap_bytes / 1024,
        swap_kb_per_second: made.swap_speed().ok().map(|speed| speed / 1024),
        emulated: made.is_emulated(),
    }
}
