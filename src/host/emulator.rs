//! The emulator as a whole: its slots, and what can be asked of it.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::fcntl::Flock;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::journal::Journal;
use super::pools;
use super::prepare::{Prepared, Slot};
use super::site::{Phase, SiteStatus};
use super::slots::{AutoSwap, SlotsAtWork};
use super::{
    Comparison, HostError, HostSettings, Pace, ReferenceStatus, Setting, SlotConfiguration,
    SlotName, SwapOptions, Vault, compare,
};
use crate::metrics::{Scrape, declared};
use crate::redaction::redact_setting;
use crate::timeline::Feed;
use crate::timeline::follow::Background;

/// A running emulator.
#[derive(Debug)]
pub struct Host {
    slots: Arc<SlotsAtWork>,
    journal: Arc<Journal>,
    auto_swap: Option<AutoSwap>,
    /// The folder of the run.
    folder: PathBuf,
    /// Where the containers of each slot have their folders.
    containers: PathBuf,
    /// Follows the pools, where somebody wants to see them.
    pool_watch: Mutex<Option<Background>>,
    vault: Vault,
    /// Held as long as the emulator runs in its folder.
    _lock: Flock<File>,
}

impl Host {
    /// Start the front ends and, in each slot, the site; returns when the front ends listen. The
    /// sites are coming up by then.
    ///
    /// # Errors
    /// When the folder cannot be made or a front end cannot listen.
    pub async fn start(settings: HostSettings) -> Result<Self, HostError> {
        let prepared = Prepared::new(&settings)?;
        let production = prepared
            .slot(&settings, SlotName::Production, &settings.production)
            .await?;
        let staging = match &settings.staging {
            Some(slot) => Some(prepared.slot(&settings, SlotName::Staging, slot).await?),
            None => None,
        };
        let pace = Pace(settings.pace);
        let slots = Arc::new(SlotsAtWork::new(
            production,
            staging,
            pace,
            settings.tell.clone(),
        ));
        let auto_swap = settings
            .auto_swap
            .then(|| AutoSwap::begin(Arc::clone(&slots), settings.notify.clone(), pace));
        Ok(Self {
            slots,
            journal: prepared.journal,
            auto_swap,
            folder: settings.folder,
            containers: prepared.runtime,
            pool_watch: Mutex::new(None),
            vault: settings.vault,
            _lock: prepared.lock,
        })
    }

    fn slot(&self, name: SlotName) -> Result<&Slot, HostError> {
        self.slots.slot(name)
    }

    /// The slots that there are.
    pub fn slots(&self) -> Vec<SlotName> {
        self.slots.names()
    }

    /// Where the front end of a slot is.
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn url(&self, slot: SlotName) -> Result<String, HostError> {
        Ok(format!("http://{}", self.slot(slot)?.front_end.address()))
    }

    /// The address of a slot's front end.
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn address(&self, slot: SlotName) -> Result<SocketAddr, HostError> {
        Ok(self.slot(slot)?.front_end.address())
    }

    /// What a slot is doing.
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn status(&self, slot: SlotName) -> Result<SiteStatus, HostError> {
        Ok(self.slot(slot)?.site.status())
    }

    /// The figures of the front ends and sites at this moment.
    pub fn metrics(&self) -> Scrape {
        let mut scrape = Scrape::default();
        for name in self.slots() {
            let Ok(slot) = self.slot(name) else {
                continue;
            };
            let label = name.to_string();
            for (status, durations) in slot.front_end.durations() {
                let labels = [label.as_str(), &status.to_string()];
                scrape.set_histogram(&declared::FRONT_END_DURATION, &labels, durations);
            }
            let status = slot.site.status();
            let serves = matches!(status.phase, Phase::Started | Phase::Restarting);
            scrape.set(&declared::CONTAINER_STARTS, &[&label], status.starts as f64);
            scrape.set(
                &declared::SITE_SERVES,
                &[&label],
                f64::from(u8::from(serves)),
            );
        }
        scrape
    }

    /// What a slot is meant to run.
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn configuration(&self, slot: SlotName) -> Result<SlotConfiguration, HostError> {
        Ok(self.slot(slot)?.site.configuration())
    }

    /// The settings of a slot as they may be shown: credentials are blotted out, and of a reference it
    /// is said what became of it.
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn shown_settings(&self, slot: SlotName) -> Result<Vec<Value>, HostError> {
        let settings = self.configuration(slot)?.settings.into_values();
        let shown = settings.map(|setting| {
            let reference = self.reference(&setting).map(ReferenceStatus::as_str);
            let value = redact_setting(&setting.name, &setting.value).into_owned();
            let mut shown = json!(Setting { value, ..setting });
            shown["reference"] = json!(reference);
            shown
        });
        Ok(shown.collect())
    }

    /// What becomes of a setting's value where that is a reference to a secret.
    #[must_use]
    pub fn reference(&self, setting: &Setting) -> Option<ReferenceStatus> {
        self.vault.resolve(&setting.value).1
    }

    /// Wait until the slot serves what it is meant to run.
    ///
    /// # Errors
    /// When the start fails, the site is stopped or blocked, or `limit` passes.
    pub async fn wait_until_warm(&self, slot: SlotName, limit: Duration) -> Result<(), HostError> {
        self.slot(slot)?.site.wait_until_warm(limit).await
    }

    /// Change the startup command, as a deployment or a change of configuration does; the site
    /// restarts. With auto swap, what was put into staging is swapped into production as soon as it
    /// is warm.
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn set_startup_command(&self, slot: SlotName, command: &str) -> Result<(), HostError> {
        let site = &self.slot(slot)?.site;
        site.change(|configuration| command.clone_into(&mut configuration.startup_command));
        if let (SlotName::Staging, Some(auto_swap)) = (slot, &self.auto_swap) {
            auto_swap.deployed();
        }
        Ok(())
    }

    /// Add or replace settings; the site restarts once if anything changed.
    ///
    /// # Errors
    /// When there is no such slot, or a setting cannot be given to a process; then none is set.
    pub fn set_settings(
        &self,
        slot: SlotName,
        settings: impl IntoIterator<Item = Setting>,
    ) -> Result<(), HostError> {
        let settings: Vec<Setting> = settings.into_iter().collect();
        for setting in &settings {
            setting.check()?;
        }
        let site = &self.slot(slot)?.site;
        site.change(|configuration| *configuration = configuration.clone().with(settings));
        Ok(())
    }

    /// Remove settings by name; the site restarts if there was any.
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn remove_settings(&self, slot: SlotName, names: &[String]) -> Result<(), HostError> {
        let site = &self.slot(slot)?.site;
        site.change(|configuration| {
            for name in names {
                configuration.settings.remove(name);
            }
        });
        Ok(())
    }

    /// Restart a slot: the old container serves until the new one is warm.
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn restart(&self, slot: SlotName) -> Result<(), HostError> {
        self.slot(slot)?.site.restart();
        Ok(())
    }

    /// Stop a slot; it answers 403 until it is restarted.
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn stop_site(&self, slot: SlotName) -> Result<(), HostError> {
        self.slot(slot)?.site.stop();
        Ok(())
    }

    /// What a swap of `source` into the other slot would do to each setting, and what speaks against
    /// it.
    ///
    /// # Errors
    /// When there is no second slot.
    pub fn compare(
        &self,
        source: SlotName,
        intended: &BTreeSet<String>,
    ) -> Result<Comparison, HostError> {
        let target = self.configuration(source.other())?;
        Ok(compare(
            &self.configuration(source)?,
            &target,
            intended,
            None,
        ))
    }

    /// Swap the slots, or with preview begin to.
    ///
    /// # Errors
    /// When there is no second slot, another swap waits for its end, or the source does not become
    /// warm with the target's settings; then the target has not been touched.
    pub async fn swap(&self, options: SwapOptions) -> Result<(), HostError> {
        self.slots.swap(options).await
    }

    /// Complete a swap with preview, or cancel it.
    ///
    /// # Errors
    /// When no swap waits.
    pub async fn end_preview(&self, complete: bool) -> Result<(), HostError> {
        self.slots.end_preview(complete).await
    }

    /// Put what happens in the containers and what the platform says into this feed, from now on.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn watch(&self, feed: &Arc<Feed>) -> Result<(), HostError> {
        self.journal.show_platform_in(Arc::clone(feed));
        let watch = pools::watch(&self.containers, self.slots(), Arc::clone(feed));
        *self.pool_watch.lock() = Some(watch.map_err(HostError::Threads)?);
        Ok(())
    }

    /// The control socket of the pool in a slot's youngest container, where it has one.
    pub fn control_socket(&self, slot: SlotName) -> Option<PathBuf> {
        pools::sockets(&self.containers, slot).pop()
    }

    /// The folder of the run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of the three tables.
    pub fn tables_folder(&self) -> &Path {
        self.journal.folder()
    }

    /// Stop everything. Every request has its row and no process is left when this returns.
    pub async fn stop(self) {
        self.shut_down().await;
    }

    /// [`Host::stop`] for an emulator that others still hold.
    pub async fn shut_down(&self) {
        if let Some(auto_swap) = &self.auto_swap {
            auto_swap.end();
        }
        for slot in self.slots.all() {
            slot.front_end.stop().await;
        }
        for slot in self.slots.all() {
            slot.site.end().await;
        }
        let watch = self.pool_watch.lock().take();
        // It waits for its threads, which a runtime must not.
        let _ = tokio::task::spawn_blocking(move || drop(watch)).await;
        self.journal.close();
    }
}
