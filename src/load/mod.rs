//! The `load` room.
