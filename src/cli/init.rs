//! `labrat __init`: the first process of the memory box that is a virtual machine.

use super::exit::Exit;
use super::output;
use crate::machine::memory_box;

/// Run the guest to its end.
///
/// # Errors
/// Anywhere but in the guest.
pub(super) fn run() -> anyhow::Result<Exit> {
    memory_box::run_guest(&|line| output::message(&format!("{line}\n")))?;
    Ok(Exit::Success)
}
