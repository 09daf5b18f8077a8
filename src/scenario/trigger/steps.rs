//! The two kinds of steps that take time: load, and actions of the platform.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

use super::capture::look_at;
use super::error::TriggerError;
use super::found::Found;
use super::lane::{Sighting, interval_at, observe};
use super::operator::Performed;
use super::play::{Observer, Progress, Stage};
use super::prepare::Run;
use crate::evidence::manifest::{Event, EventKind, PhaseKind, Queued};
use crate::evidence::record::Recorder;
use crate::evidence::sample::{Sample, Status};
use crate::load::{Attempt, Event as LoadEvent, Group as LoadGroup, Phase, run_phase, stop_pair};
use crate::scenario::apply;
use crate::scenario::shape::{Action, Done, Group};
use crate::scenario::words::action_in_words;

/// How often a replaced process is looked for, before the pace is applied.
const REPLACEMENT_INTERVAL: Duration = Duration::from_secs(1);
/// Answers in a row from processes that were not there at baseline, before the swap is believed.
const REPLACEMENT_ANSWERS: u32 = 3;

impl Stage<'_> {
    pub(super) async fn load(
        &mut self,
        name: &str,
        kind: PhaseKind,
        groups: &[Group],
    ) -> Result<(), TriggerError> {
        let run = self.run;
        let groups = apply::groups(run.order.scenario, run.order.variant, name, groups);
        let Some(target) = run.production() else {
            return Ok(());
        };
        if groups.is_empty() {
            return Ok(());
        }
        let phase = paced_phase(name, &groups, run.order.pace);
        let concurrency = phase.groups.iter().map(|group| group.concurrency).sum();
        self.begin(&phase, kind, Some(concurrency))?;

        let (events, mut happened) = unbounded_channel();
        let (sightings, mut seen) = unbounded_channel();
        let (lane_handle, lane_stop) = stop_pair();
        let first_look = self.next_look;
        let mut lane = pin!(async {
            // A target that is expected to be down is watched by the load itself.
            if !run.order.scenario.starts_down {
                let every = interval_at(run.order.pace);
                let client = run.observer_client.clone();
                let target = target.clone();
                observe(client, target, every, first_look, sightings, lane_stop).await;
            }
        });
        let mut lane_ended = false;
        let stop = self.stop.clone();
        let mut stopping = self.stop.clone();
        let mut load = pin!(run_phase(&run.load_client, target, &phase, &events, &stop));
        let mut load_ended = false;
        while !(load_ended && lane_ended) {
            tokio::select! {
                _ = &mut load, if !load_ended => {
                    load_ended = true;
                    lane_handle.stop();
                }
                () = &mut lane, if !lane_ended => lane_ended = true,
                Some(event) = happened.recv() => self.take(event)?,
                Some(sighting) = seen.recv() => self.sight(sighting)?,
                () = stopping.stopped(), if load_ended => lane_ended = true,
            }
        }
        drain(&mut happened, |event| self.take(event))?;
        drain(&mut seen, |sighting| self.sight(sighting))?;
        let open_ended = groups.iter().any(|group| group.until_status.is_some());
        self.end(open_ended)
    }

    /// Ask for nothing.
    pub(super) async fn wait(&mut self, name: &str, for_seconds: f64) -> Result<(), TriggerError> {
        let phase = paced_phase(name, &[], self.run.order.pace);
        self.begin(&phase, PhaseKind::Trigger, None)?;
        let until = Instant::now() + seconds(for_seconds * self.run.order.pace);
        tokio::select! {
            () = self.stop.stopped() => {}
            () = tokio::time::sleep_until(until) => {}
        }
        self.end(false)
    }

    fn begin(
        &mut self,
        phase: &Phase,
        kind: PhaseKind,
        concurrency: Option<u32>,
    ) -> Result<(), TriggerError> {
        let total = phase.total();
        (self.observer)(Progress::Phase {
            name: &phase.name,
            total,
        });
        Ok(self
            .recorder
            .begin_phase(&phase.name, kind, total, concurrency)?)
    }

    /// End the phase. An open-ended one has sent what it was to send, however much that was.
    fn end(&mut self, open_ended: bool) -> Result<(), TriggerError> {
        self.recorder.end_phase()?;
        if open_ended && !self.stop.is_stopped() {
            self.recorder.amend(|manifest| {
                if let Some(phase) = manifest.phases.last_mut() {
                    phase.requests_planned = phase.requests_done;
                }
            })?;
        }
        (self.observer)(Progress::PhaseEnded);
        Ok(())
    }

    fn take(&mut self, event: LoadEvent) -> Result<(), TriggerError> {
        take(self.recorder, &mut self.found, self.observer, event)
    }

    fn sight(&mut self, sighting: Sighting) -> Result<(), TriggerError> {
        if self.usual.queued(sighting.path, sighting.seconds) {
            self.recorder.amend(|manifest| {
                let queued = manifest.sampler.queued.get_or_insert(Queued {
                    count: 0,
                    longest_seconds: 0.0,
                });
                queued.count += 1;
                queued.longest_seconds = queued.longest_seconds.max(sighting.seconds);
            })?;
        }
        if let Some(snapshot) = &sighting.snapshot {
            self.recorder.snapshot(snapshot)?;
        }
        self.next_look = self.next_look.max(sighting.number + 1);
        Ok(())
    }

    pub(super) async fn act(
        &mut self,
        name: &str,
        action: &Action,
        meanwhile: Option<&Group>,
        done: &Done,
    ) -> Result<(), TriggerError> {
        let run = self.run;
        let Some(target) = run.production() else {
            return Ok(());
        };
        let groups: Vec<Group> = meanwhile.into_iter().cloned().collect();
        let phase = paced_phase(name, &groups, run.order.pace);
        self.begin(&phase, PhaseKind::Trigger, None)?;
        (self.observer)(Progress::Acting(action));
        let at = Timestamp::now();

        let (events, mut happened) = unbounded_channel();
        let (probes_handle, probes_stop) = stop_pair();
        let mut probes = pin!(run_phase(
            &run.load_client,
            target,
            &phase,
            &events,
            &probes_stop
        ));
        let mut probing = true;
        let mut stopping = self.stop.clone();
        let processes = self.processes.clone();
        let operator = &mut *self.operator;
        let outcome = {
            let mut work = pin!(async {
                let performed = operator.perform(action).await?;
                let replaced = match done {
                    Done::Confirmed => None,
                    Done::ProcessReplaced { limit_seconds } => {
                        let limit = seconds(limit_seconds * run.order.pace);
                        Some(replaced(run, &processes, limit).await)
                    }
                };
                Ok::<_, String>((performed, replaced))
            });
            loop {
                tokio::select! {
                    outcome = &mut work => break Some(outcome),
                    () = stopping.stopped() => break None,
                    _ = &mut probes, if probing => probing = false,
                    Some(event) = happened.recv() => {
                        take(self.recorder, &mut self.found, self.observer, event)?;
                    }
                }
            }
        };
        probes_handle.stop();
        if probing {
            probes.await;
        }
        drain(&mut happened, |event| {
            take(self.recorder, &mut self.found, self.observer, event)
        })?;
        if let Some(outcome) = outcome {
            let (performed, replaced) = outcome.map_err(|why| TriggerError::Action {
                action: action_in_words(action),
                why,
            })?;
            self.recorder
                .event(event(at, action, &performed, replaced))?;
        }
        self.end(true)
    }
}

/// Write and count one event of the load.
fn take(
    recorder: &mut Recorder,
    found: &mut Found,
    observer: Observer<'_>,
    event: LoadEvent,
) -> Result<(), TriggerError> {
    match event {
        LoadEvent::Sent { .. } => observer(Progress::Sent),
        LoadEvent::Ended(attempt) => {
            recorder.sample(&sample(&attempt))?;
            found.count(&attempt);
            observer(Progress::Ended(&attempt));
        }
    }
    Ok(())
}

fn drain<T>(
    receiver: &mut UnboundedReceiver<T>,
    mut each: impl FnMut(T) -> Result<(), TriggerError>,
) -> Result<(), TriggerError> {
    while let Ok(item) = receiver.try_recv() {
        each(item)?;
    }
    Ok(())
}

fn paced_phase(name: &str, groups: &[Group], pace: f64) -> Phase {
    let groups = groups.iter().map(|group| {
        let made = LoadGroup {
            name: group.path.trim_start_matches('/').to_owned(),
            method: Method::GET,
            path: group.path.to_owned(),
            count: group.count,
            concurrency: group.concurrency,
            limit: seconds(group.limit_seconds),
            delay: seconds(group.delay_seconds),
            interval: seconds(group.interval_seconds),
            interval_grows: seconds(group.interval_grows_seconds),
            in_step: group.in_step,
            until_status: group.until_status,
        };
        match group.real_time {
            true => made,
            false => made.paced(pace),
        }
    });
    Phase {
        name: name.to_owned(),
        groups: groups.collect(),
    }
}

/// Seconds of the catalogue, which are never negative, as a duration.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// An attempt as a row of evidence.
fn sample(attempt: &Attempt) -> Sample {
    Sample {
        index: attempt.index,
        start: Some(attempt.started),
        route: attempt.path.to_string(),
        status: attempt
            .result
            .as_ref()
            .ok()
            .and_then(|status| Status::new(*status))
            .unwrap_or(Status::NONE),
        error: attempt.result.as_ref().err().map(|failure| failure.class),
        ttfb_seconds: attempt.first_byte.map(microseconds),
        total_seconds: Some(microseconds(attempt.total)),
        client_limit_seconds: Some(microseconds(attempt.limit)),
    }
}

/// Seconds with six digits: more would be noise.
fn microseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e6
}

/// Wait until only processes answer that were not there at baseline. Start times and not pids are
/// compared: in a container of its own every arbiter's first worker may have the same pid.
async fn replaced(run: &Run, before: &BTreeSet<String>, limit: Duration) -> bool {
    let Some(target) = run.production() else {
        return false;
    };
    let pause = seconds(REPLACEMENT_INTERVAL.as_secs_f64() * run.order.pace);
    let deadline = Instant::now() + limit;
    let mut strangers = 0;
    while Instant::now() < deadline {
        let left = deadline - Instant::now();
        let look = look_at(
            &run.observer_client,
            target,
            "/diag/stats",
            PhaseKind::Trigger,
            left,
        )
        .await;
        let start = serde_json::from_slice::<Value>(&look.snapshot.body)
            .ok()
            .and_then(|stats| Some(stats.get("process_start_time")?.as_str()?.to_owned()));
        strangers = match start {
            Some(start) if !before.contains(&start) => strangers + 1,
            _ => 0,
        };
        if strangers == REPLACEMENT_ANSWERS {
            return true;
        }
        tokio::time::sleep(pause).await;
    }
    false
}

fn event(at: Timestamp, action: &Action, performed: &Performed, replaced: Option<bool>) -> Event {
    let kind = match action {
        Action::SetStartupCommand { .. } => EventKind::CommandChanged,
        Action::Swap { .. } => EventKind::Swap,
        Action::SetSetting { .. } => EventKind::SettingChanged,
        Action::Restart { .. } => EventKind::Restart,
        Action::TurnDownstream { .. } => EventKind::DependencyChanged,
    };
    let mut detail = action_in_words(action);
    if !performed.detail.is_empty() {
        detail = format!("{detail}; {}", performed.detail);
    }
    match replaced {
        Some(true) => detail.push_str("; production's process was replaced"),
        Some(false) => detail.push_str("; production's process was not replaced in time"),
        None => {}
    }
    Event {
        at,
        kind,
        detail,
        status: performed.status,
        succeeded: performed.succeeded.or(replaced),
    }
}
