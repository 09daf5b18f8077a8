//! Secrets, planted in every place that has ever been shown, are in no output.
//!
//! Every place gets a secret of its own, written in one of the ways in which people write such a
//! thing there. Then everything that labrat shows, writes or answers is read.

use std::fmt::Write as _;
use std::path::Path;

use super::{Emulator, everything, labrat, text};
use crate::harness::{Address, Kind, Launch, PATIENCE, exchange};

/// The seed: `LABRAT_SECRET_SEED`, else a new one.
fn seed() -> u64 {
    let told = std::env::var("LABRAT_SECRET_SEED").ok();
    told.and_then(|text| text.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..))
}

/// What was planted where, and what was read.
struct Garden {
    random: fastrand::Rng,
    planted: Vec<(String, String)>,
    outputs: Vec<(String, String)>,
}

impl Garden {
    fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            planted: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// One of these ways to write a new secret, in the place of its `$`.
    fn plant(&mut self, place: &str, ways: &[&str]) -> String {
        // Letters and digits, so that no encoding hides it from who looks for it.
        let secret: String = (0..20).map(|_| self.random.alphanumeric()).collect();
        let way = ways[self.random.usize(..ways.len())];
        self.planted
            .push((format!("{place}: {way}"), secret.clone()));
        way.replace('$', &secret)
    }

    fn read(&mut self, output: impl Into<String>, text: impl Into<String>) {
        self.outputs.push((output.into(), text.into()));
    }

    /// Run a command that may fail, and read what it says.
    fn run(&mut self, words: &[&str]) {
        let output = labrat().args(words).output().unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        self.read(words.join(" ").chars().take(60).collect::<String>(), said);
    }

    fn read_folder(&mut self, folder: &Path) {
        for (path, metadata) in everything(folder) {
            if metadata.is_file() {
                let bytes = std::fs::read(&path).unwrap();
                self.read(path.display().to_string(), text(&bytes));
            }
        }
    }

    fn assert_hidden(&self, seed: u64) {
        let mut found = String::new();
        for (output, text) in &self.outputs {
            for (place, secret) in &self.planted {
                if let Some(at) = text.find(secret.as_str()) {
                    let before: String = text[..at].chars().rev().take(80).collect();
                    let before: String = before.chars().rev().collect();
                    let _ = writeln!(found, "{output} shows {place}: {before}...");
                }
            }
        }
        assert!(found.is_empty(), "LABRAT_SECRET_SEED={seed}\n{found}");
    }
}

const SETTINGS: [(&str, &[&str]); 11] = [
    (
        "DB_CONNECTION_STRING",
        &[
            "Server=db.example;Database=shop;User ID=app;Password=$",
            "postgres://app:$@db.example/shop",
            "Endpoint=sb://db.example/;SharedAccessKeyName=n;SharedAccessKey=$=;EntityPath=q",
            "{\"host\":\"db.example\",\"password\":\"$\"}",
        ],
    ),
    (
        "EXPECTED_DB_CONNECTION_STRING",
        &["Server=db.example;PWD='$;x'"],
    ),
    (
        "FEATURE_FLAG",
        &["on;secret=$", "--token $", "https://h/?sig=$"],
    ),
    ("LAB_KEY", &["$", " $ "]),
    ("LAB_API_TOKEN", &["$"]),
    ("PASSWORD_2", &["$"]),
    ("SECRET_KEY_BASE", &["$"]),
    ("API_KEY_PROD", &["$"]),
    ("JWT", &["$"]),
    ("SERVICE_CREDS", &["user,$"]),
    (
        "APP_STARTUP_COMMAND",
        &["run --token $", "run --env DB_PASSWORD=$"],
    ),
];

/// A request with secrets in every part of it that reaches a row, a line or an answer.
fn request(garden: &mut Garden) -> String {
    let query = garden.plant(
        "query",
        &[
            "token=$",
            "password=$",
            "pass%77ord=$",
            "code=$",
            "next=%2Fx%3Fsig%3D$",
        ],
    );
    let host = garden.plant("host", &["me:$@app.example", "$@app.example"]);
    let referer = garden.plant("referer", &["https://h/?access_token=$", "https://me:$@h/"]);
    let agent = garden.plant("user agent", &["tool --password $", "tool (api_key=$)"]);
    let authorization = garden.plant("authorization", &["Bearer $", "Basic $=="]);
    let cookie = garden.plant("cookie", &["session=$; a=b", "a=b; auth=$"]);
    let key = garden.plant("x-api-key", &["$"]);
    let target = match garden.random.bool() {
        true => format!("/health?a=1&{query}"),
        false => {
            let user = garden.plant("absolute target", &["http://me:$@app.example"]);
            format!("{user}/health?a=1&{query}")
        }
    };
    format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nReferer: {referer}\r\nUser-Agent: {agent}\r\n\
         Authorization: {authorization}\r\nCookie: {cookie}\r\nX-Api-Key: {key}\r\n\
         Connection: close\r\n\r\n"
    )
}

const ROUTES: [&str; 6] = [
    "/config",
    "/diag/slots",
    "/diag/env",
    "/diag/stats",
    "/diag/workers",
    "/diag/proc",
];

/// Read what is said of these tables by a diagnosis and by a verdict, everywhere that it is said.
fn read_reports(garden: &mut Garden, tables: &Path, reports: &Path) {
    let tables = tables.to_str().unwrap();
    let report = |name: &str| reports.join(name).display().to_string();
    garden.run(&["diagnose", tables, "--report", &report("diagnosis")]);
    garden.run(&["diagnose", tables, "--json"]);
    let verdict = ["verdict", tables, "--scenario", "intermittent-5xx"];
    garden.run(&[&verdict[..], &["--report", &report("verdict")]].concat());
    garden.run(&[&verdict[..], &["--json"]].concat());
    assert!(reports.join("diagnosis/report.html").exists());
    assert!(reports.join("verdict/report.md").exists());
    garden.read_folder(reports);
}

/// Read what every verb tells of a running emulator.
fn read_verbs(garden: &mut Garden, emulator: &Emulator) {
    for words in [
        &["status"][..],
        &["status", "--json"],
        &["settings", "list"],
        &["settings", "list", "--json"],
        &["logs", "--table", "http"],
        &["logs", "--table", "console"],
        &["logs", "--table", "platform"],
        &["query", "status-mix"],
        &["query", "lifecycle"],
        &["settings", "set", "BROKEN NAME=x"],
    ] {
        let output = emulator.ask(words);
        garden.read(
            words.join(" "),
            text(&output.stdout) + &text(&output.stderr),
        );
    }
}

#[test]
fn a_secret_planted_at_an_emulated_site_is_in_no_answer_no_row_and_no_report() {
    let seed = seed();
    let mut garden = Garden::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut words: Vec<String> = Vec::new();
    for (name, ways) in SETTINGS {
        let value = garden.plant(name, ways);
        words.extend(["--setting".to_owned(), format!("{name}={value}")]);
    }
    let console = [
        "postgres://lab:$@db.example/orders",
        "password=$",
        "Authorization: Bearer $",
    ];
    let (out, err) = (
        garden.plant("console", &console),
        garden.plant("console", &console),
    );
    let format = "%(r)s authorization: %({authorization}i)s cookie: %({cookie}i)s x-api-key: %({x-api-key}i)s %(f)s %(a)s";
    let more = garden.plant("--env", &["--env DB_PASSWORD=$", "--env API_TOKEN=$"]);
    let command = format!(
        "echo 'connecting to {out}'; echo 'cannot connect: {err}' >&2; exec labrat serve --bind=0.0.0.0:8000 \
         --workers=1 --access-logfile=- --access-logformat='{format}' {more} app:app"
    );
    words.extend(["--startup-command".to_owned(), command]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let emulator = Emulator::start(folder.path(), &words);
    for _ in 0..8 {
        let request = request(&mut garden);
        let answer = exchange(&emulator.site, request.as_bytes(), PATIENCE);
        assert!(answer.status().is_some(), "{answer:?}");
        garden.read("an answer", text(&answer.bytes));
    }
    for route in ROUTES {
        garden.read(route, text(&emulator.get(route).bytes));
    }
    read_verbs(&mut garden, &emulator);
    // What everybody on this machine sees of the processes between the person's words and the site's.
    for process in procfs::process::all_processes().unwrap().flatten() {
        let line = process.cmdline().unwrap_or_default();
        if line.iter().any(|word| word == "__container") {
            garden.read("a process's words", line.join(" "));
        }
    }
    let run = emulator.folder.clone();
    garden.read("the terminal", emulator.end());
    for name in ["tables", "host.json"] {
        match run.join(name) {
            path if path.is_dir() => garden.read_folder(&path),
            path => garden.read(name, std::fs::read_to_string(path).unwrap()),
        }
    }
    read_reports(
        &mut garden,
        &run.join("tables"),
        &folder.path().join("reports"),
    );
    garden.assert_hidden(seed);
}

#[test]
fn a_secret_planted_at_a_pool_or_typed_in_an_address_is_in_no_message() {
    let seed = seed();
    let mut garden = Garden::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("pool.ctl");
    let mut launch = Launch::new(Kind::Labrat, "--workers 1")
        .with_control_socket()
        .argument(format!("--control-socket={}", socket.display()));
    for (name, ways) in SETTINGS {
        launch = launch.env(name, garden.plant(name, ways));
    }
    let database = garden.plant("DATABASE_URL", &["postgres://lab:$@127.0.0.1:1/orders"]);
    let cache = garden.plant("REDIS_URL", &["redis://:$@127.0.0.1:1/0"]);
    let server = launch
        .env("DATABASE_URL", database)
        .env("REDIS_URL", cache)
        .argument(format!(
            "--env={}",
            garden.plant("--env", &["DB_PASSWORD=$", "JWT=$"])
        ))
        .start();
    server.wait_for("Control socket listening at");
    for route in ROUTES.into_iter().chain(["/ready", "/startup"]) {
        garden.read(route, text(&server.get(route).bytes));
    }
    let request = format!(
        "{} HTTP/9\r\n\r\n",
        garden.plant("a bad request", &["GET /?password=$"])
    );
    exchange(server.address(), request.as_bytes(), PATIENCE);
    for part in ["workers", "stats", "config", "listeners"] {
        for json in [&[][..], &["--json"]] {
            let words = ["ctl", "--socket", socket.to_str().unwrap(), "show", part];
            garden.run(&[&words[..], json].concat());
        }
    }
    let lines: String = server
        .lines()
        .into_iter()
        .map(|line| line.text + "\n")
        .collect();
    garden.read("the pool's log", lines);
    let Address::Tcp(address) = server.address() else {
        panic!("a port");
    };
    for address in [address.to_string(), "127.0.0.1:1".to_owned()] {
        let typed = garden.plant("a typed address", &["http://me:$@", "http://$@"]);
        let url = format!("{typed}{address}/?token=1");
        garden.run(&["probe", &url, "--timeout", "5"]);
        let out = folder.path().join(fastrand::u64(..).to_string());
        let out = out.to_str().unwrap();
        garden.run(&[
            "trigger",
            "startup-failed",
            "--url",
            &url,
            "--out",
            out,
            "--key",
            "k",
        ]);
    }
    garden.run(&["downstream", "--bind", "nowhere"]);
    garden.assert_hidden(seed);
}
