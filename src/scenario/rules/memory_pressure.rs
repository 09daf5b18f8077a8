//! memory-pressure: retained memory drives the host into reclaim and swap, and answers slow down.

use super::rivals;
use crate::evidence::criteria::{
    Bearing, Check, Criterion, Kind, Metric, Need, Promise, ScenarioRules, SnapshotKind, Statuses,
};
use crate::evidence::figures::Figure;
use crate::evidence::manifest::PhaseKind;

const BASELINE_PROC: Need = Need::Snapshot {
    of: SnapshotKind::Proc,
    at: PhaseKind::Baseline,
};
const MID_PROC: Need = Need::Snapshot {
    of: SnapshotKind::Proc,
    at: PhaseKind::Mid,
};
const BASELINE_STATS: Need = Need::Snapshot {
    of: SnapshotKind::Stats,
    at: PhaseKind::Baseline,
};
const MID_STATS: Need = Need::Snapshot {
    of: SnapshotKind::Stats,
    at: PhaseKind::Mid,
};
const LEAK_SAMPLES: Need = Need::Samples { route: "/leak" };
const HEAVY_SAMPLES: Need = Need::Samples { route: "/heavy" };

/// The figures that count in a cgroup. Those of the machine around it hardly move for its sake, and
/// move for the sake of everything else that runs there.
const OF_CGROUP: &[Figure] = &[
    Figure::CgroupRoom,
    Figure::CgroupRefaults,
    Figure::CgroupLimitHits,
    Figure::CgroupSwap,
    Figure::CgroupSwapLeft,
    Figure::CgroupMemoryPressure,
    Figure::LeakBlocks,
];
/// The figures that count in a virtual machine, which are the lab's own: there the whole machine is
/// the target's.
const OF_MACHINE: &[Figure] = &[
    Figure::MemAvailable,
    Figure::PagesScanned,
    Figure::AllocationStalls,
    Figure::PagesSwapped,
    Figure::SwapFree,
    Figure::MemoryPressure,
    Figure::LeakBlocks,
];

/// A check of memory, with the figures that count in each box.
const fn in_box(check: &'static Check) -> Check {
    Check::InBox {
        cgroup: OF_CGROUP,
        vm: OF_MACHINE,
        check,
    }
}

/// Pages; the published run moved more than two million, an idle host a few hundred.
const PAGES: f64 = 1_000.0;

const RECLAIM_FLAT: Check = Check::MetricGrowsLessThan {
    metric: Metric::Reclaim,
    from: PhaseKind::Baseline,
    to: PhaseKind::Mid,
    amount: PAGES,
};

/// The rules of memory-pressure.
pub const MEMORY_PRESSURE: ScenarioRules = ScenarioRules {
    name: "memory-pressure",
    aliases: &["memory", "memory-leak"],
    hypothesis: "memory that the workers retain leaves the host so little room that the kernel \
                 reclaims and swaps, and requests slow down while they still succeed",
    promises: &[
        Promise {
            word: "memory pressure",
            check: in_box(&Check::MetricAtLeast {
                metric: Metric::MemoryPressure,
                at: PhaseKind::Mid,
                amount: 10.0,
            }),
        },
        Promise {
            word: "5xx",
            check: Check::StatusCountAtLeast {
                route: None,
                statuses: Statuses::Class(5),
                count: 1,
            },
        },
    ],
    trigger: &[
        Criterion {
            id: "leak-load",
            kind: Kind::Trigger,
            statement: "100 requests to /leak were made",
            check: Check::RequestsAtLeast {
                route: "/leak",
                count: 100,
            },
            needs: &[LEAK_SAMPLES],
        },
        Criterion {
            id: "heavy-load",
            kind: Kind::Trigger,
            statement: "50 requests to /heavy were made",
            check: Check::RequestsAtLeast {
                route: "/heavy",
                count: 50,
            },
            needs: &[HEAVY_SAMPLES],
        },
    ],
    proof: &[
        Criterion {
            id: "headroom-collapses",
            kind: Kind::Proof,
            statement: "free memory falls to a quarter of its baseline or less",
            check: in_box(&Check::MetricRatioAtMost {
                metric: Metric::MemoryHeadroom,
                at: PhaseKind::Mid,
                against: PhaseKind::Baseline,
                ratio: 0.25,
            }),
            needs: &[BASELINE_PROC, MID_PROC],
        },
        Criterion {
            id: "reclaim-grows",
            kind: Kind::Proof,
            statement: "the kernel scans for pages to reclaim, and allocations stall",
            check: in_box(&Check::AllOf {
                checks: &[
                    Check::MetricGrowsAtLeast {
                        metric: Metric::Reclaim,
                        from: PhaseKind::Baseline,
                        to: PhaseKind::Mid,
                        amount: PAGES,
                    },
                    Check::MetricGrowsAtLeast {
                        metric: Metric::AllocationStalls,
                        from: PhaseKind::Baseline,
                        to: PhaseKind::Mid,
                        amount: 1.0,
                    },
                ],
            }),
            needs: &[BASELINE_PROC, MID_PROC],
        },
        Criterion {
            id: "swap-used",
            kind: Kind::Proof,
            statement: "pages move to and from swap, and free swap shrinks",
            check: in_box(&Check::AllOf {
                checks: &[
                    Check::MetricGrowsAtLeast {
                        metric: Metric::SwapTraffic,
                        from: PhaseKind::Baseline,
                        to: PhaseKind::Mid,
                        amount: PAGES,
                    },
                    Check::MetricFallsAtLeast {
                        metric: Metric::SwapFree,
                        from: PhaseKind::Baseline,
                        to: PhaseKind::Mid,
                        amount: 1_024.0,
                    },
                ],
            }),
            needs: &[BASELINE_PROC, MID_PROC],
        },
        Criterion {
            id: "leak-grows",
            kind: Kind::Proof,
            statement: "a worker holds leaked blocks that it did not hold at baseline",
            check: Check::MetricGrowsAtLeast {
                metric: Metric::LeakBlocks,
                from: PhaseKind::Baseline,
                to: PhaseKind::Mid,
                amount: 1.0,
            },
            needs: &[BASELINE_STATS, MID_STATS],
        },
        Criterion {
            id: "answers-dominate",
            kind: Kind::Proof,
            statement: "nearly every request is still answered 200",
            check: Check::StatusShareAtLeast {
                route: None,
                statuses: Statuses::Exactly(200),
                share: 0.9,
            },
            needs: &[LEAK_SAMPLES, HEAVY_SAMPLES],
        },
        Criterion {
            id: "heavy-tail",
            kind: Kind::Proof,
            statement: "the slowest twentieth of /heavy takes three times its median or its \
                        baseline, or longer",
            check: Check::TailAtLeast {
                route: "/heavy",
                times: 3.0,
            },
            needs: &[HEAVY_SAMPLES],
        },
    ],
    support: &[
        Criterion {
            id: "pressure-rises",
            kind: Kind::Support,
            statement: "tasks wait for memory: pressure `some` of the last 10 s is 10 % or more",
            check: in_box(&Check::MetricAtLeast {
                metric: Metric::MemoryPressure,
                at: PhaseKind::Mid,
                amount: 10.0,
            }),
            needs: &[MID_PROC],
        },
        Criterion {
            id: "killed-for-memory",
            kind: Kind::Support,
            statement: "past the edge: the kernel kills a worker for memory",
            check: Check::MetricGrowsAtLeast {
                metric: Metric::OutOfMemoryKills,
                from: PhaseKind::Baseline,
                to: PhaseKind::Mid,
                amount: 1.0,
            },
            needs: &[BASELINE_PROC, MID_PROC],
        },
        Criterion {
            id: "empty-reply",
            kind: Kind::Support,
            statement: "past the edge: the killed worker leaves its client without an answer, which the \
                    front end tells as 502",
            check: Check::StatusCountAtLeast {
                route: Some("/leak"),
                statuses: Statuses::Exactly(502),
                count: 1,
            },
            needs: &[LEAK_SAMPLES],
        },
        Criterion {
            id: "replaced-by-an-empty-worker",
            kind: Kind::Support,
            statement: "past the edge: a worker that was not there at baseline holds no blocks",
            check: Check::NewWorkerHoldsNoBlocks { at: PhaseKind::Mid },
            needs: &[BASELINE_STATS, MID_STATS],
        },
    ],
    disproof: &[
        Criterion {
            id: "headroom-near-baseline",
            kind: Kind::Disproof,
            statement: "more than three quarters of the free memory are still there",
            check: in_box(&Check::MetricRatioAbove {
                metric: Metric::MemoryHeadroom,
                at: PhaseKind::Mid,
                against: PhaseKind::Baseline,
                ratio: 0.75,
            }),
            needs: &[BASELINE_PROC, MID_PROC],
        },
        Criterion {
            id: "reclaim-flat",
            kind: Kind::Disproof,
            statement: "the leak grows while the kernel reclaims nothing",
            check: in_box(&Check::AllOf {
                checks: &[
                    Check::MetricGrowsAtLeast {
                        metric: Metric::LeakBlocks,
                        from: PhaseKind::Baseline,
                        to: PhaseKind::Mid,
                        amount: 1.0,
                    },
                    RECLAIM_FLAT,
                ],
            }),
            needs: &[BASELINE_PROC, MID_PROC, BASELINE_STATS, MID_STATS],
        },
        Criterion {
            id: "nothing-moves",
            kind: Kind::Disproof,
            statement: "neither swap nor reclaim moves",
            check: in_box(&Check::AllOf {
                checks: &[
                    RECLAIM_FLAT,
                    Check::MetricGrowsLessThan {
                        metric: Metric::SwapTraffic,
                        from: PhaseKind::Baseline,
                        to: PhaseKind::Mid,
                        amount: PAGES,
                    },
                ],
            }),
            needs: &[BASELINE_PROC, MID_PROC],
        },
        Criterion {
            id: "no-effect",
            kind: Kind::Disproof,
            statement: "/heavy keeps its latency and the counters are flat",
            check: Check::AllOf {
                checks: &[
                    Check::TailBelow {
                        route: "/heavy",
                        times: 1.5,
                    },
                    RECLAIM_FLAT,
                ],
            },
            needs: &[BASELINE_PROC, MID_PROC, HEAVY_SAMPLES],
        },
    ],
    rivals: &[
        rivals::cpu_saturation(Bearing::Competes),
        rivals::worker_timeout(Bearing::Competes),
        rivals::out_of_memory_kill(Bearing::Accompanies),
        rivals::restart(Bearing::Competes),
        rivals::cold_start(Bearing::Competes),
        rivals::dependency(Bearing::Competes),
        rivals::client_abort(Bearing::Accompanies),
        rivals::front_end_limit(Bearing::Competes),
    ],
    expected: crate::scenario::rules::expected::MEMORY_PRESSURE,
};
