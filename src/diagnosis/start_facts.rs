//! Derived observations about starts.

use super::evidence::Evidence;
use super::facts::{Fact, Seen};
use super::quote::Cited;
use super::starts::{Failure, Start, USUAL_LIMIT, limit};
use super::view::Source;
use crate::evidence::criteria::Moment;
use crate::verdict::listening;

/// Starts that are quoted.
const QUOTED: usize = 3;

pub(super) fn look(fact: Fact, evidence: &Evidence<'_>) -> Seen {
    match fact {
        Fact::StartFailed => failed(evidence, |start| start.has_failed()),
        Fact::LastStartFailed => last_failed(evidence),
        Fact::OnlyGoodStarts => only_good(evidence),
        Fact::StartExited => failed(evidence, |start| {
            start.failed_as(Failure::Exited) || start.failed_as(Failure::NotCreated)
        }),
        Fact::StartWaitedInVain => failed(evidence, |start| {
            start.failed_as(Failure::NoAnswer)
                && !start.failed_as(Failure::Exited)
                && !start.failed_as(Failure::NotCreated)
                && !start.failed_as(Failure::NotPulled)
        }),
        Fact::StartLate => late(evidence, false),
        Fact::StartLateButGood => late(evidence, true),
        Fact::ListensInReach => listens(evidence, true),
        Fact::ListensOutOfReach => listens(evidence, false),
        Fact::CommandOutOfReach => command_out_of_reach(evidence),
        Fact::NoConsoleInFailedStart => no_console(evidence),
        Fact::StartsRepeat => repeat(evidence),
        Fact::StartsTogether => together(evidence),
        _ => Seen::unknown(),
    }
}

fn failed(evidence: &Evidence<'_>, is_one: impl Fn(&Start) -> bool) -> Seen {
    if evidence.starts.is_empty() {
        return Seen::unknown();
    }
    let lines = evidence
        .failed_starts()
        .filter(|start| is_one(start))
        .filter_map(Start::failed_at)
        .take(QUOTED);
    let quotes: Vec<Cited> = lines
        .filter_map(|line| Cited::numbered(&evidence.view, line))
        .collect();
    // Of a start that fails it is the platform that tells: without its rows none can be missed.
    if quotes.is_empty() && evidence.view.bundle.platform.rows.is_empty() {
        return Seen::unknown();
    }
    Seen::of(!quotes.is_empty()).with(quotes)
}

fn last_failed(evidence: &Evidence<'_>) -> Seen {
    let Some(last) = evidence.starts.last() else {
        return Seen::unknown();
    };
    let ended = evidence.starts.iter().rev();
    let decided = ended
        .clone()
        .find(|start| start.has_failed() || start.ready.is_some())
        .unwrap_or(last);
    let quote = decided
        .failed_at()
        .and_then(|line| Cited::numbered(&evidence.view, line));
    Seen::of(decided.has_failed()).with(quote)
}

fn only_good(evidence: &Evidence<'_>) -> Seen {
    if evidence.starts.iter().any(Start::has_failed) {
        return Seen::of(false);
    }
    let ready = evidence.starts.iter().filter_map(|start| start.ready);
    let quotes: Vec<Cited> = ready
        .take(1)
        .filter_map(|line| Cited::numbered(&evidence.view, line))
        .collect();
    if quotes.is_empty() {
        return Seen::unknown();
    }
    Seen::of(true).with(quotes)
}

/// A start that needed longer than the usual limit: until it was ready, or while it was waited for.
fn late(evidence: &Evidence<'_>, and_good: bool) -> Seen {
    if evidence.starts.is_empty() {
        return Seen::unknown();
    }
    for start in &evidence.starts {
        let lines = start.lines.0..start.lines.1;
        let elapsed = lines.clone().rev().find_map(|number| {
            let line = evidence.view.lines.get(number as usize)?;
            let (_, rest) = line.text.split_once("Elapsed time = ")?;
            let seconds: f64 = rest.split_whitespace().next()?.parse().ok()?;
            Some((number, seconds))
        });
        let until_ready = start.ready.and_then(|ready| {
            let line = evidence.view.lines.get(ready as usize)?;
            Some((ready, line.time?.seconds_since(start.began?)))
        });
        let longest = [elapsed, until_ready]
            .into_iter()
            .flatten()
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((number, _)) = longest.filter(|(_, seconds)| *seconds >= USUAL_LIMIT) else {
            continue;
        };
        if and_good && (start.ready.is_none() || start.has_failed()) {
            continue;
        }
        let raised = limit(&evidence.view).and_then(|(_, line)| line);
        let numbers = [raised, Some(number), start.ready.filter(|_| and_good)];
        let quotes = numbers
            .into_iter()
            .flatten()
            .filter_map(|line| Cited::numbered(&evidence.view, line));
        return Seen::of(true).with(quotes);
    }
    Seen::of(false)
}

/// Two starts or more, of which none is known to have come to its end: of the platform nothing may be
/// there that says so.
fn repeat(evidence: &Evidence<'_>) -> Seen {
    if evidence.starts.is_empty() {
        return Seen::unknown();
    }
    let silent = evidence
        .starts
        .iter()
        .filter(|start| start.ready.is_none() && !start.failed_as(Failure::Exited));
    let quotes: Vec<Cited> = silent
        .filter_map(|start| Cited::numbered(&evidence.view, start.lines.0))
        .take(QUOTED)
        .collect();
    Seen::of(quotes.len() >= 2).with(quotes)
}

/// Two servers that began within two seconds, and neither failed: the two slots of a site, or two
/// instances of it.
fn together(evidence: &Evidence<'_>) -> Seen {
    if evidence.starts.is_empty() || !evidence.view.bundle.platform.rows.is_empty() {
        return Seen::unknown();
    }
    let pair = evidence
        .starts
        .windows(2)
        .find(|pair| pair[1].began_with(&pair[0]) && !pair.iter().any(Start::has_failed));
    let quotes = pair
        .into_iter()
        .flatten()
        .filter_map(|start| Cited::numbered(&evidence.view, start.lines.0));
    Seen::of(pair.is_some()).with(quotes)
}

fn listens(evidence: &Evidence<'_>, in_reach: bool) -> Seen {
    let failed: Vec<&Start> = evidence.failed_starts().collect();
    // Without any start that is known to have failed, the last listener counts.
    let starts: Vec<&Start> = match failed.is_empty() {
        true => evidence.starts.iter().collect(),
        false => failed,
    };
    let mut reaches = starts.iter().filter_map(|start| start.reach).peekable();
    if reaches.peek().is_none() {
        return Seen::unknown();
    }
    let quotes: Vec<Cited> = reaches
        .filter(|(_, reached)| *reached == in_reach)
        .take(QUOTED)
        .filter_map(|(line, _)| Cited::numbered(&evidence.view, line))
        .collect();
    Seen::of(!quotes.is_empty()).with(quotes)
}

fn command_out_of_reach(evidence: &Evidence<'_>) -> Seen {
    // What the server itself says decides.
    if evidence.starts.iter().any(|start| start.reach.is_some()) {
        return Seen::unknown();
    }
    let bundle = evidence.view.bundle;
    let Some((reached, text)) = listening::command_reaches(bundle, Moment::Before) else {
        return Seen::unknown();
    };
    let file = bundle.command(Moment::Before);
    let file = file.map_or("", |command| command.file.as_str());
    Seen::of(!reached).with([Cited::new(file, None, &text)])
}

fn no_console(evidence: &Evidence<'_>) -> Seen {
    if evidence.view.bundle.console.rows.is_empty() {
        return Seen::unknown();
    }
    let silent = |start: &&Start| {
        (start.lines.0..start.lines.1).all(|number| {
            let line = evidence.view.lines.get(number as usize);
            line.is_none_or(|line| line.source != Source::Console)
        })
    };
    let mut silent = evidence.failed_starts().filter(silent).peekable();
    let quote = silent.peek().and_then(|start| {
        let line = start.failed_at()?;
        Cited::numbered(&evidence.view, line)
    });
    Seen::of(quote.is_some()).with(quote)
}
