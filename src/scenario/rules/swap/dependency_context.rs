//! dependency-context: after the swap production talks to a dependency that it cannot use.

use super::{SWAPPED, rivals};
use crate::evidence::criteria::{
    Bearing, Check, Criterion, Kind, Moment, Need, Promise, ScenarioRules, SnapshotKind, Statuses,
};
use crate::evidence::manifest::PhaseKind;

const READY_SAMPLES: Need = Need::Samples { route: "/ready" };
const HEALTH_SAMPLES: Need = Need::Samples { route: "/health" };
const READY_POST: Need = Need::Snapshot {
    of: SnapshotKind::Ready,
    at: PhaseKind::Post,
};

const CHECK_FAILS: Check = Check::AnyOf {
    checks: &[
        Check::ReadinessCheck {
            check: "migrations",
            at: PhaseKind::Post,
            ok: false,
        },
        Check::ReadinessCheck {
            check: "database",
            at: PhaseKind::Post,
            ok: false,
        },
    ],
};

const fn fails(check: &'static str, words: &'static [&'static str]) -> Check {
    Check::ReadinessFails {
        check,
        at: PhaseKind::Post,
        words,
    }
}

/// The rules of dependency-context.
pub const DEPENDENCY_CONTEXT: ScenarioRules = ScenarioRules {
    name: "dependency-context",
    aliases: &["swap-dependency-context"],
    hypothesis: "the address of a dependency moves with the swap, and what production then talks \
                 to is not what its code needs: another database, one that lacks a migration, or one \
                 that refuses the identity that moved along",
    promises: &[Promise {
        word: "failing check",
        check: CHECK_FAILS,
    }],
    trigger: &[SWAPPED],
    proof: &[
        Criterion {
            id: "migrated-before",
            kind: Kind::Proof,
            statement: "before the swap no migration is pending",
            check: Check::ReadinessCheck {
                check: "migrations",
                at: PhaseKind::Baseline,
                ok: true,
            },
            needs: &[Need::Snapshot {
                of: SnapshotKind::Ready,
                at: PhaseKind::Baseline,
            }],
        },
        Criterion {
            id: "not-ready-after",
            kind: Kind::Proof,
            statement: "after the swap /ready is not answered 200",
            check: Check::RouteAnswers {
                route: "/ready",
                moment: Moment::After,
                ok: false,
            },
            needs: &[READY_SAMPLES],
        },
        Criterion {
            id: "check-fails",
            kind: Kind::Proof,
            statement: "/ready itself names the dependency that fails",
            check: CHECK_FAILS,
            needs: &[READY_POST],
        },
        Criterion {
            id: "transport-healthy",
            kind: Kind::Proof,
            statement: "every request to /health is answered 200 all the same",
            check: Check::StatusShareAtLeast {
                route: Some("/health"),
                statuses: Statuses::Exactly(200),
                share: 1.0,
            },
            needs: &[HEALTH_SAMPLES],
        },
        Criterion {
            id: "not-sticky",
            kind: Kind::Proof,
            statement: "DATABASE_URL is not declared as a slot setting",
            check: Check::SettingSticky {
                key: "DATABASE_URL",
                sticky: false,
            },
            needs: &[Need::Manifest],
        },
    ],
    support: &[
        Criterion {
            id: "schema-behind",
            kind: Kind::Support,
            statement: "of the three: the schema of the database is behind",
            check: fails("migrations", &["pending_migration"]),
            needs: &[READY_POST],
        },
        Criterion {
            id: "another-database",
            kind: Kind::Support,
            statement: "of the three: the database is not there, or is no such database",
            check: fails("database", &["wrong_database"]),
            needs: &[READY_POST],
        },
        Criterion {
            id: "refused-identity",
            kind: Kind::Support,
            statement: "of the three: the database is there and refuses who asks",
            check: fails(
                "database",
                &["refused_identity", "wrong_password", "forbidden"],
            ),
            needs: &[READY_POST],
        },
    ],
    disproof: &[
        Criterion {
            id: "ready-after",
            kind: Kind::Disproof,
            statement: "after the swap /ready is answered 200",
            check: Check::RouteAnswers {
                route: "/ready",
                moment: Moment::After,
                ok: true,
            },
            needs: &[READY_SAMPLES],
        },
        Criterion {
            id: "sticky-by-intent",
            kind: Kind::Disproof,
            statement: "DATABASE_URL is declared as a slot setting",
            check: Check::SettingSticky {
                key: "DATABASE_URL",
                sticky: true,
            },
            needs: &[Need::Manifest],
        },
    ],
    rivals: &[
        rivals::dependency(Bearing::Accompanies),
        rivals::restart(Bearing::Accompanies),
        rivals::cold_start(Bearing::Accompanies),
        rivals::wrong_command(Bearing::Competes),
        rivals::wrong_port(Bearing::Competes),
        rivals::out_of_memory_kill(Bearing::Competes),
        rivals::client_abort(Bearing::Accompanies),
    ],
    expected: crate::scenario::rules::expected::DEPENDENCY_CONTEXT,
};
