//! `labrat watch`: a pool and its queue in the terminal, from the events of its arbiter.

mod pool;
mod screen;
mod source;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use clap::Args;

use super::ctl::find;
use super::exit::Exit;
use super::output;
use pool::PoolView;

/// Between two drawings of the screen.
const SCREEN_PERIOD: Duration = Duration::from_millis(250);
/// Between two lines where standard output is no terminal.
const LINE_PERIOD: Duration = Duration::from_secs(1);
/// Columns of a screen.
const WIDTH: usize = 80;

/// Words of `labrat watch`.
#[derive(Debug, Args)]
pub(super) struct WatchOptions {
    /// What to watch: the URL of a dashboard with its token, or the process of an arbiter [default:
    /// the only pool of this user]
    #[arg(value_name = "URL|PID")]
    target: Option<String>,
    /// Path of the control socket of the pool
    #[arg(long, value_name = "PATH", conflicts_with = "target")]
    socket: Option<PathBuf>,
    /// After how many seconds a client gives up: who waits longer than half of it is marked
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    limit: f64,
    /// End after so many seconds
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    duration: Option<f64>,
    /// Print every event as JSON, one a line
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 86_400.0 => Ok(number),
        _ => Err("a number of seconds above 0 and up to 86400 is needed".to_owned()),
    }
}

/// Watch until the pool is gone, the time is up, or a signal comes.
///
/// # Errors
/// When the pool cannot be reached.
pub(super) fn run(options: &WatchOptions) -> anyhow::Result<Exit> {
    let mut source = match (&options.socket, &options.target) {
        (Some(socket), _) => source::of_socket(socket)?,
        (None, None) => source::of_socket(&find::the_only_pool()?)?,
        (None, Some(target)) => match target.parse::<u32>() {
            Ok(pid) => source::of_socket(&source::socket_of(pid)?)?,
            Err(_) => source::of_url(target)?,
        },
    };
    let (send, events) = mpsc::channel();
    // It ends with the pool, or with this process.
    std::thread::spawn(move || {
        while let Ok(Some(line)) = source.next() {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    let is_screen = io::stdout().is_terminal() && !options.json;
    let period = match is_screen {
        true => SCREEN_PERIOD,
        false => LINE_PERIOD,
    };
    let begun = Instant::now();
    let end = options
        .duration
        .map(|seconds| begun + Duration::from_secs_f64(seconds));
    let mut view = PoolView::default();
    let mut due = begun + period;
    loop {
        let until = end.map_or(due, |end| end.min(due));
        match events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) if options.json => output::data(&format!("{line}\n"))?,
            Ok(line) => view.take(&line),
            Err(RecvTimeoutError::Disconnected) => {
                output::message("labrat: the pool is gone\n");
                return Ok(Exit::Success);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if Instant::now() >= due {
            due += period;
            if is_screen {
                output::painted(&screen::whole(&view, options.limit))?;
            } else if !options.json {
                output::data(&screen::line(&view, begun.elapsed()))?;
            }
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            return Ok(Exit::Success);
        }
    }
}
