//! The tables of the reference page, made of the declarations.

use super::declared::{ALL, Metric, Source};

/// The tables of docs/metrics.md.
#[must_use]
pub fn reference() -> String {
    let mut page = String::new();
    for (source, title) in [
        (Source::Pool, "Of the pool, on `--probe-bind`"),
        (Source::FrontEnd, "Of the emulator, on `--control`"),
    ] {
        page.push_str(&format!(
            "\n### {title}\n\n| Metric | Type | Shows | Labels | Absent |\n|---|---|---|---|---|\n"
        ));
        for metric in ALL.iter().filter(|metric| metric.source == source) {
            page.push_str(&row(metric));
        }
    }
    page.push('\n');
    page
}

fn row(metric: &Metric) -> String {
    let labels: Vec<String> = metric
        .labels
        .iter()
        .map(|label| format!("`{}`: {}", label.name, label.values))
        .collect();
    format!(
        "| `{}` | {} | {} | {} | {} |\n",
        metric.name,
        metric.kind.name(),
        metric.help,
        labels.join("; "),
        metric.absent.unwrap_or("never"),
    )
}
