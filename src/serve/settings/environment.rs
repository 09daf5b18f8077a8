//! Where variables of the environment are read from, so that a test can bring its own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::app::knobs::Knob;

/// Variables by name.
pub trait Environment {
    /// The value of `name`, `None` when it is not set.
    fn get(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Debug, Default, Clone, Copy)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Option<String> {
        let value = std::env::var_os(name)?;
        Some(value.to_string_lossy().into_owned())
    }
}

/// A test's own few variables.
impl<const N: usize> Environment for [(&str, &str); N] {
    fn get(&self, name: &str) -> Option<String> {
        let (_, value) = self.iter().find(|(key, _)| *key == name)?;
        Some((*value).to_owned())
    }
}

/// Variables that are known otherwise: what a container's command would find.
impl Environment for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).cloned()
    }
}

/// Where the control socket is when nobody says otherwise: `$XDG_RUNTIME_DIR/labrat.ctl`, else
/// `$HOME/.labrat/labrat.ctl`; nowhere when neither variable is set.
pub fn default_control_socket(environment: &dyn Environment) -> Option<PathBuf> {
    let directory = |name| {
        environment
            .get(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    match directory("XDG_RUNTIME_DIR") {
        Some(runtime) => Some(runtime.join("labrat.ctl")),
        None => directory("HOME").map(|home| home.join(".labrat/labrat.ctl")),
    }
}

/// Where to bind instead of where one was told: the start-up fault of a server that nobody finds.
pub const LAB_BIND_OVERRIDE: &str = "LAB_BIND_OVERRIDE";

/// The knobs of the settings themselves; those of the application are its own.
pub const KNOBS: &[Knob] = &[Knob {
    name: LAB_BIND_OVERRIDE,
    default: "unset",
    bounds: "any bind address, several joined with commas",
    meaning: "bind there instead of where `--bind` or `PORT` say, and say so at start",
}];

/// The variables that a start-up command may bring along: name and meaning.
pub const VARIABLES: &[(&str, &str)] = &[
    (
        "GUNICORN_CMD_ARGS",
        "flags, split as a shell does; a flag on the command line wins",
    ),
    (
        "FORWARDED_ALLOW_IPS",
        "changes the default of `--forwarded-allow-ips`",
    ),
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "exports traces and metrics there, see [metrics](metrics.md#opentelemetry)",
    ),
    ("PORT", "changes the default bind to `0.0.0.0:$PORT`"),
    ("WEB_CONCURRENCY", "changes the default number of workers"),
    (
        "XDG_RUNTIME_DIR",
        "holds the control socket, `labrat.ctl`; without it `~/.labrat/` does",
    ),
];
