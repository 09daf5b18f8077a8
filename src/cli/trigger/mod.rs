//! `labrat trigger`: the client side of a scenario, and the evidence that it can capture.

mod options;
mod person;
mod program;
mod progress;

use std::path::PathBuf;

use anyhow::Context as _;
use comfy_table::{Table, presets};
use jiff::Timestamp;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

pub(super) use options::{TriggerOptions, pace, variant};
use person::Person;
use program::Program;
pub(super) use progress::Display;

use super::exit::Exit;
use super::output;
use crate::evidence::record::Recorder;
use crate::load::{StopHandle, stop_pair};
use crate::scenario::trigger::{Comparison, Operator, Played, State, prepare};

/// Play a scenario.
///
/// # Errors
/// When the target is none, cannot be reached or may not be loaded, or the bundle cannot be
/// written.
pub(super) fn run(options: &TriggerOptions) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting the load engine")?;
    let outcome = runtime.block_on(play(options));
    // A thread may still wait for Enter on standard input.
    runtime.shutdown_background();
    outcome
}

async fn play(options: &TriggerOptions) -> anyhow::Result<Exit> {
    let order = options.order()?;
    let scenario = order.scenario;
    let out = options
        .out
        .clone()
        .unwrap_or_else(|| default_folder(scenario.name()));
    let run = prepare(order).await?;
    if let State::Down { why } = run.state() {
        output::message(&format!(
            "the target is down, as the scenario begins: {why}\n"
        ));
    }
    for sentence in run.expectation() {
        output::message(&format!("estimate: {sentence}\n"));
    }
    let recorder = Recorder::create(&out, run.manifest())?;
    let (handle, stop) = stop_pair();
    stop_on_signals(handle)?;
    let mut operator: Box<dyn Operator> = match &options.operator {
        Some(command) => Box::new(Program::new(command)),
        None => Box::new(Person::new(options.assume_done)),
    };
    let display = Display::start();
    let played = run
        .play(
            recorder,
            operator.as_mut(),
            &mut |progress| display.show(&progress),
            stop,
        )
        .await;
    display.finish();
    let played = played.with_context(|| format!("playing {}", scenario.name()))?;
    output::data(&summary(&played, &out, options.json)?)?;
    if played.cut_short {
        output::message(&format!(
            "cut short; what was captured is in {}\n",
            out.display()
        ));
        return Ok(Exit::CutShort);
    }
    output::message(&format!(
        "judge it with: labrat verdict {}\n",
        out.display()
    ));
    Ok(Exit::Success)
}

fn default_folder(name: &str) -> PathBuf {
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    PathBuf::from(format!("runs/{name}-{now}"))
}

/// The first interrupt or termination stops the run; what is in flight is dropped.
pub(super) fn stop_on_signals(handle: StopHandle) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        output::message("stopping; what was captured is kept\n");
        handle.stop();
    });
    Ok(())
}

fn summary(played: &Played, out: &std::path::Path, json: bool) -> anyhow::Result<String> {
    if json {
        let summary = json!({
            "bundle": out,
            "scenario": played.manifest.scenario,
            "cut_short": played.cut_short,
            "found": played.found,
            "expected_and_found": played.comparisons,
        });
        return output::json(&summary);
    }
    Ok(format!("{}bundle: {}\n", counts(played), out.display()))
}

/// What was counted, and expected beside found.
pub(super) fn counts(played: &Played) -> String {
    let mut text = format!("{}\n", tallies(played));
    if !played.comparisons.is_empty() {
        text.push_str(&format!("{}\n", beside(&played.comparisons)));
    }
    text
}

fn tallies(played: &Played) -> Table {
    let mut table = plain_table();
    table.set_header(["path", "requests", "answers by status", "no answer"]);
    for (path, tally) in &played.found.paths {
        let words = |counts: Vec<String>| match counts.is_empty() {
            true => "-".to_owned(),
            false => counts.join(", "),
        };
        let statuses = tally
            .statuses
            .iter()
            .map(|(status, count)| format!("{count} x {status}"));
        let failures = tally
            .failures
            .iter()
            .map(|(class, count)| format!("{count} x {class}"));
        table.add_row([
            path.clone(),
            tally.requests.to_string(),
            words(statuses.collect()),
            words(failures.collect()),
        ]);
    }
    table
}

fn beside(comparisons: &[Comparison]) -> Table {
    let mut table = plain_table();
    table.set_header(["", "expected", "found"]);
    for comparison in comparisons {
        table.add_row([&comparison.what, &comparison.expected, &comparison.found]);
    }
    table
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_width(output::width());
    table
}
