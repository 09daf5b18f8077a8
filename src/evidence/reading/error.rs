//! Why there is no bundle.

use std::io;
use std::path::PathBuf;

/// Evidence that is none.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not there.
    #[error("`{}` is not there", path.display())]
    NotThere {
        /// The path.
        path: PathBuf,
    },
    /// It is neither a file nor a folder.
    #[error("`{}` is neither a file nor a folder", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// It could not be listed.
    #[error("cannot list `{}`: {source}", path.display())]
    List {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nothing in it is evidence.
    #[error(
        "`{name}` holds no evidence: neither a manifest nor a snapshot, sample, table or log{files}"
    )]
    NoEvidence {
        /// The name of what was read.
        name: String,
        /// What its files were taken for, a line each.
        files: String,
    },
}
