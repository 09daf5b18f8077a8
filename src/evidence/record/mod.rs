//! Writing a bundle while the run lasts.
//!
//! What it is for: after a kill, a full disk or a power cut, what lies on the disk is a bundle
//! that reads. JSON files are written beside their place and renamed into it; samples are appended
//! row by row, each row by one write; the manifest is written anew, as a whole, whenever something
//! worth it has happened, and says `unfinished` until the end.
//!
//! Secrets are replaced on the way in ([`Scrubber`]): what is not written cannot leak.
//!
//! What it must not know: which requests are sent, why, or what they prove.

mod error;
mod files;
mod recorder;
mod samples;
mod scrub;

pub use error::RecordError;
pub use recorder::{Recorder, Snapshot, about_this_machine};
pub use scrub::Scrubber;
