//! Derived observations about what the console says.

use std::sync::LazyLock;

use regex::Regex;

use super::evidence::Evidence;
use super::facts::{Fact, Seen};
use super::quote::Cited;
use super::view::{Line, Source};
use crate::evidence::criteria::Moment;

/// Workers of one start that are many for a small plan.
const MANY: usize = 9;

/// Lines before an import error in which its traceback stands.
const TRACEBACK: usize = 60;

static MISSING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"No module named '?"?([\w.]+)|Could not import module "([\w.]+)""#).ok()
});
static TARGET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?:[\s"'`]|^)([A-Za-z_][\w.]*):[A-Za-z_][\w.]*(?:\(\))?["'`]?(?:\s*$|["'`\s])|-m ([\w.]+)"#,
    )
    .ok()
});
static ERRORS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"\[(ERROR|CRITICAL)\]|\bERROR\b|Traceback \(most recent|Unhandled exception|npm ERR!|\bFATAL\b|panicked at|Segmentation fault|Exception in thread|UnhandledPromiseRejection|^\w*(Error|Exception): ",
    )
    .ok()
});

pub(super) fn look(fact: Fact, evidence: &Evidence<'_>) -> Seen {
    match fact {
        Fact::MissingModuleIsTheTarget => missing_module(evidence, true),
        Fact::MissingModuleIsImported => missing_module(evidence, false),
        Fact::MigratesLater => migrates_later(evidence),
        Fact::ManyWorkers => many_workers(evidence),
        Fact::KilledWithoutTimeout => killed(evidence),
        Fact::ErrorLines => errors(evidence),
        _ => Seen::unknown(),
    }
}

fn console<'e, 'b>(evidence: &'e Evidence<'b>) -> impl Iterator<Item = (usize, &'e Line<'b>)> {
    let lines = evidence.view.lines.iter().enumerate();
    lines.filter(|(_, line)| line.source == Source::Console)
}

fn missing_module(evidence: &Evidence<'_>, wants_target: bool) -> Seen {
    let Some(pattern) = MISSING.as_ref() else {
        return Seen::unknown();
    };
    let mut found = false;
    let mut met = Vec::new();
    for (number, line) in console(evidence) {
        if !line.text.contains("No module named") && !line.text.contains("Could not import") {
            continue;
        }
        let Some(captures) = pattern.captures(&line.text) else {
            continue;
        };
        let Some(module) = captures.get(1).or_else(|| captures.get(2)) else {
            continue;
        };
        found = true;
        if is_target(evidence, number, module.as_str()) == wants_target {
            met.push(Cited::line(&evidence.view, line));
        }
    }
    if !found {
        return match evidence.is_complete(Source::Console) {
            true => Seen::of(false),
            false => Seen::unknown(),
        };
    }
    met.truncate(2);
    Seen::of(!met.is_empty()).with(met)
}

/// Whether the module is the one that the command names. The traceback decides: where a file of the
/// application stands in it, the application was found and what it imports is missing.
fn is_target(evidence: &Evidence<'_>, number: usize, module: &str) -> bool {
    let first = module.split('.').next().unwrap_or(module);
    let names = targets(evidence);
    let is_named = names
        .iter()
        .any(|name| name == module || name.split('.').next() == Some(first));
    let from = number.saturating_sub(TRACEBACK);
    let before = evidence.view.lines.get(from..number).unwrap_or_default();
    let traceback = before
        .iter()
        .rev()
        .filter(|line| line.source == Source::Console)
        .take_while(|line| !line.text.contains("Traceback (most recent"));
    let mut application_frame = false;
    for line in traceback {
        let is_frame = line.text.contains("File \"");
        let is_library = [
            "site-packages",
            "/lib/python",
            "<frozen",
            "\"labrat\"",
            "dist-packages",
        ]
        .iter()
        .any(|part| line.text.contains(part));
        application_frame |= is_frame && !is_library;
    }
    match (application_frame, names.is_empty()) {
        (true, _) => false,
        (false, false) => is_named,
        // Nothing of the application was reached, and no command is known.
        (false, true) => before.iter().any(|line| line.text.contains("Traceback")),
    }
}

/// Modules that a startup command names, captured or logged.
fn targets(evidence: &Evidence<'_>) -> Vec<String> {
    let Some(pattern) = TARGET.as_ref() else {
        return Vec::new();
    };
    let bundle = evidence.view.bundle;
    let captured = bundle.command(Moment::Before);
    let captured = captured.map(|command| command.text.as_str()).into_iter();
    let logged = console(evidence)
        .map(|(_, line)| &*line.text)
        .filter(|text| {
            text.contains("appCommandLine:")
                || text.contains("command for '")
                || text.contains("gunicorn ")
        })
        .take(200);
    let mut names = Vec::new();
    for text in captured.chain(logged) {
        for captures in pattern.captures_iter(text) {
            if let Some(name) = captures.get(1).or_else(|| captures.get(2)) {
                names.push(name.as_str().to_owned());
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

/// Words of a preparation: of a command, and of what it prints.
const PREPARES: [&str; 6] = [
    "migrate",
    "db upgrade",
    "upgrade head",
    "Running upgrade",
    "Applying ",
    "applied 0",
];

fn migrates_later(evidence: &Evidence<'_>) -> Seen {
    let logged = console(evidence).filter(|(_, line)| {
        let is_command = line.text.contains("appCommandLine:");
        is_command || PREPARES.iter().any(|words| line.text.contains(words))
    });
    let mut first_is_bare = None;
    for (_, line) in logged {
        let prepares = PREPARES.iter().any(|words| line.text.contains(words));
        match first_is_bare {
            None => first_is_bare = Some(!prepares),
            Some(true) if prepares => {
                return Seen::of(true).with([Cited::line(&evidence.view, line)]);
            }
            Some(_) => {}
        }
    }
    match first_is_bare {
        Some(_) => Seen::of(false),
        None => Seen::unknown(),
    }
}

fn many_workers(evidence: &Evidence<'_>) -> Seen {
    if evidence.view.bundle.console.rows.is_empty() {
        return Seen::unknown();
    }
    let mut booted: Vec<Cited> = Vec::new();
    let mut most = 0;
    let mut killed = false;
    let mut here = 0;
    for (_, line) in console(evidence) {
        if line.text.contains("] Starting gunicorn") || line.text.contains("Listening at:") {
            here = 0;
            killed = false;
        }
        // Only those before the first is replaced are of the size of the pool.
        killed |= line.text.contains("was sent SIG") || line.text.contains("Worker exiting");
        if line.text.contains("Booting worker with pid") && !killed {
            here += 1;
            if here > most {
                most = here;
                booted.truncate(1);
                booted.push(Cited::line(&evidence.view, line));
            }
        }
    }
    Seen::of(most >= MANY).with(booted)
}

fn killed(evidence: &Evidence<'_>) -> Seen {
    if evidence.view.bundle.console.rows.is_empty() {
        return Seen::unknown();
    }
    let mut timed_out = false;
    let mut quotes = Vec::new();
    for (_, line) in console(evidence) {
        if line.text.contains("WORKER TIMEOUT") {
            timed_out = true;
        } else if line.text.contains("was sent SIGKILL") && !timed_out && quotes.len() < 3 {
            quotes.push(Cited::line(&evidence.view, line));
        }
    }
    Seen::of(!quotes.is_empty()).with(quotes)
}

fn errors(evidence: &Evidence<'_>) -> Seen {
    let Some(pattern) = ERRORS.as_ref() else {
        return Seen::unknown();
    };
    if evidence.view.bundle.console.rows.is_empty() {
        return Seen::unknown();
    }
    let lines = console(evidence).filter(|(_, line)| {
        line.time
            .is_none_or(|time| evidence.windows.around_main(time))
    });
    let quotes: Vec<Cited> = lines
        .filter(|(_, line)| pattern.is_match(&line.text))
        .take(3)
        .map(|(_, line)| Cited::line(&evidence.view, line))
        .collect();
    Seen::of(!quotes.is_empty()).with(quotes)
}
