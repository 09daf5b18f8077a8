//! Pressure stall information (PSI): how much time tasks lose waiting for a resource.

use serde::Serialize;

use super::{Unavailable, proc_files};

/// One line of a pressure file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stall {
    /// Share of the last 10 seconds, in percent.
    pub avg10: f64,
    /// Share of the last 60 seconds, in percent.
    pub avg60: f64,
    /// Share of the last 300 seconds, in percent.
    pub avg300: f64,
    /// Stalled time since boot, in microseconds.
    pub total_microseconds: u64,
}

/// A pressure file. The file of the processor has no `full` line before Linux 5.13.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pressure {
    /// Time in which at least one task waited.
    pub some: Stall,
    /// Time in which every task that was not idle waited.
    pub full: Option<Stall>,
}

/// Read the text of a pressure file (`/proc/pressure/*`, a cgroup's `memory.pressure`); `None`
/// when it is not one.
#[must_use]
pub fn parse(text: &str) -> Option<Pressure> {
    Some(Pressure {
        some: stall(text, "some")?,
        full: stall(text, "full"),
    })
}

/// The whole machine's pressure on `memory`, `cpu` or `io`.
///
/// # Errors
/// When the kernel has no such file, or it holds something else.
pub fn of_machine(resource: &str) -> Result<Pressure, Unavailable> {
    let text = proc_files::text(format!("/proc/pressure/{resource}"))?;
    parse(&text).ok_or_else(|| Unavailable::because("it is no pressure file"))
}

/// The whole line of a pressure file that begins with `kind`.
#[must_use]
pub fn line<'a>(text: &'a str, kind: &str) -> Option<&'a str> {
    text.lines()
        .find(|line| line.split_whitespace().next() == Some(kind))
}

fn stall(text: &str, kind: &str) -> Option<Stall> {
    let mut stall = Stall {
        avg10: f64::NAN,
        avg60: f64::NAN,
        avg300: f64::NAN,
        total_microseconds: 0,
    };
    for field in line(text, kind)?.split_whitespace().skip(1) {
        match field.split_once('=')? {
            ("avg10", value) => stall.avg10 = value.parse().ok()?,
            ("avg60", value) => stall.avg60 = value.parse().ok()?,
            ("avg300", value) => stall.avg300 = value.parse().ok()?,
            ("total", value) => stall.total_microseconds = value.parse().ok()?,
            _ => {}
        }
    }
    let complete = !(stall.avg10.is_nan() || stall.avg60.is_nan() || stall.avg300.is_nan());
    complete.then_some(stall)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lines_are_read() {
        let text = "some avg10=59.70 avg60=41.37 avg300=13.06 total=183802380\nfull avg10=48.58 avg60=35.00 avg300=11.11 total=156929319\n";
        let pressure = parse(text).unwrap();
        assert_eq!(pressure.some.avg10, 59.70);
        assert_eq!(pressure.full.unwrap().total_microseconds, 156_929_319);
        assert_eq!(
            line(text, "full"),
            Some("full avg10=48.58 avg60=35.00 avg300=11.11 total=156929319")
        );
    }

    #[test]
    fn an_old_kernels_file_has_no_full_line() {
        let pressure = parse("some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n").unwrap();
        assert_eq!(pressure.full, None);
    }

    #[test]
    fn other_texts_are_no_pressure() {
        for text in [
            "",
            "some",
            "some avg10=x avg60=0 avg300=0 total=1",
            "full avg10=0.00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
