//! The arbiter: forks the workers, watches their heartbeats, answers signals, reaps the dead.
//!
//! It has one thread and no async runtime, so that it can fork at any time. What it decides is
//! apart from how it is done: [`worker_table`] is told what happened and answers with actions, without
//! any system call or clock, and `supervise` carries them out: it reaps, forks and signals through the
//! one table of `children`.

pub mod actions;
mod backoff;
mod children;
mod commands;
mod exits;
pub mod pidfile;
pub mod run;
mod side_servers;
mod supervise;
pub mod worker_table;
