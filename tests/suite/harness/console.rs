//! Console lines, read as Gunicorn writes them, and freed of what differs from run to run.

use std::collections::BTreeMap;
use std::time::Instant;

use super::{Line, Stream};

/// One entry of the error log, with the lines that belong to it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When its first line arrived.
    pub at: Instant,
    /// The process that wrote it; 0 for lines without the log's format.
    pub pid: u32,
    /// `INFO`, `ERROR`, ...; empty for lines without the log's format.
    pub level: String,
    /// The message.
    pub message: String,
    /// The lines behind it, up to the next entry.
    pub tail: Vec<String>,
}

/// The entries of the error log, oldest first.
pub fn entries(lines: &[Line]) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    for line in lines.iter().filter(|line| line.stream == Stream::Error) {
        match (parse(line), found.last_mut()) {
            (Some(entry), _) => found.push(entry),
            (None, Some(entry)) => entry.tail.push(line.text.clone()),
            (None, None) => found.push(Entry {
                at: line.at,
                pid: 0,
                level: String::new(),
                message: line.text.clone(),
                tail: Vec::new(),
            }),
        }
    }
    found
}

/// `[2026-11-21 05:09:05 +0000] [7] [INFO] message`.
fn parse(line: &Line) -> Option<Entry> {
    let rest = line.text.strip_prefix('[')?;
    let (stamp, rest) = rest.split_once("] [")?;
    let (pid, rest) = rest.split_once("] [")?;
    let (level, message) = rest.split_once("] ").or_else(|| rest.split_once(']'))?;
    is_stamp(stamp).then_some(())?;
    Some(Entry {
        at: line.at,
        pid: pid.parse().ok()?,
        level: level.to_owned(),
        message: message.to_owned(),
        tail: Vec::new(),
    })
}

/// `2026-11-21 05:09:05 +0000`.
fn is_stamp(text: &str) -> bool {
    let pattern = "dddd-dd-dd dd:dd:dd sdddd";
    text.len() == pattern.len()
        && text
            .chars()
            .zip(pattern.chars())
            .all(|(found, wanted)| match wanted {
                'd' => found.is_ascii_digit(),
                's' => found == '+' || found == '-',
                _ => found == wanted,
            })
}

/// Names for pids: `arbiter`, and `worker 1` onwards in the order in which they were booted.
#[derive(Debug, Default, Clone)]
pub struct Roles {
    names: BTreeMap<u32, String>,
    address: Option<String>,
}

impl Roles {
    /// Read the roles out of a log.
    pub fn of(entries: &[Entry]) -> Self {
        let mut roles = Self::default();
        let mut workers = 0;
        for entry in entries {
            if let Some(listening) = entry.message.strip_prefix("Listening at: ") {
                roles.names.insert(entry.pid, "arbiter".to_owned());
                roles.address = listening
                    .split_once(" (")
                    .map(|(address, _)| address.to_owned());
            }
            if entry.message.starts_with("Booting worker with pid: ") {
                workers += 1;
                roles.names.insert(entry.pid, format!("worker {workers}"));
            }
        }
        roles
    }

    /// The role of a pid.
    pub fn name(&self, pid: u32) -> String {
        match self.names.get(&pid) {
            Some(name) => name.clone(),
            None if pid == 0 => "unnamed".to_owned(),
            None => "arbiter".to_owned(),
        }
    }

    /// A text with every pid, the address and the server's own name replaced.
    pub fn anonymous(&self, text: &str) -> String {
        if text.starts_with("Starting gunicorn") {
            return "Starting <itself>".to_owned();
        }
        let text = match &self.address {
            Some(address) => text.replace(address, "<address>"),
            None => text.to_owned(),
        };
        let mut result = String::new();
        let mut rest = text.as_str();
        while let Some(start) = rest.find(|character: char| character.is_ascii_digit()) {
            result.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = rest
                .find(|character: char| !character.is_ascii_digit())
                .unwrap_or(rest.len());
            let digits = &rest[..end];
            match digits.parse().ok().and_then(|pid| self.names.get(&pid)) {
                Some(name) => result.push_str(&format!("<{name}>")),
                None => result.push_str(digits),
            }
            rest = &rest[end..];
        }
        result + rest
    }
}

/// What each process said, in its own order: `[LEVEL] message`, and of a traceback only what it
/// ends in, since the frames are those of two different programs.
pub fn per_process(lines: &[Line]) -> BTreeMap<String, Vec<String>> {
    let entries = entries(lines);
    let roles = Roles::of(&entries);
    let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in &entries {
        let own = said.entry(roles.name(entry.pid)).or_default();
        own.push(format!(
            "[{}] {}",
            entry.level,
            roles.anonymous(&entry.message)
        ));
        let before = own.len();
        for line in &entry.tail {
            if is_link_of_a_chain(line) && own.len() > before {
                own.pop();
            } else if !is_frame(line) {
                own.push(roles.anonymous(line));
            }
        }
    }
    said
}

/// Whether a line is the inside of a traceback, or the space around it.
fn is_frame(line: &str) -> bool {
    line.is_empty()
        || line.starts_with(' ')
        || line.starts_with("Traceback (most recent call last):")
        || is_link_of_a_chain(line)
}

/// Whether a line joins two tracebacks: the exception before it was only the cause.
fn is_link_of_a_chain(line: &str) -> bool {
    line.starts_with("During handling of the above exception")
        || line.starts_with("The above exception was the direct cause")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<Line> {
        texts
            .iter()
            .map(|text| Line {
                at: Instant::now(),
                stream: Stream::Error,
                text: (*text).to_owned(),
            })
            .collect()
    }

    #[test]
    fn pids_become_roles_and_tracebacks_their_last_line() {
        let said = per_process(&lines(&[
            "[2026-11-21 05:09:05 +0000] [10] [INFO] Starting gunicorn 25.3.0",
            "[2026-11-21 05:09:05 +0000] [10] [INFO] Listening at: http://127.0.0.1:8000 (10)",
            "[2026-11-21 05:09:05 +0000] [12] [INFO] Booting worker with pid: 12",
            "[2026-11-21 05:09:05 +0000] [12] [ERROR] Exception in worker process",
            "Traceback (most recent call last):",
            "  File \"x.py\", line 10, in y",
            "ModuleNotFoundError: No module named 'wrong'",
            "[2026-11-21 05:09:05 +0000] [10] [ERROR] Worker (pid:12) exited with code 3.",
        ]));
        assert_eq!(
            said["arbiter"],
            [
                "[INFO] Starting <itself>",
                "[INFO] Listening at: <address> (<arbiter>)",
                "[ERROR] Worker (pid:<worker 1>) exited with code 3."
            ]
        );
        assert_eq!(
            said["worker 1"],
            [
                "[INFO] Booting worker with pid: <worker 1>",
                "[ERROR] Exception in worker process",
                "ModuleNotFoundError: No module named 'wrong'"
            ]
        );
    }

    #[test]
    fn a_line_without_the_format_is_nobodys_or_its_predecessors() {
        let found = entries(&lines(&["usage: x", "x: error: y"]));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].pid, found[0].tail.len()), (0, 1));
    }
}
