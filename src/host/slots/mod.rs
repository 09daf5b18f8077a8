//! Deployment slots: what belongs to a slot, what belongs to the code in it, and the swap.

mod at_work;
mod auto_swap;
mod configuration;
mod difference;
mod gate;
mod name;
mod swap;

pub(super) use at_work::SlotsAtWork;
pub use at_work::SwapOptions;
pub(super) use auto_swap::AutoSwap;
pub use configuration::{ConnectionKind, Setting, SettingKind, SlotConfiguration};
pub use difference::{Difference, Effect};
pub use gate::{Comparison, Identity, Objection, Severity, compare, intended};
pub use name::SlotName;
