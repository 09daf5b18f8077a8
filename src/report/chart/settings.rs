//! A swap: what each slot was configured with before and after, side by side.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::frame::{Chart, NARROW, WIDTH, chart, cut, px};
use crate::encoding::line;
use crate::evidence::Bundle;
use crate::evidence::manifest::PhaseKind;
use crate::evidence::snapshot::SnapshotBody;
use crate::redaction::redact_setting;

const ROW: f64 = 40.0;
const TOP: f64 = 48.0;
const NAME: f64 = 168.0;
/// Rows of one picture.
const MOST: usize = 12;
/// Signs of a value or a name that fit into their column.
const SIGNS: usize = 28;
const NAME_SIGNS: usize = 24;

/// Keys that say which process answered, and not how it is configured.
const OF_THE_PROCESS: [&str; 1] = ["PROCESS_START_UTC"];

/// What a slot answered at a time: `None` where it was not asked, or has no such key.
type Cells = [[Option<String>; 2]; 2];

/// The table; `None` where no slot was asked before and after, or nothing differs.
pub(super) fn settings(bundle: &Bundle) -> Option<Chart> {
    let slots = slots(bundle);
    let rows: Vec<(String, Cells)> = rows(bundle, &slots)
        .into_iter()
        .filter(|(_, cells)| differs(cells))
        .take(MOST)
        .collect();
    if rows.is_empty() {
        return None;
    }
    let words = words(&slots, &rows);
    let title = "Settings of each slot before and after";
    let (height, plot) = draw(&WIDE, &slots, &rows);
    let (narrow_height, narrow) = draw(&ON_A_TELEPHONE, &slots, &rows);
    let chart = chart("settings", title, &words, height, plot);
    Some(chart.or_narrow(narrow_height, narrow))
}

/// Where names and values stand.
struct Columns {
    width: f64,
    /// Width of the names, which stand above their values where there is none.
    name: f64,
    /// Height of a row.
    row: f64,
    /// Where in a row its values begin.
    values: f64,
    /// Signs of a value that fit.
    signs: usize,
    caption: &'static str,
}

const WIDE: Columns = Columns {
    width: WIDTH,
    name: NAME,
    row: ROW,
    values: 0.0,
    signs: SIGNS,
    caption: "above before, below after the swap",
};
const ON_A_TELEPHONE: Columns = Columns {
    width: NARROW,
    name: 0.0,
    row: ROW + 22.0,
    values: 20.0,
    signs: 18,
    caption: "before, → after the swap",
};

/// The table in these columns, with its height.
fn draw(columns: &Columns, slots: &[String], rows: &[(String, Cells)]) -> (f64, Markup) {
    let Columns { name, row, .. } = *columns;
    let height = TOP + row * rows.len() as f64 + 10.0;
    let width = (columns.width - name - 12.0) / slots.len() as f64;
    let plot = html! {
        @for (number, slot) in slots.iter().enumerate() {
            @let x = name + number as f64 * width;
            text class="legend strong" x=(px(x + 8.0)) y="16" { (slot) }
            text class="tick" x=(px(x + 8.0)) y="34" { (columns.caption) }
        }
        @for (number, (setting, cells)) in rows.iter().enumerate() {
            @let y = TOP + number as f64 * row;
            line class="grid" x1="0" x2=(px(columns.width)) y1=(px(y - 4.0)) y2=(px(y - 4.0)) {}
            text class="legend" x="4" y=(px(y + 13.0)) { (cut(setting, NAME_SIGNS)) }
            @for (slot, change) in cells.iter().enumerate().take(slots.len()) {
                (cell(name + slot as f64 * width, y + columns.values, width, columns.signs, change))
            }
        }
    };
    (height, plot)
}

/// A value that changed has a frame and an arrow, and one that stayed has neither.
fn cell(x: f64, y: f64, width: f64, signs: usize, change: &[Option<String>; 2]) -> Markup {
    let [before, after] = change.each_ref().map(Option::as_deref);
    let changed = before != after;
    let same = match (before, after) {
        (Some(before), Some(after)) if changed => common_start(before, after),
        _ => 0,
    };
    let told = |value: Option<&str>| {
        value.map_or("not there".to_owned(), |value| {
            from_the_difference(value, same, signs)
        })
    };
    html! {
        @if changed {
            rect class="changed" x=(px(x + 2.0)) y=(px(y)) width=(px(width - 6.0)) height=(px(ROW - 8.0)) rx="3" {}
        }
        text class="value" x=(px(x + 8.0)) y=(px(y + 13.0)) { (told(before)) }
        @if changed {
            text class="value changed-to" x=(px(x + 8.0)) y=(px(y + 27.0)) { "→ " (told(after)) }
        } @else {
            text class="value unchanged" x=(px(x + 8.0)) y=(px(y + 27.0)) { "unchanged" }
        }
    }
}

/// The slots that were asked, production first: two at most.
fn slots(bundle: &Bundle) -> Vec<String> {
    let configs = bundle
        .snapshots
        .iter()
        .filter(|snapshot| matches!(snapshot.body, SnapshotBody::Config(_)));
    let mut slots: Vec<String> = Vec::new();
    for snapshot in configs {
        let slot = snapshot.slot.as_deref().unwrap_or("production");
        if !slots.iter().any(|known| known == slot) {
            slots.push(slot.to_owned());
        }
    }
    slots.sort_by_key(|slot| slot != "production");
    slots.truncate(2);
    slots
}

fn rows(bundle: &Bundle, slots: &[String]) -> Vec<(String, Cells)> {
    let answers =
        |slot: &str, when: &dyn Fn(PhaseKind) -> bool| -> Option<&BTreeMap<String, String>> {
            let mut found = bundle
                .snapshots
                .iter()
                .filter_map(|snapshot| match &snapshot.body {
                    SnapshotBody::Config(values)
                        if when(snapshot.at)
                            && snapshot.slot.as_deref().unwrap_or("production") == slot =>
                    {
                        Some(values)
                    }
                    _ => None,
                });
            found.next_back()
        };
    let before = |at: PhaseKind| at == PhaseKind::Baseline;
    let after = |at: PhaseKind| matches!(at, PhaseKind::Post | PhaseKind::Recovery);
    let of_slots: Vec<[Option<&BTreeMap<String, String>>; 2]> = slots
        .iter()
        .map(|slot| [answers(slot, &before), answers(slot, &after)])
        .collect();
    if of_slots.iter().flatten().any(Option::is_none) {
        return Vec::new();
    }
    let names: BTreeSet<&String> = of_slots
        .iter()
        .flatten()
        .flatten()
        .flat_map(|values| values.keys())
        .filter(|name| !OF_THE_PROCESS.contains(&name.as_str()))
        .collect();
    let value = |values: Option<&BTreeMap<String, String>>, name: &String| {
        let value = values?.get(name)?;
        Some(line(&redact_setting(name, value)).into_owned())
    };
    let row = |name: &String| {
        let mut cells = Cells::default();
        for (cell, answers) in cells.iter_mut().zip(&of_slots) {
            *cell = answers.map(|answers| value(answers, name));
        }
        (name.clone(), cells)
    };
    names.into_iter().map(row).collect()
}

/// Whether anything is to be seen: a value changed, or the slots are configured differently.
fn differs(cells: &Cells) -> bool {
    let [production, staging] = cells;
    let changed = |[before, after]: &[Option<String>; 2]| before != after;
    changed(production) || changed(staging)
}

/// Signs that both begin with.
fn common_start(one: &str, other: &str) -> usize {
    let pairs = one.chars().zip(other.chars());
    pairs.take_while(|(one, other)| one == other).count()
}

/// A value that is longer than its column begins shortly before what differs.
fn from_the_difference(value: &str, same: usize, signs: usize) -> String {
    const BEFORE: usize = 8;
    let is_long = value.chars().count() > signs;
    match value.char_indices().nth(same.saturating_sub(BEFORE)) {
        Some((at, _)) if is_long && at > 0 => cut(&format!("…{}", &value[at..]), signs),
        _ => cut(value, signs),
    }
}

fn words(slots: &[String], rows: &[(String, Cells)]) -> String {
    let changed: Vec<String> = slots
        .iter()
        .enumerate()
        .map(|(slot, name)| {
            let rows = rows
                .iter()
                .filter(|(_, cells)| cells[slot][0] != cells[slot][1]);
            let names: Vec<&str> = rows.map(|(name, _)| name.as_str()).collect();
            match names.is_empty() {
                true => format!("{name}: nothing"),
                false => format!("{name}: {}", names.join(", ")),
            }
        })
        .collect();
    format!(
        "What /config answered in each slot. Changed in {}.",
        changed.join("; in ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_long_values_are_shown_where_they_differ() {
        let (one, other) = (
            "Server=tcp:sql-prod.example.net;Database=orders",
            "Server=tcp:sql-prod.example.net;Database=ordres",
        );
        let same = common_start(one, other);
        assert_eq!(from_the_difference(one, same, SIGNS), "…base=orders");
        assert_eq!(from_the_difference(other, same, SIGNS), "…base=ordres");
        assert_eq!(from_the_difference("off", 1, SIGNS), "off");
    }
}
