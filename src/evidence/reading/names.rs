//! What a file holds, by its name alone.

use crate::evidence::criteria::{Moment, SnapshotKind};
use crate::evidence::manifest::PhaseKind;

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
    /// An export of AppServiceHTTPLogs.
    Http,
    /// An export of AppServiceConsoleLogs.
    Console,
    /// An export of AppServicePlatformLogs.
    Platform,
    /// A startup command as a text.
    Command(Moment),
    /// The site's configuration, with `appCommandLine` in it.
    SiteConfig(Moment),
    /// Nothing that a verdict reads.
    Other,
}

/// Classify a path in a bundle, written with `/`.
pub(super) fn classify(path: &str) -> Content {
    if path == "manifest.json" {
        return Content::Manifest;
    }
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = folder.split('/').next().unwrap_or(folder);
    let (stem, extension) = file.rsplit_once('.').unwrap_or((file, ""));
    let stem = without_stamp(stem);
    match extension {
        "txt" => command(folder, stem),
        "csv" | "json" | "jsonl" => data(folder, stem, extension),
        _ => Content::Other,
    }
}

fn command(folder: &str, stem: &str) -> Content {
    let named = stem.starts_with("startup-cmd") || stem.starts_with("startup-command");
    if !named {
        return Content::Other;
    }
    Content::Command(moment(folder, stem))
}

fn moment(folder: &str, stem: &str) -> Moment {
    let after = stem.ends_with("-after") || folder.starts_with("post");
    if after { Moment::After } else { Moment::Before }
}

fn data(folder: &str, stem: &str, extension: &str) -> Content {
    if let Some(table) = table(folder, stem) {
        return table;
    }
    if extension == "csv" {
        if let Some(phase) = stem.strip_prefix("samples-") {
            return Content::Samples(phase.to_owned());
        }
        if stem.starts_with("recovery-probes") {
            return Content::Probes;
        }
        return match stem.split_once("-responses") {
            Some((route, _)) => Content::Responses(format!("/{route}")),
            None => Content::Other,
        };
    }
    if stem.starts_with("app-config") {
        return Content::SiteConfig(moment(folder, stem));
    }
    snapshot(folder, stem).unwrap_or(Content::Other)
}

fn table(folder: &str, stem: &str) -> Option<Content> {
    let name = match stem.strip_prefix("kql-") {
        Some(name) => name,
        None if folder == "tables" => stem,
        None => return None,
    };
    let is = |word: &str| name == word || name.starts_with(&format!("{word}-"));
    if is("http") || is("AppServiceHTTPLogs") {
        return Some(Content::Http);
    }
    if is("console") || is("AppServiceConsoleLogs") {
        return Some(Content::Console);
    }
    (is("platform") || is("AppServicePlatformLogs")).then_some(Content::Platform)
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
            word => slot = Some(word.to_owned()),
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
        assert_eq!(classify("baseline/configuration.json"), Content::Other);
        assert_eq!(classify("baseline/root-response.txt"), Content::Other);
    }
}
