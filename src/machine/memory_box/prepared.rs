//! A box of either kind, for whoever does not care which.

use std::path::Path;

use super::{Accelerator, BoxKind, BoxSize, CgroupBox, SwapWish, VmBox, VmParts};
use crate::machine::Unavailable;

/// A box that processes can be started in.
#[derive(Debug)]
pub struct MemoryBox {
    size: BoxSize,
    inside: Inside,
}

/// What a box is.
#[derive(Debug)]
pub enum Inside {
    /// A cgroup.
    Cgroup(CgroupBox),
    /// Virtual machines.
    Vm(VmBox),
}

impl MemoryBox {
    /// A cgroup of this size with slow swap, its files in a folder under `parent`.
    ///
    /// # Errors
    /// As [`CgroupBox::prepare`]; and when this machine is itself not larger than the box.
    pub fn cgroup(parent: &Path, size: BoxSize) -> Result<Self, Unavailable> {
        let host = crate::machine::memory::of_host()?;
        if host.available_bytes < size.room_bytes {
            return Err(Unavailable::because(format!(
                "a cgroup of {} MB limits nothing where {} MB are available",
                size.room_bytes >> 20,
                host.available_bytes >> 20
            )));
        }
        let swap = SwapWish::Slow {
            bytes: size.swap_bytes,
            speed: size.swap_speed,
        };
        let inside = CgroupBox::prepare(parent, size.room_bytes, swap)?;
        Ok(Self {
            size,
            inside: Inside::Cgroup(inside),
        })
    }

    /// Virtual machines of this size, their files in a folder under `parent`.
    ///
    /// # Errors
    /// As [`VmBox::prepare`].
    pub fn vm(parent: &Path, size: BoxSize, parts: VmParts) -> Result<Self, Unavailable> {
        let inside = VmBox::prepare(parent, size, parts)?;
        Ok(Self {
            size,
            inside: Inside::Vm(inside),
        })
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> BoxKind {
        match self.inside {
            Inside::Cgroup(_) => BoxKind::Cgroup,
            Inside::Vm(_) => BoxKind::Vm,
        }
    }

    /// Its size.
    #[must_use]
    pub const fn size(&self) -> BoxSize {
        self.size
    }

    /// What is in it.
    #[must_use]
    pub const fn inside(&self) -> &Inside {
        &self.inside
    }

    /// Whether its processor is emulated, so that everything that computes takes far longer.
    #[must_use]
    pub fn is_emulated(&self) -> bool {
        match &self.inside {
            Inside::Cgroup(_) => false,
            Inside::Vm(vm) => vm.accelerator() == Accelerator::Emulation,
        }
    }

    /// Kill what is in it and take everything away, although somebody still holds it.
    pub fn take_away(&self) {
        match &self.inside {
            Inside::Cgroup(cgroup) => cgroup.take_away(),
            Inside::Vm(vm) => vm.take_away(),
        }
    }

    /// How many bytes its swap moves in a second.
    ///
    /// # Errors
    /// When nothing slows it down.
    pub fn swap_speed(&self) -> Result<u64, Unavailable> {
        match &self.inside {
            Inside::Cgroup(cgroup) => cgroup.swap_speed(),
            Inside::Vm(vm) => Ok(vm.swap_speed()),
        }
    }
}
