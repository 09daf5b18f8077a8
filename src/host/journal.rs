//! The three log tables on disk, one row a line, written the moment that a row is known.
//!
//! A row that cannot be written (a full disk) is kept in memory and written before the next one,
//! up to a bound; serving never waits for it. It is said once, and said again when it is over.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::{HostError, Notify};
use crate::tables::{
    ConsoleRow, HttpRow, PlatformRow, TableRow, ends_within_a_line, write_json_line,
};

/// Bytes of rows that are kept for a disk that takes none; above that the newest are dropped and
/// counted.
const MOST_PENDING: usize = 64 * 1024 * 1024;
/// Bytes that a row of a request usually takes.
const USUAL_ROW: usize = 512;

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

/// One table. A row goes into memory first, which takes no longer than copying it; whoever finds
/// the file free then writes everything that is there. Requests that end at the same time so never
/// wait for each other's write.
#[derive(Debug)]
struct TableFile {
    path: PathBuf,
    notify: Notify,
    waiting: Mutex<Waiting>,
    disk: Mutex<Disk>,
}

#[derive(Debug)]
struct Waiting {
    /// Rows that nobody has taken to write yet.
    bytes: Vec<u8>,
    /// Rows dropped because even the memory for them was used up.
    dropped: usize,
}

#[derive(Debug)]
struct Disk {
    file: File,
    /// What is being written, and what the disk did not take.
    bytes: Vec<u8>,
    /// Whether the last write failed, which is said only when it changes.
    failing: bool,
}

impl TableFile {
    fn open(path: PathBuf, notify: Notify) -> Result<Self, HostError> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            // What was asked and said may be anybody's secret.
            .mode(0o600)
            .open(&path);
        let file = file.map_err(|source| HostError::Folder {
            path: path.clone(),
            source,
        })?;
        // A run before this one may have been killed in the middle of a row.
        let is_cut = File::open(&path).and_then(|mut file| ends_within_a_line(&mut file));
        let bytes = match is_cut {
            Ok(true) => b"\n".to_vec(),
            Ok(false) | Err(_) => Vec::new(),
        };
        Ok(Self {
            path,
            notify,
            waiting: Mutex::new(Waiting { bytes, dropped: 0 }),
            disk: Mutex::new(Disk {
                file,
                bytes: Vec::new(),
                failing: false,
            }),
        })
    }

    fn append<R: TableRow>(&self, row: &R) {
        let mut line = Vec::with_capacity(USUAL_ROW);
        // Writing into memory cannot fail.
        let _ = write_json_line(&mut line, row);
        {
            let mut waiting = self.waiting.lock();
            match waiting.bytes.len() > MOST_PENDING {
                true => waiting.dropped += 1,
                false => waiting.bytes.extend_from_slice(&line),
            }
        }
        self.write_unless_others_do();
    }

    /// Write what waits. Who holds the file looks once more after having let it go, so that a row
    /// that came in the meantime is written by one of the two.
    fn write_unless_others_do(&self) {
        while let Some(mut disk) = self.disk.try_lock() {
            self.write_all(&mut disk);
            let failing = disk.failing;
            drop(disk);
            if failing || self.waiting.lock().bytes.is_empty() {
                return;
            }
        }
    }

    fn write_all(&self, disk: &mut Disk) {
        loop {
            if disk.bytes.is_empty() {
                // The two buffers change places and keep their memory.
                std::mem::swap(&mut self.waiting.lock().bytes, &mut disk.bytes);
            }
            if disk.bytes.is_empty() {
                break;
            }
            if let Err(reason) = disk.write() {
                return self.failed(disk, &reason);
            }
        }
        if disk.failing {
            disk.failing = false;
            (self.notify)(&format!("{}: rows are written again", self.path.display()));
        }
    }

    fn failed(&self, disk: &mut Disk, reason: &str) {
        if !disk.failing {
            disk.failing = true;
            (self.notify)(&format!(
                "{}: {reason}; serving goes on, rows are kept in memory and written when they can be",
                self.path.display()
            ));
        }
    }

    fn close(&self) -> usize {
        let mut disk = self.disk.lock();
        self.write_all(&mut disk);
        let waiting = self.waiting.lock();
        let rows = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
        let lost = rows(&disk.bytes) + rows(&waiting.bytes) + waiting.dropped;
        if lost > 0 {
            (self.notify)(&format!("{}: {lost} rows are lost", self.path.display()));
        }
        lost
    }
}

impl Disk {
    /// Write everything; what the disk did not take stays.
    fn write(&mut self) -> Result<(), String> {
        let mut written = 0;
        let ended = loop {
            if written == self.bytes.len() {
                break Ok(());
            }
            match self.file.write(&self.bytes[written..]) {
                Ok(0) => break Err("the disk takes nothing".to_owned()),
                Ok(count) => written += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error.to_string()),
            }
        };
        self.bytes.drain(..written);
        ended
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

    #[test]
    fn rows_of_many_threads_are_all_written_whole_and_none_waits_for_the_close() {
        const THREADS: usize = 8;
        const ROWS: usize = 500;
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), &Notify::silent()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..ROWS {
                        journal.http(&HttpRow::at(jiff::Timestamp::now().into()));
                    }
                });
            }
        });
        let text = std::fs::read(folder.path().join("http.jsonl")).unwrap();
        let table = read::<HttpRow>(&text).unwrap();
        assert_eq!((table.rows.len(), table.fault_count), (THREADS * ROWS, 0));
        assert_eq!(journal.close(), 0);
    }
}
