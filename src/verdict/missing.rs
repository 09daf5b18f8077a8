//! Evidence that is needed and not there, and how to get it.

use super::measure::is_export;
use super::outcome::{CriterionResult, Finding, MissingEvidence, Outcome};
use super::window::Window;
use crate::evidence::Bundle;
use crate::evidence::bundle::FileState;
use crate::evidence::criteria::{Kind, Moment, Need, ScenarioRules};
use crate::evidence::manifest::PhaseKind;
use crate::tables::queries::{self, Query};

/// True if the bundle has it.
pub(super) fn has(bundle: &Bundle, need: &Need) -> bool {
    match *need {
        // While the load lasts any snapshot of it will do.
        Need::Snapshot {
            of,
            at: PhaseKind::Trigger,
        } => bundle
            .snapshots
            .iter()
            .any(|snapshot| snapshot.kind() == of && snapshot.at != PhaseKind::Baseline),
        Need::Snapshot {
            of,
            at: PhaseKind::Post,
        } => {
            bundle.snapshots_of(of, PhaseKind::Post).next().is_some()
                || bundle
                    .snapshots_of(of, PhaseKind::Recovery)
                    .next()
                    .is_some()
        }
        Need::Snapshot { of, at } => bundle.snapshots_of(of, at).next().is_some(),
        Need::Samples { ref route } => {
            let mut samples = bundle.samples_where(|_| true);
            let mut rows = bundle.http.rows.iter();
            match is_export(bundle) {
                true => rows.any(|row| &*row.route == route.as_str()),
                false => samples.any(|(_, sample)| sample.path() == route),
            }
        }
        Need::HttpTable => bundle.http.is_readable(),
        Need::ConsoleTable => bundle.console.is_readable(),
        Need::PlatformTable => bundle.platform.is_readable(),
        Need::StartupCommand { moment } => {
            let by_manifest = moment == Moment::Before
                && bundle
                    .manifest
                    .as_ref()
                    .is_some_and(|manifest| manifest.topology.startup_command.is_some());
            bundle.command(moment).is_some() || by_manifest
        }
        Need::Manifest => bundle.manifest.is_some(),
    }
}

/// A need in words.
pub(super) fn words(need: &Need) -> String {
    match need {
        Need::Snapshot { of, at } => format!("{} at {}", of.path(), at.word()),
        Need::Samples { route } => format!("raw samples of {route}"),
        Need::HttpTable => "AppServiceHTTPLogs".to_owned(),
        Need::ConsoleTable => "AppServiceConsoleLogs".to_owned(),
        Need::PlatformTable => "AppServicePlatformLogs".to_owned(),
        Need::StartupCommand {
            moment: Moment::Before,
        } => "the startup command before the fix".to_owned(),
        Need::StartupCommand {
            moment: Moment::After,
        } => "the startup command after the fix".to_owned(),
        Need::Manifest => "manifest.json".to_owned(),
    }
}

/// The command that would bring it.
fn command(need: &Need, scenario: &str, window: &Window) -> String {
    let again = || format!("labrat trigger {scenario} --url URL --out DIR");
    match need {
        Need::HttpTable => export(&queries::HTTP, window),
        Need::ConsoleTable => export(&queries::CONSOLE, window),
        Need::PlatformTable => export(&queries::PLATFORM, window),
        Need::StartupCommand { moment } => {
            let folder = if *moment == Moment::Before {
                "baseline"
            } else {
                "post"
            };
            format!(
                "az webapp config show --resource-group GROUP --name SITE --query appCommandLine \
                 --output tsv > DIR/{folder}/startup-command.txt"
            )
        }
        Need::Snapshot { .. } | Need::Samples { .. } | Need::Manifest => again(),
    }
}

/// The export of one table, with the query on one line.
fn export(query: &Query, window: &Window) -> String {
    let text = match (window.start, window.end) {
        (Some(start), Some(end)) => {
            query.between(start.plus_seconds(-300.0), end.plus_seconds(300.0))
        }
        _ => query
            .kql
            .replace("{start}", "START")
            .replace("{end}", "END"),
    };
    let one_line = text
        .lines()
        .filter(|line| !line.starts_with("//"))
        .collect::<Vec<_>>()
        .join(" ");
    format!(
        "az monitor log-analytics query --workspace WORKSPACE --analytics-query '{one_line}' \
         --output json > DIR/tables/{}.json",
        query.name
    )
}

/// Files that should hold it and cannot be read.
fn instead(bundle: &Bundle, need: &Need) -> Vec<String> {
    let looks_like = |path: &str| match need {
        Need::HttpTable => path.contains("http"),
        Need::ConsoleTable => path.contains("console"),
        Need::PlatformTable => path.contains("platform"),
        Need::Samples { route } => {
            path.contains(route.trim_start_matches('/')) || path.contains("samples")
        }
        Need::Snapshot { of, .. } => {
            path.contains(of.path().trim_start_matches('/').replace('/', "-").as_str())
        }
        Need::StartupCommand { .. } => path.contains("startup-c"),
        Need::Manifest => path == "manifest.json",
    };
    bundle
        .files
        .iter()
        .filter(|file| looks_like(&file.path))
        .filter_map(|file| {
            let reason = match &file.state {
                FileState::Empty => "empty",
                FileState::Missing => "listed in the manifest, and gone",
                FileState::Unreadable { reason } => reason,
                _ => return None,
            };
            Some(format!("{}: {reason}", file.path))
        })
        .collect()
}

/// What criteria without evidence lack. Support that only some targets can give is not missed.
pub(super) fn missing(
    rules: &'static ScenarioRules,
    bundle: &Bundle,
    results: &[CriterionResult],
    window: &Window,
    outcome: Outcome,
) -> Vec<MissingEvidence> {
    let mut found: Vec<MissingEvidence> = Vec::new();
    let criteria = rules.criteria().filter(|(kind, _)| *kind != Kind::Support);
    for (kind, criterion) in criteria {
        let without = results
            .iter()
            .any(|result| result.id == criterion.id && result.finding == Finding::NoEvidence);
        // An undecided disproof is worth a command only where nothing else is missing.
        let wanted = kind != Kind::Disproof || outcome != Outcome::Reproduced;
        if !without || !wanted {
            continue;
        }
        for need in absent(bundle, &criterion.check.needs(&rules.roles)) {
            match found.iter_mut().find(|known| known.need == need) {
                Some(known) => known.for_criteria.push(&criterion.id),
                None => found.push(MissingEvidence {
                    what: words(&need),
                    for_criteria: vec![&criterion.id],
                    instead: instead(bundle, &need),
                    command: command(&need, &rules.name, window),
                    need,
                }),
            }
        }
    }
    found
}

/// Needs of a criterion that are absent; all of them if each is there and still says nothing.
fn absent(bundle: &Bundle, needs: &[Need]) -> Vec<Need> {
    let absent: Vec<Need> = needs
        .iter()
        .filter(|need| !has(bundle, need))
        .cloned()
        .collect();
    match absent.is_empty() {
        true => needs.to_vec(),
        false => absent,
    }
}
