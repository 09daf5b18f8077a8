//! Reading a bundle back: this project's own layout, and that of the published labs.
//!
//! Whatever can be read is read; whatever cannot is noted with its reason. Nothing here decides
//! what the evidence means.

mod folder;
mod names;
mod responses;
mod table_files;

pub use folder::{ReadError, read};
pub use responses::{ResponsesError, split_responses};
