//! From the options of a command (the spec) to the box that is requested, and what came of it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{Accelerator, BoxKind, BoxSize, MemoryBox, VmParts};
use crate::machine::Unavailable;

/// What an emulated machine leaves to the target unless told otherwise, in MB: all of a B1's memory
/// but what the kernel needs.
const EMULATED_ROOM: u64 = 1_600;

/// What somebody wants of a box.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BoxSpec {
    /// Its kind; with `None` there is one only where it is needed, of either kind.
    pub kind: Option<BoxKind>,
    /// What it leaves to the target at rest, in MB; a B1's without.
    pub room_megabytes: Option<u64>,
    /// Its swap in MB; a B1's without.
    pub swap_megabytes: Option<u64>,
    /// What its swap moves in a second, in MB, where nothing is emulated; as calibrated without.
    pub swap_speed: Option<u64>,
    /// Where the kernel of a virtual machine is.
    pub kernel_root: PathBuf,
}

impl BoxSpec {
    /// The box of this size, but for what is ordered, under `parent`; a virtual machine would run
    /// the program `labrat`.
    #[must_use]
    pub fn request(&self, size: BoxSize, labrat: &Path, parent: &Path) -> BoxRequest {
        BoxRequest {
            kind: self.kind,
            size: self.applied_to(size),
            room_is_told: self.room_megabytes.is_some(),
            parent: parent.to_owned(),
            parts: VmParts {
                labrat: labrat.to_owned(),
                kernel_root: self.kernel_root.clone(),
            },
        }
    }

    /// What is ordered is a B1's room, to which a larger plan adds what it has more.
    fn applied_to(&self, mut size: BoxSize) -> BoxSize {
        if let Some(room) = self.room_megabytes {
            let more = (size.room_bytes - BoxSize::B1.room_bytes) >> 20;
            size = size.with_room(room + more);
        }
        if let Some(swap) = self.swap_megabytes {
            size = size.with_swap(swap);
        }
        match self.swap_speed {
            Some(speed) => size.with_swap_speed(speed),
            None => size,
        }
    }
}

/// A requested box.
#[derive(Debug, Clone)]
pub struct BoxRequest {
    /// Its kind; `None` for the first that can be had and is slow enough to press: a cgroup, else
    /// a virtual machine.
    pub kind: Option<BoxKind>,
    /// Its size.
    pub size: BoxSize,
    /// Whether somebody asked for that very room. Where nobody did, an emulated machine has more
    /// than a B1 leaves to a site: as much as a B1 has, so that a run takes minutes.
    pub room_is_told: bool,
    /// A folder on a file system that can hold swap; the box's own is made in it.
    pub parent: PathBuf,
    /// What a virtual machine would be made of.
    pub parts: VmParts,
}

/// No box can be had here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct NoBox {
    /// Each kind that was tried, and why it cannot be had.
    pub tried: Vec<(BoxKind, Unavailable)>,
}

impl fmt::Display for NoBox {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "there is no memory box here")?;
        for (kind, why) in &self.tried {
            write!(out, "; {}: {}", kind.words(), why.reason())?;
            if let Some(hint) = why.hint() {
                write!(out, " (hint: {hint})")?;
            }
        }
        Ok(())
    }
}

impl BoxRequest {
    /// Make the box.
    ///
    /// # Errors
    /// Why there is none, for each kind that would do.
    pub fn fulfil(&self) -> Result<MemoryBox, NoBox> {
        if let Some(kind) = self.kind {
            return self.make(kind).map_err(|why| NoBox {
                tried: vec![(kind, why)],
            });
        }
        let mut tried = Vec::new();
        for kind in [BoxKind::Cgroup, BoxKind::Vm] {
            match self.make(kind).and_then(slow_enough) {
                Ok(made) => return Ok(made),
                Err(why) => tried.push((kind, why)),
            }
        }
        Err(NoBox { tried })
    }

    fn make(&self, kind: BoxKind) -> Result<MemoryBox, Unavailable> {
        match kind {
            BoxKind::Cgroup => MemoryBox::cgroup(&self.parent, self.size),
            BoxKind::Vm => MemoryBox::vm(&self.parent, self.size_of_machine(), self.parts.clone()),
        }
    }

    fn size_of_machine(&self) -> BoxSize {
        let small = self.size.room_bytes == BoxSize::B1.room_bytes;
        match Accelerator::here() {
            Accelerator::Emulation if small && !self.room_is_told => {
                self.size.with_room(EMULATED_ROOM)
            }
            _ => self.size,
        }
    }
}

/// On fast swap nothing waits: such a box is there for who asks for it by name.
fn slow_enough(made: MemoryBox) -> Result<MemoryBox, Unavailable> {
    if made.size().swap_bytes > 0 {
        made.swap_speed()?;
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_can_be_had_each_kind_says_why_and_what_to_run() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let request = BoxRequest {
            kind: None,
            size: BoxSize::B1,
            room_is_told: false,
            // No folder can be made in a file.
            parent: file.join("boxes"),
            parts: VmParts {
                labrat: PathBuf::from("/no/labrat"),
                kernel_root: folder.path().to_owned(),
            },
        };
        let none = request.fulfil().unwrap_err();
        assert_eq!(none.tried.len(), 2);
        let said = none.to_string();
        assert!(said.contains("cgroup: "), "{said}");
        assert!(said.contains("virtual machine: "), "{said}");
        assert!(said.contains("run scripts/box-setup.sh"), "{said}");
        let named = BoxRequest {
            kind: Some(BoxKind::Vm),
            ..request
        };
        assert_eq!(named.fulfil().unwrap_err().tried.len(), 1);
    }
}
