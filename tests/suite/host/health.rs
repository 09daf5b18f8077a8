//! What the platform does about a container that is not ready, not alive, or not healthy.

use std::time::Duration;

use labrat::app::dependencies::DatabaseUrl;
use labrat::app::dependencies::migrations::migrate;
use labrat::host::{Mode, Phase, Probes, Setting, SlotName};

use super::lifecycle::{in_order, told};
use super::{SERVE, Stand, until};

const PRODUCTION: SlotName = SlotName::Production;

#[tokio::test]
async fn a_site_that_is_not_ready_leaves_the_rotation_and_its_container_goes_on() {
    let stand = Stand::warm(SERVE, |settings| {
        settings.mode = Mode::Kubernetes(Probes {
            readiness_path: "/no-such-path".to_owned(),
            period: Duration::from_secs(1),
            ..Probes::default()
        });
    })
    .await;
    until("the site is out of rotation", || {
        (stand.host.status(PRODUCTION).unwrap().phase == Phase::NotReady).then_some(())
    })
    .await;
    assert_eq!(stand.get("/fast").await.status, 503);
    assert_eq!(
        stand.get("/health").await.status,
        200,
        "the liveness path stays open"
    );
    let status = stand.host.status(PRODUCTION).unwrap();
    let container = status.dialer.unwrap();
    assert_eq!(super::get_inside(&container, "/fast").await.status, 200);
    assert_eq!(status.starts, 1);
    stand.stop().await;
}

#[tokio::test]
async fn a_site_whose_database_goes_and_comes_back_leaves_the_rotation_and_returns_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let (database, elsewhere) = (folder.path().join("orders.db"), folder.path().join("gone"));
    let url = format!("sqlite://{}", database.display());
    migrate(&DatabaseUrl::parse(&url).unwrap(), None).unwrap();
    let stand = Stand::warm(SERVE, |settings| {
        settings.mode = Mode::Kubernetes(Probes {
            period: Duration::from_secs(1),
            ..Probes::default()
        });
        let production = &mut settings.production.configuration;
        *production = production.clone().with([Setting::app("DATABASE_URL", url)]);
    })
    .await;
    let container = stand.host.status(PRODUCTION).unwrap().dialer.unwrap();
    assert_eq!(super::get_inside(&container, "/warmup").await.status, 200);
    let becomes = async |phase: Phase| {
        until("the other phase", || {
            (stand.host.status(PRODUCTION).unwrap().phase == phase).then_some(())
        })
        .await;
    };
    becomes(Phase::Started).await;
    std::fs::rename(&database, &elsewhere).unwrap();
    becomes(Phase::NotReady).await;
    assert_eq!(stand.get("/fast").await.status, 503);
    assert_eq!(super::get_inside(&container, "/health").await.status, 200);
    std::fs::rename(&elsewhere, &database).unwrap();
    becomes(Phase::Started).await;
    assert_eq!(stand.get("/fast").await.status, 200);
    assert_eq!(stand.host.status(PRODUCTION).unwrap().starts, 1);
    stand.stop().await;
}

#[tokio::test]
async fn a_container_that_is_not_alive_ends_before_the_next_one_begins() {
    let stand = Stand::warm(SERVE, |settings| {
        settings.mode = Mode::Kubernetes(Probes {
            readiness_path: "/health".to_owned(),
            liveness_path: "/no-such-path".to_owned(),
            period: Duration::from_secs(1),
            ..Probes::default()
        });
    })
    .await;
    until("another start", || {
        (stand.host.status(PRODUCTION).unwrap().starts >= 2).then_some(())
    })
    .await;
    let wanted = [
        "Site started.",
        "Container is terminating. Grace period: 5 seconds.",
        "Site: app-labrat stopped.",
        "Container is running.",
    ];
    assert_eq!(in_order(&told(&stand.platform()), &wanted), Ok(()));
    stand.stop().await;
}

#[tokio::test]
async fn a_probe_at_a_port_of_its_own_is_asked_there_and_nowhere_else() {
    let command = "labrat serve --bind=0.0.0.0:8000 --probe-bind=0.0.0.0:8001 app:app";
    let probed = |port| {
        Mode::Kubernetes(Probes {
            readiness_port: Some(port),
            liveness_port: Some(8_001),
            period: Duration::from_secs(1),
            ..Probes::default()
        })
    };
    let right = Stand::warm(command, |settings| settings.mode = probed(8_001)).await;
    let wrong = Stand::warm(command, |settings| settings.mode = probed(9_000)).await;
    until("the wrong one is out of rotation", || {
        (wrong.host.status(PRODUCTION).unwrap().phase == Phase::NotReady).then_some(())
    })
    .await;
    let status = right.host.status(PRODUCTION).unwrap();
    assert_eq!((status.phase, status.starts), (Phase::Started, 1));
    assert_eq!(right.get("/fast").await.status, 200);
    assert_eq!(wrong.get("/fast").await.status, 503);
    right.stop().await;
    wrong.stop().await;
}

#[tokio::test]
async fn a_single_instance_that_fails_its_health_check_stays_and_is_restarted_after_an_hour() {
    let stand = Stand::warm(SERVE, |settings| {
        // A minute is 60 ms and an hour 3.6 s.
        settings.pace = 0.001;
        // A start takes what it takes, at any pace.
        let production = &mut settings.production.configuration;
        *production = production
            .clone()
            .with([Setting::app("WEBSITES_CONTAINER_START_TIME_LIMIT", "1800")]);
        let production = &mut settings.production.configuration;
        production.health_path = Some("/no-such-path".to_owned());
    })
    .await;
    // Ten failures are over after 0.6 s; the site goes on answering until the restart.
    until("a restart", || {
        let status = stand.host.status(PRODUCTION).unwrap();
        assert!(!matches!(status.phase, Phase::NotReady));
        (status.starts == 2).then_some(())
    })
    .await;
    stand.stop().await;
}
