//! What the platform does to a site where it is told to: auto-heal, a home of a size, references to
//! secrets.

use labrat::host::{AutoHealRules, ReferenceStatus, Setting, SlotName, Vault};

use super::{SERVE, Stand, head, send, until};

const PRODUCTION: SlotName = SlotName::Production;

/// Rules that act after three answers of 404, once the container is old enough.
fn rules(least_age: &str) -> AutoHealRules {
    let rules = format!(
        r#"{{"triggers": {{"statusCodes": [
            {{"status": 404, "subStatus": 0, "count": 3, "timeInterval": "01:00:00"}}]}},
            "actions": {{"actionType": "Recycle", "minProcessExecutionTime": "{least_age}"}}}}"#
    );
    AutoHealRules::parse(&rules).unwrap()
}

fn container(stand: &Stand) -> Option<String> {
    stand.host.status(PRODUCTION).unwrap().container
}

async fn missing(stand: &Stand, times: usize) {
    for _ in 0..times {
        assert_eq!(stand.get("/nowhere").await.status, 404);
    }
}

#[tokio::test]
async fn a_rule_recycles_the_container_after_so_many_answers_and_then_counts_anew() {
    let stand = Stand::warm(SERVE, |settings| {
        settings.pace = 0.05;
        settings.auto_heal = Some(rules("00:00:00"));
    })
    .await;
    let mut last = container(&stand);
    for _ in 0..2 {
        missing(&stand, 2).await;
        assert_eq!(stand.get("/health").await.status, 200);
        assert_eq!(container(&stand), last, "two are not three");
        missing(&stand, 1).await;
        until("another container serves", || {
            (container(&stand) != last).then_some(())
        })
        .await;
        stand.wait(PRODUCTION).await;
        last = container(&stand);
    }
    stand.stop().await;
}

#[tokio::test]
async fn a_container_that_is_too_young_is_left_alone() {
    let stand = Stand::warm(SERVE, |settings| {
        settings.auto_heal = Some(rules("10:00:00"));
    })
    .await;
    let first = container(&stand);
    missing(&stand, 9).await;
    // Whatever was to be done is done before this order is.
    stand
        .host
        .set_settings(PRODUCTION, [Setting::app("A", "1")])
        .unwrap();
    stand.wait(PRODUCTION).await;
    assert_eq!(stand.host.status(PRODUCTION).unwrap().starts, 2);
    assert_ne!(container(&stand), first);
    stand.stop().await;
}

#[tokio::test]
async fn a_full_home_stays_full_through_a_restart_and_only_what_is_removed_makes_room() {
    let stand = Stand::warm(SERVE, |settings| {
        settings.pace = 0.05;
        settings.home_megabytes = Some(8);
    })
    .await;
    let fill = || stand.get("/fill?megabytes=5");
    assert_eq!(fill().await.status, 200);
    let full = fill().await;
    assert_eq!(full.status, 500, "{}", full.body);
    stand.host.restart(PRODUCTION).unwrap();
    stand.wait(PRODUCTION).await;
    assert_eq!(fill().await.status, 500, "it outlives the container");
    let said = stand.console().join("\n");
    assert!(
        said.contains("[Errno 28] No space left on device"),
        "{said}"
    );
    let address = stand.host.address(PRODUCTION).unwrap();
    let freed = send(address, head("DELETE", "/fill").as_bytes()).await;
    assert!(
        freed.json()["freed"].as_u64().unwrap() >= 1,
        "{}",
        freed.body
    );
    assert_eq!(fill().await.status, 200);
    let folder = stand.stop().await;
    let left = std::fs::read_dir(folder.path().join("home/production")).unwrap();
    let names: Vec<_> = left.flatten().map(|entry| entry.file_name()).collect();
    assert!(!names.iter().any(|name| name == "LogFiles"), "{names:?}");
}

#[tokio::test]
async fn what_is_in_the_folder_is_in_a_home_of_a_size() {
    let command = format!("cat /home/site/wwwroot/page; {SERVE}");
    let stand = Stand::warm(&command, |settings| {
        let wwwroot = settings.folder.join("home/production/site/wwwroot");
        std::fs::create_dir_all(&wwwroot).unwrap();
        std::fs::write(wwwroot.join("page"), "what was deployed\n").unwrap();
        settings.home_megabytes = Some(8);
    })
    .await;
    let console = stand.console();
    assert!(console.iter().any(|line| line == "what was deployed"));
    stand.stop().await;
}

#[tokio::test]
async fn a_reference_becomes_its_secret_and_stays_itself_where_there_is_none() {
    let reference = |name: &str| format!("@Microsoft.KeyVault(VaultName=shop;SecretName={name})");
    let stand = Stand::warm(SERVE, |settings| {
        settings.pace = 0.05;
        settings.vault = Vault::default().with("shop", "flag", "on");
        let configuration = &mut settings.production.configuration;
        *configuration = std::mem::take(configuration).with([
            Setting::app("FEATURE_FLAG", reference("flag")),
            Setting::app("DB_CONNECTION_STRING", reference("database")),
        ]);
    })
    .await;
    let seen = stand.get("/config").await.json();
    assert_eq!(seen["FEATURE_FLAG"], "on");
    let left = seen["DB_CONNECTION_STRING"].as_str().unwrap();
    assert!(left.starts_with("@Microsoft.KeyVault("), "{left}");
    let settings = stand.host.configuration(PRODUCTION).unwrap().settings;
    let status = |name: &str| stand.host.reference(&settings[name]);
    assert_eq!(status("FEATURE_FLAG"), Some(ReferenceStatus::Resolved));
    assert_eq!(
        status("DB_CONNECTION_STRING"),
        Some(ReferenceStatus::SecretNotFound)
    );
}
