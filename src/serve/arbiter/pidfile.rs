//! The pid file: the arbiter's pid while it runs, and nothing afterwards.

use std::io;
use std::path::{Path, PathBuf};

/// Why the pid file was not written.
#[derive(Debug, thiserror::Error)]
pub enum PidfileError {
    /// Another process that lives is named in it.
    #[error("Already running on PID {pid} (or pid file '{}' is stale)", path.display())]
    Running {
        /// The pid in the file.
        pid: i32,
        /// The file.
        path: PathBuf,
    },
    /// Its folder is not there; the words are Gunicorn's.
    #[error("{} doesn't exist. Can't create pidfile.", folder.display())]
    NoFolder {
        /// The folder that is missing.
        folder: PathBuf,
    },
    /// The file could not be written.
    #[error("cannot write the pid file {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A written pid file.
#[derive(Debug)]
pub struct Pidfile {
    path: PathBuf,
    pid: u32,
}

impl Pidfile {
    /// Write this process's pid.
    ///
    /// # Errors
    /// When another living process is named in the file, or its folder is missing, or it cannot be
    /// written.
    pub fn write(path: &Path) -> Result<Self, PidfileError> {
        let pid = std::process::id();
        if let Some(other) = read(path)
            && u32::try_from(other) != Ok(pid)
            && nix::sys::signal::kill(nix::unistd::Pid::from_raw(other), None).is_ok()
        {
            return Err(PidfileError::Running {
                pid: other,
                path: path.to_owned(),
            });
        }
        if let Some(folder) = path.parent()
            && !folder.as_os_str().is_empty()
            && !folder.is_dir()
        {
            return Err(PidfileError::NoFolder {
                folder: folder.to_owned(),
            });
        }
        std::fs::write(path, format!("{pid}\n")).map_err(|source| PidfileError::Write {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            pid,
        })
    }

    /// Remove the file if it still names this process.
    pub fn remove(&self) {
        if read(&self.path).and_then(|pid| u32::try_from(pid).ok()) == Some(self.pid) {
            // Gone already is as good as removed.
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// Write it again, as after `HUP`.
    ///
    /// # Errors
    /// As [`Pidfile::write`].
    pub fn rewrite(&self) -> Result<Self, PidfileError> {
        self.remove();
        Self::write(&self.path)
    }
}

fn read(path: &Path) -> Option<i32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_file_is_taken_over_and_a_living_ones_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pid");
        std::fs::write(&path, "999999999\n").unwrap();
        let pidfile = Pidfile::write(&path).unwrap();
        assert_eq!(read(&path), i32::try_from(std::process::id()).ok());
        pidfile.remove();
        assert!(!path.exists());
        std::fs::write(&path, "1\n").unwrap();
        assert!(matches!(
            Pidfile::write(&path),
            Err(PidfileError::Running { pid: 1, .. })
        ));
    }
}
