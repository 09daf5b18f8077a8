//! A scenario with everything around it: the stand-in for App Service is the target and the
//! operator, and its log tables become part of the evidence.
//!
//! What it is for: [`Rehearsal::open`] builds the topology of one course and starts it; what it
//! gives back is played by [`super::trigger`] like any other target.
//!
//! What it must not know: how the result is judged or shown.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::apply::{self, Course};
use super::shape::{Action, Change, Estimate, Scenario, Setting, Step};
use super::trigger::{Collecting, Declared, Operator, Order, Performed, Performing, TableFile};
use crate::host::{
    self, Host, HostError, HostSettings, Notify, SlotConfiguration, SlotName, SlotSettings,
    SwapOptions,
};
use crate::load::{Target, TargetError};

/// How long a slot may take to become warm, before the pace is applied: the platform's own limit.
const WARM_LIMIT: Duration = Duration::from_secs(230);
/// The least of it that is left at any pace, because the processes are real.
const LEAST_WARM_LIMIT: Duration = Duration::from_secs(20);
/// The tables, by the names that the stand-in and a bundle both give them.
const TABLES: [&str; 3] = ["http.jsonl", "console.jsonl", "platform.jsonl"];

/// What is to be rehearsed.
#[derive(Debug, Clone)]
pub struct RehearsalPlan {
    /// The scenario.
    pub scenario: &'static Scenario,
    /// Which course of it.
    pub course: Course,
    /// The factor of every duration: the clients', the platform's, and those of `/slow`.
    pub pace: f64,
    /// The program `labrat`.
    pub executable: PathBuf,
    /// The command line that rehearses it again.
    pub command_line: String,
    /// Takes messages of the stand-in.
    pub notify: Notify,
}

/// Why a rehearsal could not begin.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The course changes what this machine cannot be made to have.
    #[error(
        "{scenario} with {course} cannot be rehearsed here: {why}\n\nhint: play it with `labrat trigger` against a target that has it"
    )]
    NotHere {
        /// The scenario.
        scenario: &'static str,
        /// The course.
        course: &'static str,
        /// What is lacking.
        why: &'static str,
    },
    /// No folder for the stand-in.
    #[error("making a folder for the stand-in: {0}")]
    Folder(std::io::Error),
    /// The stand-in.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The stand-in's address.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// A running stand-in with the scenario's target in it.
#[derive(Debug)]
pub struct Rehearsal {
    host: Arc<Host>,
    order: Order,
    /// The stand-in's folder, gone with the rehearsal.
    folder: TempDir,
}

impl Rehearsal {
    /// Build the topology, start it, and wait until it is warm where it is meant to be.
    ///
    /// # Errors
    /// When this machine cannot have the topology, or the stand-in or its site does not start.
    pub async fn open(plan: &RehearsalPlan) -> Result<Self, RehearsalError> {
        refuse_what_is_not_here(plan)?;
        let folder = tempfile::Builder::new()
            .prefix("labrat-rehearsal-")
            .tempdir()
            .map_err(RehearsalError::Folder)?;
        let (topology, settings) = apply::topology(plan.scenario, plan.course);
        let slot = |name: SlotName| SlotSettings {
            port: 0,
            configuration: SlotConfiguration::new(topology.startup_command)
                .with(slot_settings(plan, name, &settings)),
        };
        let mut host_settings =
            HostSettings::new(folder.path(), &plan.executable, topology.startup_command);
        host_settings.pace = plan.pace;
        host_settings.notify = plan.notify.clone();
        host_settings.production = slot(SlotName::Production);
        if topology.slots.len() > 1 {
            host_settings.staging = Some(slot(SlotName::Staging));
        }
        let host = Arc::new(Host::start(host_settings).await?);
        let mut slots = Vec::new();
        for (name, label) in host.slots().into_iter().zip(topology.slots) {
            if !plan.scenario.starts_down {
                let limit = WARM_LIMIT.mul_f64(plan.pace).max(LEAST_WARM_LIMIT);
                host.wait_until_warm(name, limit).await?;
            }
            slots.push((*label, Target::parse(&host.url(name)?)?));
        }
        let order = Order {
            scenario: plan.scenario,
            course: plan.course,
            slots,
            pace: plan.pace,
            key: None,
            declared: Declared {
                command_before: Some(topology.startup_command.to_owned()),
                command_after: command_after(plan.scenario),
                sticky: production_settings(&settings)
                    .map(|setting| (setting.name.to_owned(), setting.sticky))
                    .collect(),
            },
            mine: false,
            command_line: Some(plan.command_line.clone()),
        };
        Ok(Self {
            host,
            order,
            folder,
        })
    }

    /// What is to be played.
    #[must_use]
    pub fn order(&self) -> Order {
        self.order.clone()
    }

    /// Who does what only the platform can.
    #[must_use]
    pub fn operator(&self) -> StandIn {
        StandIn {
            host: Arc::clone(&self.host),
        }
    }

    /// Stop everything and leave nothing.
    pub async fn close(self) {
        self.host.shut_down().await;
        drop(self.folder);
    }
}

/// A course that changes what only another machine has would be played unchanged: refused.
fn refuse_what_is_not_here(plan: &RehearsalPlan) -> Result<(), RehearsalError> {
    let not_here = |why| RehearsalError::NotHere {
        scenario: plan.scenario.name(),
        course: plan.course.name(),
        why,
    };
    if matches!(plan.scenario.estimate, Estimate::Leak { .. }) {
        return Err(not_here(
            "this machine's memory is not that of a B1, and a rehearsal has no memory box yet",
        ));
    }
    for change in plan.course.changes(plan.scenario) {
        match change {
            Change::Plan { .. } => return Err(not_here("it needs a larger plan")),
            Change::Described { .. } => {
                return Err(not_here("it is a change of the program's code"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The settings of one slot: the scenario's, and the knobs that put `/slow` on the same pace.
fn slot_settings(plan: &RehearsalPlan, name: SlotName, settings: &[Setting]) -> Vec<host::Setting> {
    let mut own: Vec<host::Setting> = settings
        .iter()
        .filter(|setting| slot_of(setting) == name)
        .map(|setting| {
            let made = host::Setting::app(setting.name, setting.value);
            if setting.sticky { made.sticky() } else { made }
        })
        .collect();
    if let Estimate::Saturation {
        shortest_seconds,
        longest_seconds,
        ..
    } = plan.scenario.estimate
    {
        for (knob, seconds) in [
            ("LAB_SLOW_MIN_SECONDS", shortest_seconds),
            ("LAB_SLOW_MAX_SECONDS", longest_seconds),
        ] {
            own.push(host::Setting::app(knob, (seconds * plan.pace).to_string()));
        }
    }
    own
}

fn slot_of(setting: &Setting) -> SlotName {
    slot_named(setting.slot)
}

fn slot_named(name: &str) -> SlotName {
    match name {
        "staging" => SlotName::Staging,
        _ => SlotName::Production,
    }
}

fn production_settings(settings: &[Setting]) -> impl Iterator<Item = &Setting> {
    settings
        .iter()
        .filter(|setting| slot_of(setting) == SlotName::Production)
}

/// The startup command that the scenario's own steps end with, where they change it.
fn command_after(scenario: &Scenario) -> Option<String> {
    scenario.steps.iter().rev().find_map(|step| match step {
        Step::Act {
            action: Action::SetStartupCommand { command },
            ..
        } => Some((*command).to_owned()),
        _ => None,
    })
}

/// The stand-in as the one who does what only the platform can.
#[derive(Debug)]
pub struct StandIn {
    host: Arc<Host>,
}

impl Operator for StandIn {
    fn perform<'a>(&'a mut self, action: &'a Action) -> Performing<'a> {
        Box::pin(async move {
            let done = match action {
                Action::SetStartupCommand { command } => {
                    self.host.set_startup_command(SlotName::Production, command)
                }
                Action::Swap { source, .. } => {
                    let options = SwapOptions {
                        source: slot_named(source),
                        preview: false,
                    };
                    self.host.swap(options).await
                }
                Action::SetSetting { setting } => {
                    let made = host::Setting::app(setting.name, setting.value);
                    let made = if setting.sticky { made.sticky() } else { made };
                    self.host.set_settings(slot_of(setting), [made])
                }
                Action::Restart { slot } => self.host.restart(slot_named(slot)),
            };
            done.map_err(|error| error.to_string())?;
            Ok(Performed {
                status: None,
                succeeded: Some(true),
                detail: "by the stand-in".to_owned(),
            })
        })
    }

    /// The tables are whole once nothing can write to them any more: the stand-in stops first.
    fn collect(&mut self) -> Collecting<'_> {
        Box::pin(async move {
            self.host.shut_down().await;
            let folder = self.host.tables_folder();
            let mut files: Vec<TableFile> = Vec::new();
            for table in TABLES {
                let path = folder.join(table);
                match std::fs::read_to_string(&path) {
                    Ok(text) => files.push((format!("tables/{table}"), text)),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => return Err(format!("{}: {error}", path.display())),
                }
            }
            Ok(files)
        })
    }
}
