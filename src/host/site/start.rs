//! One start: make a container, run the command in it, wait until it answers.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::container::{Container, ContainerPlan, free_address, grace};
use super::entrance::{Inner, Parting};
use super::log::PlatformLog;
use super::order::Running;
use super::probe::{Probe, statuses};
use super::startup::{StartScript, WWWROOT};
use super::{Ground, SiteIdentity, entrance, environment};
use crate::host::front_end::{IDLE_LIMIT, Upstream};
use crate::host::messages::{Action, Details, LastError, Level, Message, State, timeout};
use crate::host::settings::{Image, Network};
use crate::host::{HostError, ReferenceStatus, SlotConfiguration};
use crate::identifiers::{guid, guid_prefix};
use crate::machine::{container, own_files};
use crate::redaction::redact;

/// The port of a site that names none.
const DEFAULT_PORT: u16 = 8000;

/// The limit of a start in seconds, and the largest that can be set.
const DEFAULT_LIMIT: u64 = 230;
const LARGEST_LIMIT: u64 = 1_800;
/// The smallest.
const SMALLEST_LIMIT: u64 = 10;

/// The path of the warm-up probe where none is set: one that hardly any application has.
const WARM_UP_PATH: &str = "/robots933456.txt";

/// What a start needs to know of a configuration.
#[derive(Debug)]
pub(super) struct StartPlan {
    pub(super) identity: SiteIdentity,
    pub(super) configuration: SlotConfiguration,
    /// The limit as it is configured, before the pace.
    limit_seconds: u64,
}

/// A container that is being made.
#[derive(Debug)]
pub(super) struct Announced {
    id: String,
    begun: Instant,
}

/// A container that has been started and has not answered.
#[derive(Debug)]
pub(super) struct Coming {
    pub(super) container: Container,
    pub(super) probe: Probe,
    pub(super) limit: Duration,
    pub(super) since: Instant,
}

impl StartPlan {
    pub(super) fn new(identity: SiteIdentity, configuration: SlotConfiguration) -> Self {
        let limit_seconds = configuration
            .app_setting("WEBSITES_CONTAINER_START_TIME_LIMIT")
            .and_then(|text| text.trim().parse().ok())
            .map_or(DEFAULT_LIMIT, |limit: u64| {
                limit.clamp(SMALLEST_LIMIT, LARGEST_LIMIT)
            });
        Self {
            identity,
            configuration,
            limit_seconds,
        }
    }

    /// The port that the command is expected to listen on, and whether the platform overrides one
    /// that was set.
    fn port(&self, image: Image) -> (u16, bool) {
        let set = ["WEBSITES_PORT", "PORT"]
            .into_iter()
            .filter_map(|name| self.configuration.app_setting(name))
            .find_map(|text| text.trim().parse().ok());
        match (image, set) {
            (Image::Custom, Some(port)) => (port, false),
            (Image::BuiltIn, Some(port)) => (DEFAULT_PORT, port != DEFAULT_PORT),
            (_, None) => (DEFAULT_PORT, false),
        }
    }

    fn probe(&self) -> Probe {
        let set = |name| self.configuration.app_setting(name);
        Probe {
            path: set("WEBSITE_WARMUP_PATH")
                .unwrap_or(WARM_UP_PATH)
                .to_owned(),
            statuses: statuses(set("WEBSITE_WARMUP_STATUSES")),
            host: self.identity.host_name.clone(),
            agent: "HealthCheck/1.0",
        }
    }

    /// Say that a container is being made.
    pub(super) fn announce(&self, ground: &Ground, log: &mut PlatformLog) -> Announced {
        let begun = Instant::now();
        let before = std::mem::replace(&mut log.before, Details::None);
        let level = match before {
            Details::None => Level::Informational,
            _ => Level::Warning,
        };
        let id = format!("{:012x}", fastrand::u64(..) >> 16);
        for action in [
            Action::EstablishingSiteNetworks,
            Action::StartingSiteContainers,
        ] {
            log.state(State::Starting, action, before.clone(), level);
        }
        log.say_of(&id, &Message::StartMethodCalled);
        log.starting(Action::PullingImage, Details::Pulling);
        log.say_of(&id, &Message::EstablishingNetwork);
        log.say_of(&id, &Message::PullingImage);
        log.say_of(&id, &Message::ContainerStarting);
        log.starting(Action::MountingVolumes, Details::Mounting);
        log.say_of(&id, &Message::EstablishingNetworkIfNot);
        log.say_of(&id, &Message::MountingVolumes);
        log.starting(Action::CreatingContainer, Details::FinishedPulling);
        log.say_of(&id, &Message::CreatingContainer);
        log.say_of(&id, &Message::CreatingPipes);
        if let (port, true) = self.port(ground.image) {
            log.say_of(&id, &Message::OverridingPort(port));
            log.say_of(&id, &Message::SettingPort(port));
        }
        let told = redact(&self.configuration.startup_command);
        log.say_of(&id, &Message::StartingContainer(id.clone()));
        log.console(&id, format!("Site's appCommandLine: {told}"));
        self.tell_unresolved(ground);
        Announced { id, begun }
    }

    /// Start the container; whether it answers is for others to see.
    ///
    /// # Errors
    /// Where the emulator itself lacks something for it, `HostError::shortage` says so, and nothing
    /// has been started.
    pub(super) fn create(
        &self,
        ground: &Ground,
        announced: &Announced,
    ) -> Result<Container, HostError> {
        let parting = parting(ground)?;
        let (port, _) = self.port(ground.image);
        let folder = ground.home.join(WWWROOT);
        let home_inside = home_inside(parting, &ground.home);
        let runtime = ground.runtime.join(&announced.id);
        own_files::make_folder(&runtime).map_err(|source| HostError::Folder {
            path: runtime.clone(),
            source,
        })?;
        let mut variables = environment::environment(
            &self.identity,
            &self.configuration,
            &ground.vault,
            home_inside,
            &ground.path,
            entrance::port_inside(parting, port),
        );
        // Two containers of a slot live side by side during a restart; sockets that each makes in
        // its own file system on the platform must not meet here.
        let private = runtime.to_string_lossy().into_owned();
        variables.insert("XDG_RUNTIME_DIR".to_owned(), private);
        let grace = grace(ground.pace);
        let inner = Inner {
            script: StartScript {
                told: &self.configuration.startup_command,
                home: &ground.home,
                home_inside,
                port,
            },
            environment: &variables,
            parting,
            runtime: &runtime,
            home_keeper: ground.home_keeper,
            grace,
        };
        let plan = ContainerPlan {
            executable: &ground.executable,
            words: entrance::words(ground.memory_box.as_deref(), &inner)?,
            environment: variables,
            runtime,
            folder: &folder,
            id: announced.id.clone(),
            parting,
            port,
            grace,
            host: &ground.computer,
        };
        Container::start(plan, &ground.journal)
    }

    /// The container runs; it is asked from now on.
    pub(super) fn created(
        &self,
        ground: &Ground,
        log: &mut PlatformLog,
        announced: &Announced,
        container: Container,
    ) -> Coming {
        for message in [Message::StartingWatchers, Message::ContainerRunning] {
            log.say_of(&announced.id, &message);
        }
        log.starting(Action::CreatingContainer, Details::Created);
        let finished = Message::StartMethodFinished(announced.begun.elapsed().as_millis());
        log.say_of(&announced.id, &finished);
        log.starting(Action::InitiatingSiteWarmUpProbe, Details::Created);
        log.starting(Action::WaitingForSiteWarmUpProbeSuccess, Details::Pinging);
        Coming {
            container,
            probe: self.probe(),
            limit: ground.pace.of(Duration::from_secs(self.limit_seconds)),
            since: Instant::now(),
        }
    }

    /// Name the settings of which the container gets the reference in place of the secret.
    fn tell_unresolved(&self, ground: &Ground) {
        let site = &self.identity.platform_name;
        for setting in self.configuration.settings.values() {
            let (_, status) = ground.vault.resolve(&setting.value);
            if let Some(status) = status.filter(|status| *status != ReferenceStatus::Resolved) {
                let (name, why) = (&setting.name, status.as_str());
                (ground.notify)(&format!(
                    "{site}: {name} stays the reference that it is, unresolved: {why}"
                ));
            }
        }
    }

    /// The container answered.
    pub(super) fn succeeded(
        &self,
        ground: &Ground,
        log: &mut PlatformLog,
        coming: Coming,
    ) -> Running {
        let seconds = coming.since.elapsed().as_secs_f64();
        log.say(&Message::ProbeSucceeded(seconds));
        log.starting(
            Action::WarmUpProbeSucceeded,
            Details::ProbeSucceeded(seconds),
        );
        log.say(&Message::DeploymentVersion(deployment_version()));
        log.say(&Message::SiteStarted);
        let started_at = Timestamp::now();
        log.state(
            State::Started,
            Action::None,
            Details::StartedAt(started_at),
            Level::Informational,
        );
        Running {
            upstream: Arc::new(
                Upstream::new(coming.container.dialer().clone())
                    .keeping_idle_for(ground.pace.of(IDLE_LIMIT)),
            ),
            container: coming.container,
            started_at,
            watcher: None,
        }
    }

    fn fail(&self, log: &mut PlatformLog) {
        log.last_error = Some(LastError {
            at: Timestamp::now(),
            limit_seconds: self.limit_seconds,
        });
    }

    /// The container ended before it answered. Returns the reason that the platform gives, which
    /// is the limit of a start whatever happened.
    pub(super) async fn exited(&self, log: &mut PlatformLog, coming: &Coming, code: i32) -> String {
        let container = &coming.container;
        log.say_of(container.id(), &Message::ContainerExited(code));
        super::stop::end_container(log, container).await;
        log.say(&Message::TerminatedDuringStartup);
        let stopping = |log: &PlatformLog, action| {
            log.state(State::Stopping, action, Details::Terminated, Level::Error);
        };
        stopping(log, Action::CancellingStartup);
        let waited = coming.since.elapsed().as_secs_f64();
        log.say(&Message::ProbeFailed(waited));
        self.fail(log);
        stopping(log, Action::CancellingStartup);
        log.say(&Message::FailedToStart);
        stopping(log, Action::StoppingSite);
        stopping(log, Action::StoppingSiteContainers);
        self.stopped(log);
        format!("container has finished running with exit code {code}")
    }

    /// The container did not answer within the limit.
    pub(super) async fn timed_out(&self, log: &mut PlatformLog, coming: &Coming) -> String {
        let waited = coming.since.elapsed().as_secs_f64();
        log.say(&Message::ProbeFailed(waited));
        self.fail(log);
        let pinging = |log: &PlatformLog, state, action| {
            log.state(state, action, Details::Pinging, Level::Error);
        };
        pinging(
            log,
            State::Starting,
            Action::WaitingForSiteWarmUpProbeSuccess,
        );
        log.say(&Message::FailedToStart);
        pinging(log, State::Stopping, Action::StoppingSite);
        pinging(log, State::Stopping, Action::StoppingSiteContainers);
        super::stop::end_container(log, &coming.container).await;
        self.stopped(log);
        log.last_error.as_ref().map(timeout).unwrap_or_default()
    }

    /// Another order came before the container answered, or before there was one.
    pub(super) async fn superseded(&self, log: &mut PlatformLog, container: Option<&Container>) {
        let cancelled = |log: &PlatformLog, action| {
            log.state(State::Stopping, action, Details::Terminated, Level::Warning);
        };
        cancelled(log, Action::CancellingStartup);
        cancelled(log, Action::StoppingSite);
        cancelled(log, Action::StoppingSiteContainers);
        if let Some(container) = container {
            super::stop::end_container(log, container).await;
        }
    }

    fn stopped(&self, log: &mut PlatformLog) {
        log.say(&Message::SiteStopped);
        log.before = Details::StoppedAt(Timestamp::now());
    }
}

/// How a container of this run is parted from the machine.
fn parting(ground: &Ground) -> Result<Parting, HostError> {
    if entrance::is_virtual_machine(ground.memory_box.as_deref()) {
        return Ok(Parting::VirtualMachine(free_address()?));
    }
    match ground.network {
        Network::Loopback => Ok(Parting::Loopback(free_address()?)),
        Network::Auto | Network::Own => Ok(Parting::Namespaces),
    }
}

/// The site's home as its container sees it.
fn home_inside(parting: Parting, home: &Path) -> &Path {
    match parting {
        Parting::Namespaces => Path::new(container::HOME),
        Parting::Loopback(_) | Parting::VirtualMachine(_) => home,
    }
}

/// An identity in the form of a GUID: nothing is deployed here, each start has its own.
fn deployment_version() -> String {
    guid(&guid_prefix(fastrand::u64(..)), fastrand::u64(..))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Setting;

    fn plan(settings: &[(&str, &str)]) -> StartPlan {
        let identity = SiteIdentity {
            site_name: "s".into(),
            platform_name: "s".into(),
            host_name: "s.localhost".into(),
            instance_id: String::new(),
            run_key: String::new(),
            slot_variable: None,
            sku: "Basic",
        };
        let settings = settings
            .iter()
            .map(|(name, value)| Setting::app(*name, *value));
        StartPlan::new(identity, SlotConfiguration::new("x").with(settings))
    }

    #[test]
    fn the_port_is_websites_port_then_port_then_8000_and_the_platforms_on_a_built_in_image() {
        for (settings, image, expected) in [
            (&[][..], Image::Custom, (8000, false)),
            (&[("PORT", "9000")], Image::Custom, (9000, false)),
            (
                &[("PORT", "9000"), ("WEBSITES_PORT", "9001")],
                Image::Custom,
                (9001, false),
            ),
            (&[("WEBSITES_PORT", "9001")], Image::BuiltIn, (8000, true)),
            (&[("WEBSITES_PORT", "8000")], Image::BuiltIn, (8000, false)),
            (&[("PORT", "none")], Image::Custom, (8000, false)),
        ] {
            assert_eq!(plan(settings).port(image), expected, "{settings:?}");
        }
    }

    #[test]
    fn the_limit_of_a_start_is_bounded() {
        for (text, expected) in [("60", 60), ("99999", 1_800), ("0", 10), ("x", 230)] {
            let plan = plan(&[("WEBSITES_CONTAINER_START_TIME_LIMIT", text)]);
            assert_eq!(plan.limit_seconds, expected);
        }
    }
}
