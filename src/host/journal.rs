//! The three log tables on disk, one row a line, written the moment that a row is known.
//!
//! A row that cannot be written (a full disk) is kept in memory and written before the next one,
//! up to a bound; serving never waits for it. It is said once, and said again when it is over.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::{HostError, Notify};
use crate::tables::{ConsoleRow, HttpRow, PlatformRow, TableRow, write_json_line};

/// Bytes of rows that are kept for a disk that takes none; above that the newest are dropped and
/// counted.
const MOST_PENDING: usize = 64 * 1024 * 1024;

/// The tables of one run.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    http: TableFile,
    console: TableFile,
    platform: TableFile,
}

impl Journal {
    /// Open (and make) the three files in `folder`; rows are appended to what is there.
    ///
    /// # Errors
    /// When the folder or a file cannot be made.
    pub fn open(folder: &Path, notify: &Notify) -> Result<Self, HostError> {
        std::fs::create_dir_all(folder).map_err(|source| HostError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        let file = |name: &str| TableFile::open(folder.join(name), notify.clone());
        Ok(Self {
            http: file("http.jsonl")?,
            console: file("console.jsonl")?,
            platform: file("platform.jsonl")?,
            folder: folder.to_owned(),
        })
    }

    /// Where the tables are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Append a request.
    pub fn http(&self, row: &HttpRow) {
        self.http.append(row);
    }

    /// Append a line of a container's output.
    pub fn console(&self, row: &ConsoleRow) {
        self.console.append(row);
    }

    /// Append a message of the platform.
    pub fn platform(&self, row: &PlatformRow) {
        self.platform.append(row);
    }

    /// Try once more to write what could not be written, and count the rows that are lost.
    pub fn close(&self) -> usize {
        [&self.http, &self.console, &self.platform]
            .into_iter()
            .map(TableFile::close)
            .sum()
    }
}

#[derive(Debug)]
struct TableFile {
    path: PathBuf,
    notify: Notify,
    state: Mutex<FileState>,
}

#[derive(Debug)]
struct FileState {
    file: File,
    /// What is to be written and is not yet.
    pending: Vec<u8>,
    /// Rows dropped because even the memory for them was used up.
    dropped: usize,
    /// Whether the last write failed, which is said only when it changes.
    failing: bool,
}

/// Whether a file has a last line that does not end.
fn ends_within_a_line(path: &Path) -> bool {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut last = [0_u8; 1];
    let read = File::open(path).and_then(|mut file| {
        let empty = file.metadata()?.len() == 0;
        if empty {
            return Ok(false);
        }
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok(true)
    });
    matches!(read, Ok(true)) && last != *b"\n"
}

impl TableFile {
    fn open(path: PathBuf, notify: Notify) -> Result<Self, HostError> {
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|source| HostError::Folder {
            path: path.clone(),
            source,
        })?;
        // A run before this one may have been killed in the middle of a row.
        let pending = match ends_within_a_line(&path) {
            true => b"\n".to_vec(),
            false => Vec::new(),
        };
        Ok(Self {
            path,
            notify,
            state: Mutex::new(FileState {
                file,
                pending,
                dropped: 0,
                failing: false,
            }),
        })
    }

    fn append<R: TableRow>(&self, row: &R) {
        let mut state = self.state.lock();
        if state.pending.len() > MOST_PENDING {
            state.dropped += 1;
        } else {
            // Writing into memory cannot fail.
            let _ = write_json_line(&mut state.pending, row);
        }
        self.flush(&mut state);
    }

    fn flush(&self, state: &mut FileState) {
        while !state.pending.is_empty() {
            match state.file.write(&state.pending) {
                Ok(0) => return self.failed(state, "the disk takes nothing"),
                Ok(written) => {
                    state.pending.drain(..written);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return self.failed(state, &error.to_string()),
            }
        }
        if state.failing {
            state.failing = false;
            (self.notify)(&format!("{}: rows are written again", self.path.display()));
        }
    }

    fn failed(&self, state: &mut FileState, reason: &str) {
        if !state.failing {
            state.failing = true;
            (self.notify)(&format!(
                "{}: {reason}; serving goes on, rows are kept in memory and written when they can be",
                self.path.display()
            ));
        }
    }

    fn close(&self) -> usize {
        let mut state = self.state.lock();
        self.flush(&mut state);
        let kept = state.pending.iter().filter(|byte| **byte == b'\n').count();
        let lost = kept + state.dropped;
        if lost > 0 {
            (self.notify)(&format!("{}: {lost} rows are lost", self.path.display()));
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::read;

    #[test]
    fn a_row_cut_short_by_a_kill_costs_no_other_row() {
        let folder = tempfile::tempdir().unwrap();
        let cut = b"{\"TimeGenerated\":\"2026-04-04T05:36:33Z\"}\n{\"TimeGen";
        std::fs::write(folder.path().join("http.jsonl"), cut).unwrap();
        for _ in 0..2 {
            let journal = Journal::open(folder.path(), &Notify::silent()).unwrap();
            journal.http(&HttpRow::at(jiff::Timestamp::now().into()));
        }
        let text = std::fs::read(folder.path().join("http.jsonl")).unwrap();
        let table = read::<HttpRow>(&text).unwrap();
        assert_eq!((table.rows.len(), table.fault_count), (3, 1));
    }
}
