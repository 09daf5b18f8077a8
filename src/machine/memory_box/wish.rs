//! Which box somebody wants, and what came of it.

use std::fmt;
use std::path::PathBuf;

use super::{Accelerator, BoxKind, BoxSize, MemoryBox, VmParts};
use crate::machine::Unavailable;

/// What an emulated machine leaves to the target unless told otherwise, in MB: all of a B1's memory
/// but what the kernel needs.
const EMULATED_ROOM: u64 = 1_600;

/// A box that is wished for.
#[derive(Debug, Clone)]
pub struct BoxWish {
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

impl BoxWish {
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
        let wish = BoxWish {
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
        let none = wish.fulfil().unwrap_err();
        assert_eq!(none.tried.len(), 2);
        let said = none.to_string();
        assert!(said.contains("cgroup: "), "{said}");
        assert!(said.contains("virtual machine: "), "{said}");
        assert!(said.contains("run scripts/box-setup.sh"), "{said}");
        let named = BoxWish {
            kind: Some(BoxKind::Vm),
            ..wish
        };
        assert_eq!(named.fulfil().unwrap_err().tried.len(), 1);
    }
}
