//! The integration tests: one binary, themed modules.
#![allow(
    clippy::unwrap_used,
    reason = "in a test a panic is how a failure is told"
)]

mod app_contract;
mod azure;
mod bicep;
mod chaos;
mod commands;
mod conformance;
mod deploy;
mod diagnose;
mod differences;
mod harness;
mod host;
mod judge;
mod memory_box;
mod metrics;
mod pages;
mod play;
mod pool;
mod readiness;
mod redaction;
mod rehearsal;
mod safety;
mod scripts;
mod settings;
mod tidy;
mod timeline;
