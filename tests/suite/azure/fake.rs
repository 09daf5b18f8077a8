//! The fake of Azure, and a script that talks to it through the real az.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use serde_json::Value;

use crate::harness::{root, start_and_read, write_program};

/// A running fake; gone with the value.
pub(super) struct Fake {
    child: Child,
    /// The real az, loaded once.
    loaded: Child,
    /// Holds az's own folder, the record of requests, and whatever a test puts there.
    pub(super) folder: tempfile::TempDir,
    /// The folder of the `az` that asks the loaded one.
    az: PathBuf,
    url: String,
    environment: Vec<(&'static str, String)>,
}

impl Fake {
    /// `az` is the folder of the real az; `words` go to tests/azure/fake.py.
    pub(super) fn start(az: &Path, words: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("azure");
        fs::create_dir_all(config.join("bin")).unwrap();
        fs::copy(root().join("tests/azure/bicep"), config.join("bin/bicep")).unwrap();
        let certificate = root().join("tests/suite/play/data/localhost.cert.pem");
        let (child, started) = start_and_read(
            Command::new(az.join("python"))
                .arg(root().join("tests/azure/fake.py"))
                .arg("--requests")
                .arg(folder.path().join("requests"))
                .arg("--az-config")
                .arg(&config)
                .arg("--cert")
                .arg(&certificate)
                .arg("--key")
                .arg(root().join("tests/suite/play/data/localhost.key.pem"))
                .arg("--kql")
                .arg(root().join("scripts/kql"))
                .args(words),
        );
        let environment = vec![
            ("AZURE_CONFIG_DIR", config.display().to_string()),
            ("REQUESTS_CA_BUNDLE", certificate.display().to_string()),
            ("IDENTITY_ENDPOINT", text(&started["identity"])),
            ("IDENTITY_HEADER", "unused".to_owned()),
        ];
        let (loaded, az) = load_az(az, folder.path(), &environment);
        Self {
            child,
            loaded,
            az,
            folder,
            url: text(&started["url"]),
            environment,
        }
    }

    /// Run a script of the project to its end.
    pub(super) fn script(&self, name: &str, words: &[&str]) -> Outcome {
        self.script_with_input(name, words, "")
    }

    /// The same with this text on its standard input.
    pub(super) fn script_with_input(&self, name: &str, words: &[&str], input: &str) -> Outcome {
        let given = self.folder.path().join("input");
        fs::write(&given, input).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new(root().join("scripts").join(name))
            .args(words)
            .env("PATH", format!("{}:{path}", self.az.display()))
            .env("LABRAT", env!("CARGO_BIN_EXE_labrat"))
            .env("LABRAT_SITE_SCHEME", "http")
            .env("LABRAT_POLL_SECONDS", "1")
            .env("LABRAT_RETRY_SECONDS", "0")
            .env("LABRAT_HEALTH_LIMIT", "60")
            .env_remove("LAB_KEY")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(fs::File::open(given).unwrap())
            .output()
            .unwrap();
        Outcome::of(&output)
    }

    /// Deploy `scenario` with what is no real package.
    pub(super) fn deploy(&self, scenario: &str) -> Outcome {
        let package = self.folder.path().join("package.zip");
        fs::write(&package, "no real package").unwrap();
        let package = package.display().to_string();
        let words = [scenario, "--package", &package, "--expiry", "2030-01-01"];
        let address = ["--address", "203.0.113.7/32"];
        self.script("deploy.sh", &[&words[..], &address].concat())
    }

    /// What anybody else sees in a group: its resources, and of each slot of the site the settings,
    /// which of them are kept with it, and the configuration. Asked for without az and the scripts.
    pub(super) fn seen(&self, group: &str, slots: &[&str]) -> Value {
        let group = format!(
            "{}/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/{group}",
            self.url
        );
        let site = format!("{group}/providers/Microsoft.Web/sites/app-labrat-fake");
        let mut seen = vec![
            self.ask("GET", &format!("{group}/resources")),
            self.ask("GET", &format!("{site}/config/slotConfigNames")),
            self.ask("GET", &format!("{site}/config/web")),
            // Settings are secret, and told to who may change them only.
            self.ask("POST", &format!("{site}/config/appsettings/list")),
        ];
        for slot in slots {
            let settings = format!("{site}/slots/{slot}/config/appsettings/list");
            seen.push(self.ask("POST", &settings));
        }
        Value::Array(seen)
    }

    fn ask(&self, method: &str, address: &str) -> Value {
        let certificate = root().join("tests/suite/play/data/localhost.cert.pem");
        let output = Command::new("curl")
            .args(["--silent", "--fail", "--request", method, "--cacert"])
            .arg(certificate)
            .arg(address)
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{address}: {output:?}"))
    }

    /// Every request so far.
    pub(super) fn requests(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("requests")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The requests of this method whose path ends so.
    pub(super) fn asked(&self, method: &str, ending: &str) -> Vec<Value> {
        let mut requests = self.requests();
        requests.retain(|request| {
            text(&request["method"]) == method && text(&request["path"]).ends_with(ending)
        });
        requests
    }

    /// A folder with the manifest of a run of `scenario` that sent `requests` requests.
    pub(super) fn run_of(&self, scenario: &str, requests: u32) -> String {
        let folder = self.folder.path().join("run");
        fs::create_dir_all(&folder).unwrap();
        let manifest = serde_json::json!({
            "schema_version": 1,
            "scenario": scenario,
            "clock": { "started": "2026-01-01T00:00:00.25Z", "ended": "2026-01-01T00:00:09Z" },
            "phases": [{ "name": "burst", "kind": "trigger", "requests_done": requests }],
        });
        fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
        folder.display().to_string()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        for child in [&mut self.child, &mut self.loaded] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Load the real az of the folder `az`, and make a folder with the `az` that asks it.
fn load_az(az: &Path, folder: &Path, environment: &[(&'static str, String)]) -> (Child, PathBuf) {
    let (python, program) = (az.join("python"), root().join("tests/azure/loaded_az.py"));
    let socket = folder.join("az.sock");
    let (loaded, _) = start_and_read(
        Command::new(&python)
            .arg(&program)
            .arg("serve")
            .arg(&socket)
            .envs(environment.iter().map(|(name, value)| (name, value))),
    );
    let bin = folder.join("bin");
    fs::create_dir(&bin).unwrap();
    let [python, program, socket] =
        [python, program, socket].map(|path| path.display().to_string());
    let asking = format!("#!/bin/sh\nexec '{python}' -IS '{program}' call '{socket}' \"$@\"\n");
    write_program(&bin.join("az"), &asking);
    (loaded, bin)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// How a script ended.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) code: Option<i32>,
    /// What it printed on standard output.
    pub(super) printed: String,
    /// What it said on standard error.
    pub(super) said: String,
}

impl Outcome {
    pub(super) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            printed: String::from_utf8_lossy(&output.stdout).into_owned(),
            said: said(output),
        }
    }

    /// Fail unless it ended with this code and said each of these; gives what it printed.
    pub(super) fn ends_with(&self, code: i32, words: &[&str]) -> &str {
        assert_eq!(self.code, Some(code), "{}", self.said);
        for words in words {
            assert!(
                self.said.contains(words),
                "no {words:?} among:\n{}",
                self.said
            );
        }
        &self.printed
    }
}

/// What a script said on standard error.
pub(super) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
