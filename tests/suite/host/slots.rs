//! The swap: what moves, what stays, and that nobody notices.

use std::collections::BTreeSet;

use labrat::host::{
    Effect, Host, HostError, HostSettings, Notify, Setting, SlotConfiguration, SlotName,
    SlotSettings, SwapOptions,
};

use super::traffic::Traffic;
use super::{Stand, until};

const COMMAND: &str = "labrat serve --bind=0.0.0.0:8000 --workers=2 app:app";
const PRODUCTION: SlotName = SlotName::Production;
const STAGING: SlotName = SlotName::Staging;

fn two_slots(production: Vec<Setting>, staging: Vec<Setting>) -> impl FnOnce(&mut HostSettings) {
    move |settings| {
        settings.pace = 0.02;
        settings.production.configuration = SlotConfiguration::new(COMMAND).with(production);
        settings.staging = Some(SlotSettings {
            port: 0,
            configuration: SlotConfiguration::new(COMMAND).with(staging),
        });
    }
}

async fn start(production: Vec<Setting>, staging: Vec<Setting>) -> Stand {
    let stand = Stand::warm("", two_slots(production, staging)).await;
    stand.wait(STAGING).await;
    stand
}

fn database(name: &str) -> Setting {
    Setting::app("DB_CONNECTION_STRING", format!("Server={name}"))
}

fn flag(value: &str) -> Setting {
    Setting::app("FEATURE_FLAG", value)
}

#[tokio::test]
async fn a_swap_moves_what_is_not_sticky_keeps_what_is_and_every_answer_is_200() {
    let stand = start(
        vec![database("production").sticky(), flag("off")],
        vec![database("staging").sticky(), flag("on")],
    )
    .await;
    assert_eq!(
        stand.get_from(STAGING, "/diag/env").await.json()["WEBSITE_SLOT_NAME"],
        "staging"
    );
    let production = Traffic::start(stand.host.address(PRODUCTION).unwrap(), "/config");
    let staging = Traffic::start(stand.host.address(STAGING).unwrap(), "/config");
    production.reach(10).await;
    staging.reach(10).await;
    stand.host.swap(SwapOptions::default()).await.unwrap();
    stand.wait(STAGING).await;
    for traffic in [&production, &staging] {
        let seen = traffic.count();
        traffic.reach(seen + 10).await;
    }
    let values = |reply: &super::Reply| {
        assert_eq!(reply.status, 200, "{reply:?}");
        let config = reply.json();
        format!(
            "{} {}",
            config["DB_CONNECTION_STRING"], config["FEATURE_FLAG"]
        )
    };
    let production: Vec<String> = production.end().await.iter().map(values).collect();
    let staging: Vec<String> = staging.end().await.iter().map(values).collect();
    assert_eq!(production[0], "\"Server=production\" \"off\"");
    assert_eq!(production.last().unwrap(), "\"Server=production\" \"on\"");
    assert_eq!(staging[0], "\"Server=staging\" \"on\"");
    assert_eq!(staging.last().unwrap(), "\"Server=staging\" \"off\"");
    // Production never saw staging's database.
    assert!(
        production
            .iter()
            .all(|seen| seen.contains("Server=production"))
    );
    // As recorded: the containers keep the slot that they were in.
    let slot = stand.get("/diag/env").await.json()["WEBSITE_SLOT_NAME"].clone();
    assert_eq!(slot, "staging");
    let slot = stand.get_from(STAGING, "/diag/env").await.json()["WEBSITE_SLOT_NAME"].clone();
    assert_eq!(slot, "<unset>");
    stand.stop().await;
}

#[tokio::test]
async fn a_database_that_is_not_sticky_moves_into_production_and_every_status_stays_200() {
    let stand = start(vec![database("production")], vec![database("staging")]).await;
    let found = stand.host.compare(STAGING, &BTreeSet::new()).unwrap();
    assert!(found.is_blocked());
    assert_eq!(found.settings[0].effect, Effect::DiffersWithoutIntent);
    let traffic = Traffic::start(stand.host.address(PRODUCTION).unwrap(), "/config");
    traffic.reach(10).await;
    stand.host.swap(SwapOptions::default()).await.unwrap();
    let seen = traffic.count();
    traffic.reach(seen + 10).await;
    let replies = traffic.end().await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    let last = replies.last().unwrap().json();
    assert_eq!(last["DB_CONNECTION_STRING"], "Server=staging");
    let configured = stand.host.configuration(PRODUCTION).unwrap();
    assert_eq!(
        configured.app_setting("DB_CONNECTION_STRING"),
        Some("Server=staging")
    );
    stand.stop().await;
}

#[tokio::test]
async fn a_failing_warm_up_leaves_production_untouched() {
    let stand = start(
        vec![flag("off")],
        vec![
            flag("on"),
            Setting::app("WEBSITE_SWAP_WARMUP_PING_PATH", "/no-such-path"),
            Setting::app("WEBSITE_SWAP_WARMUP_PING_STATUSES", "200"),
        ],
    )
    .await;
    let before = stand.host.status(PRODUCTION).unwrap();
    let failed = stand.host.swap(SwapOptions::default()).await;
    let Err(HostError::SwapReverted { reason }) = failed else {
        panic!("{failed:?}");
    };
    assert!(
        reason.contains("/no-such-path was answered 404"),
        "{reason}"
    );
    assert_eq!(stand.host.status(PRODUCTION).unwrap(), before);
    stand.wait(STAGING).await;
    assert_eq!(stand.get("/config").await.json()["FEATURE_FLAG"], "off");
    assert_eq!(
        stand.get_from(STAGING, "/config").await.json()["FEATURE_FLAG"],
        "on"
    );
    // With a path that answers, the same swap succeeds.
    stand
        .host
        .set_settings(
            STAGING,
            [Setting::app("WEBSITE_SWAP_WARMUP_PING_PATH", "/warmup")],
        )
        .unwrap();
    stand.wait(STAGING).await;
    stand.host.swap(SwapOptions::default()).await.unwrap();
    assert_eq!(stand.get("/config").await.json()["FEATURE_FLAG"], "on");
    stand.stop().await;
}

#[tokio::test]
async fn code_that_does_not_start_with_productions_settings_is_not_swapped_in() {
    let stand = start(
        vec![Setting::app("PLACE", "production").sticky()],
        vec![Setting::app("PLACE", "staging").sticky()],
    )
    .await;
    let picky = format!("test $PLACE = staging && exec {COMMAND}");
    stand.host.set_startup_command(STAGING, &picky).unwrap();
    stand.wait(STAGING).await;
    let before = stand.host.status(PRODUCTION).unwrap();
    let failed = stand.host.swap(SwapOptions::default()).await;
    assert!(
        matches!(failed, Err(HostError::SwapReverted { .. })),
        "{failed:?}"
    );
    assert_eq!(stand.host.status(PRODUCTION).unwrap(), before);
    assert_eq!(stand.get("/health").await.status, 200);
    stand.wait(STAGING).await;
    assert_eq!(stand.get_from(STAGING, "/health").await.status, 200);
    stand.stop().await;
}

#[tokio::test]
async fn a_preview_pauses_before_routing_and_can_be_completed_or_cancelled() {
    let stand = start(
        vec![database("production").sticky(), flag("off")],
        vec![database("staging").sticky(), flag("on")],
    )
    .await;
    let preview = SwapOptions {
        preview: true,
        ..SwapOptions::default()
    };
    for complete in [false, true] {
        stand.host.swap(preview).await.unwrap();
        let seen = stand.get_from(STAGING, "/config").await.json();
        assert_eq!(
            seen["DB_CONNECTION_STRING"], "Server=production",
            "the source with the target's settings"
        );
        assert_eq!(stand.get("/config").await.json()["FEATURE_FLAG"], "off");
        let second = stand.host.swap(preview).await;
        assert!(matches!(second, Err(HostError::SwapState(_))), "{second:?}");
        stand.host.end_preview(complete).await.unwrap();
        stand.wait(STAGING).await;
        let expected = if complete { "on" } else { "off" };
        assert_eq!(stand.get("/config").await.json()["FEATURE_FLAG"], expected);
        let seen = stand.get_from(STAGING, "/config").await.json();
        assert_eq!(seen["DB_CONNECTION_STRING"], "Server=staging");
    }
    assert!(stand.host.end_preview(true).await.is_err());
    stand.stop().await;
}

#[tokio::test]
async fn with_auto_swap_a_deployment_to_staging_ends_in_production_and_no_request_fails() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = HostSettings::new(folder.path(), super::executable(), "");
    two_slots(vec![flag("off")], vec![flag("on")])(&mut settings);
    settings.auto_swap = true;
    let (say, said) = std::sync::mpsc::channel();
    let say = parking_lot::Mutex::new(say);
    settings.notify = Notify::new(move |text| say.lock().send(text.to_owned()).unwrap());
    let host = Host::start(settings).await.unwrap();
    let stand = Stand { host, folder };
    stand.wait(PRODUCTION).await;
    stand.wait(STAGING).await;
    let traffic = Traffic::start(stand.host.address(PRODUCTION).unwrap(), "/config");
    traffic.reach(10).await;
    let told = |words: &'static str| {
        let heard = said.try_iter().any(|text| text.contains(words));
        heard.then_some(())
    };

    // What does not start is not swapped in.
    let wrong = "labrat serve --bind=0.0.0.0:8000 wrong_module:app";
    stand.host.set_startup_command(STAGING, wrong).unwrap();
    until("the swap is given up", || told("production is as it was")).await;
    assert_eq!(stand.get("/config").await.json()["FEATURE_FLAG"], "off");

    let new = "labrat serve --bind=0.0.0.0:8000 --workers=3 app:app";
    stand.host.set_startup_command(STAGING, new).unwrap();
    until("the deployment is swapped in", || {
        told("staging is in production")
    })
    .await;
    assert_eq!(stand.get("/config").await.json()["FEATURE_FLAG"], "on");
    let production = stand.host.configuration(PRODUCTION).unwrap();
    assert_eq!(production.startup_command, new);
    // A change of settings is no deployment.
    stand.wait(STAGING).await;
    stand.host.set_settings(STAGING, [flag("new")]).unwrap();
    stand.wait(STAGING).await;
    let seen = traffic.count();
    traffic.reach(seen + 10).await;
    let replies = traffic.end().await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(stand.get("/config").await.json()["FEATURE_FLAG"], "on");
    stand.stop().await;
}

#[tokio::test]
async fn a_preview_whose_source_was_changed_is_not_completed() {
    let stand = start(vec![flag("off")], vec![flag("on")]).await;
    let preview = SwapOptions {
        preview: true,
        ..SwapOptions::default()
    };
    stand.host.swap(preview).await.unwrap();
    stand.host.restart(STAGING).unwrap();
    stand.wait(STAGING).await;
    let failed = stand.host.end_preview(true).await;
    assert!(
        matches!(failed, Err(HostError::SwapReverted { .. })),
        "{failed:?}"
    );
    assert_eq!(stand.get("/config").await.json()["FEATURE_FLAG"], "off");
    stand.stop().await;
}

#[tokio::test]
async fn a_swap_into_a_slot_that_does_not_run_mends_it() {
    let stand = start(vec![flag("off")], vec![flag("on")]).await;
    let wrong = "labrat serve --bind=0.0.0.0:8000 wrong_module:app";
    stand.host.set_startup_command(PRODUCTION, wrong).unwrap();
    let failed = stand
        .host
        .wait_until_warm(PRODUCTION, super::PATIENCE)
        .await;
    assert!(failed.is_err());
    stand.host.swap(SwapOptions::default()).await.unwrap();
    assert_eq!(stand.get("/config").await.json()["FEATURE_FLAG"], "on");
    // The wrong command is in staging now.
    let failed = stand.host.wait_until_warm(STAGING, super::PATIENCE).await;
    assert!(failed.is_err());
    assert_eq!(stand.get_from(STAGING, "/config").await.status, 503);
    assert_eq!(stand.get("/config").await.status, 200);
    stand.stop().await;
}

#[tokio::test]
async fn each_phase_of_a_swap_has_its_rows_under_the_names_of_both_slots() {
    let stand = start(vec![flag("off")], vec![flag("on")]).await;
    stand.host.swap(SwapOptions::default()).await.unwrap();
    stand.wait(STAGING).await;
    let stopped = || {
        let rows = stand.platform();
        let staging = rows
            .iter()
            .filter(|row| row.message.as_deref() == Some("Site: app-labrat__staging stopped."));
        staging.count()
    };
    // The container that staging had before, and the one that production had.
    until("both old containers are gone", || {
        (stopped() == 2).then_some(())
    })
    .await;
    let rows = stand.platform();
    let started = rows
        .iter()
        .filter(|row| row.message.as_deref() == Some("Site started."));
    assert_eq!(
        started.count(),
        4,
        "two at first, the source's, the old one's"
    );
    stand.stop().await;
}
