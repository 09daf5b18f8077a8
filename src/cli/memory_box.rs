//! Words for the memory box, which `labrat host` and `labrat rehearse` share.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::machine::memory_box::{BoxKind, BoxRequest, BoxSize, BoxSpec};

/// Where `scripts/box-setup.sh` puts a kernel, below a folder of builds.
const KERNEL_FOLDER: &str = "box";

/// Words for a memory box.
#[derive(Debug, Clone, Args)]
pub(super) struct BoxOptions {
    /// Run the target in a memory box of a B1's size
    #[arg(long = "box", value_enum, value_name = "KIND")]
    kind: Option<BoxWord>,
    /// MB that the box leaves to the target at rest [default: 512, as a B1 does, and 1600 in an
    /// emulated machine]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(32..=16_384))]
    box_room: Option<u64>,
    /// MB of swap of the box [default: 4096, as a B1 has]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(0..=65_536))]
    box_swap: Option<u64>,
    /// MB that the box's swap moves in a second [default: 12, which is calibrated]; a fifth of that
    /// in an emulated machine, as its processor is slower
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    box_swap_speed: Option<u64>,
    /// Folder of a virtual machine's kernel, which scripts/box-setup.sh prints
    #[arg(long, value_name = "DIR", env = "LABRAT_BOX_KERNEL")]
    box_kernel: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BoxWord {
    /// Processes of this machine under a limit: fast; its figures are the cgroup's
    Cgroup,
    /// A virtual machine under QEMU: slow; its figures are the whole machine's
    Vm,
}

impl BoxOptions {
    /// The kind that is asked for.
    pub(super) fn kind(&self) -> Option<BoxKind> {
        self.kind.map(|kind| match kind {
            BoxWord::Cgroup => BoxKind::Cgroup,
            BoxWord::Vm => BoxKind::Vm,
        })
    }

    /// What is wanted of the box.
    pub(super) fn order(&self, executable: &Path) -> BoxSpec {
        BoxSpec {
            kind: self.kind(),
            room_megabytes: self.box_room,
            swap_megabytes: self.box_swap,
            swap_speed: self.box_swap_speed,
            kernel_root: self.kernel_root(executable),
        }
    }

    /// The box that `labrat host` is to make under `parent`, where it is to make one.
    pub(super) fn request(&self, executable: &Path, parent: &Path) -> Option<BoxRequest> {
        self.kind?;
        let order = self.order(executable);
        Some(order.request(BoxSize::B1, executable, parent))
    }

    /// The words that ask for the same box again.
    pub(super) fn words(&self) -> Vec<String> {
        let kind = self.kind.and_then(|kind| {
            let word = kind.to_possible_value()?;
            Some(format!("--box {}", word.get_name()))
        });
        let room = self.box_room.map(|room| format!("--box-room {room}"));
        let swap = self.box_swap.map(|swap| format!("--box-swap {swap}"));
        let speed = self.box_swap_speed;
        let speed = speed.map(|speed| format!("--box-swap-speed {speed}"));
        [kind, room, swap, speed].into_iter().flatten().collect()
    }

    /// Where the kernel is: as told, else beside the build that this program is of, else below
    /// this folder, else the machine's own.
    fn kernel_root(&self, executable: &Path) -> PathBuf {
        if let Some(told) = &self.box_kernel {
            return told.clone();
        }
        let beside = executable.ancestors().skip(1);
        let candidates = beside
            .map(|folder| folder.join(KERNEL_FOLDER))
            .chain([Path::new("target").join(KERNEL_FOLDER)]);
        let found = candidates
            .into_iter()
            .find(|folder| folder.join("boot").is_dir());
        found.unwrap_or_else(|| PathBuf::from("/"))
    }
}

/// Where folders are made that are gone with the run: on a disk, because memory holds no swap.
pub(super) fn scratch() -> PathBuf {
    match std::env::var_os("TMPDIR") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => PathBuf::from("/var/tmp"),
    }
}
