//! Typed facts about this machine, and the few system calls that need `unsafe`.
//!
//! It reads `/proc`, cgroups of both versions and the kernel's queues, and knows nothing of what
//! the facts are for. A fact that cannot be had is a value, [`Unavailable`], with its reason.
//! Parsers are pure functions of a text, so that each is tested on samples of every version.

pub mod accept_queue;
pub mod cgroup;
pub mod child;
pub mod container;
pub mod descriptors;
pub mod family;
pub mod held_connect;
mod interface;
pub mod memory;
pub mod memory_box;
pub mod out_of_memory;
pub mod own_files;
pub mod pressure;
pub mod proc_files;
mod program_pages;
pub mod reserved_port;
mod socket_diag;
pub mod sys;
mod unavailable;

pub use unavailable::Unavailable;
