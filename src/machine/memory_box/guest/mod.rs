//! Inside the virtual machine: labrat as its first process.
//!
//! It makes of a bare kernel what a startup command expects (file systems, drivers, swap, a
//! network address), starts labrat with the arguments that were packed with it, buries whatever
//! dies, and switches the machine off when labrat has ended.

mod init;
mod startup;

pub use init::{InitError, run};
pub(super) use startup::Startup;

/// The hidden command that is the first process.
pub const COMMAND: &str = "__init";
/// How the last line of the console begins; then comes `exit code N` or `signal N`.
pub const ENDED: &str = "labrat init: the startup command ended with ";

/// The line that, written to the console, passes TERM on to labrat.
pub const STOP: &str = "stop";

/// Where labrat is in the guest.
pub(super) const LABRAT: &str = "/bin/labrat";
/// What to start, as JSON.
pub(super) const STARTUP: &str = "/startup.json";
/// The drivers, named in the order in which they are loaded.
pub(super) const DRIVERS: &str = "/drivers";
/// Folders that are to be there.
pub(super) const FOLDERS: &[&str] = &["/proc", "/sys", "/dev", "/tmp", "/home"];
/// The guest's address in the emulator's network, of which 24 bits are the network's.
pub(super) const ADDRESS: [u8; 4] = [10, 0, 2, 15];
