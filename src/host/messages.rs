//! The words of the platform's log, as they were recorded, spelling included.
//!
//! The emulator has no second container for deployments, pulls no image and mounts no volume; of
//! the recorded messages it writes those that have a counterpart here. A "container" is a process
//! group with an address of its own, and the image in the rows that name one is a name only.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The image that the rows name: the built-in one for Python, tagged so that nobody takes it for
/// Microsoft's.
const IMAGE: &str = "appsvc/python:3.11_labrat-emulator";
const REGISTRY: &str = "localhost";

/// Every message that the emulator writes, with its level: what differs from run to run is in
/// braces. A test holds the rows of a run against this list, both ways.
pub const TEMPLATES: &[&str] = &[
    "Error Failed to start site. Revert by stopping site.",
    "Error Site container: {site} terminated during site startup.",
    "Error State: Starting, Action: WaitingForSiteWarmUpProbeSuccess, {last error}, Details: Pinging warmup path to ensure container is ready to receive requests., DetailsLevel: ERR",
    "Error State: Stopping, Action: CancellingStartup, {last error}, Details: Site container: {site} terminated during site startup. Cancelling site startup., DetailsLevel: ERR",
    "Error State: Stopping, Action: StoppingSite, {last error}, Details: Pinging warmup path to ensure container is ready to receive requests., DetailsLevel: ERR",
    "Error State: Stopping, Action: StoppingSite, {last error}, Details: Site container: {site} terminated during site startup. Cancelling site startup., DetailsLevel: ERR",
    "Error State: Stopping, Action: StoppingSiteContainers, {last error}, Details: Pinging warmup path to ensure container is ready to receive requests., DetailsLevel: ERR",
    "Error State: Stopping, Action: StoppingSiteContainers, {last error}, Details: Site container: {site} terminated during site startup. Cancelling site startup., DetailsLevel: ERR",
    "Informational Container is running.",
    "Informational Container is starting.",
    "Informational Container is terminated. Total time elapsed: {n} ms.",
    "Informational Container is terminating. Grace period: {n} seconds.",
    "Informational Container start method called.",
    "Informational Container start method finished after {n} ms.",
    "Informational Creating container.",
    "Informational Creating pipes for streaming container io.",
    "Informational Deleting container: {id}_{site}. Retry count = {n}",
    "Informational Establishing network if not established already.",
    "Informational Establishing network.",
    "Informational Mounting volumes.",
    "Informational Overriding PORT environment variable with pre-calculated port: {n}.",
    "Informational Pulling image: {image}.",
    "Informational Setting value of PORT variable to {n}",
    "Informational Site is running with deployment version: {version}",
    "Informational Site started.",
    "Informational Site startup probe failed after {n} seconds.",
    "Informational Site startup probe succeeded after {n} seconds.",
    "Informational Site: {site} is unblocked.",
    "Informational Site: {site} stopped.",
    "Informational Site: {site} will be blocked for {n} minutes till {time}",
    "Informational Starting container: {id}_{site}.",
    "Informational Starting watchers and probes.",
    "Informational State: Started, Action: None, {last error}, Details: Site started at {time} (UTC), DetailsLevel: INFO",
    "Informational State: Starting, Action: CreatingContainer, {last error}, Details: Container {site} successfully created and is running., DetailsLevel: INFO",
    "Informational State: Starting, Action: CreatingContainer, {last error}, Details: Finished pulling container image and mounting volumes for {site}. Allocatinng the rest of the container resources to finish container creation., DetailsLevel: INFO",
    "Informational State: Starting, Action: EstablishingSiteNetworks, {last error}, Details: , DetailsLevel: INFO",
    "Informational State: Starting, Action: InitiatingSiteWarmUpProbe, {last error}, Details: Container {site} successfully created and is running., DetailsLevel: INFO",
    "Informational State: Starting, Action: MountingVolumes, {last error}, Details: Mounting volumes for {site}., DetailsLevel: INFO",
    "Informational State: Starting, Action: PullingImage, {last error}, Details: Pulling image {image} for {site}., DetailsLevel: INFO",
    "Informational State: Starting, Action: StartingSiteContainers, {last error}, Details: , DetailsLevel: INFO",
    "Informational State: Starting, Action: WaitingForSiteWarmUpProbeSuccess, {last error}, Details: Pinging warmup path to ensure container is ready to receive requests., DetailsLevel: INFO",
    "Informational State: Starting, Action: WarmUpProbeSucceeded, {last error}, Details: Site startup probe succeeded after {n} seconds., DetailsLevel: INFO",
    "Informational State: Stopping, Action: StoppingSite, {last error}, Details: Site started at {time} (UTC), DetailsLevel: INFO",
    "Informational State: Stopping, Action: StoppingSiteContainers, {last error}, Details: Site started at {time} (UTC), DetailsLevel: INFO",
    "Informational Stop and delete container. Retry count = {n}",
    "Informational Stopping container: {id}_{site}.",
    "Warning Container has finished running with exit code: {n}.",
    "Warning Start site prohibitted because the site is being blocked.",
    "Warning State: Blocked, Action: None, {last error}, Details: Site is blocked due to multiple, consecutive cold start failures. Site scheduled to be unblocked at {time}, DetailsLevel: WARN",
    "Warning State: Blocked, Action: StoppingSiteNetworks, {last error}, Details: Site: {site} will be blocked for {n} minutes till {time}, DetailsLevel: WARN",
    "Warning State: Starting, Action: EstablishingSiteNetworks, {last error}, Details: Site is blocked due to multiple, consecutive cold start failures. Site scheduled to be unblocked at {time}, DetailsLevel: WARN",
    "Warning State: Starting, Action: EstablishingSiteNetworks, {last error}, Details: Site stopped at {time} (UTC), DetailsLevel: WARN",
    "Warning State: Starting, Action: StartingSiteContainers, {last error}, Details: Site is blocked due to multiple, consecutive cold start failures. Site scheduled to be unblocked at {time}, DetailsLevel: WARN",
    "Warning State: Starting, Action: StartingSiteContainers, {last error}, Details: Site stopped at {time} (UTC), DetailsLevel: WARN",
    "Warning State: Stopping, Action: CancellingStartup, {last error}, Details: Site container: {site} terminated during site startup. Cancelling site startup., DetailsLevel: WARN",
    "Warning State: Stopping, Action: StoppingSite, {last error}, Details: Site container: {site} terminated during site startup. Cancelling site startup., DetailsLevel: WARN",
    "Warning State: Stopping, Action: StoppingSiteContainers, {last error}, Details: Site container: {site} terminated during site startup. Cancelling site startup., DetailsLevel: WARN",
];

/// How grave a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `Informational`
    Informational,
    /// `Warning`
    Warning,
    /// `Error`
    Error,
}

impl Level {
    /// The text of the column `Level`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "Informational",
            Self::Warning => "Warning",
            Self::Error => "Error",
        }
    }

    const fn details(self) -> &'static str {
        match self {
            Self::Informational => "INFO",
            Self::Warning => "WARN",
            Self::Error => "ERR",
        }
    }
}

/// One message about one site.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// The startup of a container was called.
    StartMethodCalled,
    /// A container gets its network; here, its own loopback address.
    EstablishingNetwork,
    /// The image is fetched.
    PullingImage,
    /// A container is starting.
    ContainerStarting,
    /// The same, once more.
    EstablishingNetworkIfNot,
    /// Its folders are prepared.
    MountingVolumes,
    /// It is created.
    CreatingContainer,
    /// Its output is connected.
    CreatingPipes,
    /// Its first process is started.
    StartingContainer(String),
    /// What watches it is started.
    StartingWatchers,
    /// Its first process runs.
    ContainerRunning,
    /// The startup was called so long ago, in milliseconds.
    StartMethodFinished(u128),
    /// The platform overrides a port that was set, on built-in images.
    OverridingPort(u16),
    /// The same, once more.
    SettingPort(u16),
    /// The container answered after so many seconds.
    ProbeSucceeded(f64),
    /// It did not, for so many seconds.
    ProbeFailed(f64),
    /// Identity of what was deployed.
    DeploymentVersion(String),
    /// The site is up.
    SiteStarted,
    /// The first process ended by itself.
    ContainerExited(i32),
    /// It is ended: TERM, so many seconds, KILL.
    ContainerTerminating(u64),
    /// The same, once more.
    StopAndDelete,
    /// The same, with its name.
    StoppingContainer(String),
    /// The same, later.
    DeletingContainer(String),
    /// It is gone; the end took so many milliseconds.
    ContainerTerminated(u128),
    /// It ended before it answered.
    TerminatedDuringStartup,
    /// The start is given up.
    FailedToStart,
    /// The site is down.
    SiteStopped,
    /// No start is tried until then.
    WillBeBlocked(Timestamp),
    /// A start was asked for in the meantime.
    StartProhibited,
    /// Starts are tried again.
    Unblocked,
    /// A change of state.
    State(State, Action, Details, Level),
}

/// What a site is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It comes up.
    Starting,
    /// It is up.
    Started,
    /// It goes down.
    Stopping,
    /// It is down.
    Stopped,
    /// It is down and stays so for a while.
    Blocked,
}

/// What is being done about it. The names are the platform's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    None,
    /// Networks are made.
    EstablishingSiteNetworks,
    /// Containers are started.
    StartingSiteContainers,
    /// The image is fetched.
    PullingImage,
    /// Folders are prepared.
    MountingVolumes,
    /// The container is created.
    CreatingContainer,
    /// The probe begins.
    InitiatingSiteWarmUpProbe,
    /// The probe goes on.
    WaitingForSiteWarmUpProbeSuccess,
    /// The probe was answered.
    WarmUpProbeSucceeded,
    /// The start is given up.
    CancellingStartup,
    /// The site is stopped.
    StoppingSite,
    /// Its containers are stopped.
    StoppingSiteContainers,
    /// Its networks are taken down.
    StoppingSiteNetworks,
}

/// What a change of state says beside its action.
#[derive(Debug, Clone, PartialEq)]
pub enum Details {
    /// Nothing.
    None,
    /// The image that is fetched.
    Pulling,
    /// Whose folders are prepared.
    Mounting,
    /// All is prepared.
    FinishedPulling,
    /// The container runs.
    Created,
    /// The probe runs.
    Pinging,
    /// The container answered after so many seconds.
    ProbeSucceeded(f64),
    /// The site has been up since then.
    StartedAt(Timestamp),
    /// The site has been down since then.
    StoppedAt(Timestamp),
    /// The container ended before it answered.
    Terminated,
    /// The site will not be started until then.
    WillBeBlocked(Timestamp),
    /// The site is not started until then.
    BlockedUntil(Timestamp),
}

/// The last failed start of a site, which every change of state repeats.
#[derive(Debug, Clone, PartialEq)]
pub struct LastError {
    /// When.
    pub at: Timestamp,
    /// The limit of a start in seconds, which the platform names even where the container exited
    /// long before.
    pub limit_seconds: u64,
}

impl Message {
    /// The level of the row.
    pub fn level(&self) -> Level {
        match self {
            Self::ContainerExited(_) | Self::StartProhibited => Level::Warning,
            Self::TerminatedDuringStartup | Self::FailedToStart => Level::Error,
            Self::State(_, _, _, level) => *level,
            _ => Level::Informational,
        }
    }

    /// The text of the row, for the site that the platform calls `site`.
    pub fn text(&self, site: &str, last_error: Option<&LastError>) -> String {
        match self {
            Self::StartMethodCalled => "Container start method called.".to_owned(),
            Self::EstablishingNetwork => "Establishing network.".to_owned(),
            Self::PullingImage => format!("Pulling image: {IMAGE}."),
            Self::ContainerStarting => "Container is starting.".to_owned(),
            Self::EstablishingNetworkIfNot => {
                "Establishing network if not established already.".to_owned()
            }
            Self::MountingVolumes => "Mounting volumes.".to_owned(),
            Self::CreatingContainer => "Creating container.".to_owned(),
            Self::CreatingPipes => "Creating pipes for streaming container io.".to_owned(),
            Self::StartingContainer(id) => format!("Starting container: {id}_{site}."),
            Self::StartingWatchers => "Starting watchers and probes.".to_owned(),
            Self::ContainerRunning => "Container is running.".to_owned(),
            Self::StartMethodFinished(milliseconds) => {
                format!("Container start method finished after {milliseconds} ms.")
            }
            Self::OverridingPort(port) => {
                format!("Overriding PORT environment variable with pre-calculated port: {port}.")
            }
            Self::SettingPort(port) => format!("Setting value of PORT variable to {port}"),
            Self::ProbeSucceeded(seconds) => probe_succeeded(*seconds),
            Self::ProbeFailed(seconds) => {
                format!("Site startup probe failed after {seconds:.7} seconds.")
            }
            Self::DeploymentVersion(version) => {
                format!("Site is running with deployment version: {version}")
            }
            Self::SiteStarted => "Site started.".to_owned(),
            Self::ContainerExited(code) => {
                format!("Container has finished running with exit code: {code}.")
            }
            Self::ContainerTerminating(seconds) => {
                format!("Container is terminating. Grace period: {seconds} seconds.")
            }
            Self::StopAndDelete => "Stop and delete container. Retry count = 0".to_owned(),
            Self::StoppingContainer(id) => format!("Stopping container: {id}_{site}."),
            Self::DeletingContainer(id) => {
                format!("Deleting container: {id}_{site}. Retry count = 0")
            }
            Self::ContainerTerminated(milliseconds) => {
                format!("Container is terminated. Total time elapsed: {milliseconds} ms.")
            }
            Self::TerminatedDuringStartup => {
                format!("Site container: {site} terminated during site startup.")
            }
            Self::FailedToStart => "Failed to start site. Revert by stopping site.".to_owned(),
            // In this one message the platform puts two underscores before a slot's name.
            Self::SiteStopped => format!("Site: {} stopped.", site.replacen('_', "__", 1)),
            Self::WillBeBlocked(until) => will_be_blocked(site, *until),
            Self::StartProhibited => {
                "Start site prohibitted because the site is being blocked.".to_owned()
            }
            Self::Unblocked => format!("Site: {site} is unblocked."),
            Self::State(state, action, details, level) => {
                let (error, at, limit) = match last_error {
                    Some(error) => ("ContainerTimeout", clock(error.at), timeout(error)),
                    None => ("", "01/01/0001 00:00:00".to_owned(), String::new()),
                };
                format!(
                    "State: {state:?}, Action: {action:?}, LastError: {error}, \
                     LastErrorTimestamp: {at}, LastErrorDetails: {limit}, Details: {}, \
                     DetailsLevel: {}",
                    details.text(site),
                    level.details()
                )
            }
        }
    }
}

impl Details {
    fn text(&self, site: &str) -> String {
        match self {
            Self::None => String::new(),
            Self::Pulling => format!("Pulling image {REGISTRY}/{IMAGE} for {site}."),
            Self::Mounting => format!("Mounting volumes for {site}."),
            Self::FinishedPulling => format!(
                "Finished pulling container image and mounting volumes for {site}. Allocatinng \
                 the rest of the container resources to finish container creation."
            ),
            Self::Created => format!("Container {site} successfully created and is running."),
            Self::Pinging => {
                "Pinging warmup path to ensure container is ready to receive requests.".to_owned()
            }
            Self::ProbeSucceeded(seconds) => probe_succeeded(*seconds),
            Self::StartedAt(at) => format!("Site started at {} (UTC)", clock(*at)),
            Self::StoppedAt(at) => format!("Site stopped at {} (UTC)", clock(*at)),
            Self::Terminated => format!(
                "Site container: {site} terminated during site startup. Cancelling site startup."
            ),
            Self::WillBeBlocked(until) => will_be_blocked(site, *until),
            Self::BlockedUntil(until) => format!(
                "Site is blocked due to multiple, consecutive cold start failures. Site scheduled \
                 to be unblocked at {}",
                clock(*until)
            ),
        }
    }
}

fn probe_succeeded(seconds: f64) -> String {
    format!("Site startup probe succeeded after {seconds:.7} seconds.")
}

fn will_be_blocked(site: &str, until: Timestamp) -> String {
    format!(
        "Site: {site} will be blocked for 2 minutes till {}",
        clock(until)
    )
}

/// What the platform says of every failed start.
pub fn timeout(error: &LastError) -> String {
    format!(
        "Container did not start within expected time limit of {}s. Please inspect your \
         container logs for more details.",
        error.limit_seconds
    )
}

/// A time as these messages write it: month first.
fn clock(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    at.strftime("%m/%d/%Y %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_state_repeats_the_last_error() {
        let at: Timestamp = "2026-04-04T05:46:15Z".parse().unwrap();
        let message = Message::State(
            State::Starting,
            Action::EstablishingSiteNetworks,
            Details::StoppedAt(at),
            Level::Warning,
        );
        let error = LastError {
            at,
            limit_seconds: 230,
        };
        assert_eq!(
            message.text("site", Some(&error)),
            "State: Starting, Action: EstablishingSiteNetworks, LastError: ContainerTimeout, \
             LastErrorTimestamp: 04/04/2026 05:46:15, LastErrorDetails: Container did not start \
             within expected time limit of 230s. Please inspect your container logs for more \
             details., Details: Site stopped at 04/04/2026 05:46:15 (UTC), DetailsLevel: WARN"
        );
        assert_eq!(message.level(), Level::Warning);
    }

    #[test]
    fn without_an_error_its_place_is_empty() {
        let message = Message::State(
            State::Started,
            Action::None,
            Details::None,
            Level::Informational,
        );
        assert_eq!(
            message.text("site", None),
            "State: Started, Action: None, LastError: , LastErrorTimestamp: 01/01/0001 00:00:00, \
             LastErrorDetails: , Details: , DetailsLevel: INFO"
        );
    }
}
