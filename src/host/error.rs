//! What can go wrong with the emulator itself. What goes wrong with a site is a row of its tables.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::SlotName;
use super::shortage::Shortage;

/// Why the emulator could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A folder or file of the run cannot be made.
    #[error("{}: {source}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another emulator runs in the folder.
    #[error("another emulator runs in {}\n\nhint: give this one another --folder", .0.display())]
    FolderInUse(PathBuf),
    /// A front end cannot listen.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The front ends get no threads of their own.
    #[error("cannot start the front ends' threads: {0}")]
    Threads(std::io::Error),
    /// There are no random numbers for the run's key.
    #[error("cannot make a key for this run: {0}")]
    Random(std::io::Error),
    /// The program that supervises containers cannot be found or started.
    #[error("cannot start a container with {}: {source}", executable.display())]
    Launch {
        /// The program.
        executable: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The memory box does not take the container.
    #[error("the memory box does not take the container: {}{}", .0.reason(), hint(.0))]
    MemoryBox(crate::machine::Unavailable),
    /// Containers cannot have networks of their own.
    #[error("no network of its own for a container: {}{}", .0.reason(), hint(.0))]
    NoNamespaces(crate::machine::Unavailable),
    /// The home cannot have a size of its own.
    #[error("no home of a size of its own: {}{}", .0.reason(), hint(.0))]
    NoHome(crate::machine::Unavailable),
    /// No free port for a container.
    #[error("no free port for a container on {address}: {source}")]
    NoPort {
        /// The container's address.
        address: std::net::IpAddr,
        /// Why the last one that was tried is not free.
        source: std::io::Error,
    },
    /// There is no such slot.
    #[error("there is no slot {0}\n\nhint: start the emulator with a staging slot")]
    NoSlot(SlotName),
    /// The site did not come up.
    #[error("site {site} did not start: {reason}")]
    StartFailed {
        /// The site.
        site: String,
        /// Why, in the platform's words.
        reason: String,
    },
    /// The site was not warm in time.
    #[error("site {site} is not warm after {seconds:.1} s: it is {state}")]
    NotWarm {
        /// The site.
        site: String,
        /// How long was waited.
        seconds: f64,
        /// What it was doing at the end.
        state: String,
    },
    /// The swap was reverted.
    #[error("the swap was reverted and production is untouched: {reason}")]
    SwapReverted {
        /// Why.
        reason: String,
    },
    /// A swap with preview waits for an answer, or none does.
    #[error("{0}")]
    SwapState(&'static str),
    /// A setting that cannot be given to a process.
    #[error("setting {name}: {reason}")]
    Setting {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The emulator is being stopped.
    #[error("the emulator is stopping")]
    Stopping,
    /// A control API that anybody could use.
    #[error(
        "the control API on {0} would be open: the token is empty\n\nhint: give another --token"
    )]
    TokenNeeded(SocketAddr),
    /// There is no such query or table.
    #[error("there is no {kind} {name}\n\nhint: one of {known}")]
    Unknown {
        /// A query or a table.
        kind: &'static str,
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// A table cannot be read back.
    #[error("{}: {source}", path.display())]
    Table {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: crate::tables::TableError,
    },
}

impl HostError {
    /// What the emulator itself lacked for a container, where that is all that is wrong.
    pub(super) fn shortage(&self) -> Option<Shortage> {
        match self {
            Self::Folder { source, .. }
            | Self::Launch { source, .. }
            | Self::NoPort { source, .. } => Shortage::of(source),
            _ => None,
        }
    }
}

fn hint(unavailable: &crate::machine::Unavailable) -> String {
    let hint = unavailable.hint();
    hint.map(|hint| format!("\n\nhint: {hint}"))
        .unwrap_or_default()
}
