//! The slots of a running emulator, and the swap between them.

use tokio::sync::Mutex;

use super::SlotName;
use super::swap::{self, PendingSwap};
use crate::host::Notify;
use crate::host::prepare::Slot;
use crate::host::settings::Pace;
use crate::host::{HostError, Phase};

/// Which slot is swapped into which, and whether to pause before routing is switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwapOptions {
    /// The slot that is swapped in; the other is swapped out.
    pub source: SlotName,
    /// Pause when the source runs with the target's settings.
    pub preview: bool,
}

impl Default for SwapOptions {
    fn default() -> Self {
        Self {
            source: SlotName::Staging,
            preview: false,
        }
    }
}

/// Production, and staging if there is one.
#[derive(Debug)]
pub(in crate::host) struct SlotsAtWork {
    production: Slot,
    staging: Option<Slot>,
    pace: Pace,
    tell: Notify,
    /// One swap at a time; holds one that waits for the end of its preview.
    swap: Mutex<Option<PendingSwap>>,
}

impl SlotsAtWork {
    pub(in crate::host) fn new(
        production: Slot,
        staging: Option<Slot>,
        pace: Pace,
        tell: Notify,
    ) -> Self {
        Self {
            production,
            staging,
            pace,
            tell,
            swap: Mutex::new(None),
        }
    }

    pub(in crate::host) fn slot(&self, name: SlotName) -> Result<&Slot, HostError> {
        match (name, &self.staging) {
            (SlotName::Production, _) => Ok(&self.production),
            (SlotName::Staging, Some(slot)) => Ok(slot),
            (SlotName::Staging, None) => Err(HostError::NoSlot(name)),
        }
    }

    pub(in crate::host) fn all(&self) -> impl Iterator<Item = &Slot> {
        std::iter::once(&self.production).chain(&self.staging)
    }

    pub(in crate::host) fn names(&self) -> Vec<SlotName> {
        match self.staging {
            Some(_) => vec![SlotName::Production, SlotName::Staging],
            None => vec![SlotName::Production],
        }
    }

    /// See [`crate::host::Host::swap`].
    pub(in crate::host) async fn swap(&self, options: SwapOptions) -> Result<(), HostError> {
        let mut pending = self.swap.lock().await;
        if pending.is_some() {
            return Err(HostError::SwapState(
                "a swap with preview waits to be completed or cancelled",
            ));
        }
        let source = &self.slot(options.source)?.site;
        let target = &self.slot(options.source.other())?.site;
        if [source, target]
            .iter()
            .any(|site| site.status().phase == Phase::Stopped)
        {
            return Err(HostError::SwapState(
                "a slot that is stopped is not swapped\n\nhint: restart it first",
            ));
        }
        let other = options.source.other();
        (self.tell)(&format!(
            "swap of {} into {other}: the source starts with the target's slot settings",
            options.source
        ));
        let prepared = swap::apply_preview(options.source, source, target, self.pace).await;
        let prepared = prepared.inspect_err(|error| self.tell_end(Err(error)))?;
        if options.preview {
            *pending = Some(prepared);
            (self.tell)("swap: waits to be completed or cancelled");
            return Ok(());
        }
        let swapped = swap::complete(prepared, source, target).await;
        self.tell_end(swapped.as_ref().copied());
        swapped
    }

    /// See [`crate::host::Host::end_preview`].
    pub(in crate::host) async fn end_preview(&self, complete: bool) -> Result<(), HostError> {
        let mut pending = self.swap.lock().await;
        let prepared = pending
            .take()
            .ok_or(HostError::SwapState("no swap waits for its end"))?;
        let source = &self.slot(prepared.source)?.site;
        let target = &self.slot(prepared.source.other())?.site;
        match complete {
            true => {
                let swapped = swap::complete(prepared, source, target).await;
                self.tell_end(swapped.as_ref().copied());
                swapped
            }
            false => {
                swap::revert_preview(source).await;
                (self.tell)("swap: cancelled");
                Ok(())
            }
        }
    }

    fn tell_end(&self, ended: Result<(), &HostError>) {
        match ended {
            Ok(()) => (self.tell)("swap: routing is switched"),
            Err(error) => (self.tell)(&format!("swap: nothing is switched: {error}")),
        }
    }
}
