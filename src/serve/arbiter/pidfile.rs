//! The pid file: the arbiter's pid while it runs, and nothing afterwards.

use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

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
            && is_alive(other)
        {
            return Err(PidfileError::Running {
                pid: other,
                path: path.to_owned(),
            });
        }
        let folder = match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => Path::new("/"),
        };
        if !folder.is_dir() {
            return Err(PidfileError::NoFolder {
                folder: folder.to_owned(),
            });
        }
        replace(path, folder, pid).map_err(|source| PidfileError::Write {
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

/// Whether a process has this pid, whoever owns it.
fn is_alive(pid: i32) -> bool {
    let sent = kill(Pid::from_raw(pid), None);
    pid > 0 && matches!(sent, Ok(()) | Err(Errno::EPERM))
}

/// Put a whole file in the place of the old one, and follow no link there.
fn replace(path: &Path, folder: &Path, pid: u32) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{pid}")?;
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
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
        for nobody in ["0", "-1", "", "x"] {
            std::fs::write(&path, nobody).unwrap();
            Pidfile::write(&path).unwrap().remove();
        }
        std::fs::write(&path, "1\n").unwrap();
        assert!(matches!(
            Pidfile::write(&path),
            Err(PidfileError::Running { pid: 1, .. })
        ));
    }
}
