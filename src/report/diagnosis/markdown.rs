//! A diagnosis in Markdown.

use std::fmt::Write as _;

use super::picture::{LEGEND, picture};
use super::{CLUES, headline, listed, percent, queue_words};
use crate::diagnosis::{Cited, Diagnosis, Ranked, Said};
use crate::encoding::{markdown, markdown_block, markdown_code};

/// The diagnosis as Markdown.
pub fn diagnosis_markdown(diagnosis: &Diagnosis) -> String {
    let mut out = format!("# Diagnosis: {}\n\n", markdown(&headline(diagnosis)));
    if let Some(first) = diagnosis.first() {
        let _ = writeln!(out, "How: {}.\n", markdown(&first.explains));
        let _ = writeln!(out, "What ends it: {}.\n", markdown(&first.remedy));
    }
    out.push_str("| Likelihood | Cause | In words |\n|---|---|---|\n");
    for ranked in listed(diagnosis) {
        let _ = writeln!(
            out,
            "| {} | {} | {} |",
            markdown(&percent(ranked.likelihood)),
            markdown_code(&ranked.cause),
            markdown(&ranked.words)
        );
    }
    for ranked in diagnosis.ranking.iter().take(2) {
        cause(&mut out, ranked);
    }
    question(&mut out, diagnosis);
    let picture = picture(&diagnosis.timeline);
    if !picture.is_empty() {
        let text = format!("{}\n{:<9} {LEGEND}", picture.join("\n"), "");
        let _ = writeln!(out, "\n## Timeline\n\n{}", markdown_block(&text));
    }
    rest(&mut out, diagnosis);
    out
}

fn row(row: &Cited) -> String {
    let place = match row.row {
        Some(number) => format!("{}, row {number}", row.file),
        None => row.file.clone(),
    };
    format!("{}: {}", markdown(&place), markdown_code(&row.text))
}

fn said(out: &mut String, what: &str, said: &Said) {
    let _ = writeln!(
        out,
        "- {what} ({:+.1}): {}",
        said.weight,
        markdown(&said.says)
    );
    for cited in said.rows.iter().take(2) {
        let _ = writeln!(out, "  - {}", row(cited));
    }
}

fn cause(out: &mut String, ranked: &Ranked) {
    let _ = writeln!(
        out,
        "\n## {} ({})\n",
        markdown(&ranked.cause),
        markdown(&percent(ranked.likelihood))
    );
    for clue in ranked.speaks_for.iter().take(CLUES) {
        said(out, "for", clue);
    }
    for clue in ranked.against.iter().take(CLUES) {
        said(out, "against", clue);
    }
    for open in ranked.open.iter().take(3) {
        let _ = writeln!(out, "- no evidence: {}", markdown(open));
    }
}

fn question(out: &mut String, diagnosis: &Diagnosis) {
    let question = &diagnosis.question;
    if question.between.is_empty() {
        return;
    }
    let between: Vec<String> = question
        .between
        .iter()
        .map(|name| markdown_code(name))
        .collect();
    let _ = writeln!(
        out,
        "\n## What would separate {}\n\n{}\n\n{}\n\n{}",
        between.join(" from "),
        markdown(&question.ask.question),
        markdown_block(&question.ask.kql),
        markdown_block(&question.ask.command)
    );
}

fn rest(out: &mut String, diagnosis: &Diagnosis) {
    if !diagnosis.routes.is_empty() {
        out.push_str("\n## Routes\n\n| Route | Taken for | Requests | 5xx | Given up | Own time | Longest wait |\n|---|---|---|---|---|---|---|\n");
        for route in &diagnosis.routes {
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} s | {} s |",
                markdown_code(&route.route),
                format!("{:?}", route.role).to_lowercase(),
                route.requests,
                route.server_errors,
                route.gave_up,
                route.own_seconds,
                route.wait_longest_seconds
            );
        }
    }
    if let Some(queue) = &diagnosis.queue {
        let words = queue_words(queue, &markdown(&queue.known_by));
        let _ = writeln!(out, "\nQueue: {words}.");
    }
    if !diagnosis.missing.is_empty() {
        out.push_str("\n## What is missing\n\n");
        for missing in &diagnosis.missing {
            let _ = writeln!(
                out,
                "- {}: {}",
                markdown(&missing.what),
                markdown_code(&missing.command)
            );
        }
    }
    if !diagnosis.quality_warnings.is_empty() {
        out.push_str("\n## Data-quality warnings\n\n");
        for warning in &diagnosis.quality_warnings {
            let _ = writeln!(out, "- {}", markdown(warning));
        }
    }
    out.push_str("\n## Files\n\n");
    for file in &diagnosis.files {
        let _ = writeln!(
            out,
            "- {}: {}",
            markdown_code(&file.path),
            markdown(&file.taken_for)
        );
    }
}
