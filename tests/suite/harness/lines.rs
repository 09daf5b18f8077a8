//! What a server printed, with the moment at which each line arrived.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Where a line was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// One line, without its line end.
#[derive(Debug, Clone)]
pub struct Line {
    /// When it arrived here.
    pub at: Instant,
    /// Where it was printed.
    pub stream: Stream,
    /// The text.
    pub text: String,
}

/// All lines so far, growing as the server prints.
#[derive(Debug, Default)]
pub struct Lines {
    seen: Mutex<Vec<Line>>,
    more: Condvar,
}

impl Lines {
    /// Read `source` to its end in a thread of its own.
    pub fn collect(
        self: &Arc<Self>,
        stream: Stream,
        source: impl Read + Send + 'static,
    ) -> JoinHandle<()> {
        let lines = Arc::clone(self);
        std::thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut bytes = Vec::new();
            while source
                .read_until(b'\n', &mut bytes)
                .is_ok_and(|read| read > 0)
            {
                let text = String::from_utf8_lossy(&bytes);
                let line = Line {
                    at: Instant::now(),
                    stream,
                    text: text.trim_end_matches(['\r', '\n']).to_owned(),
                };
                lines.seen.lock().push(line);
                lines.more.notify_all();
                bytes.clear();
            }
        })
    }

    /// Every line so far.
    pub fn all(&self) -> Vec<Line> {
        self.seen.lock().clone()
    }

    /// The first line from position `from` on that `wanted` accepts.
    pub fn wait(
        &self,
        from: usize,
        within: Duration,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> Option<Line> {
        let deadline = Instant::now() + within;
        let mut position = from;
        let mut seen = self.seen.lock();
        loop {
            while let Some(line) = seen.get(position) {
                if wanted(&line.text) {
                    return Some(line.clone());
                }
                position += 1;
            }
            let late = self.more.wait_until(&mut seen, deadline).timed_out();
            if late && seen.get(position).is_none() {
                return None;
            }
        }
    }

    /// The lines as one text, for messages of failed checks.
    pub fn text(&self) -> String {
        let lines = self.all();
        let Some(first) = lines.first() else {
            return "(no output)".to_owned();
        };
        let mut text = String::new();
        for line in &lines {
            let mark = match line.stream {
                Stream::Output => "out",
                Stream::Error => "err",
            };
            let after = line.at.duration_since(first.at).as_secs_f64();
            text.push_str(&format!("{after:8.3} {mark} {}\n", line.text));
        }
        text
    }
}
