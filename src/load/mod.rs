//! The load engine: it sends an exact number of requests, in a given order and concurrency, each
//! over a connection of its own, and says of every one of them how it ended.
//!
//! What it is for: to be the clients of an incident. A client here has a time limit; when the
//! limit passes it closes its socket for real, as a browser or `curl --max-time` does, because
//! what a server and its front end do with an abandoned connection is half of what is studied.
//!
//! What it must not know: scenarios, bundles, verdicts, and anything else of labrat. It is told
//! phases and hands back attempts. It prints nothing: who wants to show progress listens to the
//! events ([`Event`]).
//!
//! A phase, in words: "20 requests for `/slow`, all at once, 45 s each; and at the same time 10
//! for `/fast`, one after another, 15 s each."

mod client;
mod failure;
mod plan;
mod runner;
mod stop;
mod target;

pub use client::{Answer, Client, ClientError, Exchange};
pub use failure::{Failure, FailureClass};
pub use plan::{Group, Phase};
pub use runner::{Attempt, Event, PhaseSummary, run_phase};
pub use stop::{StopHandle, StopSignal, stop_pair};
pub use target::{Scheme, Target, TargetError};
