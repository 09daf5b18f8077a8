//! What held before and after the fix, and at single moments.

use super::Measured;
use crate::evidence::Bundle;
use crate::evidence::criteria::{Moment, SnapshotKind};
use crate::evidence::manifest::{EventKind, PhaseKind};
use crate::evidence::snapshot::SnapshotBody;
use crate::tables::LogTime;
use crate::verdict::bind::{reach, recorded_command};
use crate::verdict::quote::{Quote, quote_file, quote_http, quote_sample};
use crate::verdict::text::count;
use crate::verdict::window::fix_moment;

/// True: the command binds where the platform looks. False: it does not.
pub(super) fn binds(bundle: &Bundle, moment: Moment, reachable: bool) -> Measured {
    let threshold = match reachable {
        true => "binds where the platform looks",
        false => "binds where the platform does not look",
    };
    let reach = reach(bundle, moment);
    match reach.in_reach {
        Some(in_reach) => {
            Measured::of(in_reach == reachable, reach.observed, threshold).quotes(reach.quotes)
        }
        None => Measured::nothing(reach.observed, threshold),
    }
}

pub(super) fn command(bundle: &Bundle, moment: Moment, text: &str) -> Measured {
    let threshold = format!("names `{}`", text.trim());
    let Some((command, file)) = recorded_command(bundle, moment) else {
        return Measured::nothing("the startup command was not captured", threshold);
    };
    // A command that is only the module has no space before it.
    let met = format!(" {command}").contains(text);
    Measured::of(met, format!("`{command}`"), threshold).quotes([quote_file(file, command)])
}

/// One observation of a route: 200 or not, when, and the quote.
struct Observation {
    ok: bool,
    at: Option<LogTime>,
    quote: Quote,
}

fn before(bundle: &Bundle, route: &str) -> Vec<Observation> {
    let fixed = fix_moment(bundle);
    let sampled = bundle
        .samples_where(|kind| !matches!(kind, PhaseKind::Recovery | PhaseKind::Post))
        .filter(|(_, sample)| sample.path() == route)
        .map(|(set, sample)| Observation {
            ok: sample.status.code() == 200,
            at: sample.start.map(LogTime::from),
            quote: quote_sample(set, sample),
        });
    // Rows can be placed only where the moment of the fix is known.
    let logged = bundle
        .http
        .rows
        .iter()
        .filter(|event| fixed.is_some_and(|fixed| event.time < fixed))
        .filter(|event| &*event.route == route && !event.is_deployment_site())
        .map(|event| Observation {
            ok: event.status == Some(200),
            at: Some(event.started()),
            quote: quote_http(&bundle.http, event),
        });
    sampled.chain(logged).collect()
}

fn after(bundle: &Bundle, route: &str) -> Vec<Observation> {
    let mut found: Vec<Observation> = bundle
        .samples_where(|kind| matches!(kind, PhaseKind::Recovery | PhaseKind::Post))
        .filter(|(_, sample)| sample.path() == route)
        .map(|(set, sample)| Observation {
            ok: sample.status.code() == 200,
            at: sample.start.map(LogTime::from),
            quote: quote_sample(set, sample),
        })
        .collect();
    if route == "/health" {
        let snapshots = bundle.snapshots_of(SnapshotKind::Health, PhaseKind::Post);
        found.extend(snapshots.filter_map(|snapshot| match &snapshot.body {
            SnapshotBody::Health(status) => Some(Observation {
                ok: status == "healthy",
                at: snapshot.taken.map(LogTime::from),
                quote: quote_file(&snapshot.file, format!("status {status}")),
            }),
            _ => None,
        }));
    }
    found
}

pub(super) fn route_answers(bundle: &Bundle, route: &str, moment: Moment, ok: bool) -> Measured {
    match moment {
        Moment::Before => {
            let threshold = if ok {
                "every answer is 200"
            } else {
                "no answer is 200"
            };
            let found = before(bundle, route);
            if found.is_empty() {
                let why = format!("nothing shows what {route} answered before the fix");
                return Measured::nothing(why, threshold);
            }
            let good = found.iter().filter(|seen| seen.ok).count();
            let observed = format!("{good} of {} with 200", count(found.len(), "observation"));
            let met = if ok { good == found.len() } else { good == 0 };
            let quotes = found.into_iter().filter(|seen| seen.ok == ok || !met);
            Measured::of(met, observed, threshold).quotes(quotes.map(|seen| seen.quote))
        }
        Moment::After => {
            let threshold = if ok {
                "the last answer is 200"
            } else {
                "the last answer is not 200"
            };
            let mut found = after(bundle, route);
            // A snapshot without a time was taken when the probes were over.
            found.sort_by_key(|seen| (seen.at.is_none(), seen.at));
            let Some(last) = found.last() else {
                let why = format!("nothing shows what {route} answered after the fix");
                return Measured::nothing(why, threshold);
            };
            let met = last.ok == ok;
            let failures = found.iter().filter(|seen| !seen.ok).count();
            let observed = format!(
                "{} of {} without 200, and the last {}",
                failures,
                count(found.len(), "probe"),
                if last.ok { "with 200" } else { "not 200" }
            );
            let mut quotes = vec![last.quote.clone()];
            quotes.extend(
                found
                    .iter()
                    .find(|seen| !seen.ok)
                    .map(|seen| seen.quote.clone()),
            );
            Measured::of(met, observed, threshold).quotes(quotes)
        }
    }
}

pub(super) fn stats_after(bundle: &Bundle) -> Measured {
    let threshold = "/diag/stats is the JSON of a worker";
    let after = [PhaseKind::Post, PhaseKind::Recovery]
        .into_iter()
        .find_map(|at| bundle.snapshots_of(SnapshotKind::Stats, at).next());
    match after.map(|snapshot| (snapshot, &snapshot.body)) {
        Some((snapshot, SnapshotBody::Stats(stats))) => {
            let age = stats
                .uptime_seconds
                .map_or_else(String::new, |age| format!(", {age:.0} s old"));
            let text = format!("pid {}{age}", stats.pid);
            Measured::of(true, text.clone(), threshold).quotes([quote_file(&snapshot.file, text)])
        }
        _ => Measured::nothing("no readable /diag/stats after the fix", threshold),
    }
}

/// Whether a worker that was not there at baseline holds no blocks.
pub(super) fn empty_replacement(bundle: &Bundle, at: PhaseKind) -> Measured {
    let threshold = "a worker that was not there at baseline, with 0 blocks";
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
    let mut fresh = stats(at).filter(|(_, stats)| !known.contains(&stats.pid));
    match fresh.find(|(_, stats)| stats.leak_block_count == Some(0)) {
        Some((snapshot, stats)) => {
            let text = format!("pid {} leak_block_count 0", stats.pid);
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
