//! Who failed, with real pools behind the front end.

use std::time::Duration;

use labrat::host::{Setting, SlotName};
use nix::sys::signal::{Signal, kill};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{SERVE, Stand, head, until};

const PRODUCTION: SlotName = SlotName::Production;

#[tokio::test]
async fn a_client_that_gives_up_is_a_499_and_the_worker_runs_to_its_end() {
    let stand = Stand::warm(SERVE, |_| {}).await;
    let address = stand.host.address(PRODUCTION).unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    client
        .write_all(head("GET", "/slow?seconds=1").as_bytes())
        .await
        .unwrap();
    // The client's time limit.
    let mut byte = [0_u8; 1];
    let answered = tokio::time::timeout(Duration::from_millis(300), client.read(&mut byte)).await;
    assert!(answered.is_err(), "no answer within the limit");
    assert_eq!(stand.http().len(), 0);
    drop(client);
    let row = until("the row of the client that left", || stand.http().pop()).await;
    assert_eq!(row.sc_status, Some(499));
    assert_eq!(row.cs_uri_stem.as_deref(), Some("/slow"));
    let waited = row.time_taken.unwrap();
    assert!((250..950).contains(&waited), "{waited} ms");
    // The worker is busy for the rest of the second, then it says that the request was served.
    let stats = stand.get("/diag/stats").await.json();
    assert_eq!(stats["endpoint_counters"]["slow"], 1, "{stats}");
    assert_eq!(stats["active_slow_requests"], 0, "{stats}");
    let queued = stand.http().pop().unwrap();
    assert!(queued.time_taken.unwrap() >= 200, "{queued:?}");
    stand.stop().await;
}

#[tokio::test]
async fn a_worker_killed_in_flight_is_a_502_and_its_replacement_answers() {
    let command = "labrat serve --bind=0.0.0.0:8000 --workers=2 app:app";
    let stand = Stand::warm(command, |_| {}).await;
    let address = stand.host.address(PRODUCTION).unwrap();
    let asked = tokio::spawn(async move { super::get(address, "/slow?seconds=30").await.status });
    let pid = loop {
        let pool = stand.get("/diag/workers").await.json();
        let busy = pool["workers"].as_array().unwrap().iter().find(|worker| {
            let request = worker["busy_with"]["request"].as_str();
            request.is_some_and(|request| request.contains("/slow"))
        });
        if let Some(worker) = busy {
            break worker["pid"].as_i64().unwrap();
        }
        assert!(!asked.is_finished());
    };
    let status = stand.host.status(PRODUCTION).unwrap();
    kill(super::outside(&status, pid), Signal::SIGKILL).unwrap();
    assert_eq!(asked.await.unwrap(), 502);
    let console = until("the arbiter says so", || {
        let words = format!("Worker (pid:{pid}) was sent SIGKILL!");
        stand
            .console()
            .into_iter()
            .find(|line| line.contains(&words))
    });
    console.await;
    until("a third worker", || {
        let booted = stand
            .console()
            .into_iter()
            .filter(|line| line.contains("Booting worker"));
        (booted.count() == 3).then_some(())
    })
    .await;
    assert_eq!(stand.get("/health").await.status, 200);
    let lost = stand
        .http()
        .into_iter()
        .filter(|row| row.sc_status == Some(502));
    assert_eq!(lost.count(), 1);
    stand.stop().await;
}

#[tokio::test]
async fn no_answer_within_a_small_limit_is_a_504() {
    let stand = Stand::warm(SERVE, |settings| {
        settings.front_end_limit = Duration::from_secs(3);
    })
    .await;
    let reply = stand.get("/slow?seconds=2").await;
    assert_eq!(reply.status, 504);
    assert_eq!(stand.http().pop().unwrap().sc_status, Some(504));
    stand.stop().await;
}

#[tokio::test]
async fn rows_equal_requests_and_carry_what_the_clients_saw() {
    let stand = Stand::warm(
        "labrat serve --bind=0.0.0.0:8000 --workers=2 app:app",
        |_| {},
    )
    .await;
    let address = stand.host.address(PRODUCTION).unwrap();
    let mut clients = Vec::new();
    for number in 0..40 {
        let path = if number % 4 == 0 { "/nope" } else { "/health" };
        clients.push(tokio::spawn(async move {
            super::get(address, path).await.status
        }));
    }
    let mut seen = Vec::new();
    for client in clients {
        seen.push(i64::from(client.await.unwrap()));
    }
    let folder = stand.host.tables_folder().to_owned();
    let _kept = stand.stop().await;
    let rows: Vec<labrat::tables::HttpRow> = super::rows(&folder, "http.jsonl");
    let mut told: Vec<i64> = rows.iter().filter_map(|row| row.sc_status).collect();
    seen.sort_unstable();
    told.sort_unstable();
    assert_eq!(told, seen);
    assert_eq!(seen.iter().filter(|status| **status == 404).count(), 10);
}

#[tokio::test]
async fn the_container_sees_its_settings_as_the_platform_gives_them() {
    let stand = Stand::warm(SERVE, |settings| {
        let production = &mut settings.production.configuration;
        *production = production.clone().with([
            Setting::app("FEATURE_FLAG", "on"),
            Setting::app("DB_CONNECTION_STRING", "Server=db;Password=hunter2"),
            Setting::app("WEBSITES_PORT", "9999"),
        ]);
    })
    .await;
    let seen = stand.get("/diag/env").await.json();
    assert_eq!(seen["FEATURE_FLAG"], "on");
    assert_eq!(seen["DB_CONNECTION_STRING"], "Server=db;Password=***");
    assert_eq!(seen["WEBSITE_SLOT_NAME"], "<unset>");
    assert_eq!(seen["WEBSITE_INSTANCE_ID"].as_str().unwrap().len(), 64);
    // A built-in image: the platform decides the port, and says so.
    let said: Vec<String> = stand
        .platform()
        .into_iter()
        .filter_map(|row| row.message)
        .collect();
    for words in [
        "Overriding PORT environment variable with pre-calculated port: 8000.",
        "Setting value of PORT variable to 8000",
    ] {
        assert!(said.iter().any(|line| line == words), "{words}");
    }
    // No secret is in any table.
    let folder = stand.host.tables_folder().to_owned();
    let _kept = stand.stop().await;
    for file in ["http.jsonl", "console.jsonl", "platform.jsonl"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        assert!(!text.contains("hunter2"), "{file}");
    }
}

#[tokio::test]
async fn the_real_gunicorn_works_as_the_startup_command_too() {
    use crate::harness::{oracle, root, skip_unless};
    if skip_unless(oracle()) {
        return;
    }
    let gunicorn = root().join("target/oracle/bin/gunicorn");
    let command = |module: &str| {
        let folder = root().join("tests/oracle");
        format!(
            "{} --chdir {} --bind=0.0.0.0:8000 --workers=2 {module}:app",
            gunicorn.display(),
            folder.display()
        )
    };
    let bytecode = root().join("target/oracle/bytecode");
    let bytecode = Setting::app("PYTHONPYCACHEPREFIX", bytecode.display().to_string());
    let stand = Stand::warm(&command("app"), |settings| {
        settings.pace = 1.0;
        let production = &mut settings.production.configuration;
        *production = production.clone().with([bytecode]);
    })
    .await;
    assert_eq!(stand.get("/health").await.json()["status"], "healthy");
    let row = stand.http().pop().unwrap();
    assert_eq!(row.sc_status, Some(200));
    stand
        .host
        .set_startup_command(PRODUCTION, &command("wrong_module"))
        .unwrap();
    let failed = stand
        .host
        .wait_until_warm(PRODUCTION, super::PATIENCE)
        .await;
    assert!(failed.is_err());
    let words = "No module named 'wrong_module'";
    assert!(stand.console().iter().any(|line| line.contains(words)));
    stand.stop().await;
}
