//! The emulator's rows against its own list of messages.

use std::collections::BTreeSet;

use labrat::host::messages::TEMPLATES;
use labrat::host::{Setting, SlotName};
use labrat::tables::PlatformRow;

use super::{PATIENCE, SERVE, Stand, until};

const PRODUCTION: SlotName = SlotName::Production;

/// A message with everything that differs from run to run taken out: the site's name, images,
/// identities, times and numbers.
fn template(message: &str, site: &str) -> String {
    let words = message.replace(site, "{site}");
    let words: Vec<String> = words.split(' ').map(word).collect();
    let text = words.join(" ").replace("{n} {n}", "{time}");
    let text = match (text.find("LastError: "), text.find(", Details: ")) {
        (Some(from), Some(to)) => format!("{}{{last error}}{}", &text[..from], &text[to..]),
        _ => text,
    };
    text.trim_end().to_owned()
}

fn word(word: &str) -> String {
    let inner = word.trim_end_matches([',', '.', ')']);
    let ending = &word[inner.len()..];
    if inner.contains("appsvc/python:") {
        return format!("{{image}}{ending}");
    }
    if inner
        .strip_suffix("_{site}")
        .is_some_and(|id| id.len() == 12)
    {
        return format!("{{id}}_{{site}}{ending}");
    }
    if inner.len() == 36 && inner.matches('-').count() == 4 {
        return format!("{{version}}{ending}");
    }
    let numeric = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|character| character.is_ascii_digit() || "./:".contains(character))
    };
    if numeric(inner) {
        return format!("{{n}}{ending}");
    }
    match inner.strip_suffix('s') {
        Some(seconds) if numeric(seconds) => format!("{{n}}s{ending}"),
        _ => word.to_owned(),
    }
}

/// The templates of all rows, each with its level.
pub(super) fn templates(rows: &[PlatformRow], site: &str) -> BTreeSet<String> {
    rows.iter()
        .filter_map(|row| {
            Some(format!(
                "{} {}",
                row.level.as_deref()?,
                template(row.message.as_deref()?, site)
            ))
        })
        .collect()
}

/// One run with every kind of start that there is.
async fn every_message() -> BTreeSet<String> {
    let wrong = "labrat serve --bind=0.0.0.0:8000 wrong_module:app";
    let stand = Stand::warm(SERVE, |settings| {
        settings.pace = 0.005;
        settings.failed_starts_until_block = 2;
        let production = &mut settings.production.configuration;
        *production = production.clone().with([Setting::app("PORT", "9000")]);
    })
    .await;
    let host = &stand.host;
    let settle = async || {
        let _ = host.wait_until_warm(PRODUCTION, PATIENCE).await;
    };
    // A start is overtaken, with a container that serves and without one.
    host.set_startup_command(PRODUCTION, "sleep 600").unwrap();
    let starting = || {
        let rows = stand.platform();
        let waits = rows.iter().filter(|row| {
            row.message
                .as_deref()
                .is_some_and(|text| text.contains("Action: WaitingForSite"))
        });
        waits.count()
    };
    until("the second start waits", || (starting() == 2).then_some(())).await;
    host.set_startup_command(PRODUCTION, SERVE).unwrap();
    settle().await;
    host.stop_site(PRODUCTION).unwrap();
    until("it is stopped", || {
        (host.status(PRODUCTION).unwrap().container.is_none()).then_some(())
    })
    .await;
    host.restart(PRODUCTION).unwrap();
    settle().await;
    // Too slow, then wrong, then blocked.
    host.set_startup_command(PRODUCTION, "sleep 600").unwrap();
    settle().await;
    host.set_startup_command(PRODUCTION, wrong).unwrap();
    settle().await;
    assert_eq!(stand.get("/").await.status, 503);
    host.set_startup_command(PRODUCTION, SERVE).unwrap();
    settle().await;
    let folder = stand.host.tables_folder().to_owned();
    let _kept = stand.stop().await;
    templates(&super::rows(&folder, "platform.jsonl"), "app-labrat")
}

#[tokio::test]
async fn every_message_of_the_list_is_written_and_none_that_is_not_in_it() {
    let written = every_message().await;
    let list: BTreeSet<String> = TEMPLATES.iter().map(|&line| line.to_owned()).collect();
    let unlisted: Vec<_> = written.difference(&list).collect();
    let unwritten: Vec<_> = list.difference(&written).collect();
    assert!(
        unlisted.is_empty() && unwritten.is_empty(),
        "not in the list: {unlisted:#?}\nnever written: {unwritten:#?}"
    );
}

#[test]
fn what_differs_from_run_to_run_is_no_part_of_a_template() {
    for (message, expected) in [
        (
            "Starting container: 0123456789ab_app-x.",
            "Starting container: {id}_{site}.",
        ),
        (
            "Site startup probe failed after 33.5553842 seconds.",
            "Site startup probe failed after {n} seconds.",
        ),
        ("limit of 230s. Please", "limit of {n}s. Please"),
        (
            "Site started at 04/04/2026 05:46:15 (UTC)",
            "Site started at {time} (UTC)",
        ),
        (
            "Pulling image 10.1.0.4:13209/appsvc/python:3.11_2026.tuxprod for app-x.",
            "Pulling image {image} for {site}.",
        ),
        (
            "Container has finished running with exit code: 3.",
            "Container has finished running with exit code: {n}.",
        ),
    ] {
        assert_eq!(template(message, "app-x"), expected);
    }
}
