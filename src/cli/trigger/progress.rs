//! Progress on standard error: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::cli::output;
use crate::encoding;
use crate::load::Attempt;
use crate::scenario::trigger::Progress;
use crate::tables::queries::percentile;

/// How often a line is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(3);
/// How often the bar is drawn.
const BAR_INTERVAL: Duration = Duration::from_millis(100);

/// Shows progress until it is dropped.
#[derive(Debug)]
pub(in crate::cli) struct Display {
    state: Arc<Mutex<State>>,
    telling: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    bar: Option<ProgressBar>,
    phase: Option<Phase>,
}

#[derive(Debug)]
struct Phase {
    name: String,
    total: u32,
    sent: u32,
    ended: u32,
    failures: u32,
    /// Durations of everything that ended, in seconds.
    durations: Vec<f64>,
}

impl Display {
    /// Begin, on the runtime that this is called in.
    pub(in crate::cli) fn start() -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        let interval = match on_terminal {
            true => BAR_INTERVAL,
            false => LINE_INTERVAL,
        };
        let state = Arc::new(Mutex::new(State {
            bar: on_terminal.then(ProgressBar::no_length),
            phase: None,
        }));
        state.lock().rest();
        let shared = Arc::clone(&state);
        let telling = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(interval);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                shared.lock().tell();
            }
        });
        Self { state, telling }
    }

    /// Take note of what happened.
    pub(in crate::cli) fn show(&self, progress: &Progress<'_>) {
        let mut state = self.state.lock();
        match progress {
            Progress::Phase { name, total } => state.begin(name, *total),
            Progress::Sent => {
                if let Some(phase) = &mut state.phase {
                    phase.sent += 1;
                }
            }
            Progress::Ended(attempt) => state.end_one(attempt),
            Progress::PhaseEnded => state.end_phase(),
            Progress::Capturing(moment) => {
                state.say(&format!("taking snapshots: {}", moment.word()));
            }
            // Whoever is to act is told by the operator.
            Progress::Acting(_) => {}
            Progress::Note(sentence) => state.say(sentence),
        }
    }

    /// Clear the bar.
    pub(in crate::cli) fn finish(&self) {
        self.telling.abort();
        if let Some(bar) = self.state.lock().bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl State {
    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(encoding::terminal(text)),
            None => output::message(&format!("{text}\n")),
        }
    }

    fn begin(&mut self, name: &str, total: u32) {
        self.phase = Some(Phase {
            name: name.to_owned(),
            total,
            sent: 0,
            ended: 0,
            failures: 0,
            durations: Vec::new(),
        });
        if let Some(bar) = &self.bar {
            bar.set_length(u64::from(total));
            bar.set_position(0);
            style(bar, "{bar:24} {pos}/{len} {elapsed} {msg}");
        }
        self.tell_bar();
    }

    /// Between two phases there is nothing to measure a bar by.
    fn rest(&self) {
        if let Some(bar) = &self.bar {
            style(bar, "{spinner}");
            bar.tick();
        }
    }

    /// Say how the phase stands, in the bar or in a line.
    fn tell(&self) {
        match (&self.bar, &self.phase) {
            (Some(_), _) => self.tell_bar(),
            (None, Some(phase)) => output::message(&format!("{}\n", phase.line())),
            (None, None) => {}
        }
    }

    fn tell_bar(&self) {
        let Some(bar) = &self.bar else { return };
        if let Some(phase) = &self.phase {
            bar.set_position(u64::from(phase.ended));
            bar.set_message(phase.words());
        }
        bar.tick();
    }

    fn end_one(&mut self, attempt: &Attempt) {
        let Some(phase) = &mut self.phase else {
            return;
        };
        phase.ended += 1;
        phase.durations.push(attempt.total.as_secs_f64());
        if !matches!(attempt.result, Ok(status) if status < 500) {
            phase.failures += 1;
        }
    }

    fn end_phase(&mut self) {
        self.rest();
        if let Some(phase) = self.phase.take() {
            self.say(&phase.line());
        }
    }
}

fn style(bar: &ProgressBar, template: &str) {
    // The templates are this file's own; one that cannot be read leaves the style as it is.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}

impl Phase {
    fn line(&self) -> String {
        format!("{}/{} {}", self.ended, self.total, self.words())
    }

    fn words(&self) -> String {
        let mut sorted = self.durations.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let in_flight = self.sent.saturating_sub(self.ended);
        let mut words = format!(
            "{}: {in_flight} in flight, {} failed",
            self.name, self.failures
        );
        if let (Some(median), Some(tail)) = (percentile(&sorted, 0.5), percentile(&sorted, 0.95)) {
            words.push_str(&format!(", p50 {median:.3} s, p95 {tail:.3} s"));
        }
        words
    }
}
