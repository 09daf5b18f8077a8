//! Deployment slots: what belongs to a slot, what belongs to the code in it, and the swap.

mod configuration;
mod difference;
mod swap;

pub use configuration::{ConnectionKind, Setting, SettingKind, SlotConfiguration, SlotName};
pub use difference::{Difference, Effect, differences};
pub(super) use swap::{PendingSwap, apply_preview, complete, revert_preview};
