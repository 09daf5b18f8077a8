//! Console lines and platform messages.

use std::borrow::Cow;

use regex::Regex;

use super::{Measured, View};
use crate::evidence::Bundle;
use crate::evidence::bundle::{Table, TextEvent};
use crate::evidence::criteria::{During, Lines};
use crate::tables::queries::{Lifecycle, lifecycle};
use crate::verdict::quote::quote_text;
use crate::verdict::text::count;
use crate::verdict::window::{Window, trigger_window, with_start};

/// A pattern with what the captures of the scenario found in it, or why there is none.
pub(super) fn filled_in(view: View<'_>, pattern: &str) -> Result<Regex, String> {
    let mut text = Cow::Borrowed(pattern);
    for capture in &view.rules.captures {
        let place = format!("{{{}}}", capture.name);
        if !text.contains(&place) {
            continue;
        }
        let finds = Regex::new(&capture.console).map_err(|error| error.to_string())?;
        let rows = view.bundle.console.rows.iter();
        let found = rows
            .rev()
            .find_map(|row| Some(finds.captures(&row.text)?.get(1)?.as_str()));
        let found = found.ok_or_else(|| format!("no console line tells the {}", capture.name))?;
        text = Cow::Owned(text.replace(&place, &regex::escape(found)));
    }
    Regex::new(&text).map_err(|error| error.to_string())
}

/// Where lines have to lie.
fn window_of(bundle: &Bundle, during: During) -> Window {
    /// A start so shortly before the load may still be going on.
    const BEFORE_SECONDS: f64 = 60.0;
    let load = trigger_window(bundle);
    match during {
        During::Load => load,
        During::Run => with_start(bundle, &load),
        During::JustBefore => Window {
            start: load.start.map(|start| start.plus_seconds(-BEFORE_SECONDS)),
            end: load.start,
            known_by: load.known_by,
        },
    }
}

/// Why the rows of a table cannot show that something is not there: a file of it was not read
/// whole, or its rows do not reach the window.
fn gap(table: &Table<TextEvent>, name: &str, window: &Window) -> Option<String> {
    if let Some(gap) = table.gaps.first() {
        return Some(format!("{}: {}", gap.file, gap.reason));
    }
    let within = table.rows.iter().any(|row| window.contains(row.time));
    let spans = match (
        window.start,
        window.end,
        table.rows.first(),
        table.rows.last(),
    ) {
        (Some(start), Some(end), Some(first), Some(last)) => {
            first.time <= start && last.time >= end
        }
        _ => false,
    };
    let known = window.start.is_some() || window.end.is_some();
    (known && !within && !spans)
        .then(|| format!("no row of the {name} table lies where it would have to"))
}

pub(super) fn lines(
    view: View<'_>,
    table: &Table<TextEvent>,
    name: &str,
    wanted: &Lines,
) -> Measured {
    let threshold = format!(
        "at least {} with `{}`",
        count(wanted.at_least as usize, "row"),
        wanted.matches
    );
    if !table.is_readable() {
        return Measured::nothing(format!("no readable {name} table"), threshold);
    }
    if table.rows.is_empty() {
        let why = format!(
            "the {name} table was exported without any row, so it shows nothing either way"
        );
        return Measured::nothing(why, threshold);
    }
    let pattern = match filled_in(view, &wanted.matches) {
        Ok(pattern) => pattern,
        Err(why) => return Measured::nothing(why, threshold),
    };
    let window = window_of(view.bundle, wanted.during);
    let found: Vec<&TextEvent> = table
        .rows
        .iter()
        .filter(|row| match wanted.during {
            During::Run => window.contains(row.time),
            _ => window.holds(row.time),
        })
        .filter(|row| pattern.is_match(&row.text))
        .collect();
    let met = found.len() >= wanted.at_least as usize;
    if !met && let Some(why) = gap(table, name, &window) {
        return Measured::nothing(why, threshold);
    }
    let observed = format!("{} of {}", found.len(), count(table.rows.len(), "row"));
    Measured::of(met, observed, threshold)
        .value(found.len() as f64)
        .quotes(found.iter().take(2).map(|row| quote_text(table, row)))
}

/// Starts and stops of the site within the window.
fn restarts<'b>(bundle: &'b Bundle, window: &Window) -> Vec<(&'b TextEvent, Lifecycle)> {
    bundle
        .platform
        .rows
        .iter()
        .filter(|event| window.holds(event.time))
        .filter_map(|event| lifecycle(&event.text).map(|what| (event, what)))
        .collect()
}

pub(super) fn restart(bundle: &Bundle) -> Measured {
    let threshold = "a start or a stop of the site within the trigger";
    let window = trigger_window(bundle);
    if !bundle.platform.is_readable() {
        return Measured::nothing("no readable platform table", threshold);
    }
    if !window.is_known() {
        return Measured::nothing("the time of the trigger is not known", threshold);
    }
    if bundle.platform.rows.is_empty() {
        return Measured::nothing("the platform table was exported without any row", threshold);
    }
    let found = restarts(bundle, &window);
    let observed = format!(
        "{} of {}",
        found.len(),
        count(bundle.platform.rows.len(), "row")
    );
    let quotes = found
        .iter()
        .take(2)
        .map(|(event, _)| quote_text(&bundle.platform, event));
    Measured::of(!found.is_empty(), observed, threshold)
        .value(found.len() as f64)
        .quotes(quotes.collect::<Vec<_>>())
}
