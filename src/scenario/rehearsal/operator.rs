//! The emulator as the one who does what only the platform can, and who hands over its tables.

use std::sync::Arc;

use super::downstream::Downstream;
use super::plan::{RehearsalPlan, recording};
use super::process_sampler;
use super::topology::{made, slot_named, slot_of};
use crate::evidence::TIMELINE;
use crate::evidence::processes::PROCESSES;
use crate::host::{Host, SlotName, SwapOptions};
use crate::scenario::shape::Action;
use crate::scenario::trigger::{
    Collecting, Effective, EffectiveSetting, Observing, Operator, Performed, Performing, TableFile,
};

/// The tables, by the names that the emulator and a bundle both give them.
const TABLES: [&str; 3] = ["http.jsonl", "console.jsonl", "platform.jsonl"];

/// The emulator as the one who does what only the platform can.
#[derive(Debug)]
pub struct Emulator {
    host: Arc<Host>,
    downstream: Option<Arc<Downstream>>,
    plan: RehearsalPlan,
}

impl Emulator {
    /// Of this emulator, which was started by this plan, with the service that is called.
    pub(super) const fn of(
        host: Arc<Host>,
        downstream: Option<Arc<Downstream>>,
        plan: RehearsalPlan,
    ) -> Self {
        Self {
            host,
            downstream,
            plan,
        }
    }
}

impl Operator for Emulator {
    fn perform<'a>(&'a mut self, action: &'a Action) -> Performing<'a> {
        Box::pin(async move {
            let done = match action {
                Action::SetStartupCommand { command } => {
                    let command = self.plan.startup_command(command);
                    self.host
                        .set_startup_command(SlotName::Production, &command)
                }
                Action::Swap { source, .. } => {
                    let options = SwapOptions {
                        source: slot_named(source),
                        preview: false,
                    };
                    self.host.swap(options).await
                }
                Action::SetSetting { setting } => {
                    let made = made(setting, self.plan.pace);
                    self.host.set_settings(slot_of(setting), [made])
                }
                Action::Restart { slot } => self.host.restart(slot_named(slot)),
                Action::TurnDownstream {
                    latency_seconds,
                    fail_share,
                } => {
                    let Some(downstream) = &self.downstream else {
                        return Err("the scenario has no service that is called".to_owned());
                    };
                    let latency = latency_seconds * self.plan.pace;
                    downstream.turn(latency, *fail_share).await?;
                    Ok(())
                }
            };
            done.map_err(|error| error.to_string())?;
            Ok(Performed {
                status: None,
                succeeded: Some(true),
                detail: "by the emulator".to_owned(),
            })
        })
    }

    /// The emulator itself says what each slot has.
    fn observe(&mut self) -> Observing<'_> {
        let seen: Vec<Effective> = self
            .host
            .slots()
            .into_iter()
            .filter_map(|name| {
                let configuration = self.host.configuration(name).ok()?;
                let settings = configuration.settings.into_values();
                Some(Effective {
                    slot: name.as_str().to_owned(),
                    startup_command: Some(configuration.startup_command),
                    settings: settings
                        .map(|setting| EffectiveSetting {
                            reference: self
                                .host
                                .reference(&setting)
                                .map(|status| status.as_str().to_owned()),
                            name: setting.name,
                            sticky: setting.sticky,
                        })
                        .collect(),
                })
            })
            .collect();
        Box::pin(async move { Ok(seen) })
    }

    /// The tables are whole once nothing can write to them any more: the emulator stops first.
    fn collect(&mut self) -> Collecting<'_> {
        Box::pin(async move {
            self.host.shut_down().await;
            let folder = self.host.tables_folder();
            let mut files: Vec<TableFile> = Vec::new();
            for table in TABLES {
                let path = folder.join(table);
                match std::fs::read_to_string(&path) {
                    Ok(text) => files.push((format!("tables/{table}"), text)),
                    Err(error) => return Err(format!("{}: {error}", path.display())),
                }
            }
            // A recording that is not there is no evidence that is missing: nothing is judged by it.
            if let Ok(text) = std::fs::read_to_string(recording(self.host.folder())) {
                files.push((TIMELINE.to_owned(), text));
            }
            if let Ok(text) = std::fs::read_to_string(process_sampler::file_in(self.host.folder()))
            {
                // No container served, and so nothing was looked at.
                if !text.is_empty() {
                    files.push((PROCESSES.to_owned(), text));
                }
            }
            Ok(files)
        })
    }
}
