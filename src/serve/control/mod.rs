//! The control socket: how somebody beside the pool talks to its arbiter.
//!
//! A Unix stream socket with Gunicorn's framing: a length of four bytes, big-endian, then JSON.
//! The socket is answered inside the arbiter's own loop, so it works while every worker is busy.

pub mod protocol;
mod server;

pub use protocol::Request;
pub use server::{ControlError, ControlServer};
