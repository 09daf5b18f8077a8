//! What held before and after the fix, and at single moments.

use super::texts::filled_in;
use super::{Measured, View};
use crate::evidence::Bundle;
use crate::evidence::bundle::FileState;
use crate::evidence::criteria::{Command, Presence, SnapshotKind};
use crate::evidence::manifest::{EventKind, PhaseKind};
use crate::evidence::snapshot::SnapshotBody;
use crate::tables::LogTime;
use crate::verdict::bind::{reach, recorded_command};
use crate::verdict::pool_size::PoolSize;
use crate::verdict::quote::{Quotable, quote_file};
use crate::verdict::text::count;
use crate::verdict::window::fix_moment;

/// The startup command that was effective.
pub(super) fn command(view: View<'_>, wanted: &Command) -> Measured {
    let threshold = match (
        wanted.binds_in_reach,
        wanted.workers_at_least,
        &wanted.matches,
    ) {
        (Some(true), ..) => "binds where the platform looks".to_owned(),
        (Some(false), ..) => "binds where the platform does not look".to_owned(),
        (None, Some(least), _) => format!("asks for at least {}", count(least as usize, "worker")),
        (None, None, pattern) => format!("names `{}`", pattern.as_deref().unwrap_or_default()),
    };
    if let Some(reachable) = wanted.binds_in_reach {
        let reach = reach(view.bundle, wanted.moment);
        return match reach.in_reach {
            Some(in_reach) => {
                Measured::of(in_reach == reachable, reach.observed, threshold).quotes(reach.quotes)
            }
            None => Measured::nothing(reach.observed, threshold),
        };
    }
    let Some((command, file)) = recorded_command(view.bundle, wanted.moment) else {
        return Measured::nothing("the startup command was not captured", threshold);
    };
    let quote = quote_file(file, command);
    if let Some(least) = wanted.workers_at_least {
        let Some(workers) = PoolSize::of_command(command).workers else {
            let why = format!("`{command}` does not say how many workers");
            return Measured::nothing(why, threshold);
        };
        let observed = format!("`{command}`");
        return Measured::of(workers >= least, observed, threshold)
            .value(f64::from(workers))
            .quotes([quote]);
    }
    let pattern = wanted.matches.as_deref().unwrap_or_default();
    match filled_in(view, pattern) {
        Err(why) => Measured::nothing(why, threshold),
        Ok(pattern) => {
            let met = pattern.is_match(command);
            Measured::of(met, format!("`{command}`"), threshold).quotes([quote])
        }
    }
}

/// One observation of a route: its status, 0 without an answer, when, and where it stands.
pub(super) struct Observation<'b> {
    pub(super) code: u16,
    pub(super) at: Option<LogTime>,
    pub(super) source: Quotable<'b>,
}

pub(super) fn before<'b>(bundle: &'b Bundle, route: &str) -> Vec<Observation<'b>> {
    let fixed = fix_moment(bundle);
    let sampled = bundle
        .samples_where(|kind| !matches!(kind, PhaseKind::Recovery | PhaseKind::Post))
        .filter(|(_, sample)| sample.path() == route)
        .map(|(set, sample)| Observation {
            code: sample.status.code(),
            at: sample.start.map(LogTime::from),
            source: Quotable::Sample(set, sample),
        });
    // Rows can be placed only where the moment of the fix is known.
    let logged = bundle
        .http
        .rows
        .iter()
        .filter(|event| fixed.is_some_and(|fixed| event.time < fixed))
        .filter(|event| &*event.route == route && event.is_of_the_site())
        .map(|event| Observation {
            code: event.status.unwrap_or(0),
            at: Some(event.started()),
            source: Quotable::Row(&bundle.http, event),
        });
    sampled.chain(logged).collect()
}

pub(super) fn after<'b>(bundle: &'b Bundle, route: &str) -> Vec<Observation<'b>> {
    let mut found: Vec<Observation<'_>> = bundle
        .samples_where(|kind| matches!(kind, PhaseKind::Recovery | PhaseKind::Post))
        .filter(|(_, sample)| sample.path() == route)
        .map(|(set, sample)| Observation {
            code: sample.status.code(),
            at: sample.start.map(LogTime::from),
            source: Quotable::Sample(set, sample),
        })
        .collect();
    if route == "/health" {
        let snapshots = bundle.snapshots_of(SnapshotKind::Health, PhaseKind::Post);
        found.extend(snapshots.filter_map(|snapshot| match &snapshot.body {
            SnapshotBody::Health(status) => Some(Observation {
                code: if status == "healthy" { 200 } else { 0 },
                at: snapshot.taken.map(LogTime::from),
                source: Quotable::Status(&snapshot.file, status),
            }),
            _ => None,
        }));
    }
    found
}

/// A snapshot that can be read.
pub(super) fn snapshot(bundle: &Bundle, wanted: &Presence) -> Measured {
    let threshold = format!("{} answers at {}", wanted.of.path(), wanted.at.word());
    let stages: &[PhaseKind] = match wanted.at {
        PhaseKind::Post => &[PhaseKind::Post, PhaseKind::Recovery],
        _ => &[wanted.at],
    };
    let found = stages
        .iter()
        .find_map(|at| bundle.snapshots_of(wanted.of, *at).next());
    // Somebody answered there, and not as this route does.
    let name = wanted.of.path().trim_start_matches('/').replace('/', "-");
    let other = bundle.files.iter().find(|file| {
        let path = file.path.as_str();
        let after = path.starts_with("post/") || path.starts_with("postfix/");
        let at = after == (wanted.at == PhaseKind::Post);
        at && path.contains(&name) && matches!(file.state, FileState::Unreadable { .. })
    });
    if let (None, Some(file)) = (found, other) {
        let observed = format!("{} is no answer of it", file.path);
        return Measured::of(false, observed, threshold);
    }
    let Some(snapshot) = found else {
        let why = format!("no readable {} at {}", wanted.of.path(), wanted.at.word());
        return Measured::nothing(why, threshold);
    };
    let text = match &snapshot.body {
        SnapshotBody::Stats(stats) => {
            let age = stats
                .uptime_seconds
                .map_or_else(String::new, |age| format!(", {age:.0} s old"));
            format!("pid {}{age}", stats.pid)
        }
        SnapshotBody::Health(status) => format!("status {status}"),
        _ => "answered".to_owned(),
    };
    Measured::of(true, text.clone(), threshold).quotes([quote_file(&snapshot.file, text)])
}

/// Whether a worker that was not there at baseline holds few blocks: none, or a quarter of what the
/// fullest holds. It may have served since it was forked.
pub(super) fn fresh_replacement(bundle: &Bundle, at: PhaseKind) -> Measured {
    let threshold =
        "a worker that was not there at baseline, with at most a quarter of the fullest's blocks";
    let stats = |at| {
        let snapshots = bundle.snapshots_of(SnapshotKind::Stats, at);
        snapshots.filter_map(|snapshot| match &snapshot.body {
            SnapshotBody::Stats(stats) => Some((snapshot, stats)),
            _ => None,
        })
    };
    let known: Vec<u32> = stats(PhaseKind::Baseline)
        .map(|(_, stats)| stats.pid)
        .collect();
    if known.is_empty() || stats(at).next().is_none() {
        let why = format!("no worker told its counters at baseline or {}", at.word());
        return Measured::nothing(why, threshold);
    }
    let seen = |phase| {
        bundle
            .manifest
            .as_ref()?
            .sampler
            .workers_seen
            .get(&phase)
            .copied()
    };
    if let Some(seen) = seen(PhaseKind::Baseline)
        && seen.of.is_some_and(|of| seen.seen < of)
    {
        let why = "some workers did not tell their counters at baseline, and may be old";
        return Measured::nothing(why, threshold);
    }
    let blocks = stats(at).filter_map(|(_, stats)| stats.leak_block_count);
    let few = blocks.max().unwrap_or_default() / 4;
    let mut fresh = stats(at).filter(|(_, stats)| !known.contains(&stats.pid));
    let found = fresh.find_map(|(snapshot, stats)| {
        let blocks = stats.leak_block_count?;
        (blocks <= few).then_some((snapshot, stats.pid, blocks))
    });
    match found {
        Some((snapshot, pid, blocks)) => {
            let text = format!("pid {pid} leak_block_count {blocks}");
            Measured::of(true, text.clone(), threshold).quotes([quote_file(&snapshot.file, text)])
        }
        None => Measured::of(false, "none", threshold),
    }
}

pub(super) fn event(bundle: &Bundle, kind: EventKind) -> Measured {
    let threshold = match kind {
        EventKind::Deployment => "a deployment is recorded as accepted",
        EventKind::Swap => "a swap is recorded as successful",
        EventKind::CommandChanged => "a change of the command is recorded",
        EventKind::SettingChanged => "a change of a setting is recorded",
        EventKind::Restart => "a restart is recorded",
        EventKind::DependencyChanged => "a change of a dependency is recorded",
        EventKind::Reset => "a reset is recorded",
        EventKind::Note => "a note is recorded",
    };
    let Some(manifest) = &bundle.manifest else {
        return Measured::nothing("no manifest, so no event is recorded", threshold);
    };
    // The first one: what follows may be its undoing.
    let Some(event) = manifest.events.iter().find(|event| event.kind == kind) else {
        return Measured::nothing("the manifest records no such event", threshold);
    };
    let failed = event.succeeded == Some(false) || event.status.is_some_and(|status| status >= 400);
    let unknown = event.succeeded.is_none() && event.status.is_none();
    let status = event
        .status
        .map_or_else(String::new, |status| format!(" {status}"));
    let text = format!("{}{status} {}", event.at, event.detail);
    if unknown {
        return Measured::nothing(format!("{text}: how it ended is not recorded"), threshold);
    }
    Measured::of(!failed, text.trim_end().to_owned(), threshold)
        .quotes([quote_file("manifest.json", text)])
}

pub(super) fn busy_with_queue(bundle: &Bundle) -> Measured {
    let threshold =
        "no worker free for a request, at least one connection waiting, in one snapshot";
    let pools: Vec<_> = bundle
        .snapshots
        .iter()
        .filter(|snapshot| snapshot.at != PhaseKind::Baseline)
        .filter_map(|snapshot| match &snapshot.body {
            SnapshotBody::Workers(pool) if !pool.workers.is_empty() && pool.waiting.is_some() => {
                Some((snapshot, pool))
            }
            _ => None,
        })
        .collect();
    if pools.is_empty() {
        return Measured::nothing(
            "no snapshot of /diag/workers that counts the accept queue",
            threshold,
        );
    }
    let fullest = pools
        .iter()
        .filter(|(_, pool)| pool.is_full())
        .max_by_key(|(_, pool)| pool.waiting);
    let observed = match fullest {
        Some((_, pool)) => format!(
            "{} busy, {} waiting",
            count(pool.workers.len(), "worker"),
            pool.waiting.unwrap_or(0)
        ),
        None => format!("never, in {}", count(pools.len(), "snapshot")),
    };
    let met = fullest.is_some_and(|(_, pool)| pool.waiting.is_some_and(|waiting| waiting > 0));
    let quote = fullest.map(|(snapshot, _)| quote_file(&snapshot.file, observed.clone()));
    Measured::of(met, observed, threshold).quotes(quote)
}
