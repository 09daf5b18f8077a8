//! The stand-in as a whole: its slots, and what can be asked of it.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::front_end::{FrontEnd, FrontEndSettings};
use super::journal::Journal;
use super::site::{Ground, Site, SiteIdentity, SiteStatus};
use super::slots::{self, PendingSwap};
use super::{
    Difference, HostError, HostSettings, Pace, Setting, SlotConfiguration, SlotName, SlotSettings,
    differences,
};

/// A running stand-in.
#[derive(Debug)]
pub struct Host {
    production: Slot,
    staging: Option<Slot>,
    journal: Arc<Journal>,
    pace: Pace,
    /// Held as long as the stand-in runs in its folder.
    _lock: Flock<File>,
    /// One swap at a time; holds one that waits for the end of its preview.
    swap: Mutex<Option<PendingSwap>>,
}

#[derive(Debug)]
struct Slot {
    site: Site,
    front_end: FrontEnd,
}

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

impl Host {
    /// Start the front ends and, in each slot, the site; returns when the front ends listen. The
    /// sites are coming up by then.
    ///
    /// # Errors
    /// When the folder cannot be made or a front end cannot listen.
    pub async fn start(settings: HostSettings) -> Result<Self, HostError> {
        let prepared = Prepared::new(&settings)?;
        let pace = Pace(settings.pace);
        let production = prepared
            .slot(&settings, SlotName::Production, &settings.production)
            .await?;
        let staging = match &settings.staging {
            Some(slot) => Some(prepared.slot(&settings, SlotName::Staging, slot).await?),
            None => None,
        };
        Ok(Self {
            production,
            staging,
            journal: prepared.journal,
            _lock: prepared.lock,
            pace,
            swap: Mutex::new(None),
        })
    }

    fn slot(&self, name: SlotName) -> Result<&Slot, HostError> {
        match (name, &self.staging) {
            (SlotName::Production, _) => Ok(&self.production),
            (SlotName::Staging, Some(slot)) => Ok(slot),
            (SlotName::Staging, None) => Err(HostError::NoSlot(name)),
        }
    }

    /// The slots that there are.
    pub fn slots(&self) -> Vec<SlotName> {
        match self.staging {
            Some(_) => vec![SlotName::Production, SlotName::Staging],
            None => vec![SlotName::Production],
        }
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

    /// What a slot is meant to run.
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn configuration(&self, slot: SlotName) -> Result<SlotConfiguration, HostError> {
        Ok(self.slot(slot)?.site.configuration())
    }

    /// Wait until the slot serves what it is meant to run.
    ///
    /// # Errors
    /// When the start fails, the site is stopped or blocked, or `limit` passes.
    pub async fn wait_until_warm(&self, slot: SlotName, limit: Duration) -> Result<(), HostError> {
        self.slot(slot)?.site.wait_until_warm(limit).await
    }

    /// Change the startup command, as a deployment or a change of configuration does; the site
    /// restarts.
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn set_startup_command(&self, slot: SlotName, command: &str) -> Result<(), HostError> {
        let site = &self.slot(slot)?.site;
        let mut configuration = site.configuration();
        command.clone_into(&mut configuration.startup_command);
        site.configure(configuration);
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
        site.configure(site.configuration().with(settings));
        Ok(())
    }

    /// Remove settings by name; the site restarts if there was any.
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn remove_settings(&self, slot: SlotName, names: &[String]) -> Result<(), HostError> {
        let site = &self.slot(slot)?.site;
        let mut configuration = site.configuration();
        for name in names {
            configuration.settings.remove(name);
        }
        site.configure(configuration);
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

    /// Stop a slot; it answers 503 until it is restarted.
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn stop_site(&self, slot: SlotName) -> Result<(), HostError> {
        self.slot(slot)?.site.stop();
        Ok(())
    }

    /// What a swap of `source` into the other slot would do to each setting.
    ///
    /// # Errors
    /// When there is no second slot.
    pub fn differences(
        &self,
        source: SlotName,
        intended: &BTreeSet<String>,
    ) -> Result<Vec<Difference>, HostError> {
        let target = self.configuration(source.other())?;
        Ok(differences(&self.configuration(source)?, &target, intended))
    }

    /// Swap the slots, or with preview begin to.
    ///
    /// # Errors
    /// When there is no second slot, another swap waits for its end, or the source does not become
    /// warm with the target's settings; then the target has not been touched.
    pub async fn swap(&self, options: SwapOptions) -> Result<(), HostError> {
        let mut pending = self.swap.lock().await;
        if pending.is_some() {
            return Err(HostError::SwapState(
                "a swap with preview waits to be completed or cancelled",
            ));
        }
        let source = &self.slot(options.source)?.site;
        let target = &self.slot(options.source.other())?.site;
        let prepared = slots::apply_preview(options.source, source, target, self.pace).await?;
        if options.preview {
            *pending = Some(prepared);
            return Ok(());
        }
        slots::complete(prepared, source, target).await
    }

    /// Complete a swap with preview, or cancel it.
    ///
    /// # Errors
    /// When no swap waits.
    pub async fn end_preview(&self, complete: bool) -> Result<(), HostError> {
        let mut pending = self.swap.lock().await;
        let prepared = pending
            .take()
            .ok_or(HostError::SwapState("no swap waits for its end"))?;
        let source = &self.slot(prepared.source)?.site;
        let target = &self.slot(prepared.source.other())?.site;
        match complete {
            true => slots::complete(prepared, source, target).await,
            false => {
                slots::revert_preview(source, prepared).await;
                Ok(())
            }
        }
    }

    /// The folder of the three tables.
    pub fn tables_folder(&self) -> &Path {
        self.journal.folder()
    }

    /// Stop everything. Every request has its row and no process is left when this returns.
    pub async fn stop(self) {
        self.shut_down().await;
    }

    /// [`Host::stop`] for a stand-in that others still hold.
    pub async fn shut_down(&self) {
        let slots: Vec<&Slot> = [Some(&self.production), self.staging.as_ref()]
            .into_iter()
            .flatten()
            .collect();
        for slot in &slots {
            slot.front_end.stop().await;
        }
        for slot in &slots {
            slot.site.end().await;
        }
        self.journal.close();
    }
}

/// What all slots share, before there is any.
struct Prepared {
    journal: Arc<Journal>,
    lock: Flock<File>,
    home: PathBuf,
    path: String,
    computer: String,
    instance_id: String,
}

impl Prepared {
    fn new(settings: &HostSettings) -> Result<Self, HostError> {
        let folder = |path: PathBuf| {
            std::fs::create_dir_all(&path)
                .map(|()| path.clone())
                .map_err(|source| HostError::Folder { path, source })
        };
        let root = folder(settings.folder.clone())?;
        let root = root.canonicalize().map_err(|source| HostError::Folder {
            path: root.clone(),
            source,
        })?;
        let lock = lock(&root)?;
        let journal = Journal::open(&root.join("tables"), &settings.notify)?;
        let programs = folder(root.join("bin"))?;
        let program = programs.join("labrat");
        // A run in the same folder may have been there before.
        let _ = std::fs::remove_file(&program);
        std::os::unix::fs::symlink(&settings.executable, &program).map_err(|source| {
            HostError::Folder {
                path: program,
                source,
            }
        })?;
        let inherited = std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".to_owned());
        let instance: String = (0..4)
            .map(|_| format!("{:016x}", fastrand::u64(..)))
            .collect();
        Ok(Self {
            journal: Arc::new(journal),
            lock,
            home: folder(root.join("home"))?,
            path: format!("{}:{inherited}", programs.display()),
            computer: computer_name(),
            instance_id: instance,
        })
    }

    async fn slot(
        &self,
        settings: &HostSettings,
        name: SlotName,
        slot: &SlotSettings,
    ) -> Result<Slot, HostError> {
        let wanted = settings.front_end_address(slot.port);
        let listen = |source| HostError::Listen {
            address: wanted,
            source,
        };
        let listener = TcpListener::bind(wanted).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let home = self.home.join(name.as_str());
        // What the containers of a run that was killed have left there.
        let _ = std::fs::remove_dir_all(home.join("run"));
        let wwwroot = home.join("site/wwwroot");
        std::fs::create_dir_all(&wwwroot).map_err(|source| HostError::Folder {
            path: wwwroot.clone(),
            source,
        })?;
        let identity = self.identity(settings, name);
        let ground = Arc::new(Ground {
            executable: settings.executable.clone(),
            home,
            path: self.path.clone(),
            computer: self.computer.clone(),
            journal: Arc::clone(&self.journal),
            pace: Pace(settings.pace),
            image: settings.image,
            mode: settings.mode.clone(),
            always_on: settings.always_on,
            failed_starts_until_block: settings.failed_starts_until_block.max(1),
            notify: settings.notify.clone(),
        });
        let site = Site::begin(ground, identity.clone(), slot.configuration.clone());
        let front_end = FrontEnd::start(
            listener,
            address,
            FrontEndSettings {
                default_host: identity.host_name,
                deployment: identity.platform_name,
                computer: self.computer.clone(),
                port: address.port(),
                limit: Pace(settings.pace).of(settings.front_end_limit),
                limit_status: settings.limit_status,
            },
            Arc::clone(&self.journal),
            settings.notify.clone(),
            site.routing(),
            site.wake(),
        );
        Ok(Slot { site, front_end })
    }

    fn identity(&self, settings: &HostSettings, name: SlotName) -> SiteIdentity {
        let site = &settings.site_name;
        let (platform_name, host_name, slot_variable) = match name {
            SlotName::Production => (site.clone(), format!("{site}.localhost"), None),
            SlotName::Staging => (
                format!("{site}_staging"),
                format!("{site}-staging.localhost"),
                Some("staging"),
            ),
        };
        SiteIdentity {
            site_name: site.clone(),
            platform_name,
            host_name,
            instance_id: self.instance_id.clone(),
            slot_variable,
            // Only plans from Standard on have slots.
            sku: match settings.staging {
                Some(_) => "Standard",
                None => "Basic",
            },
        }
    }
}

/// Keep other stand-ins out of the folder.
fn lock(folder: &Path) -> Result<Flock<File>, HostError> {
    let path = folder.join("host.lock");
    let file = File::create(&path).map_err(|source| HostError::Folder { path, source })?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|_| HostError::FolderInUse(folder.to_owned()))
}

fn computer_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "labrat".to_owned(),
        name => name.to_owned(),
    }
}
