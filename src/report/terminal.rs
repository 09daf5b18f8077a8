//! The verdict for a terminal: plain text that loses nothing without colour.

use crate::evidence::criteria::{AlternativeRole, Kind};
use crate::verdict::text::seconds;
use crate::verdict::{
    AlternativeStatus, CriterionResult, Finding, KillCause, Outcome, Quote, Repeated, Verdict,
};

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Plain text.
    Plain,
    /// With ANSI colours.
    Coloured,
}

#[derive(Clone, Copy)]
pub(super) enum Colour {
    Good,
    Bad,
    Unsure,
    Faint,
    Strong,
}

impl Style {
    pub(super) fn paint(self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Good => "32",
            Colour::Bad => "31",
            Colour::Unsure => "33",
            Colour::Faint => "2",
            Colour::Strong => "1",
        };
        match self {
            Style::Plain => text.to_owned(),
            Style::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

fn outcome_colour(outcome: Outcome, as_expected: Option<bool>) -> Colour {
    match (as_expected, outcome) {
        (Some(true), _) | (None, Outcome::Reproduced) => Colour::Good,
        (Some(false), _) | (None, Outcome::NotReproduced | Outcome::Unhealthy) => Colour::Bad,
        (None, Outcome::Inconclusive) => Colour::Unsure,
    }
}

fn finding_colour(finding: Finding) -> Colour {
    match finding {
        Finding::Met => Colour::Good,
        Finding::NotMet => Colour::Bad,
        Finding::NoEvidence => Colour::Unsure,
    }
}

/// Lines with an indent.
struct Page {
    style: Style,
    text: String,
}

impl Page {
    fn line(&mut self, indent: usize, text: &str) {
        self.text.push_str(&" ".repeat(indent));
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.text.push('\n');
        let painted = self.style.paint(Colour::Strong, text);
        self.line(0, &painted);
    }

    fn quote(&mut self, quote: &Quote) {
        let place = match quote.row {
            Some(row) => format!("{}, row {row}:", quote.file),
            None => format!("{}:", quote.file),
        };
        let place = self.style.paint(Colour::Faint, &place);
        self.line(6, &format!("{place} {}", quote.text));
    }
}

/// The verdict over one run.
pub fn text(verdict: &Verdict, style: Style) -> String {
    let mut page = Page {
        style,
        text: String::new(),
    };
    let colour = outcome_colour(verdict.outcome, verdict.as_expected);
    let outcome = style.paint(colour, &verdict.headline);
    page.line(0, &format!("{} ({})", verdict.scenario, verdict.bundle));
    page.line(0, &outcome);
    if let Some(sentence) = verdict.expectation() {
        let sentence = style.paint(colour, &sentence);
        page.line(0, &sentence);
    }
    page.line(0, "level of evidence: one run, observed");
    page.line(0, &format!("hypothesis: {}", verdict.hypothesis));
    health(&mut page, verdict);
    criteria(&mut page, verdict);
    title_claims(&mut page, verdict);
    alternatives(&mut page, verdict);
    killed(&mut page, verdict);
    missing(&mut page, verdict);
    quality_warnings(&mut page, verdict);
    routes(&mut page, verdict);
    page.text
}

fn health(page: &mut Page, verdict: &Verdict) {
    if verdict.health.is_empty() {
        return;
    }
    page.heading("Health: all of these");
    for result in &verdict.health {
        let word = format!("{:<11}", result.finding.words());
        let word = page.style.paint(finding_colour(result.finding), &word);
        page.line(2, &format!("{word} {}: {}", result.what, result.observed));
        for quote in &result.quotes {
            page.quote(quote);
        }
    }
}

fn criteria(page: &mut Page, verdict: &Verdict) {
    for (kind, title) in [
        (Kind::Trigger, "Load"),
        (Kind::Proof, "Proof: all of these"),
        (Kind::Support, "Support: decides nothing"),
        (Kind::Disproof, "Disproof: any of these"),
    ] {
        let results: Vec<&CriterionResult> = verdict
            .criteria
            .iter()
            .filter(|result| result.kind == kind)
            .collect();
        if results.is_empty() {
            continue;
        }
        page.heading(title);
        for result in results {
            let colour = match kind {
                Kind::Disproof if result.finding == Finding::Met => Colour::Bad,
                Kind::Disproof if result.finding == Finding::NotMet => Colour::Faint,
                _ => finding_colour(result.finding),
            };
            let word = page
                .style
                .paint(colour, &format!("{:<11}", result.finding.words()));
            page.line(2, &format!("{word} {}: {}", result.id, result.statement));
            page.line(
                6,
                &format!("observed {}; met by: {}", result.observed, result.threshold),
            );
            if result.finding == Finding::Met || kind != Kind::Disproof {
                for quote in &result.quotes {
                    page.quote(quote);
                }
            }
        }
    }
}

fn title_claims(page: &mut Page, verdict: &Verdict) {
    if verdict.title_claims.is_empty() {
        return;
    }
    page.heading("What the title claims");
    for claim in &verdict.title_claims {
        let word = match claim.finding {
            Finding::Met => "shown",
            Finding::NotMet => "not shown",
            Finding::NoEvidence => "no evidence",
        };
        let word = page
            .style
            .paint(finding_colour(claim.finding), &format!("{word:<11}"));
        page.line(2, &format!("{word} {}: {}", claim.word, claim.observed));
    }
}

fn alternatives(page: &mut Page, verdict: &Verdict) {
    page.heading("Other explanations");
    for alternative in &verdict.alternatives {
        let colour = match (alternative.status, alternative.role) {
            (AlternativeStatus::RuledIn, AlternativeRole::Competes) => Colour::Bad,
            (AlternativeStatus::RuledIn, _) | (AlternativeStatus::RuledOut, _) => Colour::Good,
            (AlternativeStatus::Open, _) => Colour::Unsure,
        };
        let word = page
            .style
            .paint(colour, &format!("{:<11}", alternative.status.words()));
        let role = match alternative.role {
            AlternativeRole::Competes => "",
            AlternativeRole::Accompanies => " (belongs to the hypothesis)",
            AlternativeRole::Hypothesis => " (is the hypothesis)",
        };
        page.line(
            2,
            &format!(
                "{word} {}{role}: {}",
                alternative.words, alternative.because
            ),
        );
        for quote in &alternative.quotes {
            page.quote(quote);
        }
    }
}

fn killed(page: &mut Page, verdict: &Verdict) {
    if verdict.killed_workers.is_empty() {
        return;
    }
    page.heading("Workers ended by SIGKILL");
    for worker in &verdict.killed_workers {
        let cause = match worker.cause {
            KillCause::Heartbeat => "heartbeat kill",
            KillCause::Arbiter => "killed by the arbiter",
            KillCause::OutOfMemory => "out-of-memory kill",
            KillCause::Open => "cause open",
        };
        page.line(
            2,
            &format!("{}: {cause}, {}", worker.words(), worker.because),
        );
        for quote in &worker.quotes {
            page.quote(quote);
        }
    }
}

fn missing(page: &mut Page, verdict: &Verdict) {
    if !verdict.missing.is_empty() {
        page.heading("Missing evidence");
        for missing in &verdict.missing {
            page.line(
                2,
                &format!("{}, for {}", missing.what, missing.for_criteria.join(", ")),
            );
            for instead in &missing.instead {
                page.line(6, &format!("instead {instead}"));
            }
            page.line(6, &format!("get it: {}", missing.command));
        }
    }
    if !verdict.unreadable.is_empty() {
        page.heading("Files that could not be read");
        for file in &verdict.unreadable {
            page.line(2, &format!("{}: {}", file.path, file.reason));
        }
    }
}

fn quality_warnings(page: &mut Page, verdict: &Verdict) {
    if verdict.quality_warnings.is_empty() {
        return;
    }
    page.heading("Data-quality warnings");
    for warning in &verdict.quality_warnings {
        page.line(2, &warning.text);
    }
}

fn routes(page: &mut Page, verdict: &Verdict) {
    if verdict.routes.is_empty() {
        return;
    }
    page.heading("Requests of the load");
    for route in &verdict.routes {
        let mix: Vec<String> = route
            .statuses
            .iter()
            .map(|(status, number)| format!("{number} x {status}"))
            .collect();
        let latency = match (
            route.median_seconds,
            route.p95_seconds,
            route.longest_seconds,
        ) {
            (Some(median), Some(p95), Some(longest)) => {
                format!(
                    "; median {}, p95 {}, longest {}",
                    seconds(median),
                    seconds(p95),
                    seconds(longest)
                )
            }
            _ => String::new(),
        };
        page.line(2, &format!("{}: {}{latency}", route.route, mix.join(", ")));
    }
}

/// Several runs, taken together.
pub fn repeated_text(repeated: &Repeated, style: Style) -> String {
    let mut page = Page {
        style,
        text: String::new(),
    };
    let headline = style.paint(
        outcome_colour(repeated.outcome, repeated.as_expected),
        &repeated.headline,
    );
    page.line(
        0,
        &format!("{} ({} runs)", repeated.scenario, repeated.runs.len()),
    );
    page.line(0, &headline);
    page.heading("Runs");
    for run in &repeated.runs {
        page.line(2, &format!("{}: {}", run.bundle, run.headline));
    }
    page.heading("Criteria over the runs");
    for criterion in &repeated.spread {
        let values = criterion
            .values
            .map_or_else(String::new, |[least, middle, most]| {
                format!("; least {least:.3}, median {middle:.3}, most {most:.3}")
            });
        page.line(
            2,
            &format!(
                "{}: met in {} of {} runs with evidence{values}",
                criterion.id, criterion.met, criterion.with_evidence
            ),
        );
    }
    page.text
}
