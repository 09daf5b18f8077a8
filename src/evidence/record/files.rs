//! Files that are there as a whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::RecordError;
use crate::evidence::manifest::FileDigest;
use crate::identifiers::hexadecimal;
use crate::machine::own_files;

/// Make the bundle's folder, or accept one that is there and empty.
pub(super) fn prepare_folder(path: &Path) -> Result<(), RecordError> {
    let failed = |source| RecordError::Write {
        path: path.to_owned(),
        source,
    };
    match fs::read_dir(path).map(|mut entries| entries.next().is_some()) {
        Ok(true) => Err(RecordError::NotEmpty {
            path: path.to_owned(),
        }),
        Ok(false) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            own_files::make_folder(path).map_err(failed)
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(RecordError::NotAFolder {
                path: path.to_owned(),
            })
        }
        Err(error) => Err(failed(error)),
    }
}

/// Put `contents` at `root/relative`: written beside its place, synced, and renamed into it.
pub(super) fn write_whole(
    root: &Path,
    relative: &str,
    contents: &[u8],
) -> Result<FileDigest, RecordError> {
    let path = root.join(relative);
    try_write_whole(&path, contents).map_err(|source| RecordError::Write {
        path: path.clone(),
        source,
    })?;
    Ok(FileDigest {
        path: relative.to_owned(),
        bytes: contents.len() as u64,
        sha256: hexadecimal(&Sha256::digest(contents)),
    })
}

fn try_write_whole(path: &Path, contents: &[u8]) -> io::Result<()> {
    let folder = path.parent().map_or(PathBuf::from("."), Path::to_owned);
    own_files::make_folder(&folder)?;
    // The name begins with a dot: a reader that finds one left over after a kill passes it by.
    let mut file = tempfile::Builder::new()
        .prefix(".partial-")
        .tempfile_in(&folder)?;
    file.write_all(contents)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(&folder)?.sync_all()
}

/// Size and digest of a file that was appended to.
pub(super) fn digest(root: &Path, relative: &str) -> Result<FileDigest, RecordError> {
    let path = root.join(relative);
    let read = || -> io::Result<(u64, Vec<u8>)> {
        let mut hasher = Sha256::new();
        let bytes = io::copy(&mut File::open(&path)?, &mut HashWriter(&mut hasher))?;
        Ok((bytes, hasher.finalize().to_vec()))
    };
    let (bytes, hash) = read().map_err(|source| RecordError::Write {
        path: path.clone(),
        source,
    })?;
    Ok(FileDigest {
        path: relative.to_owned(),
        bytes,
        sha256: hexadecimal(&hash),
    })
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.update(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
