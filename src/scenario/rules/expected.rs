//! What each variant of each scenario is expected to show.

use crate::evidence::criteria::{Expected, ExpectedEnd, Good, RoleHealth, Statuses};

const OK: Good = Good::Answered(Statuses::Class(2));

const fn served(route: &'static str, within_seconds: f64, share: f64) -> RoleHealth {
    RoleHealth {
        route,
        good: OK,
        within_seconds,
        share,
    }
}

const fn health(route: &'static str, good: Good, within_seconds: f64, share: f64) -> RoleHealth {
    RoleHealth {
        route,
        good,
        within_seconds,
        share,
    }
}

const fn healthy(variant: &'static str, health: &'static [RoleHealth]) -> Expected {
    Expected {
        variant,
        end: ExpectedEnd::Healthy,
        health,
    }
}

const fn shows(variant: &'static str, end: ExpectedEnd) -> Expected {
    Expected {
        variant,
        end,
        health: &[],
    }
}

const SYMPTOM: Expected = shows("symptom", ExpectedEnd::Reproduced);

const fn ill(variant: &'static str) -> Expected {
    shows(variant, ExpectedEnd::Reproduced)
}

const LEAK_AND_HEAVY: &[RoleHealth] = &[served("/leak", 20.0, 0.95), served("/heavy", 60.0, 0.95)];
pub(in crate::scenario::rules) const MEMORY_PRESSURE: &[Expected] = &[
    SYMPTOM,
    ill("past-the-edge"),
    healthy("max-requests", LEAK_AND_HEAVY),
    healthy(
        "bounded-leak",
        &[
            health("/leak", Good::AnyAnswer, 20.0, 0.95),
            served("/heavy", 60.0, 0.95),
        ],
    ),
    healthy("larger-plan", LEAK_AND_HEAVY),
    healthy("control", &[served("/heavy", 60.0, 0.95)]),
];

const SLOW_AND_FAST: &[RoleHealth] = &[served("/slow", 20.0, 0.95), served("/fast", 2.0, 0.9)];
pub(in crate::scenario::rules) const INTERMITTENT_5XX: &[Expected] = &[
    SYMPTOM,
    ill("three-workers"),
    shows("short-timeout", ExpectedEnd::Inconclusive),
    healthy("more-workers", SLOW_AND_FAST),
    healthy("gthread", SLOW_AND_FAST),
    healthy("async", SLOW_AND_FAST),
    healthy("control", SLOW_AND_FAST),
];

const PROBED: &[RoleHealth] = &[health("/health", Good::LastAnswered, 20.0, 1.0)];
pub(in crate::scenario::rules) const STARTUP_FAILED: &[Expected] = &[
    SYMPTOM,
    healthy("right-command", PROBED),
    healthy("control", PROBED),
];
pub(in crate::scenario::rules) const WRONG_PORT: &[Expected] = &[
    SYMPTOM,
    ill("other-port"),
    healthy("every-address", PROBED),
    healthy("control", PROBED),
];
pub(in crate::scenario::rules) const SLOW_START: &[Expected] = &[
    SYMPTOM,
    healthy("longer-limit", PROBED),
    healthy("lighter-start", PROBED),
    healthy("control", PROBED),
];
pub(in crate::scenario::rules) const CRASH_AT_BOOT: &[Expected] = &[
    SYMPTOM,
    healthy("cause-removed", PROBED),
    healthy("control", PROBED),
];
pub(in crate::scenario::rules) const MISSING_SETTING: &[Expected] = &[
    SYMPTOM,
    healthy("setting-added", PROBED),
    healthy("control", PROBED),
];
pub(in crate::scenario::rules) const WORKER_FORMULA: &[Expected] =
    &[SYMPTOM, healthy("cap", PROBED), healthy("control", PROBED)];
const READY_AND_ALIVE: &[RoleHealth] = &[served("/ready", 20.0, 0.8), served("/health", 20.0, 1.0)];
pub(in crate::scenario::rules) const START_COMMAND_OVERRIDE: &[Expected] = &[
    SYMPTOM,
    healthy("entry-point", READY_AND_ALIVE),
    healthy("control", READY_AND_ALIVE),
];

/// The burst still fills the pool: its clients may give up, and nobody gets an error.
const NOT_RESTARTED: &[RoleHealth] = &[
    health("/slow", Good::NotFailed, 60.0, 1.0),
    health("/fast", Good::NotFailed, 60.0, 1.0),
    health("/fast", Good::LastAnswered, 15.0, 1.0),
];
pub(in crate::scenario::rules) const PROBE_RESTART: &[Expected] = &[
    SYMPTOM,
    healthy("probe-lane", NOT_RESTARTED),
    healthy("threshold", NOT_RESTARTED),
    healthy("async", SLOW_AND_FAST),
    healthy("control", &[served("/fast", 2.0, 0.95)]),
];
const OUTSIDE: &[RoleHealth] = &[served("/fast", 5.0, 0.95), served("/health", 5.0, 0.95)];
pub(in crate::scenario::rules) const CRASHED_BUT_HEALTHY: &[Expected] = &[
    SYMPTOM,
    ill("readiness-absent"),
    ill("probe-wrong-port"),
    healthy("ready-for-real", OUTSIDE),
    healthy("control", OUTSIDE),
];

/// The called service stays slow: what the fix can give is a quick answer.
const fn quick_refusal(within_seconds: f64) -> RoleHealth {
    health("/dependency", Good::AnyAnswer, within_seconds, 0.95)
}
const BESIDE: RoleHealth = served("/fast", 2.0, 0.9);
pub(in crate::scenario::rules) const DEPENDENCY_LATENCY: &[Expected] = &[
    SYMPTOM,
    healthy("time-budget", &[quick_refusal(3.0), BESIDE]),
    healthy("capped-retries", &[quick_refusal(8.0), BESIDE]),
    healthy("circuit-breaker", &[quick_refusal(12.0), BESIDE]),
    healthy("control", &[served("/dependency", 5.0, 0.95), BESIDE]),
];
const OUTBOUND: &[RoleHealth] = &[served("/outbound", 15.0, 0.95), BESIDE];
pub(in crate::scenario::rules) const OUTBOUND_PRESSURE: &[Expected] = &[
    SYMPTOM,
    healthy("reuse", OUTBOUND),
    healthy("control", OUTBOUND),
];

const CONFIG: &[RoleHealth] = &[served("/config", 10.0, 0.95)];
pub(in crate::scenario::rules) const SLOT_SWAP_DRIFT: &[Expected] = &[
    SYMPTOM,
    healthy("restart-only", CONFIG),
    healthy("sticky", CONFIG),
    healthy("gate", CONFIG),
    healthy("control", CONFIG),
];
const FAST: &[RoleHealth] = &[served("/fast", 5.0, 0.95)];
pub(in crate::scenario::rules) const SWAP_RESTART: &[Expected] = &[
    SYMPTOM,
    healthy("sticky", FAST),
    healthy("warm-restart", FAST),
    healthy("control", FAST),
];
pub(in crate::scenario::rules) const WARMUP_RACE: &[Expected] = &[
    SYMPTOM,
    healthy("ping-path", FAST),
    healthy("control", FAST),
];
const CONTEXT: &[RoleHealth] = &[served("/ready", 20.0, 0.8), served("/health", 10.0, 0.95)];
pub(in crate::scenario::rules) const DEPENDENCY_CONTEXT: &[Expected] = &[
    SYMPTOM,
    ill("wrong-database"),
    ill("refused-identity"),
    healthy("one-identity", CONTEXT),
    healthy("sticky", CONTEXT),
    healthy("sticky-identity", CONTEXT),
    healthy("control", CONTEXT),
];
