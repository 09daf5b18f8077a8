//! The published labs' response files: `index,status,seconds` without a header, and in one lab
//! without line breaks, since every request wrote its own file without one and the files were
//! joined in the order of their names (1, 10, 11, ..., 2, 20, ...).

use jiff::Timestamp;

use crate::evidence::sample::{Sample, Status};

/// Fractional digits that are tried where line breaks are missing.
const DIGITS: std::ops::RangeInclusive<usize> = 1..=9;

/// A response file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResponsesError {
    /// No row in it.
    #[error("no row in it")]
    Empty,
    /// A line of it is no row.
    #[error("line {line}: `{text}` is not {expected}")]
    Line {
        /// Line, from 1.
        line: usize,
        /// The line, cut.
        text: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Rows run together in a way that allows no reading, or more than one.
    #[error(
        "rows run together without line breaks, and {readings} readings of them number every row once"
    )]
    Glued {
        /// How many readings there are.
        readings: usize,
    },
}

/// Rows of `index,status,seconds` of one route, with or without a name before them, with or without
/// line breaks.
///
/// Where line breaks are missing, a reading counts only if it is the only one: every duration has
/// the same number of fractional digits, and the indices number the rows from 1 without gap or
/// repetition, in whatever order.
///
/// # Errors
/// If a line is no row, or if rows that run together have no or several readings.
pub fn split_responses(text: &str, route: &str) -> Result<Vec<Sample>, ResponsesError> {
    let parted = parted_at_names(text);
    let lines: Vec<&str> = parted
        .lines()
        .map(|line| without_name(line.trim()))
        .filter(|line| !line.is_empty())
        .collect();
    if lines.is_empty() {
        return Err(ResponsesError::Empty);
    }
    if lines.iter().any(|line| line.matches(',').count() > 2) {
        return split_glued(&lines, route);
    }
    let mut samples = Vec::with_capacity(lines.len());
    for (number, line) in lines.iter().enumerate() {
        let row = parse_row(line, route).ok_or_else(|| ResponsesError::Line {
            line: number + 1,
            text: line.chars().take(40).collect(),
            expected: "index,status,seconds",
        })?;
        samples.push(row);
    }
    Ok(samples)
}

/// The same rows, each on a line of its own, where every row begins with a name: `fast,1,200,0.64`.
/// A name begins with a letter and a duration ends with a digit, so that nothing is guessed.
fn parted_at_names(text: &str) -> String {
    let mut parted = String::with_capacity(text.len() + 64);
    let mut before = '\n';
    for sign in text.chars() {
        if before.is_ascii_digit() && sign.is_ascii_alphabetic() {
            parted.push('\n');
        }
        parted.push(sign);
        before = sign;
    }
    parted
}

/// A row without the name of its lane.
fn without_name(line: &str) -> &str {
    match line.split_once(',') {
        Some((name, rest)) if name.starts_with(|first: char| first.is_ascii_alphabetic()) => {
            rest.trim()
        }
        _ => line,
    }
}

/// Rows of `index,status,time`, the probes of /health after the fix.
///
/// # Errors
/// If a line is no row.
pub(super) fn split_probes(text: &str) -> Result<Vec<Sample>, ResponsesError> {
    let mut samples = Vec::new();
    for (number, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() {
            continue;
        }
        let row = parse_probe(line).ok_or_else(|| ResponsesError::Line {
            line: number + 1,
            text: line.chars().take(40).collect(),
            expected: "index,status,time",
        })?;
        samples.push(row);
    }
    if samples.is_empty() {
        return Err(ResponsesError::Empty);
    }
    Ok(samples)
}

fn parse_row(line: &str, route: &str) -> Option<Sample> {
    let mut fields = line.split(',').map(str::trim);
    let index = fields.next()?.parse().ok()?;
    let status: Status = fields.next()?.parse().ok()?;
    let seconds: f64 = fields.next()?.parse().ok()?;
    if fields.next().is_some() || !seconds.is_finite() || seconds < 0.0 {
        return None;
    }
    Some(sample(index, route, status, Some(seconds), None))
}

fn parse_probe(line: &str) -> Option<Sample> {
    let mut fields = line.split(',').map(str::trim);
    let index = fields.next()?.parse().ok()?;
    let status: Status = fields.next()?.parse().ok()?;
    let time: Timestamp = fields.next()?.parse().ok()?;
    Some(sample(index, "/health", status, None, Some(time)))
}

fn sample(
    index: u32,
    route: &str,
    status: Status,
    seconds: Option<f64>,
    start: Option<Timestamp>,
) -> Sample {
    Sample {
        index,
        start,
        route: route.to_owned(),
        status,
        error: None,
        ttfb_seconds: None,
        total_seconds: seconds,
        client_limit_seconds: None,
    }
}

fn split_glued(lines: &[&str], route: &str) -> Result<Vec<Sample>, ResponsesError> {
    let mut readings: Vec<Vec<Sample>> = DIGITS
        .filter_map(|digits| read_with_digits(lines, route, digits))
        .collect();
    match readings.len() {
        1 => Ok(readings.remove(0)),
        count => Err(ResponsesError::Glued { readings: count }),
    }
}

/// The rows, if durations with exactly that many fractional digits explain every character.
fn read_with_digits(lines: &[&str], route: &str, digits: usize) -> Option<Vec<Sample>> {
    let mut samples = Vec::new();
    for line in lines {
        let mut rest = *line;
        while !rest.is_empty() {
            let dot = rest.find('.')?;
            let end = dot + 1 + digits;
            let row = rest.get(..end)?;
            let fraction = row.get(dot + 1..)?;
            if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            samples.push(parse_row(row, route)?);
            rest = rest.get(end..)?;
        }
    }
    let mut seen = vec![false; samples.len()];
    for sample in &samples {
        let at = usize::try_from(sample.index).ok()?.checked_sub(1)?;
        if std::mem::replace(seen.get_mut(at)?, true) {
            return None;
        }
    }
    Some(samples)
}
