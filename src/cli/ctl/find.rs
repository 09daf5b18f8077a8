//! Which pool is meant when no socket is named: this user's own, or one that an emulator runs.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::host::presence;
use crate::serve::settings::{ProcessEnvironment, default_control_socket};

/// The names that a pool gives its socket: labrat's, and Gunicorn's.
const SOCKETS: [&str; 2] = ["labrat.ctl", "gunicorn.ctl"];

/// The only pool there is.
///
/// # Errors
/// When there is none, or there are several and somebody has to choose.
pub(in crate::cli) fn the_only_pool() -> anyhow::Result<PathBuf> {
    let default = default_control_socket(&ProcessEnvironment);
    if let Some(socket) = default.as_ref().filter(|socket| socket.exists()) {
        return Ok(socket.clone());
    }
    let hosted: Vec<PathBuf> = presence::running()
        .iter()
        .flat_map(|told| inside(&told.folder))
        .collect();
    match (hosted.as_slice(), default) {
        ([only], _) => Ok(only.clone()),
        // Whoever asks is told that nobody is there.
        ([], Some(default)) => Ok(default),
        ([], None) => bail!("no control socket is named\n\nhint: give --socket PATH, or set HOME"),
        (several, _) => {
            let paths: Vec<String> = several
                .iter()
                .map(|path| format!("  {}", path.display()))
                .collect();
            bail!(
                "there are several pools\n\nhint: choose one with --socket:\n{}",
                paths.join("\n")
            )
        }
    }
}

/// The sockets of the pools in the containers of an emulator's run.
fn inside(run: &Path) -> Vec<PathBuf> {
    let children = |folder: PathBuf| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let slots = children(run.join("run")).into_iter();
    let containers = slots.flat_map(children);
    let sockets = containers.flat_map(|container| SOCKETS.map(|name| container.join(name)));
    let mut found: Vec<PathBuf> = sockets.filter(|socket| socket.exists()).collect();
    found.sort();
    found
}
