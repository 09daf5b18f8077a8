//! The reference page, and that every declared metric has a test which sees it move.

use labrat::metrics::{declared, reference};

use super::{boxed, emulator, pool};
use crate::harness::root;

const PAGE: &str = "docs/metrics.md";
const BEGIN: &str = "<!-- metrics:begin -->\n";
const END: &str = "<!-- metrics:end -->";

#[test]
fn the_page_has_the_declared_metrics() {
    let path = root().join(PAGE);
    let page = std::fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(BEGIN).expect("a marker");
    let (tables, after) = rest.split_once(END).expect("a marker");
    if std::env::var_os("LABRAT_UPDATE").is_some() {
        let page = format!("{before}{BEGIN}{}{END}{after}", reference());
        return std::fs::write(path, page).expect("the page can be written");
    }
    assert_eq!(
        tables,
        reference(),
        "{PAGE} is not what is declared (hint: LABRAT_UPDATE=1 writes it)"
    );
}

#[test]
fn every_declared_metric_is_seen_to_move_by_a_test() {
    let moved: Vec<&str> = [pool::MOVED, boxed::MOVED, emulator::MOVED]
        .concat()
        .iter()
        .map(|metric| metric.name)
        .collect();
    for metric in declared::ALL {
        let count = moved.iter().filter(|name| **name == metric.name).count();
        assert_eq!(count, 1, "{} is moved by {count} tests", metric.name);
    }
    assert_eq!(moved.len(), declared::ALL.len());
}
