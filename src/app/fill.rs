//! `/fill`: a file in the site's home with every request, as logs and uploads leave them.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use axum::body::Body;
use http::{Response, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use super::outbound::ConsoleText;
use super::query::Query;
use super::reply;
use super::state::AppState;

/// Where the files lie in the home.
const FOLDER: &str = "LogFiles/labrat";
/// What their names begin and end with; nothing else is ever removed.
const PREFIX: &str = "fill-";
const SUFFIX: &str = ".log";
/// Most megabytes that one request may ask for.
const MOST_PER_REQUEST: u64 = 64;
/// Megabytes of a request that does not say how many.
const USUAL: u64 = 4;
const MEGABYTE: u64 = 1 << 20;

/// `GET /fill`, `GET /fill?megabytes=N`: write one more file.
pub(super) fn fill(state: &AppState, query: &Query) -> Response<Body> {
    let asked = match query.whole("megabytes", 1..=MOST_PER_REQUEST) {
        Ok(asked) => asked.unwrap_or(USUAL),
        Err(bad) => return bad.reply(),
    };
    let Some(folder) = folder(state) else {
        return reply::json_with_status(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({"error": "HOME is not set", "status": "refused"}),
        );
    };
    let (held, cap) = (held(&folder), state.config.fill_max_megabytes * MEGABYTE);
    if held + asked * MEGABYTE > cap {
        return reply::json_with_status(
            StatusCode::INSUFFICIENT_STORAGE,
            &json!({"cap": cap, "error": "the cap of /fill is reached", "held": held, "status": "refused"}),
        );
    }
    // Another container may have had the same process ids.
    let (now, pid) = (Timestamp::now().as_nanosecond(), std::process::id());
    let path = folder.join(format!("{PREFIX}{now}-{pid}{SUFFIX}"));
    match write(&path, asked * MEGABYTE) {
        Ok(()) => {
            remove_but(&folder, state.config.fill_keep);
            reply::json(&json!({"megabytes": asked, "status": "written"}))
        }
        Err(error) => failed(&path, &error),
    }
}

/// `DELETE /fill`: remove every such file.
pub(super) fn free(state: &AppState, _: &Query) -> Response<Body> {
    reply::json(&json!({"freed": undo(state), "status": "freed"}))
}

/// Remove every such file; how many.
pub(super) fn undo(state: &AppState) -> usize {
    let files = folder(state)
        .map(|folder| files(&folder))
        .unwrap_or_default();
    files
        .iter()
        .filter(|path| fs::remove_file(path).is_ok())
        .count()
}

fn folder(state: &AppState) -> Option<PathBuf> {
    let home = state
        .environment
        .get("HOME")
        .filter(|home| !home.is_empty())?;
    Some(Path::new(home).join(FOLDER))
}

/// The files, the oldest first.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(PREFIX) && name.ends_with(SUFFIX)
        })
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

fn held(folder: &Path) -> u64 {
    let sizes = files(folder).into_iter();
    sizes
        .filter_map(|path| Some(path.metadata().ok()?.len()))
        .sum()
}

/// Keep the newest, where there is a number to keep.
fn remove_but(folder: &Path, keep: u64) {
    if keep == 0 {
        return;
    }
    let mut files = files(folder);
    files.reverse();
    for path in files
        .iter()
        .skip(usize::try_from(keep).unwrap_or(usize::MAX))
    {
        // Another worker may have removed it.
        let _ = fs::remove_file(path);
    }
}

/// Lines, as a log has them. What is written of a file that does not fit stays, as everywhere.
fn write(path: &Path, bytes: u64) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let line = b"labrat writes this line so that a file grows, as the file of a log does.\n";
    let mut file = BufWriter::new(File::create_new(path)?);
    let mut written = 0;
    while written < bytes {
        file.write_all(line)?;
        written += line.len() as u64;
    }
    file.flush()
}

/// What Flask answers and prints where a view raises OSError.
fn failed(path: &Path, error: &io::Error) -> Response<Body> {
    let (number, text) = (error.raw_os_error().unwrap_or(0), error.to_string());
    let text = text.split(" (os error").next().unwrap_or_default();
    let python = format!("OSError: [Errno {number}] {text}: '{}'", path.display());
    let mut response = reply::json_with_status(
        StatusCode::INTERNAL_SERVER_ERROR,
        &json!({"error": python, "status": "failed"}),
    );
    response.extensions_mut().insert(ConsoleText(format!(
        "ERROR in app: Exception on /fill [GET]\nTraceback (most recent call last):\n{python}\n"
    )));
    response
}
