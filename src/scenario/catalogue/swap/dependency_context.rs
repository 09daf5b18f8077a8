//! dependency-context.

use super::{one_process, swap};
use crate::evidence::manifest::PhaseKind;
use crate::scenario::rules;
use crate::scenario::shape::{
    Around, Change, DatabaseServer, Estimate, Group, Misreading, Needs, Scenario, Setting, Step,
    Topology, Variation,
};

const PRODUCTION_DATABASE: &str = "sqlite:orders.db";
const STAGING_DATABASE: &str = "sqlite:orders-staging.db";

const fn database(slot: &'static str, value: &'static str, sticky: bool) -> Setting {
    Setting {
        slot,
        name: "DATABASE_URL",
        value,
        sticky,
    }
}

/// One server for both slots.
const SERVER: DatabaseServer = DatabaseServer {
    database: "orders",
    owner: "orders_production",
    refused: &["orders_staging"],
};
const WITH_SERVER: Change = Change::DatabaseServer { server: SERVER };
const PRODUCTION_IDENTITY: &str = "postgres://orders_production:PASSWORD@SERVER/orders";
const STAGING_IDENTITY: &str = "postgres://orders_staging:PASSWORD@SERVER/orders";

/// Both probes, for the length of a few health checks.
const PROBES: [Group; 2] = [
    Group::new("/ready", 10, 1, 20.0).every(1.0),
    Group::new("/health", 10, 1, 20.0).every(1.0),
];

/// dependency-context, as data.
pub const DEPENDENCY_CONTEXT: Scenario = Scenario {
    title: "After the swap production has the wrong database, and its schema is behind",
    incident: "A swap succeeds and the liveness path answers 200 as before, yet whatever needs the \
               database fails. The address of the database moved with the code, and the one that \
               production talks to now lacks a migration, is another one, or refuses who asks.",
    plays: "hypothesis H4 of the playbook on slot swaps: a dependency context that is broken",
    topology: Topology {
        around: Around {
            prepared: &[
                &["migrate", "--database", PRODUCTION_DATABASE],
                &["migrate", "--database", STAGING_DATABASE, "--to", "0001"],
            ],
            ..Around::NOTHING
        },
        ..one_process(&[
            database("production", PRODUCTION_DATABASE, false),
            database("staging", STAGING_DATABASE, false),
        ])
    },
    starts_down: false,
    steps: &[
        Step::Capture {
            moment: PhaseKind::Baseline,
        },
        Step::Load {
            name: "before",
            kind: PhaseKind::Baseline,
            groups: &PROBES,
        },
        swap(Group::new("/health", 1_800, 1, 20.0)),
        Step::Load {
            name: "after",
            kind: PhaseKind::Post,
            groups: &PROBES,
        },
        Step::Capture {
            moment: PhaseKind::Post,
        },
    ],
    recorded: &[],
    rules: &rules::DEPENDENCY_CONTEXT,
    misreadings: &[
        Misreading {
            claim: "The role and its password are right, for they worked in staging.",
            answer: "A slot that nobody asks for its readiness has shown nothing. Whom a server \
                     lets in is said by the server, and staging's role is not among them.",
        },
        Misreading {
            claim: "/health is 200, so the swap is fine.",
            answer: "Liveness asks nobody. A swap should be gated on readiness, which asks the \
                     database and for pending migrations.",
        },
        Misreading {
            claim: "The code is the same in both slots, so the database cannot be the matter.",
            answer: "Which database it is comes from a setting, and that moved.",
        },
    ],
    variants: &[
        Variation {
            name: "wrong-database",
            what: "Staging's address leads to a file that is not there.",
            changes: &[Change::Settings {
                settings: &[database(
                    "staging",
                    "sqlite:no-such-folder/orders.db",
                    false,
                )],
            }],
        },
        Variation {
            name: "refused-identity",
            what: "Both addresses lead to one PostgreSQL, each with a role of its own, and \
                   staging's role is not let in.",
            changes: &[
                WITH_SERVER,
                Change::Settings {
                    settings: &[
                        database("production", PRODUCTION_IDENTITY, false),
                        database("staging", STAGING_IDENTITY, false),
                    ],
                },
            ],
        },
        Variation {
            name: "one-identity",
            what: "The negative control of `refused-identity`: the same swap and the same server, \
                   with one role for both slots.",
            changes: &[
                WITH_SERVER,
                Change::Settings {
                    settings: &[
                        database("production", PRODUCTION_IDENTITY, false),
                        database("staging", PRODUCTION_IDENTITY, false),
                    ],
                },
            ],
        },
    ],
    fixes: &[
        Variation {
            name: "sticky",
            what: "Mark the address as a slot setting in both slots.",
            changes: &[Change::Settings {
                settings: &[
                    database("production", PRODUCTION_DATABASE, true),
                    database("staging", STAGING_DATABASE, true),
                ],
            }],
        },
        Variation {
            name: "sticky-identity",
            what: "For `refused-identity`: mark the address, and with it the role, as a slot \
                   setting in both slots.",
            changes: &[
                WITH_SERVER,
                Change::Settings {
                    settings: &[
                        database("production", PRODUCTION_IDENTITY, true),
                        database("staging", STAGING_IDENTITY, true),
                    ],
                },
            ],
        },
    ],
    control: Variation {
        name: "control",
        what: "The same swap with one database for both slots.",
        changes: &[Change::Settings {
            settings: &[database("staging", PRODUCTION_DATABASE, false)],
        }],
    },
    needs: Needs {
        plan: None,
        also: "two databases, one of them behind, which a rehearsal makes by itself; for a refused \
               identity PostgreSQL's programs on this machine, of which a rehearsal starts a server \
               of its own",
    },
    estimate: Estimate::None,
    quickest_pace: 0.05,
};
