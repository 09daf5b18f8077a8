//! A diagnosis for a terminal of 80 columns.

use super::picture::{LEGEND, picture};
use super::{CLUES, headline, listed, percent, queue_words};
use crate::diagnosis::{Certainty, Cited, Diagnosis, Ranked, Said};
use crate::report::terminal::{Colour, Style};

/// Columns of a line.
const WIDTH: usize = 80;

struct Page {
    style: Style,
    text: String,
}

impl Page {
    /// A paragraph, broken at words; what is indented stays so.
    fn words(&mut self, indent: usize, text: &str) {
        let mut line = String::new();
        let room = WIDTH - indent;
        for word in text.split(' ') {
            let mut word = word;
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
                self.raw(indent, &line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            while word.chars().count() > room {
                let at = word
                    .char_indices()
                    .nth(room)
                    .map_or(word.len(), |(at, _)| at);
                self.raw(indent, &word[..at]);
                word = &word[at..];
            }
            line.push_str(word);
        }
        if !line.is_empty() {
            self.raw(indent, &line);
        }
    }

    fn raw(&mut self, indent: usize, line: &str) {
        self.text.push_str(&" ".repeat(indent));
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.text.push('\n');
        let painted = self.style.paint(Colour::Strong, text);
        self.raw(0, &painted);
    }

    fn row(&mut self, indent: usize, row: &Cited) {
        let place = match row.row {
            Some(number) => format!("{}, row {number}:", row.file),
            None => format!("{}:", row.file),
        };
        self.words(indent, &format!("{place} {}", row.text));
    }
}

/// The diagnosis as text.
pub fn diagnosis_text(diagnosis: &Diagnosis, style: Style) -> String {
    let mut page = Page {
        style,
        text: String::new(),
    };
    let colour = match diagnosis.certainty {
        Certainty::Clear => Colour::Good,
        Certainty::Likely | Certainty::Open => Colour::Unsure,
    };
    for line in wrapped(&headline(diagnosis)) {
        let line = style.paint(colour, &line);
        page.raw(0, &line);
    }
    if let Some(first) = diagnosis.first() {
        page.words(0, &format!("How: {}.", first.explains));
        page.words(0, &format!("What ends it: {}.", first.remedy));
    }
    ranking(&mut page, diagnosis);
    for ranked in diagnosis.ranking.iter().take(2) {
        cause(&mut page, ranked);
    }
    question(&mut page, diagnosis);
    timeline(&mut page, diagnosis);
    routes(&mut page, diagnosis);
    missing(&mut page, diagnosis);
    quality_warnings(&mut page, diagnosis);
    files(&mut page, diagnosis);
    page.text
}

fn wrapped(text: &str) -> Vec<String> {
    let mut page = Page {
        style: Style::Plain,
        text: String::new(),
    };
    page.words(0, text);
    page.text.lines().map(str::to_owned).collect()
}

fn ranking(page: &mut Page, diagnosis: &Diagnosis) {
    page.heading("Ranking");
    for ranked in listed(diagnosis) {
        let likelihood = percent(ranked.likelihood);
        page.raw(2, &format!("{likelihood:>7}  {:<24} {}", ranked.cause, ""));
    }
}

fn said(page: &mut Page, sign: char, said: &Said) {
    page.words(2, &format!("{sign} {} ({:+.1})", said.says, said.weight));
    for row in said.rows.iter().take(2) {
        page.row(6, row);
    }
}

fn cause(page: &mut Page, ranked: &Ranked) {
    page.heading(&format!(
        "{} ({})",
        ranked.cause,
        percent(ranked.likelihood)
    ));
    page.words(2, &format!("{}.", ranked.words));
    for clue in ranked.speaks_for.iter().take(CLUES) {
        said(page, '+', clue);
    }
    for clue in ranked.against.iter().take(CLUES) {
        said(page, '-', clue);
    }
    for open in ranked.open.iter().take(3) {
        page.words(2, &format!("? no evidence: {open}"));
    }
}

fn question(page: &mut Page, diagnosis: &Diagnosis) {
    let question = &diagnosis.question;
    if question.between.is_empty() {
        return;
    }
    page.heading(&format!(
        "What would separate {}",
        question.between.join(" from ")
    ));
    page.words(2, &question.ask.question);
    page.words(2, &format!("KQL: {}", question.ask.kql));
    page.words(2, &format!("command: {}", question.ask.command));
}

fn timeline(page: &mut Page, diagnosis: &Diagnosis) {
    let picture = picture(&diagnosis.timeline);
    if picture.is_empty() {
        return;
    }
    page.heading("Timeline");
    for line in picture {
        page.raw(0, &line);
    }
    if !diagnosis.timeline.events.is_empty() {
        page.words(10, LEGEND);
    }
    for (number, window) in diagnosis.windows.iter().enumerate() {
        let explained = match diagnosis.explained_window == Some(number) {
            true => "explained here",
            false => "another one, see --from and --to",
        };
        page.words(
            2,
            &format!(
                "trouble from {} to {}: {} requests, {} failed starts ({explained})",
                window.from, window.to, window.requests, window.failed_starts
            ),
        );
    }
}

fn routes(page: &mut Page, diagnosis: &Diagnosis) {
    if diagnosis.routes.is_empty() {
        return;
    }
    page.heading("Routes, and what each was taken for");
    for route in diagnosis.routes.iter().take(6) {
        let role = format!("{:?}", route.role).to_lowercase();
        page.words(
            2,
            &format!(
                "{} {role}: {}; {} requests, {} with 5xx, {} given up, wait {} s in the middle, {} s at most",
                route.route,
                route.because,
                route.requests,
                route.server_errors,
                route.gave_up,
                route.wait_median_seconds,
                route.wait_longest_seconds
            ),
        );
    }
    if let Some(queue) = &diagnosis.queue {
        let words = queue_words(queue, &queue.known_by);
        page.words(2, &format!("queue: {words}"));
    }
}

fn missing(page: &mut Page, diagnosis: &Diagnosis) {
    if diagnosis.missing.is_empty() {
        return;
    }
    page.heading("What is missing");
    for missing in &diagnosis.missing {
        page.words(2, &format!("{}:", missing.what));
        page.words(4, &missing.command);
    }
}

fn quality_warnings(page: &mut Page, diagnosis: &Diagnosis) {
    if diagnosis.quality_warnings.is_empty() {
        return;
    }
    page.heading("Data-quality warnings");
    for warning in &diagnosis.quality_warnings {
        page.words(2, warning);
    }
}

fn files(page: &mut Page, diagnosis: &Diagnosis) {
    if diagnosis.files.is_empty() {
        return;
    }
    page.heading("Files");
    for file in diagnosis.files.iter().take(20) {
        page.words(2, &format!("{}: {}", file.path, file.taken_for));
        if let Some(help) = &file.help {
            page.words(4, &format!("hint: {help}"));
        }
    }
    if diagnosis.files.len() > 20 {
        let more = diagnosis.files.len() - 20;
        page.words(2, &format!("and {more} more, see --json"));
    }
}
