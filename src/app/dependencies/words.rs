//! Every word that a check of a dependency can fail with.
//!
//! They are what an operator acts on, so they part what is mended in different places: the
//! network, the setting, the credential, the release.

use crate::readiness::Failure;

/// The name in the setting has no address.
pub const UNKNOWN_HOST: Failure = Failure::new("unknown_host");
/// Nobody listens there.
pub const REFUSED: Failure = Failure::new("refused");
/// The address cannot be reached.
pub const UNREACHABLE: Failure = Failure::new("unreachable");
/// Nobody answered within the budget: not even a connection or a greeting came about.
pub const SILENT: Failure = Failure::new("silent");
/// It answered at first, and the answer to the question itself took longer than the budget.
pub const SLOW: Failure = Failure::new("slow");
/// The user or the password is not accepted.
pub const WRONG_PASSWORD: Failure = Failure::new("wrong_password");
/// The server knows the user, or could, and lets it in nowhere: a role that may not log in, or
/// that no rule of the server admits. No password mends that.
pub const REFUSED_IDENTITY: Failure = Failure::new("refused_identity");
/// The user may not do this.
pub const FORBIDDEN: Failure = Failure::new("forbidden");
/// Every place for a connection is taken.
pub const TOO_MANY_CONNECTIONS: Failure = Failure::new("too_many_connections");
/// It is starting, or loading its data.
pub const STARTING: Failure = Failure::new("starting");
/// It is a replica, and takes no writes.
pub const READ_ONLY: Failure = Failure::new("read_only");
/// There is no such database.
pub const WRONG_DATABASE: Failure = Failure::new("wrong_database");
/// The database lacks a migration that this release needs.
pub const PENDING_MIGRATION: Failure = Failure::new("pending_migration");
/// The encryption failed: a certificate that is not trusted, or no TLS where it is asked for.
pub const TLS: Failure = Failure::new("tls");
/// The connection was closed in the middle.
pub const CLOSED: Failure = Failure::new("closed");
/// The answer is not that of the protocol, or not what was asked for.
pub const WRONG_ANSWER: Failure = Failure::new("wrong_answer");
/// It answered that it failed.
pub const FAILED: Failure = Failure::new("failed");
/// The earlier question is still not answered.
pub const BUSY: Failure = Failure::new("busy");
/// The setting cannot be read.
pub const BAD_SETTING: Failure = Failure::new("bad_setting");

/// All of them.
pub const WORDS: &[Failure] = &[
    UNKNOWN_HOST,
    REFUSED,
    UNREACHABLE,
    SILENT,
    SLOW,
    WRONG_PASSWORD,
    REFUSED_IDENTITY,
    FORBIDDEN,
    TOO_MANY_CONNECTIONS,
    STARTING,
    READ_ONLY,
    WRONG_DATABASE,
    PENDING_MIGRATION,
    TLS,
    CLOSED,
    WRONG_ANSWER,
    FAILED,
    BUSY,
    BAD_SETTING,
    Failure::OUT_OF_TIME,
    Failure::PANICKED,
];
