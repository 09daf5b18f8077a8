//! The lab application: one axum `Router` that knows nothing of processes or platforms.
//!
//! It is a superset of several Flask applications that exist to be broken: the same routes, keys,
//! types and formats, written as Flask writes them. [`router`] gives the whole of it; it behaves
//! the same in a worker of a pool, under a plain axum server and in a unit test. What surrounds it
//! comes in from outside: settings through a lookup ([`AppConfig`]), the other workers through
//! [`pool::Pool`], the machine through the room `machine`.
//!
//! Every fault has a cap (a knob, see [`knobs`]) and an undo ([`AppState::undo_faults`]).

mod app_config;
mod config;
mod delays;
pub mod dependencies;
mod diag;
mod digest_key;
mod fill;
mod health;
mod heavy;
mod home_files;
mod integers;
mod job;
mod jobs;
mod json;
pub mod knobs;
mod lab;
mod leak;
mod leaked_blocks;
mod lock;
mod outbound;
mod paths;
pub mod pool;
mod probes;
mod query;
mod reply;
mod route_label;
mod router;
mod routes;
mod seed;
mod slow;
pub mod startup;
mod state;

pub use app_config::{AppConfig, ConfigError};
pub use digest_key::choose_digest_key;
pub use leaked_blocks::BLOCK_BYTES;
pub use lock::{KEY_HEADER, LabKey};
pub use outbound::{ConsoleText, OutboundPolicy};
pub use route_label::RouteLabel;
pub use router::{RequestBase, probe_router, router};
pub use state::AppState;
