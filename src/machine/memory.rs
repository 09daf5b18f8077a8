//! Memory of processes and of the host.

use std::fs::File;
use std::io::BufReader;

use procfs::FromBufRead;
use procfs::process::SmapsRollup;
use serde::Serialize;

use super::Unavailable;

/// The memory of one process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ProcessMemory {
    /// Resident set size: every page that is in memory, shared ones in full.
    pub rss_bytes: u64,
    /// Proportional set size: shared pages divided by the number of those who share them.
    pub pss_bytes: u64,
    /// What of it is swapped out.
    pub swap_bytes: u64,
}

/// The memory of the host, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HostMemory {
    /// All of it.
    pub total_bytes: u64,
    /// What could be had without swapping, as the kernel estimates it.
    pub available_bytes: u64,
    /// All swap space.
    pub swap_total_bytes: u64,
    /// Swap space in use.
    pub swap_used_bytes: u64,
    /// Logical processors.
    pub processors: usize,
}

/// RSS, PSS and swap of a process, from `smaps_rollup`.
///
/// # Errors
/// When the process is gone, belongs to somebody else, or the kernel is older than 4.14.
pub fn of_process(pid: u32) -> Result<ProcessMemory, Unavailable> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let file = File::open(&path).map_err(|error| Unavailable::reading(&path, &error))?;
    let rollup = SmapsRollup::from_buf_read(BufReader::new(file))
        .map_err(|error| Unavailable::parsing(&path, &error))?;
    let map = rollup.memory_map_rollup.0.first();
    let map = map.ok_or_else(|| Unavailable::missing(&path, "a summary"))?;
    // procfs gives bytes, whatever unit the file has.
    let field = |name: &str| map.extension.map.get(name).copied();
    Ok(ProcessMemory {
        rss_bytes: field("Rss").ok_or_else(|| Unavailable::missing(&path, "Rss"))?,
        pss_bytes: field("Pss").ok_or_else(|| Unavailable::missing(&path, "Pss"))?,
        swap_bytes: field("Swap").unwrap_or(0),
    })
}

/// RSS, PSS and swap of this process.
///
/// # Errors
/// As [`of_process`].
pub fn of_this_process() -> Result<ProcessMemory, Unavailable> {
    of_process(std::process::id())
}

/// RSS of a process, in bytes: much cheaper than [`of_process`], which walks every page.
///
/// # Errors
/// When the process is gone.
pub fn rss_of_process(pid: u32) -> Result<u64, Unavailable> {
    let path = format!("/proc/{pid}/statm");
    let text =
        std::fs::read_to_string(&path).map_err(|error| Unavailable::reading(&path, &error))?;
    let pages: Option<u64> = text
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok());
    let pages = pages.ok_or_else(|| Unavailable::missing(&path, "the resident size"))?;
    Ok(pages * procfs::page_size())
}

/// Totals of the host, which in a container are those of the machine around it.
///
/// # Errors
/// When this is no system that can be asked.
pub fn of_host() -> Result<HostMemory, Unavailable> {
    let mut system =
        sysinfo::System::new().map_err(|error| Unavailable::because(error.to_string()))?;
    system.refresh_memory();
    Ok(HostMemory {
        total_bytes: system.total_memory(),
        available_bytes: system.available_memory(),
        swap_total_bytes: system.total_swap(),
        swap_used_bytes: system.used_swap(),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_the_resident_size_of_this_process_agree() {
        let detailed = of_this_process().unwrap();
        let cheap = rss_of_process(std::process::id()).unwrap();
        let difference = detailed.rss_bytes.abs_diff(cheap);
        assert!(detailed.rss_bytes > 1 << 20 && detailed.pss_bytes <= detailed.rss_bytes);
        assert!(difference < detailed.rss_bytes / 2, "{detailed:?} {cheap}");
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        let error = of_process(u32::MAX).unwrap_err().to_string();
        assert!(
            error.starts_with("not available here, because /proc/4294967295/"),
            "{error}"
        );
    }

    #[test]
    fn the_host_has_memory() {
        let host = of_host().unwrap();
        assert!(host.total_bytes >= host.available_bytes && host.available_bytes > 0);
        assert!(host.processors >= 1);
    }
}
