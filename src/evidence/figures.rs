//! The figures that snapshots carry, by name: where a number of a metric comes from.

use serde::Serialize;

use super::manifest::BoxKind;

/// One figure. Memory in kB, counters since boot or since the cgroup was made, pressure in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// `MemAvailable` of the machine.
    MemAvailable,
    /// `pgscan_kswapd` + `pgscan_direct` of the machine.
    PagesScanned,
    /// Every `allocstall_*` of the machine.
    AllocationStalls,
    /// `pswpin` + `pswpout` of the machine.
    PagesSwapped,
    /// `SwapFree` of the machine.
    SwapFree,
    /// `some avg10` of the machine's pressure on memory.
    MemoryPressure,
    /// `some avg10` of the machine's pressure on the CPU.
    CpuPressure,
    /// `oom_kill` of the machine.
    OutOfMemoryKills,
    /// The cgroup's limit less its usage.
    CgroupRoom,
    /// Pages that the cgroup read back soon after they had been reclaimed, and pages scanned.
    CgroupRefaults,
    /// How often the cgroup hit its limit: `failcnt`, or `max` of its events.
    CgroupLimitHits,
    /// The cgroup's usage of swap.
    CgroupSwap,
    /// What the cgroup may still swap.
    CgroupSwapLeft,
    /// `some avg10` of the cgroup's own pressure on memory.
    CgroupMemoryPressure,
    /// `oom_kill` of the cgroup.
    CgroupOutOfMemoryKills,
    /// `leak_block_count` of a worker.
    LeakBlocks,
    /// Connections that wait for a worker.
    AcceptQueue,
}

impl Figure {
    /// Its name in a sentence.
    pub const fn words(self) -> &'static str {
        match self {
            Self::MemAvailable => "MemAvailable",
            Self::PagesScanned => "pgscan_kswapd + pgscan_direct",
            Self::AllocationStalls => "allocstall",
            Self::PagesSwapped => "pswpin + pswpout",
            Self::SwapFree => "SwapFree",
            Self::MemoryPressure => "memory pressure some avg10",
            Self::CpuPressure => "CPU pressure some avg10",
            Self::OutOfMemoryKills => "oom_kill",
            Self::CgroupRoom => "free room of the cgroup",
            Self::CgroupRefaults => "refaults of the cgroup",
            Self::CgroupLimitHits => "limit hits of the cgroup",
            Self::CgroupSwap => "swap of the cgroup",
            Self::CgroupSwapLeft => "swap left to the cgroup",
            Self::CgroupMemoryPressure => "memory pressure of the cgroup",
            Self::CgroupOutOfMemoryKills => "oom_kill of the cgroup",
            Self::LeakBlocks => "leak_block_count",
            Self::AcceptQueue => "accept queue",
        }
    }

    /// Whether it tells of the target in a memory box of that kind.
    #[must_use]
    pub const fn counts_in(self, kind: BoxKind) -> bool {
        let of_cgroup = matches!(
            self,
            Self::CgroupRoom
                | Self::CgroupRefaults
                | Self::CgroupLimitHits
                | Self::CgroupSwap
                | Self::CgroupSwapLeft
                | Self::CgroupMemoryPressure
        );
        let of_machine = matches!(
            self,
            Self::MemAvailable
                | Self::PagesScanned
                | Self::AllocationStalls
                | Self::PagesSwapped
                | Self::SwapFree
                | Self::MemoryPressure
        );
        match kind {
            BoxKind::Cgroup => !of_machine,
            BoxKind::Vm => !of_cgroup,
        }
    }

    /// Its unit, with a space before it; empty for a plain count.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::MemAvailable
            | Self::SwapFree
            | Self::CgroupRoom
            | Self::CgroupSwap
            | Self::CgroupSwapLeft => " kB",
            Self::MemoryPressure | Self::CpuPressure | Self::CgroupMemoryPressure => " %",
            _ => "",
        }
    }
}
