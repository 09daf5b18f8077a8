//! The `scenario` room.

pub mod rules;
