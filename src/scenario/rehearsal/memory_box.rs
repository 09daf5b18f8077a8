//! The memory box of a rehearsal: how large, and what is told of it.

use super::error::RehearsalError;
use super::plan::RehearsalPlan;
use crate::evidence::manifest;
use crate::machine::memory_box::{BoxKind, BoxSize, MemoryBox};
use crate::scenario::shape::Change;

/// The box of this plan, where it has one.
pub(super) fn prepare(plan: &RehearsalPlan) -> Result<Option<MemoryBox>, RehearsalError> {
    let order = &plan.memory_box;
    if order.kind.is_none() && !plan.scenario.needs_box() {
        return Ok(None);
    }
    let mut request = order.request(size(plan), &plan.executable, &plan.scratch);
    if plan.server.is_some() {
        // A virtual machine holds no server but labrat.
        request.kind = request.kind.or(Some(BoxKind::Cgroup));
    }
    Ok(Some(request.fulfil()?))
}

/// As large as the variant wants it.
fn size(plan: &RehearsalPlan) -> BoxSize {
    let mut size = BoxSize::B1;
    if let Some(memory) = plan.scenario.topology.around.memory {
        size = size
            .with_room(memory.room_megabytes)
            .with_swap(memory.swap_megabytes);
    }
    for change in plan.variant.changes(plan.scenario) {
        match change {
            Change::Plan { name } => size = BoxSize::of_larger_plan(name).unwrap_or(size),
            Change::SwapSpace { megabytes } => size = size.with_swap(*megabytes),
            _ => {}
        }
    }
    size
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
