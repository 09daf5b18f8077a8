//! The load engine, the catalogue, the trigger and the recorder.

mod actions;
mod broken_off;
mod catalogue;
mod estimate;
mod files;
mod listing;
mod load;
mod platform;
mod program;
mod recorder;
mod saturation;
mod secrets;
mod server;
pub mod target;
mod target_double;
mod trigger;
