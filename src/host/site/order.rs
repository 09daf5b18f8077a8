//! What a site can be told, and what is handed from one site to another in a swap.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::SiteIdentity;
use super::container::Container;
use crate::host::front_end::Upstream;
use crate::host::{HostError, SlotConfiguration};

/// An order to a site.
#[derive(Debug)]
pub(super) enum Order {
    /// Run this configuration from now on.
    Configure(SlotConfiguration),
    /// Start anew, or start after a stop; the container is who the identity says.
    Restart(Box<SiteIdentity>),
    /// Be meant to run this configuration, without a start.
    Adopt(Box<SlotConfiguration>),
    /// Stop, and answer 403 until the next start.
    Stop,
    /// Restart for a swap, and say when it is warm.
    Stage(Box<Staging>, oneshot::Sender<Result<(), HostError>>),
    /// Hand over the serving container.
    Take(oneshot::Sender<Option<Running>>),
    /// Serve from this container.
    Put(Box<Running>, Box<SlotConfiguration>, oneshot::Sender<()>),
    /// Stop for good.
    End,
}

/// The configuration that a swap gives to the container that it is about to move.
#[derive(Debug)]
pub(in crate::host) struct Staging {
    /// The source's code with the target's sticky settings.
    pub(in crate::host) configuration: SlotConfiguration,
    /// The slot that the container is to serve.
    pub(in crate::host) identity: SiteIdentity,
}

/// A container that has been warm.
#[derive(Debug)]
pub(in crate::host) struct Running {
    pub(super) container: Container,
    pub(in crate::host) upstream: Arc<Upstream>,
    pub(super) started_at: Timestamp,
    /// Looks after its health; ended with it.
    pub(super) watcher: Option<Watcher>,
}

/// A task that ends when this is dropped.
#[derive(Debug)]
pub(super) struct Watcher(pub(super) JoinHandle<()>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.abort();
    }
}
