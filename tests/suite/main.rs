//! The integration tests: one binary, themed modules.

mod play;
mod settings;
