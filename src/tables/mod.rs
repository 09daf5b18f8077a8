//! The `tables` room.
