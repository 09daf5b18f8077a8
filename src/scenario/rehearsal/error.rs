//! Why there is no rehearsal.

use std::io;

use crate::host::HostError;
use crate::load::TargetError;
use crate::machine::memory_box::NoBox;

/// Users that PostgreSQL may run as where this process is root, which PostgreSQL refuses.
pub(super) const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// Why a rehearsal could not begin.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The variant changes what this machine cannot be made to have.
    #[error(
        "{scenario} with {variant} cannot be rehearsed here: {why}\n\nhint: play it with `labrat trigger` against a target that has it"
    )]
    NotHere {
        /// The scenario.
        scenario: &'static str,
        /// The variant.
        variant: &'static str,
        /// What is lacking.
        why: &'static str,
    },
    /// No folder for the emulator.
    #[error("making a folder for the emulator: {0}")]
    Folder(std::io::Error),
    /// What the scenario wants done before the target starts.
    #[error("labrat {command}: {why}")]
    Prepared {
        /// The words after the program's name.
        command: String,
        /// What it said.
        why: String,
    },
    /// The service that the application calls.
    #[error("starting the service that the application calls: {source}")]
    Downstream {
        /// What the system said.
        source: std::io::Error,
    },
    /// No memory box, where one is requested or needed.
    #[error(transparent)]
    NoBox(#[from] NoBox),
    /// No database server, where the variant needs one.
    #[error(transparent)]
    NoDatabaseServer(#[from] NoDatabaseServer),
    /// Somebody stopped it before it was warm.
    #[error("stopped before the site was warm")]
    Stopped,
    /// A box was being made, and the runtime ended.
    #[error("making the memory box was broken off")]
    BrokenOff,
    /// The emulator.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The emulator's address.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// Why there is no database server.
#[derive(Debug, thiserror::Error)]
pub enum NoDatabaseServer {
    /// The programs are not there.
    #[error(
        "no database server, and so nobody who refuses: there is no {program} here\n\nhint: apt-get install postgresql, or say with --postgres where it is"
    )]
    NoProgram {
        /// The first one that is missing.
        program: &'static str,
    },
    /// This process is root, and there is nobody else.
    #[error("no database server: PostgreSQL does not run as root, and there is no user {}", UNPRIVILEGED.join(" or "))]
    NoUser,
    /// A file or a process.
    #[error("no database server: {what}: {source}")]
    System {
        /// What was to be done.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A program of PostgreSQL's failed, or does not get ready.
    #[error("no database server: {program}: {said}")]
    Failed {
        /// Which.
        program: &'static str,
        /// What it said.
        said: String,
    },
}
