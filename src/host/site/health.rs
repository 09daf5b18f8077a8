//! How the platform looks at a container that serves.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::order::Watcher;
use super::{Ground, Probe, SiteIdentity};
use crate::host::settings::Mode;
use crate::host::{Dialer, SlotConfiguration};

/// Between two health checks of App Service, and the longest that an answer may take.
const CHECK_PERIOD: Duration = Duration::from_secs(60);

/// Failures until an instance counts as unhealthy, unless set.
const FAILURES: u32 = 10;

/// How long a single instance may be unhealthy until it is restarted.
const UNHEALTHY_LIMIT: Duration = Duration::from_secs(3_600);

/// Between two requests of Always On.
const ALWAYS_ON_PERIOD: Duration = Duration::from_secs(300);

/// What a watcher tells the site of the container that it watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// Take it out of rotation, or put it back.
    Ready(bool),
    /// Replace it.
    Restart(&'static str),
}

/// Begin to watch a container. Findings come with the container's identity, so that one about a
/// container that is gone is known as such.
pub(super) fn watch(
    ground: &Ground,
    identity: &SiteIdentity,
    configuration: &SlotConfiguration,
    container: String,
    dialer: &Dialer,
    findings: mpsc::UnboundedSender<(String, Finding)>,
) -> Option<Watcher> {
    let probe = |path: &str| Probe {
        path: path.to_owned(),
        statuses: (200..300).collect(),
        host: identity.host_name.clone(),
        agent: "HealthCheck/1.0",
    };
    let pace = ground.pace;
    let always_on = ground.always_on.then(|| Probe {
        statuses: Vec::new(),
        agent: "AlwaysOn",
        ..probe("/")
    });
    let always_on = keep_awake(always_on, dialer.clone(), pace.of(ALWAYS_ON_PERIOD));
    let tell = move |finding| {
        // The site may be gone.
        let _ = findings.send((container.clone(), finding));
    };
    let task = match (&ground.mode, &configuration.health_path) {
        (Mode::Kubernetes(probes), _) => {
            // A kubelet takes a redirect for a success as well.
            let kubelet = |path: &str| Probe {
                statuses: (200..400).collect(),
                agent: "kube-probe/1.34",
                ..probe(path)
            };
            let readiness = kubelet(&probes.readiness_path);
            let liveness = kubelet(&probes.liveness_path);
            let readiness = (readiness, dialer.clone().at(probes.readiness_port));
            let liveness = (liveness, dialer.clone().at(probes.liveness_port));
            let threshold = probes.failure_threshold;
            let period = pace.of(probes.period);
            tokio::spawn(async move {
                tokio::join!(
                    readiness_and_liveness(readiness, liveness, threshold, period, tell),
                    always_on
                );
            })
        }
        (Mode::AppService, Some(path)) => {
            let check = probe(path);
            let failures = configuration
                .app_setting("WEBSITE_HEALTHCHECK_MAXPINGFAILURES")
                .and_then(|text| text.trim().parse().ok())
                .map_or(FAILURES, |failures: u32| failures.clamp(2, 10));
            let period = pace.of(CHECK_PERIOD);
            let limit = pace.of(UNHEALTHY_LIMIT);
            let dialer = dialer.clone();
            tokio::spawn(async move {
                tokio::join!(
                    health_check(check, dialer, period, failures, limit, tell),
                    always_on
                );
            })
        }
        (Mode::AppService, None) if ground.always_on => tokio::spawn(always_on),
        (Mode::AppService, None) => return None,
    };
    Some(Watcher(task))
}

/// Whether an answer with an accepted status comes within `limit`.
async fn healthy(probe: &Probe, dialer: &Dialer, limit: Duration) -> bool {
    let asked = tokio::time::timeout(limit, probe.ask(dialer)).await;
    matches!(asked, Ok(Some(status)) if probe.accepts(status))
}

async fn keep_awake(probe: Option<Probe>, dialer: Dialer, period: Duration) {
    let Some(probe) = probe else {
        return;
    };
    loop {
        tokio::time::sleep(period).await;
        let _ = tokio::time::timeout(period, probe.ask(&dialer)).await;
    }
}

/// A single instance stays in rotation however unhealthy it is, and is restarted when it has been
/// so for an hour.
async fn health_check(
    probe: Probe,
    dialer: Dialer,
    period: Duration,
    failures_until_unhealthy: u32,
    limit: Duration,
    tell: impl Fn(Finding),
) {
    let mut failures = 0;
    let mut unhealthy_since = None;
    loop {
        tokio::time::sleep(period).await;
        if healthy(&probe, &dialer, period).await {
            failures = 0;
            unhealthy_since = None;
            continue;
        }
        failures += 1;
        if failures < failures_until_unhealthy {
            continue;
        }
        let since = *unhealthy_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= limit {
            tell(Finding::Restart("unhealthy for an hour"));
            return;
        }
    }
}

async fn readiness_and_liveness(
    (readiness, readiness_at): (Probe, Dialer),
    (liveness, liveness_at): (Probe, Dialer),
    failure_threshold: u32,
    period: Duration,
    tell: impl Fn(Finding),
) {
    let mut ready = true;
    let (mut not_ready, mut not_alive) = (0, 0);
    loop {
        tokio::time::sleep(period).await;
        let (is_ready, is_alive) = tokio::join!(
            healthy(&readiness, &readiness_at, period),
            healthy(&liveness, &liveness_at, period)
        );
        not_ready = if is_ready { 0 } else { not_ready + 1 };
        not_alive = if is_alive { 0 } else { not_alive + 1 };
        if not_alive >= failure_threshold {
            tell(Finding::Restart("the liveness probe failed"));
            return;
        }
        let now_ready = match ready {
            true => not_ready < failure_threshold,
            false => is_ready,
        };
        if now_ready != ready {
            ready = now_ready;
            tell(Finding::Ready(ready));
        }
    }
}
