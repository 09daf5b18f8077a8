//! Readiness: the registry that any program can use, and what the lab registers in it.

mod api;
mod ask;
mod lane;
mod migrate;
mod only_probes;
mod pool;
mod postgres;
mod redis;
mod registry;
pub(crate) mod servers;
mod sqlite;
