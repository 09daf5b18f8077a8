//! Raw samples: this project's own files, and those of the published labs.

use std::io::{self, Read};

use super::source::{Inputs, Item};
use crate::evidence::bundle::FileState;
use crate::evidence::processes::ProcessSample;
use crate::evidence::sample::Sample;
use crate::load::FailureClass;

/// Bytes of a file of samples beyond which it is not read: more than ten million requests have.
const SAMPLES_LIMIT: u64 = 1 << 30;

/// Samples that are kept of one file.
const SAMPLES_KEPT: usize = 2_000_000;

/// How far below the longest wait a request without an answer may end and still have ended at the
/// same limit.
const LIMIT_TOLERANCE: f64 = 0.02;

/// Rows that are kept of a file of processes.
const PROCESSES_KEPT: usize = 500_000;

/// Remembers the last byte that went through it.
struct LastByte<'r> {
    source: &'r mut dyn Read,
    last: Option<u8>,
}

impl Read for LastByte<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        if let Some(last) = buffer[..count].last() {
            self.last = Some(*last);
        }
        Ok(count)
    }
}

/// The samples of a file of this project, and what became of the file.
pub(super) fn read(inputs: &Inputs, item: &Item) -> Result<(Vec<Sample>, FileState), FileState> {
    let unreadable = |reason: String| FileState::Unreadable { reason };
    if item.size > SAMPLES_LIMIT {
        return Err(unreadable(format!(
            "{} bytes are more than a file of samples has",
            item.size
        )));
    }
    let parsed = inputs
        .with(item, parse)
        .map_err(|error| unreadable(error.to_string()))?;
    let (samples, first_fault) = parsed;
    let state = match first_fault {
        None => FileState::Read,
        Some(reason) if samples.is_empty() => return Err(unreadable(reason)),
        // The last row of a run that was killed may be cut.
        Some(reason) => FileState::PartlyRead { reason },
    };
    if samples.is_empty() {
        return Err(FileState::Empty);
    }
    Ok((samples, state))
}

/// The rows of what the processes took. What was cut or is no number is left out: it is only drawn.
pub(super) fn read_processes(
    inputs: &Inputs,
    item: &Item,
) -> Result<Vec<ProcessSample>, FileState> {
    let rows = inputs.with(item, |source| {
        csv::Reader::from_reader(source)
            .into_deserialize::<ProcessSample>()
            .take(PROCESSES_KEPT)
            .filter_map(Result::ok)
            .filter(|row| row.processor_seconds.is_finite())
            .collect::<Vec<_>>()
    });
    match rows {
        Ok(rows) if rows.is_empty() => Err(FileState::Empty),
        Ok(rows) => Ok(rows),
        Err(error) => Err(FileState::Unreadable {
            reason: error.to_string(),
        }),
    }
}

fn parse(source: &mut dyn Read) -> (Vec<Sample>, Option<String>) {
    let mut source = LastByte { source, last: None };
    let mut samples: Vec<Sample> = Vec::new();
    let mut first_fault = None;
    let mut last_was_read = false;
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(&mut source);
    for row in reader.deserialize::<Sample>() {
        last_was_read = false;
        if samples.len() == SAMPLES_KEPT {
            first_fault.get_or_insert(format!("only the first {SAMPLES_KEPT} rows were kept"));
            break;
        }
        match row {
            Ok(sample) if has_durations(&sample) => {
                last_was_read = true;
                samples.push(sample);
            }
            Ok(sample) => {
                let index = sample.index;
                first_fault.get_or_insert(format!("request {index}: a duration is no duration"));
            }
            Err(error) => {
                first_fault.get_or_insert(error.to_string());
            }
        }
    }
    drop(reader);
    // Every row is written with the end of its line: a line without one was cut, and its last
    // number may lack digits that nobody misses.
    if last_was_read && source.last != Some(b'\n') {
        samples.pop();
        first_fault.get_or_insert("the last line is cut".to_owned());
    }
    (samples, first_fault)
}

/// True if every duration that is there is a number of seconds, zero or more.
fn has_durations(sample: &Sample) -> bool {
    [
        sample.ttfb_seconds,
        sample.total_seconds,
        sample.client_limit_seconds,
    ]
    .into_iter()
    .flatten()
    .all(|seconds| seconds.is_finite() && seconds >= 0.0)
}

/// Published response files do not say how long the client was willing to wait. Where at least two
/// requests without an answer ended together, and no answer took longer, that was the limit.
pub(super) fn infer_client_limit(samples: &mut [Sample]) {
    let waits: Vec<f64> = samples
        .iter()
        .filter(|sample| sample.status.is_none())
        .filter_map(|sample| sample.total_seconds)
        .collect();
    let longest = waits.iter().copied().fold(0.0, f64::max);
    let together = |wait: f64| wait >= longest * (1.0 - LIMIT_TOLERANCE);
    let longest_of_all = samples
        .iter()
        .filter_map(|sample| sample.total_seconds)
        .fold(0.0, f64::max);
    if waits.iter().filter(|wait| together(**wait)).count() < 2 || longest_of_all > longest {
        return;
    }
    for sample in samples.iter_mut() {
        sample.client_limit_seconds = Some(longest);
        if sample.status.is_none() && sample.total_seconds.is_some_and(together) {
            sample.error = Some(FailureClass::Timeout);
        }
    }
}
