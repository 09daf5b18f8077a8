//! The stand-in of one rehearsal, from its start until nothing is left of it.

use std::sync::Arc;
use std::time::Duration;

use super::downstream::Downstream;
use super::folder::Folder;
use super::operator::StandIn;
use super::plan::{RehearsalError, RehearsalPlan, refuse_what_is_not_here};
use super::topology;
use crate::host::Host;
use crate::load::Target;
use crate::scenario::trigger::Order;

/// How long a slot may take to become warm, before the pace is applied: the platform's own limit.
const WARM_LIMIT: Duration = Duration::from_secs(230);
/// The least of it that is left at any pace, because the processes are real.
const LEAST_WARM_LIMIT: Duration = Duration::from_secs(20);

/// A running stand-in with the scenario's target in it.
#[derive(Debug)]
pub struct Rehearsal {
    plan: RehearsalPlan,
    host: Arc<Host>,
    downstream: Option<Arc<Downstream>>,
    order: Order,
    /// The stand-in's folder, gone with the rehearsal.
    folder: Folder,
}

impl Rehearsal {
    /// Build the topology, start it, and wait until it is warm where it is meant to be.
    ///
    /// # Errors
    /// When this machine cannot have the topology, or the stand-in or its site does not start.
    pub async fn open(plan: &RehearsalPlan) -> Result<Self, RehearsalError> {
        refuse_what_is_not_here(plan)?;
        let folder = Folder::make().map_err(RehearsalError::Folder)?;
        let downstream = match plan.scenario.topology.around.downstream {
            true => Some(Arc::new(Downstream::start(&plan.executable).await?)),
            false => None,
        };
        let settings = topology::host_settings(plan, folder.path(), downstream.as_deref());
        let host = Arc::new(Host::start(settings).await?);
        let slots = warm_slots(plan, &host).await?;
        let order = Order {
            scenario: plan.scenario,
            course: plan.course,
            slots,
            pace: plan.pace,
            key: None,
            declared: topology::declared(plan),
            mine: false,
            command_line: Some(plan.command_line.clone()),
        };
        Ok(Self {
            plan: plan.clone(),
            host,
            downstream,
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
        StandIn::of(
            Arc::clone(&self.host),
            self.downstream.clone(),
            self.plan.clone(),
        )
    }

    /// Stop everything and leave nothing.
    pub async fn close(self) {
        self.host.shut_down().await;
        drop(self.folder);
    }
}

/// Every slot's name and address, once it is warm where it is meant to be.
async fn warm_slots(
    plan: &RehearsalPlan,
    host: &Host,
) -> Result<Vec<(&'static str, Target)>, RehearsalError> {
    let labels = plan.scenario.topology.slots;
    let mut slots = Vec::new();
    for (name, label) in host.slots().into_iter().zip(labels) {
        if !plan.scenario.starts_down {
            let limit = WARM_LIMIT.mul_f64(plan.pace).max(LEAST_WARM_LIMIT);
            host.wait_until_warm(name, limit).await?;
        }
        slots.push((*label, Target::parse(&host.url(name)?)?));
    }
    Ok(slots)
}
