//! How large a box is.

use serde::{Deserialize, Serialize};

/// One mebibyte in bytes.
const MEBIBYTE: u64 = 1 << 20;

/// What the swap drive of a B1 moves in a second, in bytes: calibrated by scripts/calibrate-box.sh.
///
/// One figure cannot give both tails of the recorded run (a p95 of 1.8 s for /leak and of 14.8 s for
/// /heavy): a slower drive brings the second nearer and takes the first away. In a cgroup of 512 MB
/// the tails were 4.7 and 9.3 s at 9 MB/s, 3.3 and 6.6 s at 12 MB/s, 2.6 and 6.2 s at 16 MB/s: with
/// 12 MB/s the one that is missed more is missed least, by a factor of 2.2.
const SWAP_SPEED: u64 = 12 * MEBIBYTE;

/// What a virtual machine needs beside the room, in bytes.
const LEAST_BESIDE: u64 = 256 * MEBIBYTE;

/// The kinds of boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BoxKind {
    /// Processes of this machine under a limit.
    Cgroup,
    /// A machine of its own.
    Vm,
}

impl BoxKind {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::Vm => "virtual machine",
        }
    }
}

/// The size of a machine, and what of it is left to a target at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoxSize {
    /// Memory of the whole machine, in bytes.
    pub machine_bytes: u64,
    /// Its processors.
    pub processors: u32,
    /// What is left to the target at rest, in bytes; the platform's own processes hold the rest.
    /// The limit of a cgroup, and in a virtual machine what is available.
    pub room_bytes: u64,
    /// Swap, in bytes.
    pub swap_bytes: u64,
    /// What the swap drive moves in a second, in bytes.
    pub swap_speed: u64,
}

impl BoxSize {
    /// A B1: 1.75 GB, of which 523,896 kB were available to a site at rest, as recorded; 4 GB of
    /// swap.
    pub const B1: Self = Self {
        machine_bytes: 1792 * MEBIBYTE,
        processors: 1,
        room_bytes: 512 * MEBIBYTE,
        swap_bytes: 4096 * MEBIBYTE,
        swap_speed: SWAP_SPEED,
    };

    /// A P1v3: two processors and 8 GB, of which the platform is taken to hold as much as of a
    /// B1's.
    pub const P1V3: Self = Self {
        machine_bytes: 8192 * MEBIBYTE,
        processors: 2,
        room_bytes: (8192 - 1792 + 512) * MEBIBYTE,
        swap_bytes: 4096 * MEBIBYTE,
        swap_speed: SWAP_SPEED,
    };

    /// The size of the larger plan of App Service that is called so, where a box can stand for it.
    #[must_use]
    pub fn of_larger_plan(name: &str) -> Option<Self> {
        (name == "P1v3").then_some(Self::P1V3)
    }

    /// With another room, for instance a larger one that is full just when the load ends; the
    /// machine grows where it would not hold that.
    #[must_use]
    pub const fn with_room(self, mebibytes: u64) -> Self {
        let room_bytes = mebibytes * MEBIBYTE;
        let least = room_bytes + LEAST_BESIDE;
        Self {
            room_bytes,
            machine_bytes: if least > self.machine_bytes {
                least
            } else {
                self.machine_bytes
            },
            ..self
        }
    }

    /// With swap of another speed.
    #[must_use]
    pub const fn with_swap_speed(self, mebibytes_per_second: u64) -> Self {
        Self {
            swap_speed: mebibytes_per_second * MEBIBYTE,
            ..self
        }
    }

    /// With another swap; none at all is possible.
    #[must_use]
    pub const fn with_swap(self, mebibytes: u64) -> Self {
        Self {
            swap_bytes: mebibytes * MEBIBYTE,
            ..self
        }
    }
}
