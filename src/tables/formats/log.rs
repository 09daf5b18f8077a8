//! Log streams and log files: the platform's `docker.log`, the container's `default_docker.log`,
//! what `az webapp log tail` and the portal print, with both kinds of line mixed.
//!
//! A line of the platform has a time to the millisecond, a level and a dash; a line of the
//! container has the container runtime's time to the nanosecond, or the time that its server wrote.

use std::io::{self, BufRead};

use jiff::civil::DateTime;

use crate::tables::LogTime;
use crate::tables::civil::at_offset;
use crate::tables::columns::offset_minutes;
use crate::tables::decode::Lines;
use crate::tables::intake::Intake;
use crate::tables::own_time::own_time;

/// Levels of the platform's lines, and of its table.
const LEVELS: [(&str, &str); 5] = [
    ("INFO", "Informational"),
    ("ERROR", "Error"),
    ("WARNING", "Warning"),
    ("WARN", "Warning"),
    ("DEBUG", "Verbose"),
];

/// Fractional digits that a time of the platform has at most.
const PLATFORM_DIGITS: usize = 3;

/// Lines of the head among which one must have a time.
const LOOKED_AT: usize = 60;

/// Lines that the tool which prints a stream adds.
const OF_THE_TOOL: [&str; 4] = [
    "Starting Log Tail",
    "Ending Log Tail",
    "Starting Live Log Stream",
    "/appsvctmp/volatile/",
];

/// Whether any of the first lines has a time.
pub(in crate::tables) fn starts_a_log(head: &str) -> bool {
    head.lines()
        .take(LOOKED_AT)
        .any(|line| stamp(line).is_some())
}

/// The time before a line, and where its text begins.
struct Stamp<'l> {
    time: LogTime,
    text: &'l str,
    digits: usize,
}

fn stamp(line: &str) -> Option<Stamp<'_>> {
    leading(line)
        .or_else(|| bracketed(line))
        .or_else(|| access_log(line))
}

/// `2023-03-21T11:14:56.300010470Z text`, `2019-01-01 12:34:56.789 INFO  - text`
fn leading(line: &str) -> Option<Stamp<'_>> {
    let bytes = line.as_bytes();
    let is_date = bytes.len() >= 19
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && matches!(bytes[10], b'T' | b' ')
        && bytes[13] == b':';
    if !is_date {
        return None;
    }
    let civil: DateTime = line.get(..19)?.parse().ok()?;
    let mut at = 19;
    let mut digits = 0;
    if matches!(bytes.get(at), Some(b'.' | b',')) {
        digits = bytes[at + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        at += 1 + digits;
    }
    let fraction = line.get(at - digits..at)?;
    let nanos: i64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let rest = line.get(at..)?;
    let (minutes, rest) = match rest.strip_prefix('Z') {
        Some(rest) => (0, rest),
        None if rest.starts_with(['+', '-']) => {
            let end = rest.find(' ').unwrap_or(rest.len());
            (offset_minutes(rest.get(..end)?)?, rest.get(end..)?)
        }
        None => (0, rest),
    };
    if !(rest.is_empty() || rest.starts_with([' ', '\t'])) {
        return None;
    }
    // A comma is how Python's own log writes a fraction: such a time is part of the line.
    let own = bytes.get(19) == Some(&b',');
    let time = at_offset(civil, minutes)?;
    let time = LogTime::new(
        time.timestamp()
            .checked_add(jiff::SignedDuration::from_nanos(nanos))
            .ok()?,
    );
    Some(Stamp {
        time,
        text: if own {
            line
        } else {
            rest.strip_prefix(' ').unwrap_or(rest)
        },
        digits: if own { usize::MAX } else { digits },
    })
}

/// `[2026-11-21 08:01:01 +0000] [7] [INFO] text`
fn bracketed(line: &str) -> Option<Stamp<'_>> {
    Some(Stamp {
        time: own_time(line)?,
        text: line,
        digits: usize::MAX,
    })
}

/// `169.254.129.1 - - [17/Sep/2024:20:42:07 +0000] "GET / HTTP/1.1" 200 512`
fn access_log(line: &str) -> Option<Stamp<'_>> {
    let open = line.get(..line.len().min(200)).unwrap_or("").find(" [")?;
    let inner = line.get(open + 2..open + 28)?;
    let zoned = jiff::Zoned::strptime("%d/%b/%Y:%H:%M:%S %z", inner).ok()?;
    Some(Stamp {
        time: LogTime::new(zoned.timestamp()),
        text: line,
        digits: usize::MAX,
    })
}

/// The level and the message of a platform's line.
fn of_platform<'l>(stamp: &Stamp<'l>) -> Option<(&'static str, &'l str)> {
    if stamp.digits > PLATFORM_DIGITS {
        return None;
    }
    let text = stamp.text.trim_start();
    let (word, level) = LEVELS.iter().find(|(word, _)| text.starts_with(word))?;
    let rest = text.get(word.len()..)?.trim_start();
    let message = rest.strip_prefix("- ").or_else(|| rest.strip_prefix("-"))?;
    Some((level, message.trim()))
}

/// A message of the platform, which may go on in the next lines.
struct Message {
    number: usize,
    time: LogTime,
    level: &'static str,
    text: String,
}

pub(super) fn read<S: BufRead>(lines: &mut Lines<S>, intake: &mut Intake<'_>) -> io::Result<()> {
    let mut last: Option<LogTime> = None;
    let mut message: Option<Message> = None;
    let mut without_time = 0_usize;
    let give = |message: &mut Option<Message>, intake: &mut Intake<'_>| {
        if let Some(message) = message.take() {
            intake.platform_line(message.number, message.time, message.level, message.text);
        }
    };
    while let Some((number, line)) = lines.next()? {
        let line = line.trim_end();
        let Some(stamp) = stamp(line) else {
            let is_tools = OF_THE_TOOL.iter().any(|text| line.contains(text));
            match (&mut message, last) {
                _ if line.is_empty() || is_tools => {}
                (Some(message), _) if message.text.len() < super::LONGEST_LINE => {
                    message.text.push('\n');
                    message.text.push_str(line);
                }
                (Some(_), _) => {}
                (None, Some(time)) => intake.console_line(number, time, line.to_owned()),
                (None, None) => without_time += 1,
            }
            continue;
        };
        give(&mut message, intake);
        last = Some(stamp.time);
        match of_platform(&stamp) {
            Some((level, text)) => {
                message = Some(Message {
                    number,
                    time: stamp.time,
                    level,
                    text: text.to_owned(),
                });
            }
            None => {
                let text = stamp.text.to_owned();
                intake.console_line(number, stamp.time, text);
            }
        }
    }
    give(&mut message, intake);
    if without_time > 0 {
        intake.note(format!(
            "{without_time} lines before the first time were not read"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_and_the_container_are_told_apart_by_their_times() {
        for (line, level) in [
            (
                "2023-04-11T03:36:25.907Z INFO  - Starting container for site",
                Some("Informational"),
            ),
            (
                "2019-01-01 12:34:56.789 ERROR - Container x didn't respond",
                Some("Error"),
            ),
            (
                "2023-03-21T11:14:56.300010470Z INFO - the application's own words",
                None,
            ),
            (
                "2023-03-21 11:15:06,215 INFO - the application's own words",
                None,
            ),
        ] {
            let stamp = stamp(line).unwrap();
            assert_eq!(of_platform(&stamp).map(|(level, _)| level), level, "{line}");
        }
    }

    #[test]
    fn a_line_of_the_server_has_its_own_time() {
        let line = "[2026-11-21 09:01:01 +0100] [7] [INFO] Listening at: http://0.0.0.0:8000 (7)";
        assert_eq!(own_time(line).unwrap().to_string(), "2026-11-21T08:01:01Z");
        let line = "169.254.129.1 - - [17/Sep/2024:20:42:07 +0000] \"GET / HTTP/1.1\" 200 512";
        assert_eq!(
            stamp(line).unwrap().time.to_string(),
            "2024-09-17T20:42:07Z"
        );
        assert!(stamp("Traceback (most recent call last):").is_none());
    }
}
