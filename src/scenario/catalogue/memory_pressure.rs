//! memory-pressure.

use crate::evidence::manifest::PhaseKind;
use crate::scenario::rules;
use crate::scenario::shape::{
    Around, Change, Estimate, Group, Misreading, Needs, Plan, Scenario, Step, Topology, Variation,
    WorkerClass,
};

/// memory-pressure, as data.
pub const MEMORY_PRESSURE: Scenario = Scenario {
    title: "Memory pressure: everything answers 200, later and later",
    incident: "Requests of a site that was quick this morning take seconds, and some a quarter of a \
               minute, yet every one of them is answered 200 and no process has died. The workers \
               have kept memory that they never give back, and the kernel pays for it with reclaim \
               and swap.",
    plays: "the lab `memory-pressure`",
    topology: Topology {
        plan: Plan::B1,
        slots: &["production"],
        settings: &[],
        startup_command: "labrat serve --bind=0.0.0.0:8000 --timeout=120 --workers=4 app:app",
        workers: 4,
        worker_class: WorkerClass::Sync,
        threads: 1,
        timeout_seconds: 120,
        around: Around::NOTHING,
    },
    starts_down: false,
    steps: &[
        Step::Capture {
            moment: PhaseKind::Baseline,
        },
        Step::Load {
            name: "leak",
            kind: PhaseKind::Trigger,
            groups: &[Group::new("/leak", 100, 1, 120.0)],
        },
        Step::Capture {
            moment: PhaseKind::Mid,
        },
        Step::Load {
            name: "heavy",
            kind: PhaseKind::Trigger,
            groups: &[Group::new("/heavy", 50, 10, 120.0)],
        },
        Step::Capture {
            moment: PhaseKind::Post,
        },
    ],
    recorded: &[
        "MemAvailable fell from 523,896 kB to 44,760 kB (-91 %) after the leaks and stood at \
         63,376 kB after the heavy requests.",
        "SwapFree went from 3,809,772 kB to 2,459,256 kB and then 2,376,396 kB; pswpin grew by \
         85,221 pages, pswpout by 392,455.",
        "pgscan_kswapd grew by 1,674,998, pgscan_direct by 329,946, allocstall_movable by 1,328.",
        "Memory pressure (`some`, 10 s) rose from 0.02 to 72.06 %, `full` from 0.01 to 60.77 %.",
        "/leak took 1.010 s on average (p95 1.784 s, longest 3.317 s), /heavy 4.984 s (p95 \
         14.815 s, longest 15.630 s).",
        "All 314 rows of the HTTP table are 200; the console table is empty.",
    ],
    rules: &rules::MEMORY_PRESSURE,
    misreadings: &[
        Misreading {
            claim: "The worker that answered holds 30 blocks, so the pool holds 30 blocks.",
            answer: "Counters are each worker's own. What one worker holds says nothing of the \
                     other three; ask all of them.",
        },
        Misreading {
            claim: "No 5xx and no restart, so memory is not the matter.",
            answer: "Pressure shows in latency long before anything dies. Look at reclaim, swap \
                     and PSI beside the tail of the latencies.",
        },
        Misreading {
            claim: "A worker was sent SIGKILL, perhaps out of memory: so it was.",
            answer: "An arbiter that kills a silent worker writes the same words. Only oom_kill in \
                     the kernel's counters tells the two apart.",
        },
    ],
    variants: &[Variation {
        name: "past-the-edge",
        what: "Leak on until the kernel kills a worker: an empty answer, a fresh worker with no \
               blocks, and oom_kill one higher. A memory box has less swap for it than a B1, so \
               that the edge is where 100 leaks end. The kill frees what its worker held: the \
               pressure that led to it may be over when one looks, and is then not reproduced.",
        changes: &[
            Change::Count {
                path: "/leak",
                count: 400,
            },
            Change::Until {
                path: "/leak",
                status: 502,
            },
            Change::SwapSpace { megabytes: 1_400 },
        ],
    }],
    fixes: &[
        Variation {
            name: "max-requests",
            what: "Replace each worker after 4 requests, so that what it retains goes with it.",
            changes: &[Change::sync_workers(
                "labrat serve --bind=0.0.0.0:8000 --timeout=120 --workers=4 \
                          --max-requests=4 app:app",
                4,
                120,
            )],
        },
        Variation {
            name: "bounded-leak",
            what: "Bound what a worker may retain; beyond it /leak answers 507 and keeps nothing.",
            changes: &[Change::sync_workers(
                "labrat serve --bind=0.0.0.0:8000 --timeout=120 --workers=4 \
                          --env LAB_LEAK_MAX_BLOCKS=2 app:app",
                4,
                120,
            )],
        },
        Variation {
            name: "larger-plan",
            what: "Move to a plan with more memory than the pool can retain.",
            changes: &[Change::Plan { name: "P1v3" }],
        },
    ],
    control: Variation {
        name: "control",
        what: "The same 50 heavy requests without any leak before them.",
        changes: &[Change::LeaveOut { path: "/leak" }],
    },
    needs: Needs {
        plan: Some(Plan::B1),
        also: "a target whose memory is bounded: on a large machine nothing presses. A local \
               rehearsal needs a memory box: `--box cgroup` takes root (or swap that is slow), \
               `--box vm` takes what scripts/box-setup.sh gets.",
    },
    estimate: Estimate::Leak {
        leak: "/leak",
        block_kilobytes: 17_644,
        heavy: "/heavy",
        heavy_kilobytes: 21_400,
    },
    quickest_pace: 0.2,
};
