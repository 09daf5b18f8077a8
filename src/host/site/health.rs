//! How the platform looks at a container that serves.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::order::Watcher;
use super::{Ground, Probe, SiteIdentity};
use crate::host::settings::Mode;
use crate::host::{Dialer, Notify, SlotConfiguration};

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
    let notify = ground.notify.clone();
    let always_on = keep_awake(
        always_on,
        dialer.clone(),
        pace.of(ALWAYS_ON_PERIOD),
        notify.clone(),
    );
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
                    readiness_and_liveness(readiness, liveness, threshold, period, notify, tell),
                    always_on
                );
            })
        }
        (Mode::AppService, Some(path)) => {
            let check = probe(path);
            let failures = failures_until_unhealthy(configuration);
            let period = pace.of(CHECK_PERIOD);
            let limit = pace.of(UNHEALTHY_LIMIT);
            let dialer = dialer.clone();
            tokio::spawn(async move {
                tokio::join!(
                    health_check(check, dialer, period, failures, limit, notify, tell),
                    always_on
                );
            })
        }
        (Mode::AppService, None) if ground.always_on => tokio::spawn(always_on),
        (Mode::AppService, None) => return None,
    };
    Some(Watcher(task))
}

fn failures_until_unhealthy(configuration: &SlotConfiguration) -> u32 {
    configuration
        .app_setting("WEBSITE_HEALTHCHECK_MAXPINGFAILURES")
        .and_then(|text| text.trim().parse().ok())
        .map_or(FAILURES, |failures: u32| failures.clamp(2, 10))
}

/// Whether an answer with an accepted status comes within `limit`; `None` where the emulator itself
/// could not ask, which says nothing of the container.
async fn healthy(probe: &Probe, dialer: &Dialer, limit: Duration, notify: &Notify) -> Option<bool> {
    match tokio::time::timeout(limit, probe.ask(dialer, notify)).await {
        Ok(Ok(status)) => Some(status.is_some_and(|status| probe.accepts(status))),
        Ok(Err(_)) => None,
        Err(_) => Some(false),
    }
}

/// Failures in a row after another look.
fn count_failures(before: u32, healthy: Option<bool>) -> u32 {
    match healthy {
        Some(true) => 0,
        Some(false) => before + 1,
        None => before,
    }
}

async fn keep_awake(probe: Option<Probe>, dialer: Dialer, period: Duration, notify: Notify) {
    let Some(probe) = probe else {
        return;
    };
    loop {
        tokio::time::sleep(period).await;
        let _ = tokio::time::timeout(period, probe.ask(&dialer, &notify)).await;
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
    notify: Notify,
    tell: impl Fn(Finding),
) {
    let mut failures = 0;
    let mut unhealthy_since = None;
    loop {
        tokio::time::sleep(period).await;
        let healthy = healthy(&probe, &dialer, period, &notify).await;
        failures = count_failures(failures, healthy);
        match healthy {
            Some(false) => {}
            Some(true) => {
                unhealthy_since = None;
                continue;
            }
            None => continue,
        }
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
    notify: Notify,
    tell: impl Fn(Finding),
) {
    let mut ready = true;
    let (mut not_ready, mut not_alive) = (0, 0);
    loop {
        tokio::time::sleep(period).await;
        let (is_ready, is_alive) = tokio::join!(
            healthy(&readiness, &readiness_at, period, &notify),
            healthy(&liveness, &liveness_at, period, &notify)
        );
        not_ready = count_failures(not_ready, is_ready);
        not_alive = count_failures(not_alive, is_alive);
        if not_alive >= failure_threshold {
            tell(Finding::Restart("the liveness probe failed"));
            return;
        }
        let now_ready = match ready {
            true => not_ready < failure_threshold,
            false => is_ready == Some(true),
        };
        if now_ready != ready {
            ready = now_ready;
            tell(Finding::Ready(ready));
        }
    }
}
