//! What a pool and its queue went through, as one stream of events: written by the arbiter, followed
//! by whoever shows it, kept in a bundle, and played again from there.
//!
//! [`event`] has the events, [`forecast`] what a queue means for a new client, [`event_log`] the
//! arbiter's memory of them. [`follow`] asks an arbiter over its control socket and puts what it
//! answers into a [`feed`], which [`server`] serves as a page beside the pool, with the [`lever`]s of
//! whoever can change it. One look at a pool
//! reads as
//!
//! ```json
//! {"at":1764262000.25,"kind":"pool","wanted":2,"alive":2,"busy":2,"waiting":23}
//! ```
//!
//! This room must not know how a pool is made, what is judged, or who asks.

pub mod control_client;
pub mod event;
pub mod event_log;
pub mod feed;
pub mod follow;
pub mod forecast;
pub mod lever;
pub mod server;

pub use event::{Event, Load, What};
pub use event_log::EventLog;
pub use feed::Feed;
