//! Typed facts about this machine, and the few system calls that need `unsafe`.

pub mod sys;
