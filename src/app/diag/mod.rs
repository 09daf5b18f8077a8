//! `/diag`: what a worker can tell about itself, its settings, its pool and its machine.

pub(super) mod env;
pub(super) mod proc;
pub(super) mod slots;
pub(super) mod stats;
pub(super) mod workers;
