//! Playing: step after step, with everything written as it comes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::capture::{capture, pool_pids};
use super::error::TriggerError;
use super::found::{Comparison, Found};
use super::lane::{Baseline, Lag, ROUTES};
use super::operator::Operator;
use super::prepare::Run;
use crate::evidence::manifest::{Completion, Manifest, PhaseKind, Setting};
use crate::evidence::record::Recorder;
use crate::load::{Attempt, StopSignal, Target};
use crate::scenario::apply;
use crate::scenario::shape::{Action, Step};

/// What happens, for whoever shows it.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A phase begins.
    Phase {
        /// Its name.
        name: &'a str,
        /// How many requests it sends; the most, where something may end it earlier.
        total: u32,
    },
    /// A request was begun.
    Sent,
    /// A request ended.
    Ended(&'a Attempt),
    /// The phase ended.
    PhaseEnded,
    /// Snapshots are being taken.
    Capturing(PhaseKind),
    /// The platform is to do something.
    Acting(&'a Action),
    /// Something worth a line, a whole sentence.
    Note(&'a str),
}

/// How a run ended.
#[derive(Debug)]
pub struct Played {
    /// The manifest as it was last written.
    pub manifest: Manifest,
    /// What was counted.
    pub found: Found,
    /// Expected beside found.
    pub comparisons: Vec<Comparison>,
    /// Whether it was stopped before its end.
    pub cut_short: bool,
}

/// A listener of progress.
pub type Observer<'a> = &'a mut (dyn FnMut(Progress<'_>) + Send);

/// All that the steps share.
pub(super) struct Stage<'a> {
    pub(super) run: &'a Run,
    pub(super) recorder: &'a mut Recorder,
    pub(super) operator: &'a mut dyn Operator,
    pub(super) observer: Observer<'a>,
    pub(super) stop: StopSignal,
    pub(super) found: Found,
    pub(super) usual: Baseline,
    /// Start times of the processes that answered at baseline.
    pub(super) processes: BTreeSet<String>,
    /// The number of the lane's next look.
    pub(super) next_look: u32,
    pub(super) lag: Lag,
}

impl Run {
    /// Play every step and end the bundle. A stop ends it early, keeps what was captured, and says
    /// so in the manifest.
    ///
    /// # Errors
    /// When the bundle cannot be written, or an action was not done; what was written until then
    /// stays and reads as cut short, or as unfinished where not even that could be written.
    pub async fn play(
        &self,
        mut recorder: Recorder,
        operator: &mut dyn Operator,
        observer: Observer<'_>,
        stop: StopSignal,
    ) -> Result<Played, TriggerError> {
        let mut stage = Stage {
            run: self,
            recorder: &mut recorder,
            operator,
            observer,
            stop: stop.clone(),
            found: Found::default(),
            usual: Baseline::default(),
            processes: BTreeSet::new(),
            next_look: 1,
            lag: Lag::measure(),
        };
        let mut lost = None;
        let outcome = match stage.every_step().await {
            Ok(()) => match stage.collect().await {
                // The run was played, and what it left is judged for what it is.
                Err(TriggerError::Tables(why)) => {
                    lost = Some(TriggerError::Tables(why).to_string());
                    Ok(())
                }
                collected => collected,
            },
            Err(error) => Err(error),
        };
        let found = std::mem::take(&mut stage.found);
        if let Err(error) = outcome {
            let reason = error.to_string();
            // The first error is the one to tell; a full disk fails here again.
            let _ = recorder.finish(Completion::CutShort { reason });
            return Err(error);
        }
        let cut_short = stop.is_stopped();
        let completion = if cut_short {
            Completion::CutShort {
                reason: "stopped by a signal".to_owned(),
            }
        } else if let Some(reason) = lost {
            Completion::CutShort { reason }
        } else {
            Completion::Complete
        };
        let manifest = recorder.finish(completion)?;
        Ok(Played {
            manifest,
            comparisons: self.expectation.beside(&found),
            found,
            cut_short,
        })
    }

    pub(super) fn production(&self) -> Option<&Target> {
        self.order.slots.first().map(|(_, target)| target)
    }
}

impl Stage<'_> {
    async fn every_step(&mut self) -> Result<(), TriggerError> {
        let scenario = self.run.order.scenario;
        if let super::State::Down { why } = self.run.state() {
            let sentence =
                format!("The target did not answer before the load, as expected: {why}.");
            self.note(&sentence)?;
        }
        self.observe(PhaseKind::Baseline).await?;
        for step in &scenario.steps {
            if self.stop.is_stopped() {
                return Ok(());
            }
            match step {
                Step::Capture { moment } => self.capture(*moment).await?,
                Step::Load { name, kind, groups } => self.load(name, *kind, groups).await?,
                Step::Wait { name, seconds } => {
                    if apply::does(scenario, self.run.order.variant, name) {
                        self.wait(name, *seconds).await?;
                    }
                }
                Step::Act {
                    name,
                    action,
                    meanwhile,
                    done,
                } => {
                    if !apply::does(scenario, self.run.order.variant, name) {
                        continue;
                    }
                    self.act(name, action, meanwhile.as_ref(), done).await?;
                    self.observe(PhaseKind::Post).await?;
                }
            }
        }
        self.tell_lag()
    }

    /// Put the operator's log tables into the bundle.
    async fn collect(&mut self) -> Result<(), TriggerError> {
        let tables = self.operator.collect().await;
        for (file, text) in tables.map_err(TriggerError::Tables)? {
            self.recorder.text(&file, &text)?;
        }
        Ok(())
    }

    pub(super) fn note(&mut self, sentence: &str) -> Result<(), TriggerError> {
        (self.observer)(Progress::Note(sentence));
        Ok(self.recorder.note(sentence)?)
    }

    /// Keep what the platform says that is effective now. Where it cannot be asked, what somebody
    /// told who looked there counts; what the scenario means to be there is no evidence.
    async fn observe(&mut self, moment: PhaseKind) -> Result<(), TriggerError> {
        let before = moment == PhaseKind::Baseline;
        let declared = &self.run.order.declared;
        let told = match before {
            true => declared.command_before.clone(),
            false => declared.command_after.clone(),
        };
        let effective = match self.operator.observe().await {
            Ok(effective) => effective,
            Err(why) => {
                self.note(&format!(
                    "At {} the platform did not say what is effective: {why}.",
                    moment.word()
                ))?;
                Vec::new()
            }
        };
        let seen = effective
            .first()
            .and_then(|slot| slot.startup_command.clone());
        let command = seen.or(told);
        if let Some(command) = &command {
            let folder = if before { "baseline" } else { "post" };
            let file = format!("{folder}/startup-command.txt");
            self.recorder.text(&file, &format!("{command}\n"))?;
        }
        if before && !effective.is_empty() {
            let settings: Vec<Setting> = effective
                .into_iter()
                .flat_map(|slot| {
                    let name = slot.slot;
                    slot.settings.into_iter().map(move |setting| Setting {
                        name: setting.name,
                        value: "<redacted>".to_owned(),
                        slot: Some(name.clone()),
                        sticky: Some(setting.sticky),
                        reference: setting.reference,
                    })
                })
                .collect();
            self.recorder.amend(|manifest| {
                manifest.topology.startup_command = command;
                manifest.topology.settings = settings;
            })?;
        }
        Ok(())
    }

    async fn capture(&mut self, moment: PhaseKind) -> Result<(), TriggerError> {
        if moment == PhaseKind::Baseline && *self.run.state() != super::State::Up {
            return Ok(());
        }
        (self.observer)(Progress::Capturing(moment));
        let slots = &self.run.order.slots;
        let captured = tokio::select! {
            biased;
            () = self.stop.stopped() => return Ok(()),
            captured = capture(&self.run.observer_client, slots, moment) => captured,
        };
        for snapshot in &captured.snapshots {
            self.recorder.snapshot(snapshot)?;
            self.learn(moment, &snapshot.file, &snapshot.body, snapshot.seconds);
        }
        for note in &captured.notes {
            self.note(note)?;
        }
        if let Some(workers) = captured.workers {
            let of = workers.of.map_or_else(
                || "an unknown number of".to_owned(),
                |count| count.to_string(),
            );
            let sentence = format!(
                "At {} {} of {of} workers answered /diag/stats.",
                moment.word(),
                workers.seen
            );
            (self.observer)(Progress::Note(&sentence));
            self.recorder.amend(|manifest| {
                manifest.sampler.workers_seen.insert(moment, workers);
            })?;
        }
        Ok(())
    }

    /// Take from a snapshot what the rest of the run needs.
    fn learn(&mut self, moment: PhaseKind, file: &str, body: &[u8], seconds: f64) {
        let Ok(answer) = serde_json::from_slice::<Value>(body) else {
            return;
        };
        if file.contains("diag-stats") {
            let pid = answer.get("pid").and_then(Value::as_u64);
            let blocks = answer.get("leak_block_count").and_then(Value::as_u64);
            if let (Some(Ok(pid)), Some(blocks)) = (pid.map(u32::try_from), blocks) {
                self.found.leaked_blocks.insert(pid, blocks);
            }
        }
        let pids = match file.contains("diag-workers") {
            true => pool_pids(body),
            false => BTreeSet::new(),
        };
        match moment {
            PhaseKind::Baseline => {
                self.found.workers_before.extend(pids);
                if let Some(start) = answer.get("process_start_time").and_then(Value::as_str) {
                    self.processes.insert(start.to_owned());
                }
                let route = ROUTES.iter().find(|(_, name)| file.contains(name));
                if let Some((path, _)) = route {
                    self.usual.0.push((path, seconds));
                }
            }
            PhaseKind::Post => self.found.workers_after.extend(pids),
            _ => {}
        }
    }

    fn tell_lag(&mut self) -> Result<(), TriggerError> {
        let longest = self.lag.longest();
        if longest <= Lag::BEARABLE {
            return Ok(());
        }
        self.recorder
            .amend(|manifest| manifest.sampler.saturated = true)?;
        self.note(&format!(
            "The client itself was late by up to {:.0} ms: its latencies hold that delay.",
            longest.as_secs_f64() * 1000.0
        ))
    }
}
