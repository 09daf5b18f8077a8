//! Readiness: the registry that any program can use, and what the lab registers in it.

mod registry;
mod sqlite;
