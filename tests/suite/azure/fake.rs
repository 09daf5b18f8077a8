//! The fake of Azure, and a script that talks to it through the real az.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::harness::root;

/// A running fake; gone with the value.
pub(super) struct Fake {
    child: Child,
    /// Holds az's own folder, the record of requests, and whatever a test puts there.
    pub(super) folder: tempfile::TempDir,
    az: PathBuf,
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
        let mut child = Command::new(az.join("python"))
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
            .args(words)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let started: Value = serde_json::from_str(&line).unwrap();
        let environment = vec![
            ("AZURE_CONFIG_DIR", config.display().to_string()),
            ("REQUESTS_CA_BUNDLE", certificate.display().to_string()),
            ("IDENTITY_ENDPOINT", text(&started["identity"])),
            ("IDENTITY_HEADER", "unused".to_owned()),
        ];
        Self {
            child,
            folder,
            az: az.to_owned(),
            environment,
        }
    }

    /// Run a script of the project to its end.
    pub(super) fn script(&self, name: &str, words: &[&str]) -> Output {
        let path = std::env::var("PATH").unwrap_or_default();
        Command::new(root().join("scripts").join(name))
            .args(words)
            .env("PATH", format!("{}:{path}", self.az.display()))
            .env("LABRAT", env!("CARGO_BIN_EXE_labrat"))
            .env("LABRAT_SITE_SCHEME", "http")
            .env("LABRAT_POLL_SECONDS", "1")
            .env("LABRAT_HEALTH_LIMIT", "60")
            .env_remove("LAB_KEY")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .unwrap()
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
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What a script said on standard error.
pub(super) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
