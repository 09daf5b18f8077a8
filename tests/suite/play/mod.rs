//! The load engine, the catalogue, the trigger and the recorder.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do, by panicking"
)]

mod catalogue;
mod estimate;
mod load;
mod server;
mod target;
