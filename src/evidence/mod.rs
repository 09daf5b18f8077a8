//! Evidence: what was captured of a run, on disk and in memory.
//!
//! This room knows files, digests and the shapes in which a target answers. It must not know what
//! a scenario means or whether a hypothesis holds: it carries the words in which others say so
//! ([`criteria`]) and reads whatever is there, faults included.
//!
//! # A bundle on disk
//!
//! ```text
//! manifest.json                          manifest::Manifest; lists every other file with its SHA-256
//! baseline/  trigger/  post/             snapshots, each the JSON body that the target answered:
//!     diag-stats-PID.json                  one per worker that answered (also diag-stats.json)
//!     diag-proc.json  diag-env.json  diag-workers.json  diag-slots-SLOT.json
//!     config.json  config-SLOT.json  health.json  health-SLOT.json
//!     startup-command.txt                  baseline/ before the fix, post/ after it
//! trigger/
//!     diag-proc-mid.json                   between two halves of the trigger: `-mid` before any pid,
//!     diag-stats-mid-PID.json              slot or number
//!     diag-proc-during-0001.json           the capturing lane: `-during` and a running number
//!     diag-workers-during-0001.json
//!     samples-PHASE.csv                    sample::Sample, one row per request; `samples-recovery.csv`
//!                                          holds the probes after the fix
//! tables/
//!     http.jsonl  console.jsonl  platform.jsonl   rows of the room `tables`, one object per line
//! timeline/
//!     timeline.jsonl                       events of the room `timeline`, for `labrat replay`; no judge
//!                                          reads them
//!     processes.csv                        processes::ProcessSample, one row per process and look
//! ```
//!
//! A snapshot that failed is left out and noted in the manifest's sampler notes. Values that look
//! like credentials are replaced by `<redacted:XXXXXXXX>`, where the eight hexadecimal digits are a
//! fingerprint salted per bundle: whether two values are equal can still be judged. A bare
//! `<redacted>` says only that there was a value.

pub mod bundle;
pub mod criteria;
pub mod digests;
pub mod figures;
pub mod manifest;
pub mod processes;
mod reading;
pub mod record;
pub mod sample;
pub mod snapshot;

pub use bundle::Bundle;

/// Where a bundle has the recorded events of its pools.
pub const TIMELINE: &str = "timeline/timeline.jsonl";

pub use reading::{ReadError, ResponsesError, read, read_all, read_whatever, split_responses};
