//! What the emulator is told when it is started.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{AutoHealRules, Notify, SlotConfiguration, Vault};
use crate::machine::memory_box::MemoryBox;

/// Which kind of image the site is taken to run, which decides what becomes of its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Image {
    /// A built-in one: the platform decides the port (8000) whatever is set, and says so.
    #[default]
    BuiltIn,
    /// A custom one: WEBSITES_PORT, then PORT, then 8000.
    Custom,
}

/// How the platform reacts to a container that is not well.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mode {
    /// App Service: the health check's path, and a restart after an hour of failures.
    #[default]
    AppService,
    /// Kubernetes: a container that is not ready is taken out of rotation and goes on running; one
    /// that is not alive is restarted.
    Kubernetes(Probes),
}

/// The probes of [`Mode::Kubernetes`], with Kubernetes' defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probes {
    /// Path of the readiness probe.
    pub readiness_path: String,
    /// Path of the liveness probe.
    pub liveness_path: String,
    /// Port of the readiness probe inside the container, where it is not the site's own.
    pub readiness_port: Option<u16>,
    /// Port of the liveness probe inside the container, where it is not the site's own.
    pub liveness_port: Option<u16>,
    /// Between two probes, before the pace is applied.
    pub period: Duration,
    /// Failures in a row until the platform reacts.
    pub failure_threshold: u32,
}

impl Default for Probes {
    fn default() -> Self {
        Self {
            readiness_path: "/ready".to_owned(),
            liveness_path: "/health".to_owned(),
            readiness_port: None,
            liveness_port: None,
            period: Duration::from_secs(10),
            failure_threshold: 3,
        }
    }
}

/// The network of the containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// One of its own where this machine makes namespaces, loopback where it does not.
    #[default]
    Auto,
    /// One of its own for each container.
    Own,
    /// An address of this machine's loopback for each container; addresses in its startup command
    /// are rewritten to that.
    Loopback,
}

/// One slot: where its front end listens and what it runs.
#[derive(Debug, Clone)]
pub struct SlotSettings {
    /// The front end's port; 0 for any.
    pub port: u16,
    /// What is configured.
    pub configuration: SlotConfiguration,
}

/// Everything that the emulator is told.
#[derive(Debug, Clone)]
pub struct HostSettings {
    /// The folder of this run: tables, the site's home, the effective settings.
    pub folder: PathBuf,
    /// The program `labrat`, which is the first process of every container and which a startup
    /// command finds as `labrat`.
    pub executable: PathBuf,
    /// Name of the site.
    pub site_name: String,
    /// The address of the front ends. Loopback, unless somebody wants others to reach the site.
    pub address: IpAddr,
    /// The production slot.
    pub production: SlotSettings,
    /// The staging slot, if there is one.
    pub staging: Option<SlotSettings>,
    /// Multiplies every duration of the platform: 0.1 is ten times as fast. It is recorded with
    /// the run. The grace when a container is stopped is
    /// never shorter than half a second.
    pub pace: f64,
    /// The front end's limit before the pace is applied.
    pub front_end_limit: Duration,
    /// The status of a request that reached it.
    pub limit_status: u16,
    /// Failed starts in a row until the site is blocked.
    pub failed_starts_until_block: u32,
    /// The kind of image.
    pub image: Image,
    /// The network of the containers.
    pub network: Network,
    /// How the platform looks at the container.
    pub mode: Mode,
    /// Whether the platform requests `/` every five minutes.
    pub always_on: bool,
    /// Rules by which the platform recycles a container.
    pub auto_heal: Option<AutoHealRules>,
    /// The size of the site's home in megabytes, where it has one: each slot's own.
    pub home_megabytes: Option<u64>,
    /// The secrets that references in settings are resolved with.
    pub vault: Vault,
    /// Whether what is deployed to staging is swapped into production as soon as it is warm.
    pub auto_swap: bool,
    /// The memory box that the containers run in; this machine as it is where there is none.
    pub memory_box: Option<Arc<MemoryBox>>,
    /// Takes messages.
    pub notify: Notify,
    /// Takes a line about each thing that happens to a site.
    pub tell: Notify,
}

/// How long a site without Always On may be without a request until it is unloaded.
const IDLE_LIMIT: Duration = Duration::from_secs(20 * 60);
/// The least of it that any pace leaves: who plays an incident takes time between two requests.
const LEAST_IDLE_LIMIT: Duration = Duration::from_secs(10);

/// Multiplies the platform's durations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace(pub f64);

impl Pace {
    /// A duration of the platform in this run.
    pub fn of(self, duration: Duration) -> Duration {
        Duration::try_from_secs_f64(duration.as_secs_f64() * self.0).unwrap_or(duration)
    }
}

impl HostSettings {
    /// One production slot on any port of loopback, with the platform's own durations.
    pub fn new(
        folder: impl Into<PathBuf>,
        executable: impl Into<PathBuf>,
        startup_command: impl Into<String>,
    ) -> Self {
        Self {
            folder: folder.into(),
            executable: executable.into(),
            site_name: "app-labrat".to_owned(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            production: SlotSettings {
                port: 0,
                configuration: SlotConfiguration::new(startup_command),
            },
            staging: None,
            pace: 1.0,
            front_end_limit: Duration::from_secs(240),
            limit_status: 504,
            failed_starts_until_block: 3,
            image: Image::BuiltIn,
            network: Network::default(),
            mode: Mode::AppService,
            always_on: false,
            auto_heal: None,
            home_megabytes: None,
            vault: Vault::default(),
            auto_swap: false,
            memory_box: None,
            notify: Notify::silent(),
            tell: Notify::silent(),
        }
    }

    /// How long a site may be without a request, on this pace. One that is kept awake, or that an
    /// orchestrator looks after, is never unloaded.
    pub(super) fn idle_limit(&self) -> Option<Duration> {
        let stays = self.always_on || matches!(self.mode, Mode::Kubernetes(_));
        (!stays).then(|| Pace(self.pace).of(IDLE_LIMIT).max(LEAST_IDLE_LIMIT))
    }

    pub(super) fn front_end_address(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.address, port)
    }
}
