//! The files that `/fill` writes into the site's home: named so that nothing else is ever removed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// Where the files lie in the home.
const FOLDER: &str = "LogFiles/labrat";
/// What their names begin and end with.
const PREFIX: &str = "fill-";
const SUFFIX: &str = ".log";

/// The files of every worker of a site.
#[derive(Debug)]
pub(super) struct HomeFiles {
    folder: PathBuf,
}

/// Why a file is not there, or not whole.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub(super) struct NotWritten {
    pub(super) path: PathBuf,
    pub(super) source: io::Error,
}

impl HomeFiles {
    /// Those in this home; nothing is made yet.
    pub(super) fn of(home: Option<&String>) -> Self {
        Self {
            folder: Path::new(home.map_or("", String::as_str)).join(FOLDER),
        }
    }

    /// The oldest first.
    fn all(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
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

    /// Bytes of all of them.
    pub(super) fn held(&self) -> u64 {
        let sizes = self.all().into_iter();
        sizes
            .filter_map(|path| Some(path.metadata().ok()?.len()))
            .sum()
    }

    /// Write one more: lines, as a log has them. What is written of one that does not fit stays, as
    /// everywhere.
    pub(super) fn write(&self, bytes: u64) -> Result<(), NotWritten> {
        // Another container may have had the same process ids.
        let (now, pid) = (Timestamp::now().as_nanosecond(), std::process::id());
        let path = self.folder.join(format!("{PREFIX}{now}-{pid}{SUFFIX}"));
        let written = fs::create_dir_all(&self.folder).and_then(|()| write(&path, bytes));
        written.map_err(|source| NotWritten { path, source })
    }

    /// Remove all but so many of the newest.
    pub(super) fn keep(&self, newest: usize) {
        for path in self.all().iter().rev().skip(newest) {
            // Another worker may have removed it.
            let _ = fs::remove_file(path);
        }
    }

    /// Remove every one; how many.
    pub(super) fn remove(&self) -> usize {
        let all = self.all();
        all.iter()
            .filter(|path| fs::remove_file(path).is_ok())
            .count()
    }
}

fn write(path: &Path, bytes: u64) -> io::Result<()> {
    let line = b"labrat writes this line so that a file grows, as the file of a log does.\n";
    let mut file = BufWriter::new(File::create_new(path)?);
    let mut written = 0;
    while written < bytes {
        file.write_all(line)?;
        written += line.len() as u64;
    }
    file.flush()
}
