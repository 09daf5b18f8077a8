//! The pre-fork server.

pub mod settings;
