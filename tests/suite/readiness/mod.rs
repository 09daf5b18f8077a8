//! Readiness: the registry that any program can use, and what the lab registers in it.

mod api;
mod ask;
mod migrate;
mod only_probes;
mod outside;
mod pool;
mod postgres;
mod probe_server;
mod redis;
mod registry;
pub(crate) mod servers;
mod sqlite;
