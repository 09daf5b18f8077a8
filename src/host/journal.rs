//! The three log tables on disk, one row a line. What a container or the platform says is written the
//! moment that it is known, the row of a request after its answer and with those that end beside it.
//!
//! A row that cannot be written (a full disk) is kept in memory and written before the next one,
//! up to a bound; serving never waits for it. It is said once, and said again when it is over.
//! A table has a bound as well: a container that prints without end fills no disk.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::{HostError, Notify};
use crate::machine::own_files;
use crate::redaction::redact;
use crate::tables::{
    ConsoleRow, HttpRow, PlatformRow, TableRow, ends_within_a_line, write_json_line,
};
use crate::timeline::{Event, Feed, What};

/// What a run may take of this machine.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Bytes of rows that are kept for a disk that takes none; above that the newest are dropped
    /// and counted.
    pending: usize,
    /// Bytes of the console's table: half an hour of a chatty site, seconds of one in a loop.
    console: u64,
    /// Bytes of each other table: some millions of requests.
    others: u64,
}

const BOUNDS: Bounds = Bounds {
    pending: 64 << 20,
    console: 256 << 20,
    others: 1 << 30,
};
/// Bytes that a row of a request usually takes.
const USUAL_ROW: usize = 512;

/// The tables of one run.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    http: TableFile,
    console: TableFile,
    platform: TableFile,
    /// Who wants to see the platform's words as they come.
    shown_in: OnceLock<Arc<Feed>>,
}

impl Journal {
    /// Open (and make) the three files in `folder`; rows are appended to what is there.
    ///
    /// # Errors
    /// When the folder or a file cannot be made.
    pub fn open(folder: &Path, notify: &Notify) -> Result<Self, HostError> {
        Self::bounded(folder, notify, BOUNDS)
    }

    fn bounded(folder: &Path, notify: &Notify, bounds: Bounds) -> Result<Self, HostError> {
        own_files::make_folder(folder).map_err(|source| HostError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        let file = |name: &str, most| {
            TableFile::open(folder.join(name), notify.clone(), bounds.pending, most)
        };
        Ok(Self {
            http: file("http.jsonl", bounds.others)?,
            console: file("console.jsonl", bounds.console)?,
            platform: file("platform.jsonl", bounds.others)?,
            folder: folder.to_owned(),
            shown_in: OnceLock::new(),
        })
    }

    /// Where the tables are, with every row that is known by now.
    pub fn folder(&self) -> &Path {
        self.write_requests();
        &self.folder
    }

    /// Append a request. It waits in memory for [`Journal::write_requests`].
    pub fn http(&self, row: &HttpRow) {
        self.http.append(row);
    }

    /// Write the rows of the requests that have ended.
    pub fn write_requests(&self) {
        self.http.write_unless_others_do();
    }

    /// Append a line of a container's output. Where the table becomes full its last row says so:
    /// whoever reads it must not take what is missing for silence.
    pub fn console(&self, row: &ConsoleRow) {
        if self.console.append(row) == Appended::Full {
            let mut last = row.clone();
            let words = format!("labrat: {}", full(self.console.most));
            last.result_description = Some(words);
            self.console.put(&line_of(&last));
        }
        self.console.write_unless_others_do();
    }

    /// Append a message of the platform.
    pub fn platform(&self, row: &PlatformRow) {
        self.platform.append(row);
        self.platform.write_unless_others_do();
        if let (Some(feed), Some(message)) = (self.shown_in.get(), &row.message) {
            let text = redact(message).into_owned();
            feed.push(&Event::now(What::Platform { text }));
        }
    }

    /// Put what the platform says into this feed, too. There is one for a run.
    pub fn show_platform_in(&self, feed: Arc<Feed>) {
        let _ = self.shown_in.set(feed);
    }

    /// Who wants to see what happens, if anybody does.
    pub(super) fn feed(&self) -> Option<&Arc<Feed>> {
        self.shown_in.get()
    }

    /// Try once more to write what could not be written, and count the rows that are lost.
    pub fn close(&self) -> usize {
        [&self.http, &self.console, &self.platform]
            .into_iter()
            .map(TableFile::close)
            .sum()
    }
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Appended {
    Kept,
    /// It is the first that the table has no room for.
    Full,
    Dropped,
}

fn full(most: u64) -> String {
    format!(
        "the table holds its {} MiB, and what comes after this is not recorded",
        most >> 20
    )
}

fn line_of<R: TableRow>(row: &R) -> Vec<u8> {
    let mut line = Vec::with_capacity(USUAL_ROW);
    // Writing into memory cannot fail.
    let _ = write_json_line(&mut line, row);
    line
}

/// One table. A row goes into memory first, which takes no longer than copying it; whoever finds
/// the file free then writes everything that is there. Requests that end at the same time so never
/// wait for each other's write.
#[derive(Debug)]
struct TableFile {
    path: PathBuf,
    notify: Notify,
    /// Bytes that are kept in memory at most.
    most_pending: usize,
    /// Bytes of the table at most.
    most: u64,
    waiting: Mutex<Waiting>,
    disk: Mutex<Disk>,
}

#[derive(Debug)]
struct Waiting {
    /// Rows that nobody has taken to write yet.
    bytes: Vec<u8>,
    /// Rows dropped because even the memory for them was used up.
    dropped: usize,
    /// Bytes of the table, on the disk and on their way there.
    taken: u64,
    /// Rows that the table had no room for.
    beyond: usize,
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
    fn open(
        path: PathBuf,
        notify: Notify,
        most_pending: usize,
        most: u64,
    ) -> Result<Self, HostError> {
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
        let taken = file.metadata().map_or(0, |metadata| metadata.len());
        Ok(Self {
            path,
            notify,
            most_pending,
            most,
            waiting: Mutex::new(Waiting {
                bytes,
                dropped: 0,
                taken,
                beyond: 0,
            }),
            disk: Mutex::new(Disk {
                file,
                bytes: Vec::new(),
                failing: false,
            }),
        })
    }

    fn append<R: TableRow>(&self, row: &R) -> Appended {
        let line = line_of(row);
        let appended = {
            let mut waiting = self.waiting.lock();
            let is_full = waiting.beyond > 0 || waiting.taken + line.len() as u64 > self.most;
            waiting.beyond += usize::from(is_full);
            match is_full {
                true if waiting.beyond == 1 => Appended::Full,
                true => Appended::Dropped,
                false => Appended::Kept,
            }
        };
        match appended {
            Appended::Kept => self.put(&line),
            Appended::Full => {
                (self.notify)(&format!("{}: {}", self.path.display(), full(self.most)));
            }
            Appended::Dropped => {}
        }
        appended
    }

    /// Put a row where the next write takes it from.
    fn put(&self, line: &[u8]) {
        let mut waiting = self.waiting.lock();
        match waiting.bytes.len() > self.most_pending {
            true => waiting.dropped += 1,
            false => {
                waiting.bytes.extend_from_slice(line);
                waiting.taken += line.len() as u64;
            }
        }
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
        if waiting.beyond > 0 {
            (self.notify)(&format!(
                "{}: {} rows were not recorded, the table was full",
                self.path.display(),
                waiting.beyond
            ));
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
    use std::sync::Arc;

    #[test]
    fn a_row_cut_short_by_a_kill_costs_no_other_row() {
        let folder = tempfile::tempdir().unwrap();
        let cut = b"{\"TimeGenerated\":\"2026-04-04T05:36:33Z\"}\n{\"TimeGen";
        std::fs::write(folder.path().join("http.jsonl"), cut).unwrap();
        for _ in 0..2 {
            let journal = Journal::open(folder.path(), &Notify::silent()).unwrap();
            journal.http(&HttpRow::at(jiff::Timestamp::now().into()));
            assert_eq!(journal.close(), 0);
        }
        let text = std::fs::read(folder.path().join("http.jsonl")).unwrap();
        let table = read::<HttpRow>(&text).unwrap();
        assert_eq!((table.rows.len(), table.fault_count), (3, 1));
    }

    fn line(text: &str) -> ConsoleRow {
        let mut row = ConsoleRow::at(jiff::Timestamp::now().into());
        row.result_description = Some(text.to_owned());
        row
    }

    fn hearing() -> (Arc<Mutex<Vec<String>>>, Notify) {
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        (
            said,
            Notify::new(move |text| heard.lock().push(text.to_owned())),
        )
    }

    #[test]
    fn a_container_that_prints_without_end_fills_its_table_and_no_more() {
        const MOST: u64 = 1 << 20;
        let folder = tempfile::tempdir().unwrap();
        let (said, notify) = hearing();
        let bounds = Bounds {
            console: MOST,
            ..BOUNDS
        };
        let journal = Journal::bounded(folder.path(), &notify, bounds).unwrap();
        for _ in 0..100_000 {
            journal.console(&line("y"));
        }
        journal.http(&HttpRow::at(jiff::Timestamp::now().into()));
        assert_eq!(journal.close(), 0, "no row is lost that there was room for");
        let text = std::fs::read(folder.path().join("console.jsonl")).unwrap();
        assert!((text.len() as u64) < MOST + 1024, "{}", text.len());
        let rows = read::<ConsoleRow>(&text).unwrap().rows;
        let last = rows.last().unwrap().result_description.as_deref();
        assert!(last.unwrap().contains("not recorded"), "{last:?}");
        let said = said.lock().clone();
        assert_eq!(said.len(), 2, "at the bound and at the end: {said:?}");
        let beyond = 100_000 - (rows.len() - 1);
        assert!(said[1].contains(&format!("{beyond} rows")), "{said:?}");
        // The others go on, and a next run in the folder finds it full.
        assert!(folder.path().join("http.jsonl").metadata().unwrap().len() > 0);
        let next = Journal::bounded(folder.path(), &notify, bounds).unwrap();
        (0..1_000).for_each(|_| next.console(&line("y")));
        let again = std::fs::read(folder.path().join("console.jsonl")).unwrap();
        assert!(again.len() < text.len() + 1024);
    }

    #[test]
    fn rows_for_a_disk_that_takes_none_are_held_up_to_a_bound() {
        const PENDING: usize = 100_000;
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join("console.jsonl")).unwrap();
        let bounds = Bounds {
            pending: PENDING,
            ..BOUNDS
        };
        let journal = Journal::bounded(folder.path(), &Notify::silent(), bounds).unwrap();
        for _ in 0..10_000 {
            journal.console(&line("y"));
        }
        let held = journal.console.waiting.lock().bytes.len();
        let writing = journal.console.disk.lock().bytes.len();
        // A row beyond each of the two, which change places.
        assert!(held + writing <= 2 * (PENDING + 1024), "{held} + {writing}");
        assert_eq!(journal.close(), 10_000, "each is counted as lost");
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
                        journal.write_requests();
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
