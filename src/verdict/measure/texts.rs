//! Console lines and platform messages.

use super::Measured;
use crate::evidence::Bundle;
use crate::evidence::bundle::{Table, TextEvent};
use crate::tables::queries::{Lifecycle, lifecycle};
use crate::verdict::quote::quote_text;
use crate::verdict::text::count;
use crate::verdict::window::{Window, trigger_window};

pub(super) fn contains(
    table: &Table<TextEvent>,
    name: &str,
    any: &[&str],
    wanted: u32,
) -> Measured {
    let threshold = format!(
        "at least {} with `{}`",
        count(wanted as usize, "row"),
        any.join("` or `")
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
    let found: Vec<&TextEvent> = table
        .rows
        .iter()
        .filter(|event| any.iter().any(|text| event.text.contains(text)))
        .collect();
    let observed = format!("{} of {}", found.len(), count(table.rows.len(), "row"));
    Measured::of(found.len() >= wanted as usize, observed, threshold)
        .value(found.len() as f64)
        .quotes(found.iter().take(2).map(|event| quote_text(table, event)))
}

/// Starts and stops of the site within the window.
pub(in crate::verdict) fn restarts<'b>(
    bundle: &'b Bundle,
    window: &Window,
) -> Vec<(&'b TextEvent, Lifecycle)> {
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
