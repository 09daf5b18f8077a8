//! A site: the container of one slot, its starts, its end, and what the platform logs of them.
//!
//! One task owns everything ([`actor`]); others send it orders and watch its [`SiteStatus`]. It
//! knows the front end only as the watcher of a [`Routing`].

mod actor;
mod command;
mod container;
mod elsewhere;
mod entrance;
mod environment;
mod health;
mod log;
mod order;
mod probe;
mod start;
mod startup;
mod stop;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::{Notify as Wakeup, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use order::Order;
pub(super) use order::{Running, Staging};
pub(super) use probe::{Probe, statuses};

use super::front_end::Routing;
use super::journal::Journal;
use super::settings::{Image, Mode, Network, Pace};
use super::{AutoHeal, Dialer, HostError, Notify, SlotConfiguration, Vault};
use crate::machine::memory_box::MemoryBox;

/// Who a site is, in the environment of its container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteIdentity {
    /// The site's name, the same in every slot.
    pub site_name: String,
    /// The name in the platform's log: with the slot's after an underscore.
    pub platform_name: String,
    /// The slot's host name.
    pub host_name: String,
    /// The instance, 64 hexadecimal digits.
    pub instance_id: String,
    /// What the targets of this run key their digests of credentials with.
    pub run_key: String,
    /// What the container sees as its slot: nothing in production.
    pub slot_variable: Option<&'static str>,
    /// The plan's tier.
    pub sku: &'static str,
}

/// What all sites of a run share.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) executable: PathBuf,
    /// The site's home folder.
    pub(super) home: PathBuf,
    /// `PATH` of the containers.
    pub(super) path: String,
    pub(super) computer: String,
    pub(super) journal: Arc<Journal>,
    pub(super) pace: Pace,
    pub(super) image: Image,
    pub(super) network: Network,
    pub(super) mode: Mode,
    pub(super) always_on: bool,
    pub(super) vault: Vault,
    pub(super) auto_heal: Option<Arc<AutoHeal>>,
    /// Who keeps the home, where it has a size of its own.
    pub(super) home_keeper: Option<u32>,
    /// Where each container has a folder of its own that is not in its home.
    pub(super) runtime: PathBuf,
    pub(super) memory_box: Option<Arc<MemoryBox>>,
    pub(super) failed_starts_until_block: u32,
    pub(super) notify: Notify,
    /// Takes what happens to the sites.
    pub(super) tell: Notify,
    /// How long a site may be without a request until it is unloaded.
    pub(super) idle_limit: Option<Duration>,
}

/// What a site is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Phase {
    /// A container is coming up, and none serves.
    Starting,
    /// A container serves, and another is coming up to take its place.
    Restarting,
    /// A container serves.
    Started,
    /// The container runs and is out of rotation because it is not ready.
    NotReady,
    /// The last start failed; a request starts it again.
    Failed {
        /// Why, in the platform's words, and where the container listens instead.
        reason: String,
    },
    /// Several starts failed; none is tried before then.
    Blocked {
        /// UTC.
        until: Timestamp,
    },
    /// Unloaded, because nobody asked for it for long; a request starts it again.
    Idle,
    /// Stopped by order.
    Stopped,
}

impl Phase {
    /// In a few words, for people.
    fn told(&self) -> String {
        match self {
            Self::Starting => "starts".to_owned(),
            Self::Restarting => "starts a new container, the old one serves".to_owned(),
            Self::Started => "is up".to_owned(),
            Self::NotReady => "is not ready, and out of rotation".to_owned(),
            Self::Failed { reason } => format!("did not start: {reason}"),
            Self::Blocked { until } => format!("is blocked until {until:.0}: starts failed"),
            Self::Idle => "was idle, and is unloaded until a request comes".to_owned(),
            Self::Stopped => "is stopped".to_owned(),
        }
    }
}

/// A site's state, for whoever wants to know.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SiteStatus {
    /// What it is doing.
    #[serde(flatten)]
    pub phase: Phase,
    /// Orders that have been carried out, or given up.
    #[serde(skip)]
    pub done: u64,
    /// Starts so far.
    pub starts: u64,
    /// The serving container, if there is one.
    pub container: Option<String>,
    /// Where that listens, in a network of its own where it has one.
    pub address: Option<String>,
    /// How that is reached.
    #[serde(skip)]
    pub dialer: Option<Dialer>,
    /// Process group of that container.
    pub process_group: Option<u32>,
    /// Since when that has been serving.
    pub started_at: Option<Timestamp>,
}

/// A handle of a site.
#[derive(Debug)]
pub(super) struct Site {
    identity: SiteIdentity,
    notify: Notify,
    orders: mpsc::UnboundedSender<(u64, Order)>,
    /// Number of the last order, and what the site is meant to be configured with.
    wanted: Mutex<(u64, SlotConfiguration)>,
    status: watch::Receiver<SiteStatus>,
    routing: watch::Receiver<Routing>,
    wake: Arc<Wakeup>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Site {
    /// Begin to run a site; its first start is under way when this returns.
    pub(super) fn begin(
        ground: Arc<Ground>,
        identity: SiteIdentity,
        configuration: SlotConfiguration,
    ) -> Self {
        let notify = ground.notify.clone();
        let (orders, incoming) = mpsc::unbounded_channel();
        let wake = Arc::new(Wakeup::new());
        let (actor, status, routing) = actor::Actor::new(
            ground,
            identity.clone(),
            configuration.clone(),
            Arc::clone(&wake),
        );
        let task = tokio::spawn(actor.run(incoming));
        let site = Self {
            identity,
            notify,
            orders,
            wanted: Mutex::new((0, configuration)),
            status,
            routing,
            wake,
            task: Mutex::new(Some(task)),
        };
        site.restart();
        site
    }

    pub(super) fn identity(&self) -> &SiteIdentity {
        &self.identity
    }

    /// Takes what the emulator has to say.
    pub(super) fn notify(&self) -> &Notify {
        &self.notify
    }

    pub(super) fn routing(&self) -> watch::Receiver<Routing> {
        self.routing.clone()
    }

    pub(super) fn wake(&self) -> Arc<Wakeup> {
        Arc::clone(&self.wake)
    }

    pub(super) fn status(&self) -> SiteStatus {
        self.status.borrow().clone()
    }

    /// What it is meant to be configured with.
    pub(super) fn configuration(&self) -> SlotConfiguration {
        self.wanted.lock().1.clone()
    }

    fn order(&self, order: Order) {
        self.send(&mut self.wanted.lock().0, order);
    }

    fn send(&self, number: &mut u64, order: Order) {
        *number += 1;
        // A site that is gone carries nothing out, which its status says.
        let _ = self.orders.send((*number, order));
    }

    /// Change the configuration, one change after another; the site restarts if it changed.
    pub(super) fn change(&self, change: impl FnOnce(&mut SlotConfiguration)) {
        let mut wanted = self.wanted.lock();
        let mut configuration = wanted.1.clone();
        change(&mut configuration);
        if wanted.1 == configuration {
            return;
        }
        wanted.1 = configuration.clone();
        self.send(&mut wanted.0, Order::Configure(configuration));
    }

    /// Be meant to run a configuration from the next start on.
    pub(super) fn adopt(&self, configuration: SlotConfiguration) {
        let mut wanted = self.wanted.lock();
        wanted.1 = configuration.clone();
        self.send(&mut wanted.0, Order::Adopt(Box::new(configuration)));
    }

    pub(super) fn restart(&self) {
        self.restart_as(self.identity.clone());
    }

    /// Restart what is configured, in a container that takes itself for another slot's.
    pub(super) fn restart_as(&self, identity: SiteIdentity) {
        self.order(Order::Restart(Box::new(identity)));
    }

    pub(super) fn stop(&self) {
        self.order(Order::Stop);
    }

    /// Restart with another configuration and identity, as the first step of a swap does, and wait
    /// until the new container is warm.
    pub(super) async fn stage(&self, staging: Staging) -> Result<(), HostError> {
        let (reply, answer) = oneshot::channel();
        self.order(Order::Stage(Box::new(staging), reply));
        answer.await.unwrap_or(Err(HostError::Stopping))
    }

    /// Hand over the serving container. Requests still go to it.
    pub(super) async fn take(&self) -> Option<Running> {
        let (reply, answer) = oneshot::channel();
        self.order(Order::Take(reply));
        answer.await.ok().flatten()
    }

    /// Serve from this container from now on, and be meant to run `configuration`.
    pub(super) async fn put(&self, running: Running, configuration: SlotConfiguration) {
        self.wanted.lock().1 = configuration.clone();
        let (reply, done) = oneshot::channel();
        self.order(Order::Put(
            Box::new(running),
            Box::new(configuration),
            reply,
        ));
        // When the site is gone, so is the container.
        let _ = done.await;
    }

    /// Wait until every order given so far is carried out and the site serves.
    pub(super) async fn wait_until_warm(&self, limit: Duration) -> Result<(), HostError> {
        let number = self.wanted.lock().0;
        let begun = Instant::now();
        let mut status = self.status.clone();
        let ended = status.wait_for(|status| {
            status.done >= number && !matches!(status.phase, Phase::Starting | Phase::Restarting)
        });
        let site = || self.identity.platform_name.clone();
        let reason = match tokio::time::timeout(limit, ended).await {
            Ok(Ok(status)) => match &status.phase {
                Phase::Started | Phase::NotReady => return Ok(()),
                Phase::Failed { reason } => reason.clone(),
                Phase::Blocked { .. } => "it is blocked after several failed starts".to_owned(),
                Phase::Idle => "it was idle, and starts with the next request".to_owned(),
                _ => "it is stopped".to_owned(),
            },
            Ok(Err(_)) => return Err(HostError::Stopping),
            Err(_) => {
                return Err(HostError::NotWarm {
                    site: site(),
                    seconds: begun.elapsed().as_secs_f64(),
                    state: format!("{:?}", self.status().phase).to_lowercase(),
                });
            }
        };
        Err(HostError::StartFailed {
            site: site(),
            reason,
        })
    }

    /// Stop for good. Nothing of the site is left when this returns.
    pub(super) async fn end(&self) {
        self.order(Order::End);
        let task = self.task.lock().take();
        if let Some(task) = task {
            // It ends by itself, or has been aborted with the runtime.
            let _ = task.await;
        }
    }
}
