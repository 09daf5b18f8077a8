//! The pre-fork server.

pub mod settings;

/// Run a pool until it is told to stop, and return the exit code of the process.
pub fn run(settings: settings::Settings) -> u8 {
    drop(settings);
    1
}
