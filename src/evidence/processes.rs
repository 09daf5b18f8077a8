//! What the server's processes took of the machine while a run lasted, read from outside of them: no
//! figure had to wait for a worker.
//!
//! One CSV file with a header, in the order of [`ProcessSample`]'s fields.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a bundle has them.
pub const PROCESSES: &str = "timeline/processes.csv";

/// What a process is in its pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It starts the workers.
    Arbiter,
    /// It answers requests, or was started by one who does.
    Worker,
}

/// One process at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessSample {
    /// When it was looked at, UTC.
    pub taken: Timestamp,
    /// The slot.
    pub slot: String,
    /// Its number on the machine, not in its container.
    pub pid: i32,
    /// What it is.
    pub role: Role,
    /// Resident memory, in kB.
    pub resident_kb: u64,
    /// Threads.
    pub threads: i64,
    /// Open descriptors; absent where they may not be counted.
    pub descriptors: Option<u64>,
    /// Seconds of processor time since it started.
    pub processor_seconds: f64,
}

/// The first line of the file.
pub fn header() -> String {
    "taken,slot,pid,role,resident_kb,threads,descriptors,processor_seconds\n".to_owned()
}

impl ProcessSample {
    /// Its line, with the end: numbers, a time, and words that need no quoting.
    pub fn line(&self) -> String {
        let role = match self.role {
            Role::Arbiter => "arbiter",
            Role::Worker => "worker",
        };
        let descriptors = self.descriptors.map(|count| count.to_string());
        format!(
            "{},{},{},{role},{},{},{},{}\n",
            self.taken,
            self.slot,
            self.pid,
            self.resident_kb,
            self.threads,
            descriptors.unwrap_or_default(),
            self.processor_seconds
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back_as_it_was() {
        for (role, descriptors) in [(Role::Arbiter, None), (Role::Worker, Some(15))] {
            let sample = ProcessSample {
                taken: "2026-11-28T01:34:53.18Z".parse().unwrap(),
                slot: "production".to_owned(),
                pid: 7,
                role,
                resident_kb: 25_340,
                threads: 2,
                descriptors,
                processor_seconds: 0.25,
            };
            let text = header() + &sample.line();
            let read: Vec<ProcessSample> = csv::Reader::from_reader(text.as_bytes())
                .into_deserialize()
                .map(Result::unwrap)
                .collect();
            assert_eq!(read, [sample]);
        }
    }
}
