//! The memory box: pressure that is real, on a machine that has memory to spare.

mod cgroup;
mod leftovers;
mod vm;

pub(crate) use cgroup::words;

use labrat::machine::Unavailable;
use tempfile::TempDir;

use crate::harness::skip_unless;

/// A folder for boxes, where a swap file can be: `/tmp` may be memory itself.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// The box, or nothing where this machine has none to give.
pub(crate) fn or_skip<T>(prepared: Result<T, Unavailable>) -> Option<T> {
    let lacking = |error: &Unavailable| {
        let hint = error.hint().unwrap_or("nothing can be done");
        format!("{} (hint: {hint})", error.reason())
    };
    let skipped = skip_unless(prepared.as_ref().map(|_| ()).map_err(lacking));
    prepared.ok().filter(|_| !skipped)
}
