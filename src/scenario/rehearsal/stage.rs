//! The emulator of one rehearsal, from its start until nothing is left of it.

use std::sync::Arc;
use std::time::Duration;

use super::database_server::DatabaseServer;
use super::downstream::Downstream;
use super::error::RehearsalError;
use super::memory_box;
use super::operator::Emulator;
use super::plan::{RehearsalPlan, recording, refuse_what_is_not_here};
use super::process_sampler::ProcessSampler;
use super::{prepared, topology};
use crate::host::Host;
use crate::load::{StopSignal, Target};
use crate::machine::memory_box::{Inside, MemoryBox, sweep};
use crate::scenario::apply;
use crate::scenario::own_folder::{OwnFolder, Purpose};
use crate::scenario::trigger::{Declared, Order};

/// How long a slot may take to become warm, before the pace is applied: the platform's own limit.
const WARM_LIMIT: Duration = Duration::from_secs(230);
/// The least of it that is left at any pace, because the processes are real.
const LEAST_WARM_LIMIT: Duration = Duration::from_secs(20);

/// A running emulator with the scenario's target in it.
#[derive(Debug)]
pub struct Rehearsal {
    plan: RehearsalPlan,
    host: Arc<Host>,
    downstream: Option<Arc<Downstream>>,
    database_server: Option<DatabaseServer>,
    order: Order,
    memory_box: Option<Arc<MemoryBox>>,
    /// Looks at the server's processes; `None` where they are in a virtual machine.
    sampler: Option<ProcessSampler>,
    /// The emulator's folder, gone with the rehearsal.
    folder: OwnFolder,
}

impl Rehearsal {
    /// Build the topology, start it, and wait until it is warm where it is meant to be.
    ///
    /// # Errors
    /// When this machine cannot have the topology, or the emulator or its site does not start, or
    /// `stop` is raised before; nothing is left then.
    pub async fn open(plan: &RehearsalPlan, stop: StopSignal) -> Result<Self, RehearsalError> {
        refuse_what_is_not_here(plan)?;
        let folder = OwnFolder::make(Purpose::Rehearsal).map_err(RehearsalError::Folder)?;
        prepared::prepare(plan, folder.path()).await?;
        let downstream = match plan.scenario.topology.around.downstream {
            true => Some(Arc::new(Downstream::start(&plan.executable).await?)),
            false => None,
        };
        let database_server = match apply::database_server(plan.scenario, plan.variant) {
            Some(wanted) => Some(DatabaseServer::start(plan, wanted).await?),
            None => None,
        };
        let memory_box = prepare_box(plan).await?;
        let mut settings = topology::host_settings(
            plan,
            folder.path(),
            downstream.as_deref(),
            database_server.as_ref(),
        );
        settings.memory_box.clone_from(&memory_box);
        plan.feed
            .record(&recording(folder.path()))
            .map_err(RehearsalError::Folder)?;
        let front_end_limit = settings.front_end_limit.as_secs_f64() * plan.pace;
        let host = Arc::new(Host::start(settings).await?);
        host.watch(&plan.feed)?;
        let is_here = !matches!(
            memory_box.as_deref().map(MemoryBox::inside),
            Some(Inside::Vm(_))
        );
        let sampler = is_here
            .then(|| ProcessSampler::start(Arc::clone(&host), folder.path(), plan.pace))
            .transpose()
            .map_err(RehearsalError::Folder)?;
        let order = Order {
            scenario: plan.scenario,
            variant: plan.variant,
            slots: Vec::new(),
            pace: plan.pace,
            key: None,
            declared: Declared {
                memory_box: memory_box.as_deref().map(memory_box::told),
                front_end_limit_seconds: Some(front_end_limit),
                ..Declared::default()
            },
            mine: false,
            command_line: Some(plan.command_line.clone()),
        };
        let mut rehearsal = Self {
            plan: plan.clone(),
            host,
            downstream,
            database_server,
            order,
            memory_box,
            sampler,
            folder,
        };
        match rehearsal.warm_slots(stop).await {
            Ok(slots) => {
                rehearsal.order.slots = slots;
                Ok(rehearsal)
            }
            Err(error) => {
                rehearsal.close().await;
                Err(error)
            }
        }
    }

    /// Every slot's name and address, once it is warm where it is meant to be.
    async fn warm_slots(
        &self,
        mut stop: StopSignal,
    ) -> Result<Vec<(&'static str, Target)>, RehearsalError> {
        let (plan, host) = (&self.plan, &self.host);
        let labels = &plan.scenario.topology.slots;
        let mut slots = Vec::new();
        for (name, label) in host.slots().into_iter().zip(labels) {
            if !plan.scenario.starts_down {
                let limit = WARM_LIMIT.mul_f64(plan.pace).max(LEAST_WARM_LIMIT);
                tokio::select! {
                    warm = host.wait_until_warm(name, limit) => warm?,
                    () = stop.stopped() => return Err(RehearsalError::Stopped),
                }
            }
            slots.push((label.as_str(), Target::parse(&host.url(name)?)?));
        }
        Ok(slots)
    }

    /// What is to be played.
    #[must_use]
    pub fn order(&self) -> Order {
        self.order.clone()
    }

    /// Who does what only the platform can.
    #[must_use]
    pub fn operator(&self) -> Emulator {
        Emulator::of(
            Arc::clone(&self.host),
            self.downstream.clone(),
            self.plan.clone(),
        )
    }

    /// Stop everything and leave nothing.
    pub async fn close(self) {
        self.host.shut_down().await;
        if let Some(server) = self.database_server {
            server.stop().await;
        }
        let undone = tokio::task::spawn_blocking(move || {
            // Others may still hold the box for a moment, and nobody uses it any more.
            if let Some(memory_box) = &self.memory_box {
                memory_box.take_away();
            }
            drop(self.sampler);
            drop(self.folder);
        });
        // Where it is broken off, the next rehearsal does it.
        let _ = undone.await;
    }
}

/// Making swap space takes a while.
async fn prepare_box(plan: &RehearsalPlan) -> Result<Option<Arc<MemoryBox>>, RehearsalError> {
    let plan = plan.clone();
    let prepared = tokio::task::spawn_blocking(move || {
        // Also where this rehearsal needs no box: a killed one may have left swap switched on.
        sweep(&plan.scratch);
        memory_box::prepare(&plan)
    });
    let made = prepared.await.map_err(|_| RehearsalError::BrokenOff)??;
    Ok(made.map(Arc::new))
}
