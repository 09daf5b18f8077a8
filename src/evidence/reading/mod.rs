//! Reading evidence: this project's own layout, that of the published labs, and whatever people
//! export, under any name.
//!
//! Whatever can be read is read; whatever cannot is noted with its reason. Nothing here decides
//! what the evidence means.

mod content;
mod error;
mod exports;
mod folder;
mod metrics;
mod names;
mod responses;
mod samples;
mod source;
mod table_files;

pub use error::ReadError;
pub use folder::{read, read_all, read_whatever};
pub use responses::{ResponsesError, split_responses};
