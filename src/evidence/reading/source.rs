//! The files that evidence is read from: of a folder, of a zip, single ones, standard input.
//!
//! They were written by others. A link is not followed, what is no regular file is not waited for,
//! and no file is read beyond a limit.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use zip::ZipArchive;

use super::error::ReadError;
use crate::evidence::bundle::FileState;

/// Folders below the first that are looked into.
const DEPTH: usize = 12;

/// Files that are read at most; the rest are counted and named in one note.
const MOST_FILES: usize = 10_000;

/// Bytes of one file, unpacked, beyond which it is not read.
pub(super) const FILE_LIMIT: u64 = 4 << 30;

/// The name of what comes through a pipe.
const STANDARD_INPUT: &str = "standard input";

/// One file of the evidence.
pub(super) struct Item {
    /// Its path below what was named, with `/`; files of a zip stand below its name.
    pub path: String,
    /// Its size in bytes, unpacked.
    pub size: u64,
    place: Place,
}

enum Place {
    Disk(PathBuf),
    Entry(usize, usize),
    Kept(usize),
}

/// Everything that was named, as files.
pub(super) struct Inputs {
    /// What to call it: the name of the folder or file that was named first.
    pub name: String,
    /// The files, sorted by path.
    pub items: Vec<Item>,
    /// What lies among them and is not read, with the reason.
    pub passed_by: Vec<(String, FileState)>,
    archives: Vec<Mutex<ZipArchive<File>>>,
    kept: Vec<Mutex<File>>,
    left_off: usize,
}

impl Inputs {
    /// List every file of these paths; `-` is standard input.
    ///
    /// # Errors
    /// If a path is not there, or a folder cannot be listed.
    pub(super) fn collect(paths: &[PathBuf]) -> Result<Inputs, ReadError> {
        let mut inputs = Inputs {
            name: paths.first().map_or_else(String::new, |path| name_of(path)),
            items: Vec::new(),
            passed_by: Vec::new(),
            archives: Vec::new(),
            kept: Vec::new(),
            left_off: 0,
        };
        let alone = paths.len() == 1;
        for path in paths {
            inputs.add(path, alone)?;
        }
        if inputs.left_off > 0 {
            let reason = format!(
                "{} more files: {MOST_FILES} are read at most",
                inputs.left_off
            );
            inputs
                .passed_by
                .push(("...".to_owned(), FileState::Unreadable { reason }));
        }
        inputs.items.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(inputs)
    }

    fn add(&mut self, path: &Path, alone: bool) -> Result<(), ReadError> {
        if path == Path::new("-") {
            return self.add_standard_input();
        }
        // What a person names may be a link; what lies in it may not.
        let failed = |source| ReadError::List {
            path: path.to_owned(),
            source,
        };
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ReadError::NotThere {
                    path: path.to_owned(),
                });
            }
            Err(error) => return Err(failed(error)),
        };
        let name = name_of(path);
        if metadata.is_dir() {
            let below = if alone { String::new() } else { name };
            return self.add_folder(path, &below, DEPTH);
        }
        let real = fs::canonicalize(path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(ReadError::NotAFile {
                path: path.to_owned(),
            });
        }
        self.add_file(&real, name, metadata.len(), alone);
        Ok(())
    }

    fn add_standard_input(&mut self) -> Result<(), ReadError> {
        let failed = |source| ReadError::List {
            path: PathBuf::from(STANDARD_INPUT),
            source,
        };
        let mut file = tempfile::tempfile().map_err(failed)?;
        let mut input = io::stdin().lock().take(FILE_LIMIT);
        let size = io::copy(&mut input, &mut file).map_err(failed)?;
        let again = file.try_clone().map_err(failed)?;
        if starts_like_a_zip(&mut file) && self.add_archive(again, STANDARD_INPUT, true).is_ok() {
            return Ok(());
        }
        self.kept.push(Mutex::new(file));
        let place = Place::Kept(self.kept.len() - 1);
        self.push(STANDARD_INPUT.to_owned(), size, place);
        Ok(())
    }

    fn push(&mut self, path: String, size: u64, place: Place) {
        if self.items.len() < MOST_FILES {
            self.items.push(Item { path, size, place });
        } else {
            self.left_off += 1;
        }
    }

    fn pass_by(&mut self, path: String, reason: &str) {
        let reason = reason.to_owned();
        self.passed_by
            .push((path, FileState::Unreadable { reason }));
    }

    fn add_folder(&mut self, folder: &Path, below: &str, depth: usize) -> Result<(), ReadError> {
        let failed = |source| ReadError::List {
            path: folder.to_owned(),
            source,
        };
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // What this program leaves beside a file while it writes it.
            if name.starts_with(".partial-") {
                continue;
            }
            let path = match below {
                "" => name,
                below => format!("{below}/{name}"),
            };
            if kind.is_dir() && depth > 0 {
                self.add_folder(&entry.path(), &path, depth - 1)?;
            } else if kind.is_dir() {
                self.pass_by(path, "a folder too deep to be looked into");
            } else if kind.is_symlink() {
                self.pass_by(path, "a link, which is not followed");
            } else if kind.is_file() {
                let size = entry.metadata().map_or(0, |metadata| metadata.len());
                self.add_file(&entry.path(), path, size, false);
            } else {
                self.pass_by(path, "neither a file nor a folder");
            }
        }
        Ok(())
    }

    fn add_file(&mut self, real: &Path, path: String, size: u64, alone: bool) {
        if let Ok(mut file) = open_regular(real)
            && starts_like_a_zip(&mut file)
        {
            match self.add_archive(file, &path, alone) {
                Ok(()) => return,
                Err(error) => {
                    return self.pass_by(path, &format!("a zip that cannot be read: {error}"));
                }
            }
        }
        self.push(path, size, Place::Disk(real.to_owned()));
    }

    /// The files of a zip. One that was named alone stands for its folder.
    fn add_archive(&mut self, file: File, path: &str, alone: bool) -> zip::result::ZipResult<()> {
        let mut archive = ZipArchive::new(file)?;
        let number = self.archives.len();
        let mut entries = Vec::new();
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index)?;
            let name = entry
                .name()
                .map_or_else(|_| format!("entry {index}"), |name| name.replace('\\', "/"));
            if entry.is_dir() {
                continue;
            }
            if entry.encrypted() {
                self.pass_by(format!("{path}/{name}"), "locked by a password");
                continue;
            }
            entries.push((name, entry.size(), index));
        }
        let common = match alone {
            true => common_folder(&entries),
            false => 0,
        };
        for (name, size, index) in entries {
            let name = match alone {
                true => name[common..].to_owned(),
                false => format!("{path}/{name}"),
            };
            self.push(name, size, Place::Entry(number, index));
        }
        self.archives.push(Mutex::new(archive));
        Ok(())
    }

    /// Give the bytes of a file to `use_it`, from the beginning and up to the limit.
    ///
    /// # Errors
    /// If it cannot be opened: also if it has become something else than a file since it was listed.
    pub(super) fn with<T>(
        &self,
        item: &Item,
        use_it: impl FnOnce(&mut dyn Read) -> T,
    ) -> io::Result<T> {
        match &item.place {
            Place::Disk(path) => {
                let file = open_regular(path)?;
                Ok(use_it(&mut unpacked(file)?.take(FILE_LIMIT)))
            }
            Place::Entry(archive, index) => {
                let mut archive = self.archives[*archive].lock();
                let entry = archive.by_index(*index).map_err(io::Error::other)?;
                Ok(use_it(&mut entry.take(FILE_LIMIT)))
            }
            Place::Kept(number) => {
                let mut file = self.kept[*number].lock();
                file.seek(SeekFrom::Start(0))?;
                let again = file.try_clone()?;
                Ok(use_it(&mut unpacked(again)?.take(FILE_LIMIT)))
            }
        }
    }

    /// The file of that path.
    pub(super) fn item(&self, path: &str) -> Option<&Item> {
        let at = self
            .items
            .binary_search_by(|item| item.path.as_str().cmp(path));
        at.ok().map(|at| &self.items[at])
    }
}

fn name_of(path: &Path) -> String {
    if path == Path::new("-") {
        return STANDARD_INPUT.to_owned();
    }
    let canonical = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = canonical
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    name.strip_suffix(".zip").map(str::to_owned).unwrap_or(name)
}

/// Open what is a regular file at this moment: no link is followed, and nothing is waited for.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ELOOP) => io::Error::other("a link, which is not followed"),
            _ => error,
        })?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(file)
}

fn starts_like_a_zip(file: &mut File) -> bool {
    let mut magic = [0_u8; 4];
    let begun = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| file.read_exact(&mut magic));
    let rewound = file.seek(SeekFrom::Start(0));
    begun.is_ok() && rewound.is_ok() && magic == *b"PK\x03\x04"
}

/// A gzip's content, or the file as it is.
fn unpacked(mut file: File) -> io::Result<Box<dyn Read>> {
    let mut magic = [0_u8; 2];
    let is_gzip = file.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b];
    file.seek(SeekFrom::Start(0))?;
    Ok(match is_gzip {
        true => Box::new(flate2::read::MultiGzDecoder::new(file)),
        false => Box::new(file),
    })
}

/// Bytes of the folder that all entries lie in, where there is one.
fn common_folder(entries: &[(String, u64, usize)]) -> usize {
    let Some((first, ..)) = entries.first() else {
        return 0;
    };
    let Some(end) = first.find('/') else { return 0 };
    let folder = &first[..=end];
    // The folders of a bundle or of a site's logs mean something.
    let means = [
        "LogFiles/",
        "baseline/",
        "trigger/",
        "post/",
        "postfix/",
        "tables/",
    ]
    .contains(&folder);
    let shared = entries.iter().all(|(name, ..)| name.starts_with(folder));
    if shared && !means { end + 1 } else { 0 }
}
