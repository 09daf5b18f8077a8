//! Starts that succeed, fail, come too late or are overtaken; restarts; blocks.

use std::time::Duration;

use labrat::host::{HostError, Image, Phase, Setting, SlotName};
use labrat::tables::PlatformRow;

use super::traffic::Traffic;
use super::{PATIENCE, SERVE, Stand, until};

const PRODUCTION: SlotName = SlotName::Production;
const WRONG: &str = "labrat serve --bind=0.0.0.0:8000 wrong_module:app";

/// The messages of the log, changes of state by their names.
pub(super) fn told(rows: &[PlatformRow]) -> Vec<String> {
    let messages = rows.iter().filter_map(|row| row.message.as_deref());
    messages
        .map(|message| {
            let state = message.strip_prefix("State: ").and_then(|rest| {
                let (state, rest) = rest.split_once(", Action: ")?;
                Some(format!("{state}/{}", rest.split(',').next()?))
            });
            state.unwrap_or_else(|| message.to_owned())
        })
        .collect()
}

/// Whether `wanted` are among `told` in this order, each by its beginning.
pub(super) fn in_order(told: &[String], wanted: &[&str]) -> Result<(), String> {
    let mut rest = told.iter();
    for words in wanted {
        if !rest.any(|line| line.starts_with(words)) {
            return Err(format!("`{words}` is missing or out of order in {told:#?}"));
        }
    }
    Ok(())
}

const START: [&str; 16] = [
    "Starting/EstablishingSiteNetworks",
    "Starting/StartingSiteContainers",
    "Container start method called.",
    "Starting/PullingImage",
    "Starting/MountingVolumes",
    "Starting/CreatingContainer",
    "Starting container: ",
    "Container is running.",
    "Starting/InitiatingSiteWarmUpProbe",
    "Starting/WaitingForSiteWarmUpProbeSuccess",
    "Site startup probe succeeded after ",
    "Starting/WarmUpProbeSucceeded",
    "Site is running with deployment version: ",
    "Site started.",
    "Started/None",
    "",
];

#[tokio::test]
async fn a_start_and_a_stop_write_the_platforms_rows_in_its_order() {
    let stand = Stand::warm(SERVE, |_| {}).await;
    let folder = stand.host.tables_folder().to_owned();
    assert_eq!(in_order(&told(&stand.platform()), &START[..15]), Ok(()));
    let _kept = stand.stop().await;
    let rows: Vec<PlatformRow> = super::rows(&folder, "platform.jsonl");
    let wanted = [
        "Started/None",
        "Stopping/StoppingSite",
        "Stopping/StoppingSiteContainers",
        "Container is terminating. Grace period: 5 seconds.",
        "Stop and delete container. Retry count = 0",
        "Stopping container: ",
        "Deleting container: ",
        "Container is terminated. Total time elapsed: ",
        "Site: app-labrat stopped.",
    ];
    assert_eq!(in_order(&told(&rows), &wanted), Ok(()));
}

#[tokio::test]
async fn a_wrong_module_fails_as_recorded_holds_requests_and_recovers_when_it_is_mended() {
    let stand = Stand::start(WRONG, |_| {}).await;
    let failed = stand.host.wait_until_warm(PRODUCTION, PATIENCE).await;
    assert!(
        matches!(failed, Err(HostError::StartFailed { .. })),
        "{failed:?}"
    );
    let rows = stand.platform();
    let wanted = [
        "Starting/WaitingForSiteWarmUpProbeSuccess",
        "Container has finished running with exit code: 3.",
        "Container is terminating. Grace period: 5 seconds.",
        "Container is terminated. Total time elapsed: ",
        "Site container: app-labrat terminated during site startup.",
        "Stopping/CancellingStartup",
        "Site startup probe failed after ",
        "Stopping/CancellingStartup",
        "Failed to start site. Revert by stopping site.",
        "Stopping/StoppingSite",
        "Stopping/StoppingSiteContainers",
        "Site: app-labrat stopped.",
    ];
    assert_eq!(in_order(&told(&rows), &wanted), Ok(()));
    let level_of = |words: &str| {
        let row = rows.iter().find(|row| {
            row.message
                .as_deref()
                .is_some_and(|text| text.starts_with(words))
        });
        row.and_then(|row| row.level.clone()).unwrap_or_default()
    };
    assert_eq!(level_of("Container has finished"), "Warning");
    assert_eq!(level_of("Failed to start site."), "Error");
    let limit = "Container did not start within expected time limit of 230s.";
    assert!(rows.iter().any(|row| {
        row.message
            .as_deref()
            .is_some_and(|text| text.contains(limit))
    }));
    let console = stand.console();
    for words in [
        "Site's appCommandLine: labrat serve --bind=0.0.0.0:8000 wrong_module:app",
        "ModuleNotFoundError: No module named 'wrong_module'",
        "Reason: Worker failed to boot.",
    ] {
        assert!(console.iter().any(|line| line.contains(words)), "{words}");
    }
    // A request starts the site once more, waits, and is told that it failed.
    let reply = stand.get("/health").await;
    assert_eq!(reply.status, 503);
    assert!(reply.body.contains("Application Error"));
    assert_eq!(stand.host.status(PRODUCTION).unwrap().starts, 2);

    stand.host.set_startup_command(PRODUCTION, SERVE).unwrap();
    stand.wait(PRODUCTION).await;
    assert_eq!(stand.get("/health").await.status, 200);
    assert!(stand.get("/diag/stats").await.json()["pid"].is_number());
    let told = told(&stand.platform());
    let again = [
        "Site: app-labrat stopped.",
        "Starting/EstablishingSiteNetworks",
        "Site started.",
    ];
    assert_eq!(in_order(&told, &again), Ok(()));
    stand.stop().await;
}

#[tokio::test]
async fn several_failed_starts_block_the_site_and_the_mended_command_starts_when_the_block_ends() {
    let stand = Stand::start(WRONG, |settings| {
        settings.failed_starts_until_block = 2;
        settings.pace = 0.01;
    })
    .await;
    let _ = stand.host.wait_until_warm(PRODUCTION, PATIENCE).await;
    assert_eq!(stand.get("/").await.status, 503);
    until("the site is blocked", || {
        matches!(
            stand.host.status(PRODUCTION).unwrap().phase,
            Phase::Blocked { .. }
        )
        .then_some(())
    })
    .await;
    assert_eq!(stand.get("/").await.status, 503);
    stand.host.set_startup_command(PRODUCTION, SERVE).unwrap();
    stand.wait(PRODUCTION).await;
    assert_eq!(stand.get("/").await.status, 200);
    let wanted = [
        "Site: app-labrat stopped.",
        "Site: app-labrat will be blocked for 2 minutes till ",
        "Blocked/StoppingSiteNetworks",
        "Blocked/None",
        "Start site prohibitted because the site is being blocked.",
        "Site: app-labrat is unblocked.",
        "Starting/EstablishingSiteNetworks",
        "Site started.",
    ];
    assert_eq!(in_order(&told(&stand.platform()), &wanted), Ok(()));
    assert_eq!(stand.host.status(PRODUCTION).unwrap().starts, 3);
    stand.stop().await;
}

#[tokio::test]
async fn a_start_that_takes_longer_than_its_limit_is_ended() {
    let stand = Stand::start(&format!("sleep 600; {SERVE}"), |settings| {
        let production = &mut settings.production.configuration;
        *production = production
            .clone()
            .with([Setting::app("WEBSITES_CONTAINER_START_TIME_LIMIT", "10")]);
    })
    .await;
    let failed = stand.host.wait_until_warm(PRODUCTION, PATIENCE).await;
    let Err(HostError::StartFailed { reason, .. }) = failed else {
        panic!("{failed:?}");
    };
    assert!(reason.contains("time limit of 10s"), "{reason}");
    let wanted = [
        "Site startup probe failed after ",
        "Starting/WaitingForSiteWarmUpProbeSuccess",
        "Failed to start site. Revert by stopping site.",
        "Stopping/StoppingSite",
        "Container is terminating. Grace period: 5 seconds.",
        "Container is terminated.",
        "Site: app-labrat stopped.",
    ];
    assert_eq!(in_order(&told(&stand.platform()), &wanted), Ok(()));
    stand.stop().await;
}

#[tokio::test]
async fn a_new_command_overtakes_a_start_that_hangs() {
    let stand = Stand::start("sleep 600", |_| {}).await;
    until("the start waits for its probe", || {
        let told = told(&stand.platform());
        in_order(&told, &["Starting/WaitingForSiteWarmUpProbeSuccess"]).ok()
    })
    .await;
    stand.host.set_startup_command(PRODUCTION, SERVE).unwrap();
    stand.wait(PRODUCTION).await;
    assert_eq!(stand.get("/health").await.status, 200);
    let wanted = [
        "Stopping/CancellingStartup",
        "Container is terminated.",
        "Site started.",
    ];
    assert_eq!(in_order(&told(&stand.platform()), &wanted), Ok(()));
    stand.stop().await;
}

#[tokio::test]
async fn a_server_that_binds_the_loopback_address_is_not_reached() {
    let stand = Stand::start("labrat serve --bind=127.0.0.1:8000 app:app", |settings| {
        settings.pace = 0.01;
    })
    .await;
    let failed = stand.host.wait_until_warm(PRODUCTION, PATIENCE).await;
    assert!(
        matches!(failed, Err(HostError::StartFailed { .. })),
        "{failed:?}"
    );
    let console = stand.console();
    assert!(
        console
            .iter()
            .any(|line| line.contains("Listening at: http://127.0.0.1:"))
    );
    stand.stop().await;
}

#[tokio::test]
async fn websites_port_decides_for_a_custom_image() {
    let command = "labrat serve --bind=0.0.0.0:9001 app:app";
    let with_port = |port: &'static str| {
        move |settings: &mut labrat::host::HostSettings| {
            settings.image = Image::Custom;
            settings.pace = 0.01;
            let production = &mut settings.production.configuration;
            *production = production
                .clone()
                .with([Setting::app("WEBSITES_PORT", port)]);
        }
    };
    let stand = Stand::warm(command, with_port("9001")).await;
    assert_eq!(stand.get("/health").await.status, 200);
    stand.stop().await;
    let stand = Stand::start(command, with_port("9002")).await;
    let failed = stand.host.wait_until_warm(PRODUCTION, PATIENCE).await;
    assert!(
        matches!(failed, Err(HostError::StartFailed { .. })),
        "{failed:?}"
    );
    stand.stop().await;
}

#[tokio::test]
async fn a_change_of_settings_restarts_the_site_without_a_failed_request() {
    let stand = Stand::warm(
        "labrat serve --bind=0.0.0.0:8000 --workers=2 app:app",
        |settings| {
            settings.pace = 0.05;
        },
    )
    .await;
    let before = stand.get("/diag/stats").await.json();
    let traffic = Traffic::start(stand.host.address(PRODUCTION).unwrap(), "/config");
    traffic.reach(20).await;
    stand
        .host
        .set_settings(PRODUCTION, [Setting::app("FEATURE_FLAG", "on")])
        .unwrap();
    stand.wait(PRODUCTION).await;
    let told_stop = || {
        told(&stand.platform())
            .iter()
            .any(|line| line.ends_with(" stopped."))
    };
    until("the old container is gone", || told_stop().then_some(())).await;
    let seen = traffic.count();
    traffic.reach(seen + 20).await;
    let replies = traffic.end().await;
    let bad: Vec<_> = replies.iter().filter(|reply| reply.status != 200).collect();
    assert!(
        bad.is_empty(),
        "{} of {}: {bad:?}",
        bad.len(),
        replies.len()
    );
    let flags: Vec<String> = replies
        .iter()
        .map(|reply| reply.json()["FEATURE_FLAG"].to_string())
        .collect();
    assert!(flags.first().unwrap().contains("unset") && flags.last().unwrap().contains("on"));
    let after = stand.get("/diag/stats").await.json();
    assert_ne!(before["process_start_time"], after["process_start_time"]);
    stand.stop().await;
}

#[tokio::test]
async fn a_container_that_dies_is_replaced() {
    let stand = Stand::warm(SERVE, |_| {}).await;
    let status = stand.host.status(PRODUCTION).unwrap();
    let arbiter = crate::harness::children(status.process_group.unwrap())[0];
    let arbiter = nix::unistd::Pid::from_raw(i32::try_from(arbiter).unwrap());
    nix::sys::signal::kill(arbiter, nix::sys::signal::Signal::SIGKILL).unwrap();
    until("another start", || {
        (stand.host.status(PRODUCTION).unwrap().starts == 2).then_some(())
    })
    .await;
    assert_eq!(stand.get("/health").await.status, 200);
    let wanted = [
        "Site started.",
        "Container has finished running with exit code: 137.",
        "Site started.",
    ];
    assert_eq!(in_order(&told(&stand.platform()), &wanted), Ok(()));
    stand.stop().await;
}

#[tokio::test]
async fn a_stopped_site_answers_403_until_it_is_started() {
    let stand = Stand::warm(SERVE, |_| {}).await;
    stand.host.stop_site(PRODUCTION).unwrap();
    until("the site is stopped", || {
        (stand.host.status(PRODUCTION).unwrap().phase == Phase::Stopped).then_some(())
    })
    .await;
    assert_eq!(stand.get("/").await.status, 403);
    assert_eq!(
        stand.host.status(PRODUCTION).unwrap().starts,
        1,
        "a request does not start it"
    );
    stand.host.restart(PRODUCTION).unwrap();
    stand.wait(PRODUCTION).await;
    assert_eq!(stand.get("/").await.status, 200);
    stand.stop().await;
}

#[tokio::test]
async fn always_on_requests_the_root_and_leaves_no_row() {
    let stand = Stand::warm(SERVE, |settings| {
        // Five minutes are 0.3 s.
        settings.pace = 0.001;
        // A start takes what it takes, at any pace.
        let production = &mut settings.production.configuration;
        *production = production
            .clone()
            .with([Setting::app("WEBSITES_CONTAINER_START_TIME_LIMIT", "1800")]);
        settings.always_on = true;
    })
    .await;
    let status = stand.host.status(PRODUCTION).unwrap();
    let container = status.dialer.unwrap();
    loop {
        let stats = super::get_inside(&container, "/diag/stats").await.json();
        if stats["endpoint_counters"]["index"].as_i64() >= Some(2) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(stand.http().len(), 0);
    stand.stop().await;
}
