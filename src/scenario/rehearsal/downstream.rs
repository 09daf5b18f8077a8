//! The service that the application calls, as a process of the rehearsal.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use http::Method;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use super::error::RehearsalError;
use crate::load::{Client, Target};

/// How long it may take to say where it listens.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How long it may take to answer a question about its knobs.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running service. Dropping it ends it, and so does the end of this process.
#[derive(Debug)]
pub(super) struct Downstream {
    target: Target,
    client: Client,
    _process: Child,
    /// It ends when this is closed.
    _lifeline: ChildStdin,
}

impl Downstream {
    /// Start one on any port of loopback.
    pub(super) async fn start(executable: &Path) -> Result<Self, RehearsalError> {
        let failed = |source| RehearsalError::Downstream { source };
        let lacks = |what: &str| failed(std::io::Error::other(what.to_owned()));
        let mut process = Command::new(executable)
            .args(["downstream", "--bind", "127.0.0.1:0", "--until-input-ends"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let lifeline = process.stdin.take().ok_or_else(|| lacks("no pipe"))?;
        let output = process.stdout.take().ok_or_else(|| lacks("no pipe"))?;
        let mut line = String::new();
        let mut output = BufReader::new(output);
        tokio::time::timeout(START_LIMIT, output.read_line(&mut line))
            .await
            .map_err(|_| lacks("it does not say where it listens"))?
            .map_err(failed)?;
        let client = Client::new("labrat").map_err(|error| lacks(&error.to_string()))?;
        Ok(Self {
            target: Target::parse(line.trim())?,
            client,
            _process: process,
            _lifeline: lifeline,
        })
    }

    /// Its address, as the application gets it.
    pub(super) fn url(&self) -> String {
        self.target.url("/")
    }

    /// Turn its knobs.
    pub(super) async fn turn(&self, latency_seconds: f64, fail_share: f64) -> Result<(), String> {
        let path = format!("/knobs?latency_seconds={latency_seconds}&fail_share={fail_share}");
        let exchange = self
            .client
            .send(&self.target, Method::POST, &path, PATIENCE)
            .await;
        match exchange.result {
            Ok(answer) if answer.status == 200 => Ok(()),
            Ok(answer) => Err(format!("the called service answered {}", answer.status)),
            Err(failure) => Err(format!("the called service: {failure}")),
        }
    }
}
