//! Derived observations about a swap of slots.

use std::collections::HashMap;

use super::evidence::Evidence;
use super::facts::{Fact, Seen};
use super::quote::{Cited, shown};
use super::scan::Landmark;
use super::view::Source;
use crate::evidence::criteria::Moment;

pub(super) fn look(fact: Fact, evidence: &Evidence<'_>) -> Seen {
    match fact {
        Fact::Swapped => swapped(evidence),
        Fact::RestartedAfterSwap => restarted_after(evidence),
        Fact::SettingsOpenAfterSwap => {
            let open = evidence.fact(Fact::SettingDrifted).met.is_none();
            Seen::of(evidence.has(Fact::Swapped) && open)
        }
        Fact::TroubleAfterSwap => trouble_after(evidence),
        Fact::SettingDrifted => drifted(evidence),
        _ => Seen::unknown(),
    }
}

/// A container's name, as the platform writes it: an id and the site, with the slot behind it.
fn container(text: &str) -> Option<(&str, &str)> {
    let rest = text
        .strip_prefix("Starting container: ")
        .or_else(|| text.strip_prefix("Stopping container: "))?;
    rest.trim_end_matches('.').split_once('_')
}

/// The line at which a swap shows: said in so many words, or the start that took a container's place
/// in its new slot, where one is stopped under another slot's name than it was started with.
pub(super) fn swap_line(evidence: &Evidence<'_>) -> Option<u32> {
    if let Some(line) = evidence.landmarks(Landmark::Swap).next() {
        return Some(line);
    }
    let mut started: HashMap<&str, &str> = HashMap::new();
    let mut last_of_site: HashMap<&str, u32> = HashMap::new();
    for (number, line) in (0_u32..).zip(&evidence.view.lines) {
        if line.source != Source::Platform {
            continue;
        }
        let Some((id, site)) = container(&line.text) else {
            continue;
        };
        if line.text.starts_with("Starting") {
            started.insert(id, site);
            last_of_site.insert(site, number);
        } else if started.get(id).is_some_and(|before| *before != site) {
            return Some(last_of_site.get(site).copied().unwrap_or(number));
        }
    }
    None
}

fn swapped(evidence: &Evidence<'_>) -> Seen {
    if let Some(line) = swap_line(evidence) {
        return Seen::of(true).with(Cited::numbered(&evidence.view, line));
    }
    match evidence.is_complete(Source::Platform) {
        true => Seen::of(false),
        false => Seen::unknown(),
    }
}

/// A start of the site itself, not of its slot, after the switch.
fn restarted_after(evidence: &Evidence<'_>) -> Seen {
    let Some(swap) = swap_line(evidence) else {
        return Seen::unknown();
    };
    let starts: Vec<(u32, &str)> = (0_u32..)
        .zip(&evidence.view.lines)
        .filter(|(_, line)| line.source == Source::Platform)
        .filter(|(_, line)| line.text.starts_with("Starting container: "))
        .filter_map(|(number, line)| Some((number, container(&line.text)?.1)))
        .collect();
    let shortest = starts.iter().map(|(_, site)| site.len()).min();
    // The name without a slot behind it is production's.
    let of_production = |site: &str| Some(site.len()) == shortest;
    let again = starts
        .iter()
        .filter(|(number, site)| *number > swap && of_production(site))
        .find_map(|(number, _)| Cited::numbered(&evidence.view, *number));
    Seen::of(again.is_some()).with(again)
}

/// Requests that failed or waited from shortly before the swap shows, of routes that were well later.
fn trouble_after(evidence: &Evidence<'_>) -> Seen {
    const BEFORE: f64 = 30.0;
    let Some(swap) = swap_line(evidence) else {
        return Seen::unknown();
    };
    let time = evidence.view.lines.get(swap as usize);
    let Some(time) = time.and_then(|line| line.time) else {
        return Seen::unknown();
    };
    if evidence.traffic.total() == 0 {
        return Seen::unknown();
    }
    let from = evidence.view.second(time) - BEFORE;
    let requests = &evidence.view.requests;
    let touched: Vec<usize> = evidence
        .touched()
        .into_iter()
        .filter(|at| requests[*at].end >= from)
        .collect();
    let last = touched.iter().map(|at| requests[*at].end);
    let last = last.fold(f64::NEG_INFINITY, f64::max);
    let of_route = |route: u32| touched.iter().any(|at| requests[*at].route == route);
    let well_later = requests
        .iter()
        .rev()
        .take_while(|request| request.start > last)
        .filter(|request| of_route(request.route))
        .count();
    let first = touched
        .first()
        .and_then(|at| Cited::request(&evidence.view, *at));
    Seen::of(touched.len() >= 3 && well_later >= 3).with(first)
}

/// Whether a setting belongs to its environment: its name or its value says where something is, or
/// who asks.
fn is_of_environment(name: &str, value: &str) -> bool {
    const NAMES: [&str; 16] = [
        "CONN",
        "DB",
        "DATABASE",
        "SERVER",
        "HOST",
        "URL",
        "URI",
        "ENDPOINT",
        "KEY",
        "SECRET",
        "PASSWORD",
        "TOKEN",
        "STORAGE",
        "QUEUE",
        "TENANT",
        "ENVIRONMENT",
    ];
    let name = name.to_ascii_uppercase();
    NAMES.iter().any(|part| name.contains(part))
        || value.contains("://")
        || value.contains("Server=")
        || value.contains("AccountName=")
}

/// Settings of production that differ after the swap and are no slot settings. A setting that names
/// the process or the slot itself changes with every swap.
fn drifted(evidence: &Evidence<'_>) -> Seen {
    let captures = &evidence.view.bundle.settings;
    let of = |moment: Moment| {
        captures.iter().find(|capture| {
            let is_production = capture
                .slot
                .as_deref()
                .is_none_or(|slot| slot == "production");
            capture.moment == moment && is_production
        })
    };
    let (Some(before), Some(after)) = (of(Moment::Before), of(Moment::After)) else {
        return Seen::unknown();
    };
    let mut quotes = Vec::new();
    for old in &before.settings {
        let same = |name: &str| {
            name.starts_with("WEBSITE_") || name.starts_with("PROCESS_") || name == "PORT"
        };
        let Some(new) = after.settings.iter().find(|new| new.name == old.name) else {
            continue;
        };
        if same(&old.name)
            || old.sticky == Some(true)
            || new.value == old.value
            || !is_of_environment(&old.name, &old.value)
        {
            continue;
        }
        for (capture, setting) in [(before, old), (after, new)] {
            let value = crate::redaction::redact_setting(&setting.name, &setting.value);
            let text = format!("{}={value}", setting.name);
            quotes.push(Cited::new(&shown(&capture.file), None, &text));
        }
    }
    Seen::of(!quotes.is_empty()).with(quotes)
}
