//! What a file holds, by its name alone.

use crate::evidence::TIMELINE;
use crate::evidence::criteria::{Moment, SnapshotKind};
use crate::evidence::manifest::PhaseKind;
use crate::evidence::processes::PROCESSES;
use crate::tables::LogTable;

/// What this program writes beside the evidence.
const REPORTS: [&str; 4] = ["report.html", "report.md", "picture.svg", "verdict.json"];

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// `manifest.json` at the root.
    Manifest,
    /// A snapshot of a route, at a stage, of a slot.
    Snapshot(SnapshotKind, PhaseKind, Option<String>),
    /// `samples-PHASE.csv`.
    Samples(String),
    /// `leak-responses-*.csv`: index, status and seconds of one route.
    Responses(String),
    /// `recovery-probes-*.csv`: index, status and time.
    Probes,
    /// A startup command as a text.
    Command(Moment),
    /// The site's configuration, with `appCommandLine` in it.
    SiteConfig(Moment),
    /// Application settings of a slot, as az lists them.
    Settings(Moment, Option<String>),
    /// What this program wrote about the evidence.
    Report,
    /// The recorded events of the pools, which are for showing.
    Timeline,
    /// What the server's processes took.
    Processes,
    /// Whatever is in it; an export of this table, if its content does not say otherwise.
    Unnamed(Option<LogTable>),
}

impl Content {
    /// In words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Manifest => "the manifest".to_owned(),
            Self::Snapshot(kind, at, Some(slot)) => {
                format!("{} of {slot}, {}", kind.path(), at.word())
            }
            Self::Snapshot(kind, at, None) => format!("{}, {}", kind.path(), at.word()),
            Self::Samples(phase) => format!("samples of the phase {phase}"),
            Self::Responses(route) => format!("responses of {route}"),
            Self::Probes => "probes after the fix".to_owned(),
            Self::Command(_) => "a startup command".to_owned(),
            Self::SiteConfig(_) => "the site's configuration".to_owned(),
            Self::Settings(..) => "application settings".to_owned(),
            Self::Report => "a report of this program".to_owned(),
            Self::Timeline => "events of the pools, for labrat replay".to_owned(),
            Self::Processes => "memory, threads and descriptors of the processes".to_owned(),
            Self::Unnamed(_) => "unknown".to_owned(),
        }
    }
}

/// Classify a path in a bundle, written with `/`.
pub(super) fn classify(path: &str) -> Content {
    if path == "manifest.json" {
        return Content::Manifest;
    }
    if path == TIMELINE {
        return Content::Timeline;
    }
    if path == PROCESSES {
        return Content::Processes;
    }
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = folder.split('/').next().unwrap_or(folder);
    if REPORTS.contains(&file) {
        return Content::Report;
    }
    let (stem, extension) = file.rsplit_once('.').unwrap_or((file, ""));
    let stem = without_stamp(stem);
    let known = match extension {
        "txt" => command(folder, stem),
        "csv" => samples(stem),
        "json" => json(folder, stem),
        _ => None,
    };
    known.unwrap_or_else(|| Content::Unnamed(table_in(file)))
}

fn command(folder: &str, stem: &str) -> Option<Content> {
    let named = stem.starts_with("startup-cmd") || stem.starts_with("startup-command");
    named.then(|| Content::Command(moment(folder, stem)))
}

fn moment(folder: &str, stem: &str) -> Moment {
    let after = stem.ends_with("-after") || folder.starts_with("post");
    if after { Moment::After } else { Moment::Before }
}

fn samples(stem: &str) -> Option<Content> {
    if let Some(phase) = stem.strip_prefix("samples-") {
        return Some(Content::Samples(phase.to_owned()));
    }
    if stem.starts_with("recovery-probes") {
        return Some(Content::Probes);
    }
    let (route, _) = stem.split_once("-responses")?;
    Some(Content::Responses(format!("/{route}")))
}

fn json(folder: &str, stem: &str) -> Option<Content> {
    if stem.starts_with("app-config") {
        return Some(Content::SiteConfig(moment(folder, stem)));
    }
    if let Some(rest) = stem.strip_prefix("app-settings") {
        let slot = rest
            .split('-')
            .find(|word| !word.is_empty() && !matches!(*word, "before" | "after"))
            .map(slot_name);
        return Some(Content::Settings(moment(folder, stem), slot));
    }
    snapshot(folder, stem)
}

/// The slot's name, where a file says it short.
fn slot_name(word: &str) -> String {
    match word {
        "prod" => "production".to_owned(),
        word => word.to_owned(),
    }
}

/// The table that a file's name speaks of.
fn table_in(file: &str) -> Option<LogTable> {
    let lower = file.to_ascii_lowercase();
    let mut words = lower.split(|sign: char| !sign.is_ascii_alphanumeric());
    words.find_map(|word| match word {
        "http" | "httplogs" | "appservicehttplogs" => Some(LogTable::Http),
        "console" | "consolelogs" | "appserviceconsolelogs" => Some(LogTable::Console),
        "platform" | "platformlogs" | "appserviceplatformlogs" => Some(LogTable::Platform),
        _ => None,
    })
}

fn snapshot(folder: &str, stem: &str) -> Option<Content> {
    const KINDS: [(&str, SnapshotKind); 8] = [
        ("diag-stats", SnapshotKind::Stats),
        ("diag-proc", SnapshotKind::Proc),
        ("diag-env", SnapshotKind::Env),
        ("diag-workers", SnapshotKind::Workers),
        ("diag-slots", SnapshotKind::Slots),
        ("config", SnapshotKind::Config),
        ("health", SnapshotKind::Health),
        ("ready", SnapshotKind::Ready),
    ];
    let (rest, kind) = KINDS.into_iter().find_map(|(prefix, kind)| {
        let rest = stem.strip_prefix(prefix)?;
        (rest.is_empty() || rest.starts_with('-')).then_some((rest, kind))
    })?;
    let mut at = match folder {
        "baseline" => PhaseKind::Baseline,
        folder if folder.starts_with("post") => PhaseKind::Post,
        "recovery" => PhaseKind::Recovery,
        _ => PhaseKind::Trigger,
    };
    let mut slot = None;
    for word in rest.split('-').filter(|word| !word.is_empty()) {
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        match word {
            "during" => at = PhaseKind::Trigger,
            "baseline" | "before" => at = PhaseKind::Baseline,
            "recovery" => at = PhaseKind::Recovery,
            "after" => at = PhaseKind::Post,
            word if word.starts_with("mid") => at = PhaseKind::Mid,
            word if word.starts_with("post") => at = PhaseKind::Post,
            word => slot = Some(slot_name(word)),
        }
    }
    Some(Content::Snapshot(kind, at, slot))
}

/// Without a trailing `-20260404T053438Z`, by which published runs name their files.
fn without_stamp(stem: &str) -> &str {
    match stem.rsplit_once('-') {
        Some((before, last)) if is_stamp(last) => before,
        _ => stem,
    }
}

/// The moment in such a stamp: when the script that wrote the file began.
pub(super) fn stamp(path: &str) -> Option<jiff::Timestamp> {
    let file = path.rsplit('/').next()?;
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let (_, last) = stem.rsplit_once('-')?;
    if !is_stamp(last) {
        return None;
    }
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", last).ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

fn is_stamp(text: &str) -> bool {
    text.len() == 16
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_names_and_own_names_mean_the_same() {
        let mid = Content::Snapshot(SnapshotKind::Proc, PhaseKind::Mid, None);
        assert_eq!(
            classify("trigger/diag-proc-midleak-20260404T053438Z.json"),
            mid
        );
        assert_eq!(classify("trigger/diag-proc-mid.json"), mid);
        let post = Content::Snapshot(SnapshotKind::Stats, PhaseKind::Post, None);
        assert_eq!(
            classify("trigger/diag-stats-postheavy-20260404T053438Z.json"),
            post
        );
        assert_eq!(classify("postfix/diag-stats-20260404T055349Z.json"), post);
        assert_eq!(classify("post/diag-stats-1897.json"), post);
    }

    #[test]
    fn a_slot_is_a_word_that_is_no_stage_and_no_number() {
        let slot = Some("staging".to_owned());
        let expected = Content::Snapshot(SnapshotKind::Config, PhaseKind::Post, slot);
        assert_eq!(classify("post/config-staging.json"), expected);
    }

    #[test]
    fn a_file_that_only_sounds_like_a_snapshot_is_not_used() {
        let by_content = Content::Unnamed(None);
        assert_eq!(classify("baseline/configuration.json"), by_content);
        assert_eq!(classify("baseline/root-response.txt"), by_content);
    }

    #[test]
    fn a_table_is_spoken_of_by_any_word_of_a_name_and_production_by_half_of_its() {
        for (path, table) in [
            ("tables/http.jsonl", Some(LogTable::Http)),
            (
                "trigger/kql-console-20260404T060041Z.json",
                Some(LogTable::Console),
            ),
            ("AppServicePlatformLogs (3).csv", Some(LogTable::Platform)),
            ("query_data.csv", None),
        ] {
            assert_eq!(classify(path), Content::Unnamed(table), "{path}");
        }
        let slot = Some("production".to_owned());
        assert_eq!(
            classify("trigger/config-prod-before-20260404T054527Z.json"),
            Content::Snapshot(SnapshotKind::Config, PhaseKind::Baseline, slot.clone())
        );
        assert_eq!(
            classify("baseline/app-settings-prod.json"),
            Content::Settings(Moment::Before, slot)
        );
    }
}
