//! HTTP/1 on a blocking connection, read and written byte for byte as Gunicorn's sync worker does.
//!
//! `head` reads a request head with Gunicorn's limits and rejections, `reply` writes answers and
//! Gunicorn's own error pages. Nothing here knows of processes, signals or the application.

pub mod chunks;
pub mod head;
mod headers;
pub mod rejection;
pub mod reply;
pub mod target;

/// How many inputs a fuzzing test tries: few, or as many as `LABRAT_FUZZ_CASES` says.
#[cfg(test)]
pub(in crate::serve) fn fuzz_cases() -> u32 {
    let cases = std::env::var("LABRAT_FUZZ_CASES").ok();
    cases.and_then(|cases| cases.parse().ok()).unwrap_or(256)
}
