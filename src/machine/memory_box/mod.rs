//! The memory box: so little memory around a target that a leak of some hundred megabytes presses,
//! on a machine that has far more.
//!
//! [`CgroupBox`] bounds processes of this machine: fast, and native. There the figures of the whole
//! machine do not move, so the evidence is the cgroup's own.
//!
//! A box is prepared under a folder that its user names. Everything that it makes elsewhere (a
//! cgroup, swap space) is written down there first, and undone when the box is dropped, or by the
//! next box under the same folder when the process that made it was killed.

mod cgroup;
mod lease;
mod swap;

pub use cgroup::{CgroupBox, SwapWish};
pub use lease::sweep;
