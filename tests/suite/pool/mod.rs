//! What labrat's pool does beyond the comparison with Gunicorn: the control socket, the start-up
//! faults, and what the kernel has a hand in.

mod control;
mod kernel;
mod start_faults;
