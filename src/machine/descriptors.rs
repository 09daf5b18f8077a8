//! How many descriptors this process has open, and may have.

use nix::sys::resource::{Resource, getrlimit};

/// Descriptors of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors {
    /// Open ones; `None` where the kernel does not tell without another (Linux before 6.2).
    pub open: Option<u64>,
    /// The soft limit, `ulimit -n`; `None` where it cannot be read.
    pub limit: Option<u64>,
}

/// Read both, without a descriptor: the caller may have none left. From `/proc/self/fd` and
/// getrlimit(2).
pub fn own() -> Descriptors {
    let size = std::fs::metadata("/proc/self/fd").map(|folder| folder.len());
    Descriptors {
        open: size.ok().filter(|open| *open > 0),
        limit: getrlimit(Resource::RLIMIT_NOFILE)
            .ok()
            .map(|(soft, _)| soft),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_file_counts() {
        let before = own();
        assert!(before.limit.is_some_and(|limit| limit > 0), "{before:?}");
        let _file = std::fs::File::open("/dev/null").unwrap();
        let after = own();
        if let (Some(before), Some(after)) = (before.open, after.open) {
            assert!(after > before, "{before} then {after}");
        }
    }
}
