//! The verdict as Markdown, for a ticket or a runbook.

use crate::encoding::{markdown as cell, markdown_block, markdown_code};
use crate::evidence::Bundle;
use crate::evidence::criteria::Kind;
use crate::verdict::{Quote, Repeated, Verdict};

fn quotes(quotes: &[Quote]) -> String {
    let list: Vec<String> = quotes
        .iter()
        .map(|quote| match quote.row {
            Some(row) => format!(
                "{} row {row}: {}",
                markdown_code(&quote.file),
                cell(&quote.text)
            ),
            None => format!("{}: {}", markdown_code(&quote.file), cell(&quote.text)),
        })
        .collect();
    list.join("<br>")
}

/// The verdict over one run.
pub fn markdown(verdict: &Verdict, bundle: &Bundle) -> String {
    let mut text = format!(
        "# {}: {}\n\n{}\n\nHypothesis: {}.\n\nEvidence: {}, one run, observed.\n",
        verdict.scenario,
        verdict.outcome.words(),
        cell(&verdict.headline),
        verdict.hypothesis,
        markdown_code(&verdict.bundle)
    );
    if let Some(sentence) = verdict.expectation() {
        text.push_str(&format!("\n{}\n", cell(&sentence)));
    }
    if let Some(alt) = super::picture_words(verdict, bundle) {
        text.push_str(&format!("\n![{}](picture.svg)\n", cell(&alt)));
    }
    if !verdict.health.is_empty() {
        text.push_str("\n## Health\n\n| | finding | observed | decided by |\n|---|---|---|---|\n");
        for result in &verdict.health {
            text.push_str(&format!(
                "| {} | **{}** | {} | {} |\n",
                cell(&result.what),
                result.finding.words(),
                cell(&result.observed),
                quotes(&result.quotes)
            ));
        }
    }
    text.push_str("\n## Criteria\n\n| | criterion | finding | observed | met by | decided by |\n|---|---|---|---|---|---|\n");
    for result in &verdict.criteria {
        let kind = match result.kind {
            Kind::Trigger => "load",
            Kind::Proof => "proof",
            Kind::Support => "support",
            Kind::Disproof => "disproof",
        };
        text.push_str(&format!(
            "| {kind} | {} | **{}** | {} | {} | {} |\n",
            cell(&result.statement),
            result.finding.words(),
            cell(&result.observed),
            cell(&result.threshold),
            quotes(&result.quotes)
        ));
    }
    if !verdict.title_claims.is_empty() {
        text.push_str("\n## What the title claims\n\n");
        for claim in &verdict.title_claims {
            text.push_str(&format!(
                "- {}: {} ({})\n",
                claim.word,
                claim.finding.words(),
                cell(&claim.observed)
            ));
        }
    }
    text.push_str("\n## Other explanations\n\n| explanation | status | because | decided by |\n|---|---|---|---|\n");
    for alternative in &verdict.alternatives {
        text.push_str(&format!(
            "| {} | **{}** | {} | {} |\n",
            alternative.words,
            alternative.status.words(),
            cell(&alternative.because),
            quotes(&alternative.quotes)
        ));
    }
    lists(&mut text, verdict);
    again(&mut text, verdict, bundle);
    text
}

fn lists(text: &mut String, verdict: &Verdict) {
    if !verdict.killed_workers.is_empty() {
        text.push_str("\n## Workers ended by SIGKILL\n\n");
        for worker in &verdict.killed_workers {
            text.push_str(&format!(
                "- {}: {} {}\n",
                worker.words(),
                cell(&worker.because),
                quotes(&worker.quotes)
            ));
        }
    }
    if !verdict.missing.is_empty() {
        text.push_str("\n## Missing evidence\n\n");
        for missing in &verdict.missing {
            text.push_str(&format!(
                "- {}, for {}:\n\n{}\n",
                missing.what,
                missing.for_criteria.join(", "),
                markdown_block(&missing.command)
                    .lines()
                    .map(|line| format!("  {line}"))
                    .collect::<Vec<_>>()
                    .join("\n")
            ));
        }
    }
    if !verdict.quality_warnings.is_empty() {
        text.push_str("\n## Data-quality warnings\n\n");
        for warning in &verdict.quality_warnings {
            text.push_str(&format!("- {}\n", cell(&warning.text)));
        }
    }
    if !verdict.unreadable.is_empty() {
        text.push_str("\n## Files that could not be read\n\n");
        for file in &verdict.unreadable {
            text.push_str(&format!(
                "- {}: {}\n",
                markdown_code(&file.path),
                cell(&file.reason)
            ));
        }
    }
}

fn again(text: &mut String, verdict: &Verdict, bundle: &Bundle) {
    let commands = super::commands(verdict, bundle).join("\n");
    text.push_str(&format!(
        "\n## Run it again\n\n{}\n",
        markdown_block(&commands)
    ));
}

/// Several runs, taken together.
pub fn repeated_markdown(repeated: &Repeated) -> String {
    let mut text = format!("# {}: {}\n\n", repeated.scenario, cell(&repeated.headline));
    for run in &repeated.runs {
        text.push_str(&format!(
            "- {}: {}\n",
            markdown_code(&run.bundle),
            cell(&run.headline)
        ));
    }
    text.push_str("\n| criterion | met | with evidence | least | median | most |\n|---|---|---|---|---|---|\n");
    for criterion in &repeated.spread {
        let values = match criterion.values {
            Some([least, middle, most]) => format!("{least:.3} | {middle:.3} | {most:.3}"),
            None => " | | ".to_owned(),
        };
        text.push_str(&format!(
            "| {} | {} | {} | {values} |\n",
            criterion.id, criterion.met, criterion.with_evidence
        ));
    }
    text
}
