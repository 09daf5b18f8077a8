//! Why the measurement itself may be doubted.

use super::outcome::{QualityWarning, QualityWarningKind};
use super::text::{count, number, seconds};
use super::window::{Window, recovery_moment, rows_within};
use crate::evidence::Bundle;
use crate::evidence::bundle::{DigestState, FileState, HttpEvent, SampleSet};
use crate::evidence::manifest::{Completion, Manifest, PhaseKind};
use crate::tables::LogTime;

/// A step of the wall clock that shifts rows against samples.
const CLOCK_STEP_SECONDS: f64 = 0.5;

/// Idle time of the client within a phase that nobody planned.
const GAP_SECONDS: f64 = 10.0;

/// Rows this long before the first phase or after the last are of something else.
const OUTSIDE_SECONDS: f64 = 120.0;

/// Routes that labrat's own captures and the platform ask for.
const HOUSEKEEPING: [&str; 12] = [
    "/",
    "/health",
    "/health/",
    "/ready",
    "/config",
    "/diag/stats",
    "/diag/proc",
    "/diag/env",
    "/diag/slots",
    "/diag/workers",
    "/lab/reset",
    "/robots933456.txt",
];

/// Every warning, in the order of kinds.
pub(super) fn quality_warnings(bundle: &Bundle, window: &Window) -> Vec<QualityWarning> {
    let mut found = Vec::new();
    files(bundle, &mut found);
    if let Some(manifest) = &bundle.manifest {
        manifest_warnings(manifest, &mut found);
    }
    for set in &bundle.samples {
        samples(set, &mut found);
    }
    refused(bundle, &mut found);
    other_traffic(bundle, window, &mut found);
    tables(bundle, window, &mut found);
    later_start(bundle, &mut found);
    found.sort_by_key(|warning| warning.kind);
    found
}

fn add(found: &mut Vec<QualityWarning>, kind: QualityWarningKind, text: String) {
    found.push(QualityWarning { kind, text });
}

/// What is said of requests that the front end refused for a lack of its own; `None` without any.
pub fn refused_for_lack<'b>(rows: impl IntoIterator<Item = &'b HttpEvent>) -> Option<String> {
    let refused = rows
        .into_iter()
        .filter(|event| event.lacked_descriptor)
        .count();
    (refused > 0).then(|| {
        format!(
            "{} refused because the front end of the emulator had no descriptor left: the rows say \
             nothing about the site and do not count (raise its limit with `ulimit -n`)",
            count(refused, "request")
        )
    })
}

fn refused(bundle: &Bundle, found: &mut Vec<QualityWarning>) {
    let Some(mut text) = refused_for_lack(&bundle.http.rows) else {
        return;
    };
    // A sample has a status and no cause.
    let mut samples = bundle.samples_where(|_| true);
    if samples.any(|(_, sample)| sample.status.code() == 503) {
        text.push_str("; the clients' samples count with their 503");
    }
    add(found, QualityWarningKind::FrontEndShort, text);
}

fn files(bundle: &Bundle, found: &mut Vec<QualityWarning>) {
    let paths = |wanted: &dyn Fn(&crate::evidence::bundle::FileNote) -> bool| {
        let paths: Vec<&str> = bundle
            .files
            .iter()
            .filter(|file| wanted(file))
            .map(|file| file.path.as_str())
            .collect();
        paths.join(", ")
    };
    let altered = paths(&|file| file.digest == Some(DigestState::Altered));
    if !altered.is_empty() {
        add(
            found,
            QualityWarningKind::Altered,
            format!("changed after the manifest was written: {altered}"),
        );
    }
    let is_broken =
        |state: &FileState| matches!(state, FileState::Empty | FileState::Unreadable { .. });
    let manifest = bundle
        .files
        .iter()
        .find(|file| file.path == "manifest.json");
    if manifest.is_some_and(|file| is_broken(&file.state)) {
        let text =
            "the manifest is there and cannot be read, so that nothing can be compared with it";
        add(found, QualityWarningKind::Altered, text.to_owned());
    }
    let gone = paths(&|file| file.state == FileState::Missing);
    if !gone.is_empty() {
        add(
            found,
            QualityWarningKind::FileMissing,
            format!("listed in the manifest and not there: {gone}"),
        );
    }
}

fn manifest_warnings(manifest: &Manifest, found: &mut Vec<QualityWarning>) {
    match &manifest.completion {
        Completion::Complete => {}
        Completion::Unfinished => {
            let text = "the run ended without saying so: it was killed, or still lasts".to_owned();
            add(found, QualityWarningKind::CutShort, text);
        }
        Completion::CutShort { reason } => {
            add(
                found,
                QualityWarningKind::CutShort,
                format!("the run was cut short: {reason}"),
            );
        }
    }
    if let Some(drift) = manifest.clock.wall_minus_monotonic_seconds
        && drift.abs() > CLOCK_STEP_SECONDS
    {
        let text = format!("the wall clock moved {drift:+.3} s against the monotonic clock");
        add(found, QualityWarningKind::ClockStep, text);
    }
    if manifest.sampler.saturated {
        let text = "the load generator started requests later than planned".to_owned();
        add(found, QualityWarningKind::GeneratorSaturated, text);
    }
    for phase in &manifest.phases {
        if phase.requests_done < phase.requests_planned {
            let text = format!(
                "phase {}: {} of {} requests have an outcome",
                phase.name, phase.requests_done, phase.requests_planned
            );
            add(found, QualityWarningKind::SampleGap, text);
        }
    }
    if let Some(queued) = manifest.sampler.queued {
        let text = format!(
            "{} waited for a worker, the longest {}: they show a later moment than asked for",
            count(queued.count as usize, "snapshot"),
            seconds(queued.longest_seconds)
        );
        add(found, QualityWarningKind::CaptureQueued, text);
    }
    for (phase, workers) in &manifest.sampler.workers_seen {
        if let Some(of) = workers.of
            && workers.seen < of
        {
            let text = format!(
                "{}: {} of {of} workers told their counters",
                phase.word(),
                workers.seen
            );
            add(found, QualityWarningKind::WorkersUnseen, text);
        }
    }
    latency_warnings(manifest, found);
}

/// Durations of a memory box and of another pace compare with each other alone.
fn latency_warnings(manifest: &Manifest, found: &mut Vec<QualityWarning>) {
    if let Some(memory_box) = &manifest.topology.memory_box {
        let latencies = match memory_box.emulated {
            true => {
                "its latencies, which emulation makes many times longer, compare with each other \
                 and never with Azure's"
            }
            false => "its latencies compare with each other, and not with Azure's",
        };
        let text = format!("{}; {latencies}", memory_box.words());
        add(found, QualityWarningKind::Boxed, text);
    }
    if (manifest.pace - 1.0).abs() > 1e-9 {
        let text = format!(
            "durations of the client side were multiplied by {}",
            manifest.pace
        );
        add(found, QualityWarningKind::Paced, text);
    }
}

fn samples(set: &SampleSet, found: &mut Vec<QualityWarning>) {
    let mut indices: Vec<u32> = set.samples.iter().map(|sample| sample.index).collect();
    indices.sort_unstable();
    let highest = indices.last().copied().unwrap_or(0) as usize;
    let before = indices.len();
    indices.dedup();
    if indices.len() < highest || indices.len() < before {
        let text = format!(
            "{}: {} of {highest} rows, {} twice",
            set.file,
            indices.len(),
            before - indices.len()
        );
        add(found, QualityWarningKind::SampleGap, text);
    }
    // Probes after a fix are spaced on purpose.
    if set.kind == PhaseKind::Recovery {
        return;
    }
    let mut spans: Vec<(LogTime, LogTime)> = set
        .samples
        .iter()
        .filter_map(|sample| {
            let start = LogTime::from(sample.start?);
            Some((
                start,
                start.plus_seconds(sample.total_seconds.unwrap_or(0.0)),
            ))
        })
        .collect();
    spans.sort_unstable();
    let mut busy_until: Option<LogTime> = None;
    let mut widest = 0.0_f64;
    for (start, end) in spans {
        if let Some(until) = busy_until {
            widest = widest.max(start.seconds_since(until));
        }
        busy_until = Some(busy_until.map_or(end, |until| until.max(end)));
    }
    if widest > GAP_SECONDS {
        let text = format!(
            "{}: for {} no request was under way",
            set.file,
            seconds(widest)
        );
        add(found, QualityWarningKind::SampleGap, text);
    }
}

fn other_traffic(bundle: &Bundle, window: &Window, found: &mut Vec<QualityWarning>) {
    if !window.is_known() {
        return;
    }
    let sampled: Vec<&str> = {
        let mut routes: Vec<&str> = bundle
            .samples_where(|_| true)
            .map(|(_, sample)| sample.path())
            .collect();
        routes.sort_unstable();
        routes.dedup();
        routes
    };
    let foreign: Vec<_> = rows_within(bundle, window)
        .filter(|event| !sampled.contains(&&*event.route) && !HOUSEKEEPING.contains(&&*event.route))
        .collect();
    if let Some(first) = foreign.first() {
        let text = format!(
            "{} within the trigger are of routes that the run did not ask for, such as {}",
            count(foreign.len(), "row of the HTTP table").replace("tables", "table"),
            first.route
        );
        add(found, QualityWarningKind::OtherTraffic, text);
    }
    for route in sampled {
        rows_of_route(bundle, route, found);
    }
}

/// As many rows as requests, from the first sample of the route to the last.
fn rows_of_route(bundle: &Bundle, route: &str, found: &mut Vec<QualityWarning>) {
    let spans: Vec<(LogTime, LogTime)> = bundle
        .samples_where(|_| true)
        .filter(|(_, sample)| sample.path() == route)
        .filter_map(|(_, sample)| {
            let start = LogTime::from(sample.start?);
            Some((start, start.plus_seconds(sample.total_seconds?)))
        })
        .collect();
    let asked = bundle
        .samples_where(|_| true)
        .filter(|(_, sample)| sample.path() == route)
        .count();
    // A request without a time cannot be looked for.
    if spans.is_empty() || spans.len() < asked {
        return;
    }
    let span = Window {
        start: spans.iter().map(|(start, _)| *start).min(),
        end: spans.iter().map(|(_, end)| *end).max(),
        known_by: "the samples of the route",
    };
    let rows = bundle.http.rows.iter();
    let logged = rows
        .filter(|event| !event.is_deployment_site() && span.contains(event.time))
        .filter(|event| &*event.route == route)
        .count();
    if logged > asked && !HOUSEKEEPING.contains(&route) {
        let text = format!(
            "the HTTP table has {} of {route} within the trigger, and the run made {asked} requests",
            count(logged, "row")
        );
        add(found, QualityWarningKind::OtherTraffic, text);
    }
    if logged > 0 && logged < asked {
        let text = format!(
            "the HTTP table has {} of {route} for {asked} requests: not all were logged yet",
            count(logged, "row")
        );
        add(found, QualityWarningKind::TableIncomplete, text);
    }
}

/// A console that begins only after the target had recovered shows another start than the run's.
fn later_start(bundle: &Bundle, found: &mut Vec<QualityWarning>) {
    let (Some(first), Some(recovered)) = (bundle.console.rows.first(), recovery_moment(bundle))
    else {
        return;
    };
    if first.time > recovered {
        let text = format!(
            "every console row is later than the first answer after the fix at {recovered}: the \
             first at {} shows a later start, not the one that was fixed",
            first.time
        );
        add(found, QualityWarningKind::TableOutside, text);
    }
}

/// The whole run: from the first phase to the last, or what else is known of its length.
fn run_span(bundle: &Bundle, window: &Window) -> Option<(LogTime, LogTime)> {
    let clock = bundle.manifest.as_ref().map(|manifest| &manifest.clock);
    let start = clock.map(|clock| clock.started.into()).or(window.start)?;
    let end = clock
        .and_then(|clock| clock.ended)
        .map(LogTime::from)
        .or(recovery_moment(bundle))
        .or(window.end)?;
    Some((start, end.max(window.end.unwrap_or(end))))
}

fn tables(bundle: &Bundle, window: &Window, found: &mut Vec<QualityWarning>) {
    let Some((start, end)) = run_span(bundle, window) else {
        return;
    };
    let http: Vec<LogTime> = bundle
        .http
        .rows
        .iter()
        .filter(|event| !event.is_deployment_site())
        .map(|event| event.time)
        .collect();
    let console: Vec<LogTime> = bundle.console.rows.iter().map(|event| event.time).collect();
    let platform: Vec<LogTime> = bundle
        .platform
        .rows
        .iter()
        .map(|event| event.time)
        .collect();
    for (name, times) in [("HTTP", http), ("console", console), ("platform", platform)] {
        let early = times
            .iter()
            .filter(|time| start.seconds_since(**time) > OUTSIDE_SECONDS)
            .count();
        let late = times
            .iter()
            .filter(|time| time.seconds_since(end) > OUTSIDE_SECONDS)
            .count();
        let (Some(first), Some(last)) = (times.first(), times.last()) else {
            continue;
        };
        if early + late == 0 {
            continue;
        }
        let text = format!(
            "{name} table: {} of {} rows lie before the run and {} after it (rows {first} to {last}, run {start} to {end})",
            number(early as f64),
            number(times.len() as f64),
            number(late as f64),
        );
        add(found, QualityWarningKind::TableOutside, text);
    }
}
