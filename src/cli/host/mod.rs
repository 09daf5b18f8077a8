//! `labrat host`: start the emulator, or tell a running one what to do.

mod client;
mod requests;
mod start;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::exit::Exit;
use super::memory_box::BoxOptions;
use super::values;
use crate::host::{AutoHealRules, SlotName};

/// Where the control API is unless told otherwise.
const DEFAULT_CONTROL: &str = "127.0.0.1:8790";

/// Words of `labrat host`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct HostOptions {
    #[command(subcommand)]
    request: Option<HostRequest>,
    #[command(flatten)]
    start: StartOptions,
}

/// How a running emulator is reached.
#[derive(Debug, Clone, Args)]
pub(super) struct ControlOptions {
    /// Address of the control API
    #[arg(long, value_name = "HOST:PORT", default_value = DEFAULT_CONTROL, env = "LABRAT_HOST_CONTROL")]
    control: SocketAddr,
    /// Token of the control API [default: what the emulator left for this user]
    #[arg(long, env = "LABRAT_HOST_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Words for a start.
#[derive(Debug, Args)]
struct StartOptions {
    /// Folder of the run: tables, the site's home [default: ./labrat-host]
    #[arg(
        long,
        value_name = "DIR",
        default_value = "labrat-host",
        hide_default_value = true
    )]
    folder: PathBuf,
    /// Port of the production slot's front end, 0 for any
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Port of the staging slot's front end, 0 for any; without it there is no staging slot
    #[arg(long, value_name = "PORT")]
    staging_port: Option<u16>,
    /// Address of the control API, port 0 for any
    #[arg(long, value_name = "HOST:PORT", default_value = DEFAULT_CONTROL)]
    control: SocketAddr,
    /// Token that the control API asks for [default: a new one, which this user's commands find]
    #[arg(long, env = "LABRAT_HOST_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Address of the page that shows the pools live, port 0 for any
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    dashboard: SocketAddr,
    /// Startup command of both slots; a file of the site may be named, and nothing lets the
    /// platform look for an application
    #[arg(
        long,
        value_name = "COMMAND",
        default_value = "labrat serve --bind=0.0.0.0:8000 --workers=2 app:app"
    )]
    startup_command: String,
    /// Startup command of the staging slot, if it has one of its own
    #[arg(long, value_name = "COMMAND", requires = "staging_port")]
    staging_startup_command: Option<String>,
    /// An app setting of both slots; may be given several times
    #[arg(long = "setting", value_name = "NAME=VALUE", value_parser = pair)]
    settings: Vec<(String, String)>,
    /// An app setting of the staging slot
    #[arg(long = "staging-setting", value_name = "NAME=VALUE", value_parser = pair, requires = "staging_port")]
    staging_settings: Vec<(String, String)>,
    /// Name of a setting that stays with its slot in a swap
    #[arg(long = "sticky", value_name = "NAME")]
    sticky: Vec<String>,
    /// Multiply every duration of the platform: 0.1 is ten times as fast
    #[arg(long, default_value_t = 1.0, value_parser = pace)]
    pace: f64,
    #[command(flatten)]
    memory_box: BoxOptions,
    /// Name of the site
    #[arg(long, default_value = "app-labrat", value_parser = site_name)]
    site_name: String,
    /// Path of the health check
    #[arg(long, value_name = "PATH")]
    health_path: Option<String>,
    /// Keep the site awake with a request every five minutes; without it 20 idle minutes unload it
    #[arg(long)]
    always_on: bool,
    /// Rules by which the container is recycled, as the platform has them: JSON with `triggers` and
    /// `actions`
    #[arg(long, value_name = "JSON", value_parser = AutoHealRules::parse)]
    auto_heal: Option<AutoHealRules>,
    /// Megabytes of each slot's /home, in memory; it is as large as the disk without it
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..=65536))]
    home_size: Option<u64>,
    /// A secret for references of settings, `@Microsoft.KeyVault(VaultName=VAULT;SecretName=NAME)`; may
    /// be given again
    #[arg(long = "secret", value_name = "VAULT/NAME=VALUE", value_parser = secret)]
    secrets: Vec<(String, String, String)>,
    /// Swap what is deployed to staging into production as soon as it is warm
    #[arg(long, requires = "staging_port")]
    auto_swap: bool,
    /// Whether the site's port is the platform's or its own
    #[arg(long, value_enum, default_value_t = ImageWord::BuiltIn)]
    image: ImageWord,
    /// Network of the containers
    #[arg(long, value_enum, default_value_t = NetworkWord::Auto)]
    network: NetworkWord,
    /// How the platform looks at the container
    #[arg(long, value_enum, default_value_t = ModeWord::AppService)]
    mode: ModeWord,
    /// Seconds until the front end gives up on an answer, before the pace
    #[arg(long, value_name = "SECONDS", default_value_t = 240.0, value_parser = values::some_seconds)]
    front_end_limit: f64,
    /// Status of a request that reached that limit
    #[arg(long, value_name = "STATUS", default_value_t = 504, value_parser = clap::value_parser!(u16).range(400..600))]
    limit_status: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ImageWord {
    /// Always 8000, whatever is set
    BuiltIn,
    /// WEBSITES_PORT, then PORT, then 8000
    Custom,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum NetworkWord {
    /// One of its own where this machine makes namespaces
    Auto,
    /// One of its own, or no start
    Own,
    /// An address of loopback, to which the startup command is rewritten
    Loopback,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModeWord {
    /// A health check, if a path is given
    AppService,
    /// Readiness on /ready takes the site out of rotation, liveness on /health restarts it
    Kubernetes,
}

/// What a running emulator can be told.
#[derive(Debug, Subcommand)]
enum HostRequest {
    /// Show each slot's state, address and container
    Status {
        #[command(flatten)]
        control: ControlOptions,
    },
    /// List, change or compare settings
    #[command(subcommand)]
    Settings(SettingsRequest),
    /// Swap the slots
    Swap {
        #[command(flatten)]
        control: ControlOptions,
        /// The slot that is swapped in
        #[arg(long, default_value_t = SlotName::Staging)]
        source: SlotName,
        /// Pause before routing is switched
        #[arg(long, conflicts_with_all = ["complete", "cancel"])]
        preview: bool,
        /// Complete a swap with preview
        #[arg(long, conflicts_with = "cancel")]
        complete: bool,
        /// Cancel a swap with preview
        #[arg(long)]
        cancel: bool,
    },
    /// Restart a slot
    Restart {
        #[command(flatten)]
        site: SiteOptions,
    },
    /// Stop a slot; it answers 403 until it is restarted
    Stop {
        #[command(flatten)]
        site: SiteOptions,
    },
    /// Change a slot's startup command
    Deploy {
        #[command(flatten)]
        site: SiteOptions,
        /// The command
        command: String,
    },
    /// Print a log table as JSON Lines
    Logs {
        #[command(flatten)]
        control: ControlOptions,
        /// The table: http, console or platform
        #[arg(long, default_value = "http")]
        table: String,
        /// Go on printing rows as they come
        #[arg(long)]
        follow: bool,
    },
    /// Ask the tables: status-mix, latency, worker-ends, lifecycle, http, console, platform
    Query {
        #[command(flatten)]
        control: ControlOptions,
        /// The query
        name: String,
    },
}

#[derive(Debug, Args)]
struct SiteOptions {
    #[command(flatten)]
    control: ControlOptions,
    /// The slot
    #[arg(long, default_value_t = SlotName::Production)]
    slot: SlotName,
    /// Wait so many seconds for the site to be warm; 0 does not wait
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    wait: f64,
}

#[derive(Debug, Subcommand)]
enum SettingsRequest {
    /// List a slot's settings, credentials blotted out
    List {
        #[command(flatten)]
        site: SiteOptions,
    },
    /// Add or replace settings; the site restarts
    Set {
        #[command(flatten)]
        site: SiteOptions,
        /// The settings stay with the slot in a swap
        #[arg(long)]
        sticky: bool,
        /// The settings are connection strings of this kind
        #[arg(long, value_enum)]
        connection: Option<ConnectionWord>,
        /// The settings
        #[arg(value_name = "NAME=VALUE", required = true, value_parser = pair)]
        settings: Vec<(String, String)>,
    },
    /// Remove settings; the site restarts
    Remove {
        #[command(flatten)]
        site: SiteOptions,
        /// Their names
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Say what a swap would do to each setting and what speaks against it; fails if something does
    Diff {
        #[command(flatten)]
        control: ControlOptions,
        /// The slot that would be swapped in
        #[arg(long, default_value_t = SlotName::Staging)]
        source: SlotName,
        /// What is meant to differ, joined with commas: settings that move with the code, `identity`
        #[arg(long, value_name = "NAMES", default_value = "")]
        intended: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ConnectionWord {
    Sqlserver,
    Sqlazure,
    Mysql,
    Postgresql,
    Custom,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("NAME=VALUE is needed".to_owned()),
    }
}

fn secret(text: &str) -> Result<(String, String, String), String> {
    let named = text.split_once('=');
    let parts = named.and_then(|(name, value)| Some((name.split_once('/')?, value)));
    match parts {
        Some(((vault, name), value)) if !vault.is_empty() && !name.is_empty() => {
            Ok((vault.to_owned(), name.to_owned(), value.to_owned()))
        }
        _ => Err("VAULT/NAME=VALUE is needed".to_owned()),
    }
}

fn pace(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.001..=10.0).contains(&number) => Ok(number),
        _ => Err("a factor from 0.001 to 10 is needed".to_owned()),
    }
}

fn site_name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match !text.is_empty() && text.len() <= 60 && text.bytes().all(fits) {
        true => Ok(text.to_owned()),
        false => Err("up to 60 letters, digits and hyphens are needed".to_owned()),
    }
}

/// Run `labrat host`.
///
/// # Errors
/// When the emulator cannot start, or the one that is asked cannot be reached or refuses.
pub(super) fn run(options: &HostOptions) -> anyhow::Result<Exit> {
    match &options.request {
        None => start::run(&options.start),
        Some(request) => requests::run(request),
    }
}
