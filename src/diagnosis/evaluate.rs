//! Signs against evidence: met, not met, or no evidence.

use std::sync::LazyLock;

use parking_lot::Mutex;
use regex::Regex;

use super::cause::{During, Figure, Lines, Sign, Words};
use super::evidence::Evidence;
use super::facts::Seen;
use super::order;
use super::quote::Cited;
use super::view::Source;

/// Rows that one sign quotes.
const QUOTED: usize = 3;

pub(super) fn see(sign: &Sign, evidence: &Evidence<'_>) -> Seen {
    match sign {
        Sign::Console(lines) | Sign::Platform(lines) | Sign::Text(lines) => {
            see_lines(sign, lines, evidence)
        }
        Sign::Fact(fact) => evidence.fact(*fact),
        Sign::Metric(figure) => see_figure(figure, evidence),
        Sign::Command(words) => see_commands(words, evidence),
        Sign::Setting(words) => see_settings(words, evidence),
        Sign::Script(words) => see_scripts(words, evidence),
        Sign::All(parts) => all(parts.iter().map(|part| see(part, evidence)).collect()),
        Sign::Any(parts) => any(parts.iter().map(|part| see(part, evidence)).collect()),
        Sign::Not(part) => not(see(part, evidence)),
    }
}

fn all(parts: Vec<Seen>) -> Seen {
    if parts.iter().any(|part| part.met == Some(false)) {
        return Seen::of(false);
    }
    if parts.iter().any(|part| part.met.is_none()) {
        return Seen::unknown();
    }
    let quotes = parts.into_iter().flat_map(|part| part.quotes);
    Seen::of(true).with(quotes.take(QUOTED))
}

fn any(parts: Vec<Seen>) -> Seen {
    if let Some(met) = parts.iter().find(|part| part.met == Some(true)) {
        return met.clone();
    }
    match parts.iter().any(|part| part.met.is_none()) {
        true => Seen::unknown(),
        false => Seen::of(false),
    }
}

fn not(part: Seen) -> Seen {
    Seen {
        met: part.met.map(|met| !met),
        quotes: Vec::new(),
        share: 1.0,
    }
}

fn see_lines(sign: &Sign, lines: &Lines, evidence: &Evidence<'_>) -> Seen {
    let within = |number: &u32| {
        let Some(line) = evidence.view.lines.get(*number as usize) else {
            return false;
        };
        order::fits(sign, line.source)
            && match lines.during {
                During::Anywhere => true,
                During::Incident => line
                    .time
                    .is_none_or(|time| evidence.windows.around_main(time)),
                During::FailedStart => evidence
                    .failed_starts()
                    .any(|start| start.lines.0 <= *number && *number < start.lines.1),
            }
    };
    let hits = evidence.scan.hits(&lines.matches).iter().copied();
    let hits: Vec<u32> = hits.filter(within).collect();
    if hits.is_empty() || hits.len() < lines.at_least as usize {
        let sources: &[Source] = match sign {
            Sign::Console(_) => &[Source::Console],
            Sign::Platform(_) => &[Source::Platform],
            _ => &[Source::Console, Source::Platform],
        };
        let complete = sources.iter().all(|source| evidence.is_complete(*source));
        return match complete {
            true => Seen::of(false),
            false => Seen::unknown(),
        };
    }
    let share = match lines.decisive {
        true => order::share(evidence, &hits),
        false => 1.0,
    };
    let quotes = hits.iter().take(QUOTED);
    let quotes = quotes.filter_map(|number| Cited::numbered(&evidence.view, *number));
    let mut seen = Seen::of(true).with(quotes);
    seen.share = share;
    seen
}

/// Patterns that were compiled before.
static COMPILED: LazyLock<Mutex<std::collections::HashMap<String, Option<Regex>>>> =
    LazyLock::new(Mutex::default);

fn compiled(pattern: &str) -> Option<Regex> {
    let mut known = COMPILED.lock();
    if let Some(regex) = known.get(pattern) {
        return regex.clone();
    }
    let regex = Regex::new(pattern).ok();
    known.insert(pattern.to_owned(), regex.clone());
    regex
}

fn see_figure(figure: &Figure, evidence: &Evidence<'_>) -> Seen {
    let Some(name) = compiled(&figure.name) else {
        return Seen::unknown();
    };
    let metrics = evidence.view.bundle.metrics.iter();
    let values = metrics
        .filter(|metric| name.is_match(&metric.name))
        .flat_map(|metric| metric.values.iter().map(move |value| (metric, value)));
    let highest = values.max_by(|a, b| a.1.1.total_cmp(&b.1.1));
    let Some((metric, (time, value))) = highest else {
        return Seen::unknown();
    };
    let met = figure.at_least.is_none_or(|least| *value >= least)
        && figure.below.is_none_or(|most| *value < most);
    let text = format!("{time} {} {value}", metric.name);
    Seen::of(met).with([Cited::new(&metric.file, None, &text)])
}

fn first_match<'t>(
    words: &Words,
    texts: impl Iterator<Item = (&'t str, String)>,
    shown: impl Fn(&str) -> String,
) -> Seen {
    let Some(pattern) = compiled(&words.matches) else {
        return Seen::unknown();
    };
    let mut any = false;
    for (file, text) in texts {
        any = true;
        if pattern.is_match(&text) {
            return Seen::of(true).with([Cited::new(file, None, &shown(&text))]);
        }
    }
    match any {
        true => Seen::of(false),
        false => Seen::unknown(),
    }
}

fn see_commands(words: &Words, evidence: &Evidence<'_>) -> Seen {
    let commands = &evidence.view.bundle.commands;
    let texts = commands
        .iter()
        .map(|command| (command.file.as_str(), command.text.clone()));
    first_match(words, texts, str::to_owned)
}

fn see_settings(words: &Words, evidence: &Evidence<'_>) -> Seen {
    let captures = &evidence.view.bundle.settings;
    let texts = captures.iter().flat_map(|capture| {
        capture.settings.iter().map(|setting| {
            let text = format!("{}={}", setting.name, setting.value);
            (capture.file.as_str(), text)
        })
    });
    let in_start = evidence
        .view
        .lines
        .iter()
        .filter(|line| line.source == Source::Platform && line.text.contains("docker run"));
    let in_start = in_start.flat_map(|line| {
        let pairs = line.text.split(" -e ").skip(1);
        pairs.map(|pair| {
            let pair = pair.split_whitespace().next().unwrap_or("");
            (evidence.view.file_of(line), pair.to_owned())
        })
    });
    first_match(words, texts.chain(in_start), |text| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        format!("{name}={}", crate::redaction::redact_setting(name, value))
    })
}

fn see_scripts(words: &Words, evidence: &Evidence<'_>) -> Seen {
    let scripts = &evidence.view.bundle.scripts;
    let texts = scripts
        .iter()
        .map(|script| (script.file.as_str(), script.text.clone()));
    first_match(words, texts, |text| {
        let pattern = compiled(&words.matches);
        let line = pattern.and_then(|pattern| {
            let found = pattern.find(text)?;
            let begin = text[..found.start()].rfind('\n').map_or(0, |at| at + 1);
            text.get(begin..)?.lines().next().map(str::to_owned)
        });
        line.unwrap_or_default()
    })
}
