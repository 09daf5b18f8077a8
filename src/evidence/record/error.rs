//! What can go wrong while a bundle is written.

use std::io;
use std::path::PathBuf;

/// Why a bundle could not be begun or written further.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The folder holds something already.
    #[error(
        "the folder {} is not empty\n\nhint: name a folder that does not exist yet, or empty this one",
        path.display()
    )]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The path is there and is no folder.
    #[error("{} is not a folder", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said: a full disk is `ENOSPC` or `EDQUOT`.
        source: io::Error,
    },
    /// A value could not be put into JSON or CSV.
    #[error("cannot put a record for {} into words: {detail}", path.display())]
    Encode {
        /// The file that it was for.
        path: PathBuf,
        /// What the encoder said.
        detail: String,
    },
    /// A sample came while no phase was open.
    #[error("a sample of the phase {phase:?} came while that phase was not open")]
    NoPhase {
        /// The phase that the sample belongs to.
        phase: String,
    },
}
