//! Randomness that processes forked from one parent do not share.

/// A number of this process's own: the state of the generator is inherited, the process id is not.
pub(super) fn of_this_process() -> u64 {
    let own = u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    fastrand::u64(..) ^ own
}
