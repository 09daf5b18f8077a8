//! Reading one file of a scenario, and telling what is wrong with it by line and column.

use std::collections::BTreeSet;
use std::ops::Range;

use regex::Regex;

use crate::evidence::criteria::{Alternative, Measure};
use crate::host::AutoHealRules;
use crate::scenario::shape::{Change, Scenario, Step};

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {what}\n\nhint: {hint}")]
pub struct Fault {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: String,
}

/// Read a scenario.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn read(file: &str, text: &str) -> Result<Scenario, Fault> {
    let fault = |at: Option<Range<usize>>, what: String, hint: String| {
        let (line, column) = place(text, at.map_or(0, |range| range.start));
        Fault {
            file: file.to_owned(),
            line,
            column,
            what,
            hint,
        }
    };
    let scenario: Scenario = toml::from_str(text).map_err(|error| {
        let what = error
            .message()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        let hint = hint_of(&what);
        fault(error.span(), what, hint)
    })?;
    match first_problem(&scenario) {
        None => Ok(scenario.complete()),
        Some((word, what, hint)) => {
            let quoted = format!("\"{word}\"");
            let at = text.find(&quoted).or_else(|| text.find(&word));
            Err(fault(at.map(|at| at..at), what, hint))
        }
    }
}

/// Line and column of a byte, both from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (line, before[start..].chars().count() + 1)
}

fn hint_of(what: &str) -> String {
    if let Some((_, expected)) = what.split_once("expected one of ") {
        return format!("write one of {expected}");
    }
    if let Some((_, name)) = what.split_once("missing field ") {
        return format!("add {name}; docs/scenarios/scenario.schema.json says what it holds");
    }
    "docs/scenarios/scenario.schema.json says what a file may hold".to_owned()
}

/// The word at which it stands, what is wrong, and what to do.
type Problem = (String, String, String);

fn first_problem(scenario: &Scenario) -> Option<Problem> {
    names(scenario)
        .or_else(|| criteria(scenario))
        .or_else(|| variations(scenario))
        .or_else(|| auto_heal(scenario))
        .or_else(|| steps(scenario))
}

fn is_kebab(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.bytes().all(plain)
}

fn names(scenario: &Scenario) -> Option<Problem> {
    let mut seen = BTreeSet::new();
    let ids = scenario.rules.criteria().map(|(_, one)| &one.id);
    let variations = scenario.variations().map(|one| &one.name);
    for name in ids.chain(variations).chain([&scenario.name]) {
        if !is_kebab(name) {
            let hint = "names have small letters, digits and hyphens".to_owned();
            return Some((name.clone(), format!("`{name}` is no name"), hint));
        }
    }
    for (_, criterion) in scenario.rules.criteria() {
        if !seen.insert(&criterion.id) {
            let what = format!("two criteria are called `{}`", criterion.id);
            return Some((
                criterion.id.clone(),
                what,
                "give each its own id".to_owned(),
            ));
        }
    }
    None
}

fn criteria(scenario: &Scenario) -> Option<Problem> {
    let rules = &scenario.rules;
    if rules.proof.is_empty() {
        let what = "there is no proof, so that nothing could be reproduced".to_owned();
        return Some(("proof".to_owned(), what, "add a [[rules.proof]]".to_owned()));
    }
    for alternative in &rules.alternatives {
        if Alternative::find(&alternative.id).is_none() {
            let known: Vec<&str> = Alternative::library()
                .iter()
                .map(|one| one.id.as_str())
                .collect();
            let what = format!("no alternative is called `{}`", alternative.id);
            return Some((
                alternative.id.clone(),
                what,
                format!("there are {}", known.join(", ")),
            ));
        }
    }
    let checks = rules.criteria().map(|(_, one)| &one.check);
    for check in checks.chain(rules.title_claims.iter().map(|one| &one.check)) {
        let mut problem = None;
        check.walk(&mut |part| {
            if problem.is_none() {
                problem = measure(scenario, part);
            }
        });
        if problem.is_some() {
            return problem;
        }
    }
    rules.captures.iter().find_map(|capture| {
        let groups = Regex::new(&capture.console).map(|pattern| pattern.captures_len());
        match groups {
            Ok(2) => None,
            Ok(_) => Some((
                capture.console.clone(),
                "a capture has one group in parentheses".to_owned(),
                "write (?:...) for groups that are not kept".to_owned(),
            )),
            Err(error) => Some(pattern_problem(&capture.console, &error)),
        }
    })
}

fn pattern_problem(pattern: &str, error: &regex::Error) -> Problem {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim().to_owned();
    let hint = "put a backslash before . ( ) [ ] { } * + ? | that stand for themselves";
    (
        pattern.to_owned(),
        format!("no regular expression: {last}"),
        hint.to_owned(),
    )
}

fn measure(scenario: &Scenario, part: &Measure) -> Option<Problem> {
    if let Some(role) = part.role()
        && !scenario.roles.contains_key(role)
    {
        let known: Vec<&str> = scenario.roles.keys().map(String::as_str).collect();
        let what = format!("no role is called `{role}`");
        return Some((
            role.to_owned(),
            what,
            format!("[roles] has {}", known.join(", ")),
        ));
    }
    if let Some(pattern) = part.pattern() {
        let mut shown = pattern.to_owned();
        for capture in &scenario.rules.captures {
            shown = shown.replace(&format!("{{{}}}", capture.name), "x");
        }
        if let Err(error) = Regex::new(&shown) {
            return Some(pattern_problem(pattern, &error));
        }
    }
    let thresholds = match part {
        Measure::Requests(one) => Some(
            usize::from(one.at_least.is_some())
                + usize::from(one.share_at_least.is_some())
                + usize::from(one.share_below.is_some())
                + usize::from(one.last),
        ),
        Measure::Figure(one) => Some(
            [
                one.at_least,
                one.below,
                one.ratio_at_most,
                one.ratio_above,
                one.grows_at_least,
                one.grows_less_than,
                one.falls_at_least,
            ]
            .into_iter()
            .flatten()
            .count(),
        ),
        _ => None,
    };
    match thresholds {
        Some(1) | None => None,
        Some(number) => Some((
            part.role().unwrap_or("check").to_owned(),
            format!("a measure has one threshold, and this has {number}"),
            "name one of its thresholds; join several with all".to_owned(),
        )),
    }
}

fn variations(scenario: &Scenario) -> Option<Problem> {
    for role in scenario
        .health
        .iter()
        .chain(scenario.variations().flat_map(|one| &one.health))
    {
        if !scenario.roles.contains_key(&role.role) {
            let known: Vec<&str> = scenario.roles.keys().map(String::as_str).collect();
            let what = format!("health of a role that is not there: `{}`", role.role);
            return Some((
                role.role.clone(),
                what,
                format!("[roles] has {}", known.join(", ")),
            ));
        }
    }
    let steps: Vec<&str> = scenario.steps.iter().filter_map(Step::name).collect();
    for change in scenario.variations().flat_map(|one| &one.changes) {
        if let Change::LeaveOutStep { name } | Change::Load { step: name, .. } = change
            && !steps.contains(&name.as_str())
        {
            let what = format!("no step is called `{name}`");
            return Some((
                name.clone(),
                what,
                format!("there are {}", steps.join(", ")),
            ));
        }
    }
    None
}

fn auto_heal(scenario: &Scenario) -> Option<Problem> {
    let changes = scenario.variations().flat_map(|one| &one.changes);
    let changed = changes.filter_map(|change| match change {
        Change::AutoHeal { rules } => rules.as_ref(),
        _ => None,
    });
    let mut all = scenario.topology.around.auto_heal.iter().chain(changed);
    all.find_map(|rules| {
        let error = AutoHealRules::parse(&rules.rules().to_string()).err()?;
        let hint = "name a trigger with a count of 1 or more".to_owned();
        Some(("auto_heal".to_owned(), error.to_string(), hint))
    })
}

fn steps(scenario: &Scenario) -> Option<Problem> {
    let mut seen = BTreeSet::new();
    for name in scenario.steps.iter().filter_map(Step::name) {
        if !seen.insert(name) {
            let what = format!("two steps are called `{name}`");
            return Some((
                name.to_owned(),
                what,
                "a step's name names its file".to_owned(),
            ));
        }
    }
    let ends = [scenario.steps.first(), scenario.steps.last()];
    let captured = ends
        .iter()
        .all(|step| matches!(step, Some(Step::Capture { .. })));
    (!captured).then(|| {
        (
            "steps".to_owned(),
            "the steps begin and end with a capture".to_owned(),
            "add step = \"capture\" with moment = \"baseline\" and moment = \"post\"".to_owned(),
        )
    })
}
