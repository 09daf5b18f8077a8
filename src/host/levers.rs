//! What a responder can do to the site in production, by the page that shows it.

use std::sync::Arc;

use super::page_settings::PageSettings;
use super::{Host, SlotName, SwapOptions};
use crate::timeline::control_client;
use crate::timeline::forecast::{Change, THREADS};
use crate::timeline::lever::{Input, Lever, Levers, SETTING_UNDO, SettingNames};

/// The levers of a running emulator.
#[derive(Debug)]
pub struct HostLevers {
    host: Arc<Host>,
    settings: PageSettings,
}

const GTHREAD: Lever = Lever::new(
    "gthread",
    "Four threads in each worker (gthread)",
    Change::Threads,
);
const ASYNC: Lever = Lever::new("async", "Workers that do not block (async)", Change::Async);
const SYNC: Lever = Lever::new("sync", "Back to sync workers", Change::Sync);
const RESTART: Lever = Lever::new("restart", "Restart the site", Change::Restart);
const SETTING: Lever = Lever::new("setting", "Set an app setting", Change::Setting).with_setting();
const SWAP: Lever = Lever::new("swap", "Swap with staging", Change::Swap);

impl HostLevers {
    /// Of this emulator.
    #[must_use]
    pub fn of(host: Arc<Host>) -> Self {
        Self {
            host,
            settings: PageSettings::default(),
        }
    }

    /// Ask the pool of production for another number of workers.
    fn ask(&self, command: &str) -> Result<String, String> {
        let socket = self.host.control_socket(SlotName::Production);
        let socket = socket.ok_or("production has no pool with a control socket")?;
        let answer =
            control_client::request(&socket, command).map_err(|error| error.to_string())?;
        let wanted = answer["total"].as_u64().unwrap_or_default();
        Ok(format!("{wanted} workers wanted now"))
    }

    fn change_class(&self, words: &str) -> Result<String, String> {
        let production = SlotName::Production;
        let configuration = self.host.configuration(production);
        let before = configuration
            .map_err(|error| error.to_string())?
            .startup_command;
        let command = with_class(&before, words)?;
        self.host
            .set_startup_command(production, &command)
            .map_err(|error| error.to_string())?;
        Ok(format!(
            "deployed with {words}; the old container serves until the new one is warm"
        ))
    }
}

impl Levers for HostLevers {
    fn all(&self) -> Vec<Lever> {
        let mut all = vec![
            Lever::ONE_WORKER_MORE,
            GTHREAD,
            ASYNC,
            SYNC,
            RESTART,
            SETTING,
        ];
        if self.host.slots().len() > 1 {
            all.push(SWAP);
        }
        all
    }

    fn pull(&self, name: &str, input: &Input) -> Result<String, String> {
        let production = SlotName::Production;
        match name {
            "worker-add" => self.ask("worker add"),
            "worker-remove" => self.ask("worker remove"),
            "gthread" => self.change_class(&format!("--worker-class=gthread --threads={THREADS}")),
            "async" => self.change_class("--worker-class=async"),
            "sync" => self.change_class("--worker-class=sync"),
            "restart" => {
                let restarted = self.host.restart(production);
                restarted.map_err(|error| error.to_string())?;
                Ok("the old container serves until the new one is warm".to_owned())
            }
            "setting" => self.settings.set(&self.host, &input.name, &input.value),
            SETTING_UNDO => self.settings.take_back(&self.host, &input.name),
            "swap" => {
                let options = SwapOptions {
                    source: SlotName::Staging,
                    preview: false,
                };
                let swap = self.host.swap(options);
                tokio::runtime::Handle::current()
                    .block_on(swap)
                    .map_err(|error| error.to_string())?;
                Ok("swapped".to_owned())
            }
            other => Err(format!("there is no {other}")),
        }
    }

    fn slot(&self) -> Option<String> {
        Some(SlotName::Production.to_string())
    }

    fn settings(&self) -> Option<SettingNames> {
        let configuration = self.host.configuration(SlotName::Production).ok()?;
        Some(SettingNames {
            known: configuration.settings.into_keys().collect(),
            set_here: self.settings.names(),
        })
    }
}

/// The same command with other words for the class of the workers.
fn with_class(command: &str, class: &str) -> Result<String, String> {
    if command.contains(['\'', '"', '\\', ';', '|', '&']) {
        return Err(
            "the startup command is more than words; change it with labrat host deploy".into(),
        );
    }
    let mut words = command.split_whitespace();
    let mut kept = Vec::new();
    let mut is_server = false;
    while let Some(word) = words.next() {
        let (flag, value) = match word.split_once('=') {
            Some((flag, _)) => (flag, None),
            None => (word, Some(())),
        };
        match flag {
            "--worker-class" | "--threads" | "-k" => {
                if value.is_some() {
                    words.next();
                }
            }
            "serve" | "gunicorn" => {
                kept.push(word);
                kept.push(class);
                is_server = true;
            }
            _ => kept.push(word),
        }
    }
    match is_server {
        true => Ok(kept.join(" ")),
        false => Err("the startup command starts neither labrat serve nor gunicorn".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_a_command_is_replaced_and_the_rest_stays() {
        let class = "--worker-class=gthread --threads=4";
        for (before, after) in [
            (
                "labrat serve --workers=2 app:app",
                "labrat serve --worker-class=gthread --threads=4 --workers=2 app:app",
            ),
            (
                "gunicorn -k sync --threads 2 --workers 2 app:app",
                "gunicorn --worker-class=gthread --threads=4 --workers 2 app:app",
            ),
        ] {
            assert_eq!(with_class(before, class).as_deref(), Ok(after));
        }
        assert!(with_class("sh -c 'labrat serve'", class).is_err());
        assert!(with_class("startup.sh", class).is_err());
    }
}
