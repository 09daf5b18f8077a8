//! The pre-fork server: an arbiter without threads or async runtime, and workers that are processes.

pub mod access_log;
pub mod clock;
pub mod console;
pub mod http;
pub mod listener;
pub mod scoreboard;
pub mod settings;

/// Run a pool until it is told to stop, and return the exit code of the process.
pub fn run(settings: settings::Settings) -> u8 {
    drop(settings);
    1
}
