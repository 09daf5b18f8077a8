//! The swap, in the platform's documented phases.
//!
//! 1. The code of the source slot is restarted with the sticky settings of the target, while the
//!    container that it had goes on serving the source. With preview the swap pauses here.
//! 2. It has to become warm; if it does not, the source gets its own settings back and nothing has
//!    happened to the target.
//! 3. The path of WEBSITE_SWAP_WARMUP_PING_PATH is asked. A status that
//!    WEBSITE_SWAP_WARMUP_PING_STATUSES does not list stops the swap; no answer is asked for again.
//! 4. Routing is switched: each slot serves from the other's container, from one request to the
//!    next.
//! 5. What ran in the target, now in the source slot, is restarted with the source's sticky
//!    settings. As recorded, neither container is renamed: each takes itself for the slot that it
//!    was in before.

use std::time::Duration;

use super::configuration::SlotConfiguration;
use super::name::SlotName;
use crate::host::HostError;
use crate::host::settings::Pace;
use crate::host::site::{Probe, Site, Staging, statuses};

/// How long one request for the warm-up path may take.
const PING_LIMIT: Duration = Duration::from_secs(90);
/// How often a request without an answer is tried.
const PINGS: u32 = 5;

/// Before a connection that failed is tried again.
const PING_PAUSE: Duration = Duration::from_millis(250);

/// A swap whose first phase is done.
#[derive(Debug)]
pub(in crate::host) struct PendingSwap {
    /// The slot that is swapped in.
    pub(in crate::host) source: SlotName,
    /// What the source was configured with before.
    source_before: SlotConfiguration,
    /// What runs in the source slot now and will run in the target.
    coming: SlotConfiguration,
    /// The container that was warmed up.
    container: Option<String>,
}

/// Phases 1 to 3: restart the source with the target's sticky settings and warm it up.
pub(in crate::host) async fn apply_preview(
    name: SlotName,
    source: &Site,
    target: &Site,
    pace: Pace,
) -> Result<PendingSwap, HostError> {
    let source_before = source.configuration();
    let coming = source_before.moved_into(&target.configuration());
    let staging = Staging {
        configuration: coming.clone(),
        // The container is not renamed by the swap: it stays who it is here.
        identity: source.identity().clone(),
    };
    let mut pending = PendingSwap {
        source: name,
        source_before,
        coming,
        container: None,
    };
    let warm = async {
        source.stage(staging).await?;
        warm_up(source, target, &pending.coming, pace).await
    };
    match warm.await {
        Ok(()) => {
            pending.container = source.status().container;
            Ok(pending)
        }
        Err(error) => {
            revert_preview(source).await;
            Err(HostError::SwapReverted {
                reason: error.to_string(),
            })
        }
    }
}

async fn warm_up(
    source: &Site,
    target: &Site,
    coming: &SlotConfiguration,
    pace: Pace,
) -> Result<(), HostError> {
    let set = |name| coming.app_setting(name);
    let probe = Probe {
        path: set("WEBSITE_SWAP_WARMUP_PING_PATH")
            .unwrap_or("/")
            .to_owned(),
        statuses: statuses(set("WEBSITE_SWAP_WARMUP_PING_STATUSES")),
        host: target.identity().host_name.clone(),
        agent: "SiteWarmup",
    };
    let dialer = source.status().dialer;
    let failed = |reason| HostError::StartFailed {
        site: source.identity().platform_name.clone(),
        reason,
    };
    let Some(dialer) = dialer else {
        return Err(failed("its container is gone".to_owned()));
    };
    let limit = pace.of(PING_LIMIT);
    let mut pings = 0;
    while pings < PINGS {
        pings += 1;
        match tokio::time::timeout(limit, probe.ask(&dialer, source.notify())).await {
            Ok(Ok(Some(status))) if probe.accepts(status) => return Ok(()),
            Ok(Ok(Some(status))) => {
                return Err(failed(format!(
                    "{} was answered {status}, which WEBSITE_SWAP_WARMUP_PING_STATUSES does not \
                     list",
                    probe.path
                )));
            }
            // Not an answer: it is asked once more.
            Ok(Ok(None)) => tokio::time::sleep(PING_PAUSE).await,
            // The emulator's own lack: the container was not asked.
            Ok(Err(_)) => {
                pings -= 1;
                tokio::time::sleep(PING_PAUSE).await;
            }
            Err(_) => {}
        }
    }
    Err(failed(format!(
        "{} gave no answer to {PINGS} requests of {:.1} s",
        probe.path,
        limit.as_secs_f64()
    )))
}

/// Phases 4 and 5: switch routing and restart what is in the source slot now.
pub(in crate::host) async fn complete(
    pending: PendingSwap,
    source: &Site,
    target: &Site,
) -> Result<(), HostError> {
    // In a long preview the source may have been changed, or its container may have died.
    if pending.container.is_none() || source.status().container != pending.container {
        revert_preview(source).await;
        return Err(HostError::SwapReverted {
            reason: "the container that was warmed up is gone".to_owned(),
        });
    }
    let target_before = target.configuration();
    let left = target_before.moved_into(&pending.source_before);
    let Some(coming) = source.take().await else {
        revert_preview(source).await;
        return Err(HostError::SwapReverted {
            reason: "the container that was warmed up is gone".to_owned(),
        });
    };
    let going = target.take().await;
    target.put(coming, pending.coming).await;
    match going {
        Some(going) => source.put(going, left).await,
        None => source.adopt(left),
    }
    // As recorded: what was in production still takes itself for production.
    source.restart_as(target.identity().clone());
    Ok(())
}

/// Give the source its own settings back.
pub(in crate::host) async fn revert_preview(source: &Site) {
    // Not what it had before the swap: somebody may have changed it meanwhile.
    let staging = Staging {
        configuration: source.configuration(),
        identity: source.identity().clone(),
    };
    // If it does not come up with its own settings either, its log says so.
    let _ = source.stage(staging).await;
}
