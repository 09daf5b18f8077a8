//! Readiness: the registry that any program can use, and what the lab registers in it.

mod api;
mod ask;
mod lane;
mod migrate;
mod pool;
mod postgres;
mod redis;
mod registry;
mod servers;
mod sqlite;
