//! Auto swap: what is deployed to staging is swapped into production as soon as it is warm.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{SlotName, SlotsAtWork, SwapOptions};
use crate::host::settings::Pace;
use crate::host::{HostError, Notify};

/// How long a deployment may take to become warm: the platform's longest limit of a start.
const WARM_LIMIT: Duration = Duration::from_secs(1_800);

/// The task that waits for deployments to staging.
#[derive(Debug)]
pub(in crate::host) struct AutoSwap {
    deployments: mpsc::UnboundedSender<()>,
    task: JoinHandle<()>,
}

impl AutoSwap {
    /// Begin to wait for deployments.
    pub(in crate::host) fn begin(slots: Arc<SlotsAtWork>, notify: Notify, pace: Pace) -> Self {
        let (deployments, mut incoming) = mpsc::unbounded_channel();
        let limit = pace.of(WARM_LIMIT);
        let task = tokio::spawn(async move {
            while incoming.recv().await.is_some() {
                match swap_when_warm(&slots, limit).await {
                    Ok(()) => notify("auto swap: staging is in production now"),
                    Err(error) => notify(&format!("auto swap: production is as it was: {error}")),
                }
            }
        });
        Self { deployments, task }
    }

    /// Something new has been put into staging.
    pub(in crate::host) fn deployed(&self) {
        // The task lives as long as the emulator.
        let _ = self.deployments.send(());
    }

    /// Swap nothing any more.
    pub(in crate::host) fn end(&self) {
        self.task.abort();
    }
}

async fn swap_when_warm(slots: &SlotsAtWork, limit: Duration) -> Result<(), HostError> {
    let staging = &slots.slot(SlotName::Staging)?.site;
    staging.wait_until_warm(limit).await?;
    slots.swap(SwapOptions::default()).await
}
