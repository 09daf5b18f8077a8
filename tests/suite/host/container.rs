//! What a container is to what runs in it: its own network and process tree, the platform's start
//! script and environment, and TERM for process 1 alone.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use labrat::host::{
    HostSettings, Network, Notify, Setting, SlotConfiguration, SlotName, SlotSettings,
};
use labrat::machine::reserved_port::ReservedPort;
use parking_lot::Mutex;

use super::{Reply, Stand, get, rows, until};
use crate::harness::{oracle, root, skip_unless};

const PRODUCTION: SlotName = SlotName::Production;
const STAGING: SlotName = SlotName::Staging;

/// Start a site whose package holds these files.
async fn with_files(
    command: &str,
    files: &[(&str, &str)],
    change: impl FnOnce(&mut HostSettings),
) -> Stand {
    Stand::warm(command, |settings| {
        let wwwroot = settings.folder.join("home/production/site/wwwroot");
        fs::create_dir_all(&wwwroot).unwrap();
        for (name, text) in files {
            fs::write(wwwroot.join(name), text).unwrap();
        }
        change(settings);
    })
    .await
}

fn setting(settings: &mut HostSettings, name: &str, value: &str) {
    let production = &mut settings.production.configuration;
    *production = production.clone().with([Setting::app(name, value)]);
}

async fn answers(command: &str, files: &[(&str, &str)]) -> Reply {
    let stand = with_files(command, files, |_| {}).await;
    let reply = stand.get("/health").await;
    stand.stop().await;
    reply
}

#[tokio::test]
async fn the_documented_startup_commands_all_start() {
    let script = "#!/bin/bash\nlabrat serve --bind=0.0.0.0:8000 --workers=1 app:app\n";
    let plain = "exec labrat serve --bind=0.0.0.0:${PORT:-8000} app:app\n";
    for (command, files) in [
        ("labrat serve --bind=0.0.0.0 --timeout 600 app:app", &[][..]),
        ("labrat serve --bind=0.0.0.0:${PORT:-8000} app:app;", &[]),
        ("labrat serve -b0.0.0.0:8000 app:app", &[]),
        ("labrat serve -b 127.0.0.1:9000 -b [::]:8000 app:app", &[]),
        (
            "labrat serve --bind=0.0.0.0 --workers $((($NUM_CORES*2)+1)) app:app",
            &[],
        ),
        (
            "labrat serve --bind=0.0.0.0 --chdir /home/site/wwwroot app:app",
            &[],
        ),
        ("bash startup.sh", &[("startup.sh", script)]),
        ("startup.sh", &[("startup.sh", script)]),
        ("/home/site/wwwroot/startup.sh", &[("startup.sh", plain)]),
        ("startup.txt", &[("startup.txt", plain)]),
        ("", &[]),
    ] {
        let reply = answers(command, files).await;
        assert_eq!(reply.status, 200, "{command}: {reply:?}");
    }
    // Whatever an unknown server makes of the path, it is found.
    let server = answers("python3 -m http.server 8000", &[("health", "up")]).await;
    assert_eq!((server.status, server.body.as_str()), (200, "up"));
}

#[tokio::test]
async fn gunicorn_and_uvicorn_start_as_the_platforms_documents_tell_it() {
    if skip_unless(oracle()) {
        return;
    }
    for command in [
        "gunicorn --bind=0.0.0.0 --timeout 600 app:app",
        "gunicorn app:app",
        "",
        "python -m uvicorn main:app --host 0.0.0.0",
        "uvicorn main:app --host 0.0.0.0 --port 8000",
        "gunicorn -w 2 -k uvicorn.workers.UvicornWorker main:app",
        "gunicorn -w 2 -k uvicorn_worker.UvicornWorker main:app",
        "gunicorn --bind=0.0.0.0:8000 --workers 2 --worker-class uvicorn.workers.UvicornWorker main:app",
    ] {
        let stand = Stand::warm(command, |settings| {
            python_site(settings);
            if command == "gunicorn app:app" {
                setting(
                    settings,
                    "GUNICORN_CMD_ARGS",
                    "--bind=0.0.0.0:8000 --timeout 600",
                );
            }
        })
        .await;
        let reply = stand.get("/health").await;
        assert_eq!(reply.status, 200, "{command}");
        let is_asgi = reply.json()["server"] == "asgi";
        assert_eq!(is_asgi, command.contains("uvicorn"), "{command}: {reply:?}");
        stand.stop().await;
    }
}

#[tokio::test]
async fn a_start_that_fails_says_where_the_container_listens_instead() {
    for (bind, expected) in [
        ("127.0.0.1:8000", Some("127.0.0.1:8000")),
        ("0.0.0.0:9000", Some("0.0.0.0:9000")),
        ("0.0.0.0:8000", None),
    ] {
        let said = Arc::new(Mutex::new(Vec::<String>::new()));
        let kept = Arc::clone(&said);
        // At the port where it is awaited it listens and never answers.
        let silent = "import socket,time\nlisten=socket.create_server";
        let (host, port) = bind.split_once(':').unwrap();
        let server = format!("{silent}((\"{host}\", {port}))\ntime.sleep(600)\n");
        let stand = Stand::start("python3 server.py", |settings| {
            let wwwroot = settings.folder.join("home/production/site/wwwroot");
            fs::create_dir_all(&wwwroot).unwrap();
            fs::write(wwwroot.join("server.py"), &server).unwrap();
            setting(settings, "WEBSITES_CONTAINER_START_TIME_LIMIT", "10");
            settings.pace = 0.3;
            settings.tell = Notify::new(move |text| kept.lock().push(text.to_owned()));
        })
        .await;
        let warm = stand.host.wait_until_warm(PRODUCTION, super::PATIENCE);
        assert!(warm.await.is_err(), "{bind}");
        let said = said.lock().clone();
        let failed = said.iter().find(|text| text.contains("did not start"));
        let failed = failed.expect("the failure is told");
        let hint = expected
            .map(|place| format!(" Its container listens on {place} only: bind 0.0.0.0:8000."));
        match hint {
            Some(hint) => assert!(failed.ends_with(&hint), "{failed}"),
            None => assert!(!failed.contains("listens"), "{failed}"),
        }
        // The platform does not know.
        let rows = format!("{:?}", stand.platform());
        assert!(!rows.contains("listens"), "{rows}");
        stand.stop().await;
    }
}

#[tokio::test]
async fn uvicorn_on_its_default_host_does_not_answer_on_its_port() {
    if skip_unless(oracle()) {
        return;
    }
    let stand = Stand::start("uvicorn main:app", |settings| {
        python_site(settings);
        setting(settings, "WEBSITES_CONTAINER_START_TIME_LIMIT", "10");
    })
    .await;
    until("it listens, and on loopback", || {
        let words = "Uvicorn running on http://127.0.0.1:8000";
        stand
            .console()
            .iter()
            .any(|line| line.contains(words))
            .then_some(())
    })
    .await;
    let warm = stand
        .host
        .wait_until_warm(PRODUCTION, super::PATIENCE)
        .await;
    let said = warm.unwrap_err().to_string();
    let expected = "Container did not start within expected time limit of 10s";
    assert!(said.contains(expected), "{said}");
    stand.stop().await;
}

/// A site whose package is the oracle's, run by the oracle's programs.
fn python_site(settings: &mut HostSettings) {
    settings.pace = 1.0;
    let wwwroot = settings.folder.join("home/production/site/wwwroot");
    fs::create_dir_all(&wwwroot).unwrap();
    for file in fs::read_dir(root().join("tests/oracle")).unwrap().flatten() {
        if file.path().extension().is_some_and(|end| end == "py") {
            fs::copy(file.path(), wwwroot.join(file.file_name())).unwrap();
        }
    }
    let bin = root().join("target/oracle/bin");
    setting(settings, "PATH", &bin.display().to_string());
}

/// The listening sockets of this machine, as its own network sees them.
fn listening_here(port: u16) -> usize {
    let rows = procfs::net::tcp().unwrap().into_iter();
    rows.filter(|row| {
        row.state == procfs::net::TcpState::Listen && row.local_address.port() == port
    })
    .count()
}

#[tokio::test]
async fn each_container_has_its_port_8123_and_this_machine_has_none() {
    let before = listening_here(8123);
    let command = "labrat serve --bind=0.0.0.0:8123 --workers=1 app:app";
    let stand = Stand::warm(command, |settings| {
        settings.image = labrat::host::Image::Custom;
        setting(settings, "WEBSITES_PORT", "8123");
        let configuration: SlotConfiguration = settings.production.configuration.clone();
        settings.staging = Some(SlotSettings {
            port: 0,
            configuration,
        });
    })
    .await;
    stand.wait(STAGING).await;
    for slot in [PRODUCTION, STAGING] {
        assert_eq!(stand.get_from(slot, "/health").await.status, 200);
    }
    assert_eq!(listening_here(8123), before);
    stand.stop().await;
}

#[tokio::test]
async fn a_service_on_this_machines_loopback_is_reached_and_a_closed_port_is_refused() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stand = Stand::warm(super::SERVE, |settings| {
        setting(settings, "API_BASE_URL", &url);
    })
    .await;
    let asked = stand.get("/dependency");
    let answered = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        super::own_site::read_head(&mut stream).await;
        use tokio::io::AsyncWriteExt as _;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
        stream.write_all(answer).await.unwrap();
    };
    let (reply, ()) = tokio::join!(asked, answered);
    assert_eq!(reply.status, 200, "{reply:?}");
    drop(listener);
    let refused = stand.get("/dependency").await;
    assert!(refused.body.contains("refused"), "{refused:?}");
    stand.stop().await;
}

#[tokio::test]
async fn the_environment_is_the_platforms_and_home_is_the_sites() {
    let script = "env >/home/seen\npwd >>/home/seen\nexec labrat serve app:app\n";
    let stand = with_files("startup.txt", &[("startup.txt", script)], |_| {}).await;
    let seen = fs::read_to_string(stand.folder.path().join("home/production/seen")).unwrap();
    let cores = std::thread::available_parallelism().unwrap();
    for line in [
        "HOME=/home".to_owned(),
        "PORT=8000".to_owned(),
        format!("NUM_CORES={cores}"),
        "/home/site/wwwroot".to_owned(),
    ] {
        assert!(seen.lines().any(|seen| seen == line), "{line}: {seen}");
    }
    let path = seen.lines().find(|line| line.starts_with("PATH="));
    assert!(path.unwrap().ends_with(":/home/site/wwwroot"), "{path:?}");
    stand.stop().await;
}

/// Stop a site with a request of a second in flight: its status, and whether the pool heard TERM.
async fn stopped_in_flight(command: &str, network: Network) -> (u16, bool) {
    let stand = Stand::warm(command, |settings| {
        settings.network = network;
        // The grace is 2.5 s.
        settings.pace = 0.5;
    })
    .await;
    let address = stand.host.address(PRODUCTION).unwrap();
    let asked = tokio::spawn(async move { get(address, "/slow?seconds=1").await.status });
    loop {
        let pool = stand.get("/diag/workers").await.body;
        if pool.contains("/slow") {
            break;
        }
    }
    stand.host.stop_site(PRODUCTION).unwrap();
    let status = asked.await.unwrap();
    let folder = stand.host.tables_folder().to_owned();
    let _kept = stand.stop().await;
    let console: Vec<labrat::tables::ConsoleRow> = rows(&folder, "console.jsonl");
    let heard = console.iter().any(|row| {
        let line = row.result_description.as_deref().unwrap_or_default();
        line.contains("Handling signal: term")
    });
    (status, heard)
}

#[tokio::test]
async fn term_ends_at_a_shell_and_reaches_what_took_its_place() {
    for network in [Network::Own, Network::Loopback] {
        for (command, heard) in [
            (
                "labrat serve --bind=0.0.0.0:8000 --workers=2 app:app",
                false,
            ),
            (
                "cd . && labrat serve --bind=0.0.0.0:8000 --workers=2 app:app",
                false,
            ),
            (
                "exec labrat serve --bind=0.0.0.0:8000 --workers=2 app:app",
                true,
            ),
        ] {
            let found = stopped_in_flight(command, network).await;
            assert_eq!(found, (200, heard), "{network:?}: {command}");
        }
    }
}

#[tokio::test]
async fn process_1_is_what_the_command_makes_it() {
    for (command, first) in [
        ("labrat serve --bind=0.0.0.0:8000 app:app", "sh"),
        ("exec labrat serve --bind=0.0.0.0:8000 app:app", "labrat"),
    ] {
        let stand = Stand::warm(command, |_| {}).await;
        let status = stand.host.status(PRODUCTION).unwrap();
        let pid = super::outside(&status, 1);
        let name = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("comm"));
        assert_eq!(name.unwrap().trim(), first, "{command}");
        stand.stop().await;
    }
}

#[tokio::test]
async fn where_no_namespaces_are_wanted_the_command_is_rewritten_and_stays_on_loopback() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&said);
    let stand = Stand::warm(super::SERVE, |settings| {
        settings.network = Network::Loopback;
        settings.notify = Notify::new(move |text| kept.lock().push(text.to_owned()));
    })
    .await;
    assert_eq!(stand.get("/health").await.status, 200);
    let console = stand.console();
    let listens = console.iter().find(|line| line.contains("Listening at:"));
    assert!(listens.unwrap().contains("http://127."), "{listens:?}");
    stand.stop().await;
}

#[tokio::test]
async fn a_container_on_loopback_that_listens_elsewhere_is_said_to() {
    let said = Arc::new(Mutex::new(Vec::<String>::new()));
    let kept = Arc::clone(&said);
    let reserved = ReservedPort::choose().unwrap();
    let address = reserved.address();
    let script = format!("labrat serve --bind={address} --workers=1 app:app\n");
    let stand = Stand::start("sh start-it", |settings| {
        let wwwroot = settings.folder.join("home/production/site/wwwroot");
        fs::create_dir_all(&wwwroot).unwrap();
        fs::write(wwwroot.join("start-it"), &script).unwrap();
        settings.network = Network::Loopback;
        settings.notify = Notify::new(move |text| kept.lock().push(text.to_owned()));
    })
    .await;
    let words = format!("listens on {address}");
    until("it is said", || {
        said.lock()
            .iter()
            .any(|text| text.contains(&words))
            .then_some(())
    })
    .await;
    stand.stop().await;
}
