//! When things happened: the load, and the fix.

use serde::Serialize;

use crate::evidence::Bundle;
use crate::evidence::bundle::HttpEvent;
use crate::evidence::manifest::{EventKind, PhaseKind};
use crate::tables::LogTime;

/// Seconds by which a request may be logged after the client saw its end.
const SLACK_SECONDS: f64 = 5.0;

/// The time of the load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Window {
    /// Its start.
    pub start: Option<LogTime>,
    /// Its end.
    pub end: Option<LogTime>,
    /// How that is known.
    pub known_by: &'static str,
}

impl Window {
    /// True if the moment is within, as far as the window is known: an unknown end excludes
    /// nothing.
    pub fn contains(&self, time: LogTime) -> bool {
        self.start
            .is_none_or(|start| time >= start.plus_seconds(-SLACK_SECONDS))
            && self
                .end
                .is_none_or(|end| time <= end.plus_seconds(SLACK_SECONDS))
    }

    /// True if the moment lies between both ends, as far as they are known, without any slack: a
    /// start just before the load, or a stop just after it, is not within.
    pub fn holds(&self, time: LogTime) -> bool {
        self.start.is_none_or(|start| time >= start) && self.end.is_none_or(|end| time <= end)
    }

    /// True if both ends are known.
    pub fn is_known(&self) -> bool {
        self.start.is_some() && self.end.is_some()
    }
}

/// When the load was put on: by the manifest's phases, else by the samples, else by the name of
/// the script's files and the rows of the HTTP table.
pub fn trigger_window(bundle: &Bundle) -> Window {
    by_phases(bundle)
        .or_else(|| by_samples(bundle))
        .or_else(|| by_script(bundle))
        .unwrap_or(Window {
            start: None,
            end: None,
            known_by: "nothing in the bundle",
        })
}

fn by_phases(bundle: &Bundle) -> Option<Window> {
    let phases = &bundle.manifest.as_ref()?.phases;
    let load = || {
        phases
            .iter()
            .filter(|phase| matches!(phase.kind, PhaseKind::Trigger | PhaseKind::Mid))
    };
    let start = load().filter_map(|phase| phase.started).min()?;
    let end = load().filter_map(|phase| phase.ended).max();
    Some(Window {
        start: Some(start.into()),
        end: end.map(LogTime::from),
        known_by: "the manifest's phases",
    })
}

fn by_samples(bundle: &Bundle) -> Option<Window> {
    let starts = || {
        bundle
            .trigger_samples()
            .filter_map(|(_, sample)| sample.start)
    };
    let start = LogTime::from(starts().min()?);
    let end = bundle
        .trigger_samples()
        .filter_map(|(_, sample)| {
            let begun = LogTime::from(sample.start?);
            Some(begun.plus_seconds(sample.total_seconds.unwrap_or(0.0)))
        })
        .max();
    Some(Window {
        start: Some(start),
        end,
        known_by: "the samples",
    })
}

/// Published runs: the script's files carry the moment of its start; its requests cannot have
/// lasted longer than all of them one after another, and the last row of such a route is the end.
fn by_script(bundle: &Bundle) -> Option<Window> {
    let start = bundle
        .samples
        .iter()
        .filter_map(|set| set.script_started)
        .min()?;
    let start = LogTime::from(start);
    let mut longest = 0.0;
    let mut routes: Vec<&str> = Vec::new();
    for (_, sample) in bundle.trigger_samples() {
        longest += sample.total_seconds.unwrap_or(0.0);
        if !routes.contains(&sample.path()) {
            routes.push(sample.path());
        }
    }
    if routes.is_empty() {
        return Some(Window {
            start: Some(start),
            end: recovery_moment(bundle),
            known_by: "the moment in the files' names and the first answer after the fix",
        });
    }
    let latest = start.plus_seconds(longest + SLACK_SECONDS);
    let end = bundle
        .http
        .rows
        .iter()
        .filter(|event| event.time >= start && event.time <= latest)
        .filter(|event| routes.contains(&&*event.route))
        .map(|event| event.time)
        .max();
    Some(Window {
        start: Some(start),
        end: Some(end.unwrap_or(latest)),
        known_by: "the moment in the files' names and the rows that follow it",
    })
}

/// The run, and the minutes before it in which the site was started; without a clock in the bundle,
/// the load with as much around it as an export may lag.
pub(super) fn with_start(bundle: &Bundle, window: &Window) -> Window {
    const BEFORE_SECONDS: f64 = 600.0;
    const AFTER_SECONDS: f64 = 1_200.0;
    let clock = bundle.manifest.as_ref().map(|manifest| &manifest.clock);
    let start = clock.map(|clock| clock.started.into()).or(window.start);
    let end = clock.and_then(|clock| clock.ended).map(LogTime::from);
    let end = end.or_else(|| window.end.map(|end| end.plus_seconds(AFTER_SECONDS)));
    Window {
        start: start.map(|start| start.plus_seconds(-BEFORE_SECONDS)),
        end,
        known_by: window.known_by,
    }
}

/// From the first phase of the run to the last, without any slack; all of time where no phase is
/// known.
pub(super) fn run_window(bundle: &Bundle) -> Window {
    let phases = bundle.manifest.iter().flat_map(|manifest| &manifest.phases);
    let start = phases.clone().filter_map(|phase| phase.started).min();
    let end = phases.filter_map(|phase| phase.ended).max();
    Window {
        start: start.map(LogTime::from),
        end: end.map(LogTime::from),
        known_by: "the manifest's phases",
    }
}

/// When the fix was applied: by the manifest's events, else by the first probe after it.
pub(super) fn fix_moment(bundle: &Bundle) -> Option<LogTime> {
    let by_event = bundle.manifest.as_ref().and_then(|manifest| {
        let fixes = manifest.events.iter().filter(|event| {
            matches!(
                event.kind,
                EventKind::CommandChanged | EventKind::SettingChanged | EventKind::Swap
            )
        });
        fixes.map(|event| event.at).max()
    });
    let by_probe = || {
        bundle
            .samples_where(|kind| kind == PhaseKind::Recovery)
            .filter_map(|(_, sample)| sample.start)
            .min()
    };
    by_event.or_else(by_probe).map(LogTime::from)
}

/// When the target answered for the first time after the fix.
pub(super) fn recovery_moment(bundle: &Bundle) -> Option<LogTime> {
    bundle
        .samples_where(|kind| kind == PhaseKind::Recovery)
        .filter(|(_, sample)| sample.status.code() == 200)
        .filter_map(|(_, sample)| sample.start)
        .min()
        .map(LogTime::from)
}

/// Rows that tell something of the site itself, within the window.
pub(super) fn rows_within<'b>(
    bundle: &'b Bundle,
    window: &Window,
) -> impl Iterator<Item = &'b HttpEvent> {
    let window = window.clone();
    bundle
        .http
        .rows
        .iter()
        .filter(move |event| event.is_of_the_site() && window.contains(event.time))
}
