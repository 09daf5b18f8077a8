//! What is to be rehearsed, and what cannot be on this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::RehearsalError;
use crate::host::Notify;
use crate::machine::memory_box::{BoxKind, BoxSize, BoxSpec};
use crate::scenario::apply::Variant;
use crate::scenario::shape::{Change, Scenario};
use crate::timeline::Feed;

/// What is to be rehearsed.
#[derive(Debug, Clone)]
pub struct RehearsalPlan {
    /// The scenario.
    pub scenario: &'static Scenario,
    /// Which variant of it.
    pub variant: Variant,
    /// The factor of every duration: the clients', the platform's, and those of `/slow`.
    pub pace: f64,
    /// The program `labrat`.
    pub executable: PathBuf,
    /// What is started instead of `labrat serve`, with the same words after it: the real Gunicorn,
    /// for instance.
    pub server: Option<String>,
    /// The command line that rehearses it again.
    pub command_line: String,
    /// What is wanted of the memory box.
    pub memory_box: BoxSpec,
    /// Where the box's folder is made, on a disk that can hold swap; it is gone with the rehearsal,
    /// or with the next one if this one is killed.
    pub scratch: PathBuf,
    /// Where PostgreSQL's programs are, where they are not where they usually are.
    pub postgres: Option<PathBuf>,
    /// Takes messages of the emulator.
    pub notify: Notify,
    /// Takes what happens in the pools.
    pub feed: Arc<Feed>,
}

/// Where the events of the pools are recorded, in the emulator's folder.
pub(super) fn recording(folder: &Path) -> PathBuf {
    folder.join("timeline.jsonl")
}

/// How every startup command of the catalogue begins.
const OWN_SERVER: &str = "labrat serve ";

impl RehearsalPlan {
    /// A startup command of the catalogue, with the server of this plan.
    pub(super) fn startup_command(&self, command: &str) -> String {
        match (&self.server, command.strip_prefix(OWN_SERVER)) {
            (Some(server), Some(words)) => format!("{server} {words}"),
            _ => command.to_owned(),
        }
    }
}

/// A variant that changes what only another machine has would be played unchanged: refused.
pub(super) fn refuse_what_is_not_here(plan: &RehearsalPlan) -> Result<(), RehearsalError> {
    let not_here = |why| RehearsalError::NotHere {
        scenario: plan.scenario.name(),
        variant: plan.variant.name(),
        why,
    };
    if plan.server.is_some() && plan.memory_box.kind == Some(BoxKind::Vm) {
        return Err(not_here(
            "the virtual machine holds labrat and no other server; a cgroup takes any",
        ));
    }
    let boxed = plan.scenario.needs_box() || plan.memory_box.kind.is_some();
    for change in plan.variant.changes(plan.scenario) {
        match change {
            Change::Plan { name } if boxed && BoxSize::of_larger_plan(name).is_some() => {}
            Change::Plan { .. } => return Err(not_here("it needs a larger plan")),
            Change::Described { .. } => {
                return Err(not_here("nothing here can make the change for you"));
            }
            _ => {}
        }
    }
    Ok(())
}
