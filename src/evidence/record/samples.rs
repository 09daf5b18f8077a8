//! One CSV of samples, appended row by row.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::RecordError;
use crate::evidence::sample::{COLUMNS, Sample};
use crate::machine::own_files;

/// An open samples file.
#[derive(Debug)]
pub(super) struct SamplesFile {
    path: PathBuf,
    file: File,
    /// Length up to the end of the last whole row.
    length: u64,
}

impl SamplesFile {
    /// Create the file with its header.
    pub(super) fn create(root: &Path, relative: &str) -> Result<Self, RecordError> {
        let path = root.join(relative);
        let open = || -> io::Result<File> {
            if let Some(folder) = path.parent() {
                own_files::make_folder(folder)?;
            }
            own_files::private()
                .append(true)
                .create_new(true)
                .open(&path)
        };
        let file = open().map_err(|source| RecordError::Write {
            path: path.clone(),
            source,
        })?;
        let mut samples = Self {
            path,
            file,
            length: 0,
        };
        let header = format!("{}\n", COLUMNS.join(","));
        samples.append(header.as_bytes())?;
        Ok(samples)
    }

    /// Append one row. A row that does not fit on the disk is taken back.
    pub(super) fn push(&mut self, sample: &Sample) -> Result<(), RecordError> {
        let row = self.encode(sample)?;
        self.append(&row)
    }

    fn encode(&self, sample: &Sample) -> Result<Vec<u8>, RecordError> {
        let failed = |detail: String| RecordError::Encode {
            path: self.path.clone(),
            detail,
        };
        let mut writer = csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(Vec::new());
        writer
            .serialize(sample)
            .map_err(|error| failed(error.to_string()))?;
        writer
            .into_inner()
            .map_err(|error| failed(error.to_string()))
    }

    fn append(&mut self, row: &[u8]) -> Result<(), RecordError> {
        match self.file.write_all(row) {
            Ok(()) => {
                self.length += row.len() as u64;
                Ok(())
            }
            Err(source) => {
                // Shrinking needs no space; should it fail all the same, the reader meets a half
                // row at the end, which it passes by.
                let _ = self.file.set_len(self.length);
                Err(RecordError::Write {
                    path: self.path.clone(),
                    source,
                })
            }
        }
    }

    /// Make sure that the rows are on the disk.
    pub(super) fn sync(&self) -> Result<(), RecordError> {
        self.file.sync_all().map_err(|source| RecordError::Write {
            path: self.path.clone(),
            source,
        })
    }
}
