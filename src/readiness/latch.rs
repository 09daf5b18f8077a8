//! Latches: conditions of readiness that are known without asking anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A condition that can be read at any time, at no cost worth speaking of.
///
/// A [`Latch`] is one that the program opens and closes; a closure is one that it computes.
pub trait Latched: Send + Sync + 'static {
    /// Whether the condition holds.
    fn is_open(&self) -> bool;
}

impl<F: Fn() -> bool + Send + Sync + 'static> Latched for F {
    fn is_open(&self) -> bool {
        self()
    }
}

/// A switch; clones share it.
#[derive(Debug, Clone)]
pub struct Latch(Arc<AtomicBool>);

impl Latch {
    /// A latch that is open from the start, such as "not draining".
    #[must_use]
    pub fn open() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// A latch that has to be opened, such as "configuration loaded".
    #[must_use]
    pub fn closed() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    /// Let readiness pass.
    pub fn set_open(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Hold readiness back.
    pub fn close(&self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Latched for Latch {
    fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
