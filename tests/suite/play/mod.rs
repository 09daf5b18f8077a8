//! The load engine, the catalogue, the trigger and the recorder.

mod load;
mod server;
mod target;
