//! What an emulator needs before anything of it runs: its folder, its tables, and each slot's front
//! end and site.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::{Flock, FlockArg};
use tokio::net::TcpListener;

use super::auto_heal::AutoHeal;
use super::front_end::{FrontEnd, FrontEndSettings};
use super::home_volume::HomeVolume;
use super::journal::Journal;
use super::network;
use super::presence;
use super::site::{Ground, Site, SiteIdentity};
use super::{HostError, HostSettings, Network, Pace, SlotName, SlotSettings};
use crate::machine::{Unavailable, own_files};

/// The file whose lock keeps other emulators out, and which says that one has been there.
const LOCK: &str = "host.lock";

/// A slot at work.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) site: Site,
    pub(super) front_end: FrontEnd,
    /// The site's home, where it has a size of its own.
    _volume: Option<HomeVolume>,
}

/// What all slots share, before there is any.
pub(super) struct Prepared {
    pub(super) journal: Arc<Journal>,
    /// Keeps other emulators out of the folder.
    pub(super) lock: Flock<File>,
    /// Whether an emulator has run in the folder before.
    was_here: bool,
    /// What this run's targets key their digests of credentials with.
    run_key: String,
    home: PathBuf,
    /// Where the containers have their folders.
    pub(super) runtime: PathBuf,
    network: Network,
    path: String,
    computer: String,
    instance_id: String,
}

impl Prepared {
    pub(super) fn new(settings: &HostSettings) -> Result<Self, HostError> {
        let folder = |path: PathBuf| {
            own_files::make_folder(&path)
                .map(|()| path.clone())
                .map_err(|source| HostError::Folder { path, source })
        };
        let root = folder(settings.folder.clone())?;
        let root = root.canonicalize().map_err(|source| HostError::Folder {
            path: root.clone(),
            source,
        })?;
        own_files::check_folder(&root).map_err(|source| HostError::Folder {
            path: root.clone(),
            source,
        })?;
        let was_here = own_files::open(&root.join(LOCK)).is_ok();
        let lock = lock(&root)?;
        let journal = Journal::open(&root.join("tables"), &settings.notify)?;
        let programs = folder(root.join("bin"))?;
        let program = programs.join("labrat");
        // A run in the same folder may have been there before.
        if program.is_symlink() {
            let _ = std::fs::remove_file(&program);
        }
        std::os::unix::fs::symlink(&settings.executable, &program).map_err(|source| {
            HostError::Folder {
                path: program,
                source,
            }
        })?;
        let home = folder(root.join("home"))?;
        let network = network::choose(settings, &home)?;
        if settings.home_megabytes.is_some() && network == Network::Loopback {
            return Err(HostError::NoHome(Unavailable::because(
                "containers have no mounts of their own on this machine",
            )));
        }
        let inherited = std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".to_owned());
        let instance: String = (0..4)
            .map(|_| format!("{:016x}", fastrand::u64(..)))
            .collect();
        Ok(Self {
            journal: Arc::new(journal),
            lock,
            was_here,
            run_key: presence::new_token().map_err(HostError::Random)?,
            home,
            runtime: folder(root.join("run"))?,
            network,
            path: format!("{}:{inherited}", programs.display()),
            computer: computer_name(),
            instance_id: instance,
        })
    }

    pub(super) async fn slot(
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
        let runtime = self.runtime.join(name.as_str());
        if self.was_here {
            // What the containers of a run that was killed have left there.
            let _ = std::fs::remove_dir_all(&runtime);
        }
        let wwwroot = home.join("site/wwwroot");
        std::fs::create_dir_all(&wwwroot).map_err(|source| HostError::Folder {
            path: wwwroot.clone(),
            source,
        })?;
        let volume = volume(settings, &home).await?;
        let rules = settings.auto_heal.clone();
        let auto_heal = rules.map(|rules| Arc::new(AutoHeal::new(rules, Pace(settings.pace))));
        let identity = self.identity(settings, name);
        let ground = Arc::new(Ground {
            auto_heal: auto_heal.clone(),
            home_keeper: volume.as_ref().map(HomeVolume::keeper),
            ..self.ground(settings, home, runtime)
        });
        let site = Site::begin(ground, identity.clone(), slot.configuration.clone());
        let front_end = FrontEnd::start(
            listener,
            address,
            FrontEndSettings {
                slot: name.to_string(),
                default_host: identity.host_name,
                deployment: identity.platform_name,
                computer: self.computer.clone(),
                port: address.port(),
                limit: Pace(settings.pace).of(settings.front_end_limit),
                limit_status: settings.limit_status,
                auto_heal,
            },
            Arc::clone(&self.journal),
            settings.notify.clone(),
            site.routing(),
            site.wake(),
        )
        .map_err(HostError::Threads)?;
        Ok(Slot {
            site,
            front_end,
            _volume: volume,
        })
    }

    /// What the sites of a run share, with the folders of one slot.
    fn ground(&self, settings: &HostSettings, home: PathBuf, runtime: PathBuf) -> Ground {
        Ground {
            executable: settings.executable.clone(),
            home,
            path: self.path.clone(),
            computer: self.computer.clone(),
            journal: Arc::clone(&self.journal),
            pace: Pace(settings.pace),
            image: settings.image,
            network: self.network,
            mode: settings.mode.clone(),
            always_on: settings.always_on,
            vault: settings.vault.clone(),
            auto_heal: None,
            home_keeper: None,
            runtime,
            memory_box: settings.memory_box.clone(),
            failed_starts_until_block: settings.failed_starts_until_block.max(1),
            notify: settings.notify.clone(),
            tell: settings.tell.clone(),
            idle_limit: settings.idle_limit(),
        }
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
            run_key: self.run_key.clone(),
            slot_variable,
            // Only plans from Standard on have slots.
            sku: match settings.staging {
                Some(_) => "Standard",
                None => "Basic",
            },
        }
    }
}

/// The home of a slot, where it has a size of its own.
async fn volume(settings: &HostSettings, home: &Path) -> Result<Option<HomeVolume>, HostError> {
    let Some(megabytes) = settings.home_megabytes else {
        return Ok(None);
    };
    let mounted = HomeVolume::mount(&settings.executable, home, megabytes).await;
    mounted.map(Some).map_err(HostError::NoHome)
}

/// Keep other emulators out of the folder.
fn lock(folder: &Path) -> Result<Flock<File>, HostError> {
    let path = folder.join(LOCK);
    let opened: io::Result<File> = own_files::private().write(true).create(true).open(&path);
    let file = opened.map_err(|source| HostError::Folder { path, source })?;
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
