//! The arbiter: forks the workers, watches their heartbeats, answers signals, buries the dead.
//!
//! It has one thread and no async runtime, so that it can fork at any time. What it decides is
//! apart from how it is done: [`roster`] is told what happened and answers with orders, without
//! any system call or clock, and [`run`] carries them out.

mod commands;
mod lane_keeper;
pub mod orders;
pub mod pidfile;
pub mod roster;
pub mod run;
mod spawn;
