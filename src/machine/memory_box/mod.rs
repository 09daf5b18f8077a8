//! The memory box: so little memory around a target that a leak of some hundred megabytes presses,
//! on a machine that has far more.
//!
//! [`CgroupBox`] bounds processes of this machine: fast, and native. There the figures of the whole
//! machine do not move, so the evidence is the cgroup's own. [`VmBox`] is a whole machine of the
//! size of a B1 under emulation: slow, and true system-wide.
//!
//! A box is prepared under a folder that its user names. Everything that it makes elsewhere (a
//! cgroup, swap space) is written down there first, and undone when the box is dropped, or by the
//! next box under the same folder when the process that made it was killed.

mod cgroup;
mod cleanup_journal;
mod emulator;
mod guest;
mod initramfs;
mod prepared;
mod request;
mod size;
mod slow_drive;
mod swap;
mod vm;

pub use cgroup::{CgroupBox, SwapWish};
pub use cleanup_journal::sweep;
pub use emulator::Accelerator;
pub use guest::{COMMAND as GUEST_COMMAND, ENDED, InitError, STOP, run as run_guest};
pub use prepared::{Inside, MemoryBox};
pub use request::{BoxRequest, BoxSpec, NoBox};
pub use size::{BoxKind, BoxSize};
pub use vm::{VmBox, VmParts};
