//! Where a log goes: a standard stream, or a file that is appended to and reopened after a
//! rotation.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use nix::unistd::{dup2_stderr, dup2_stdout};
use parking_lot::Mutex;

use super::settings::LogTarget;

/// A standard stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandardStream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// A log's open target.
#[derive(Debug)]
pub struct LogFile {
    target: LogTarget,
    stream: StandardStream,
    /// Standard output and error go to the file as well.
    captures_output: bool,
    file: Mutex<Option<File>>,
}

impl LogFile {
    /// Open the target; `stream` is the one that [`LogTarget::Stream`] means.
    ///
    /// # Errors
    /// When the file cannot be opened for appending.
    pub fn open(target: LogTarget, stream: StandardStream) -> io::Result<Self> {
        Ok(Self {
            file: Mutex::new(open(&target)?),
            target,
            stream,
            captures_output: false,
        })
    }

    /// Send this process's standard output and error to the file as well, also after every
    /// [`reopen`](Self::reopen). Does nothing where the target is a stream.
    ///
    /// # Errors
    /// Those of dup2(2).
    pub fn capture_output(mut self) -> io::Result<Self> {
        self.captures_output = true;
        self.redirect()?;
        Ok(self)
    }

    /// Reopen the file, so that a rotated log goes on under its old name.
    pub fn reopen(&self) {
        // A log that cannot be reopened goes on into the old file: losing it would be worse.
        if let Ok(file) = open(&self.target) {
            *self.file.lock() = file;
            let _ = self.redirect();
        }
    }

    /// Append text in one write, so that the lines of several processes never mix.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn write(&self, text: &str) -> io::Result<()> {
        match self.file.lock().as_mut() {
            Some(file) => file.write_all(text.as_bytes()),
            None => self.stream.write(text),
        }
    }

    fn redirect(&self) -> io::Result<()> {
        if self.captures_output
            && let Some(file) = self.file.lock().as_ref()
        {
            dup2_stdout(file)?;
            dup2_stderr(file)?;
        }
        Ok(())
    }
}

impl StandardStream {
    /// Write text in one piece.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn write(self, text: &str) -> io::Result<()> {
        match self {
            Self::Output => {
                let mut output = io::stdout().lock();
                output.write_all(text.as_bytes())?;
                output.flush()
            }
            Self::Error => io::stderr().lock().write_all(text.as_bytes()),
        }
    }
}

fn open(target: &LogTarget) -> io::Result<Option<File>> {
    match target {
        LogTarget::Stream => Ok(None),
        LogTarget::File(path) => OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_file_goes_on_under_its_old_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let log = LogFile::open(LogTarget::File(path.clone()), StandardStream::Error).unwrap();
        log.write("before\n").unwrap();
        std::fs::rename(&path, directory.path().join("old")).unwrap();
        log.write("still there\n").unwrap();
        log.reopen();
        log.write("after\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "after\n");
        std::fs::remove_dir_all(directory.path()).unwrap();
        log.reopen();
        log.write("into the file that has no name any more\n")
            .unwrap();
    }
}
