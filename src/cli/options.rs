//! The words of every command but `serve`.

use clap::{CommandFactory as _, Parser, Subcommand};

use super::completions::CompletionsOptions;
use super::ctl::CtlOptions;
use super::diagnose::DiagnoseOptions;
use super::downstream::DownstreamOptions;
use super::exit;
use super::host::HostOptions;
use super::man::ManOptions;
use super::migrate::MigrateOptions;
use super::probe::ProbeOptions;
use super::rehearse::RehearseOptions;
use super::replay::ReplayOptions;
use super::report::ReportOptions;
use super::scenarios::ScenariosOptions;
use super::settings::SettingsOptions;
use super::trigger::TriggerOptions;
use super::verdict::VerdictOptions;
use super::watch::WatchOptions;
use crate::serve::settings::flags;

/// The lab rat of incident response: a web application that fails on purpose, in the same way and
/// for the same reasons as a Flask app under Gunicorn on App Service for Linux.
#[derive(Debug, Parser)]
#[command(name = "labrat", version, after_help = exit::help(), disable_help_subcommand = true)]
pub(super) struct Options {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The commands that clap reads.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Talk to a running pool over its control socket
    #[command(after_help = "Example: labrat ctl show workers")]
    Ctl(CtlOptions),
    /// Exit with 0 when a URL answers with a 2xx, for images that have no curl
    #[command(after_help = "Example: labrat probe http://127.0.0.1:8000/health")]
    Probe(ProbeOptions),
    /// List the incidents that can be played, or show one in full
    #[command(after_help = "Example: labrat scenarios intermittent-5xx")]
    Scenarios(ScenariosOptions),
    /// Play a whole incident on this machine: emulator, load, evidence, verdict, report
    #[command(after_help = "Example: labrat rehearse startup-failed --pace 0.1")]
    Rehearse(RehearseOptions),
    /// Play the client side of a scenario against a target and keep the evidence
    #[command(
        after_help = "Example: labrat trigger intermittent-5xx --url http://127.0.0.1:8000 --out run"
    )]
    Trigger(Box<TriggerOptions>),
    /// Run the App Service emulator on this machine, or tell a running one what to do
    #[command(after_help = "Example: labrat host --port 8080 --staging-port 8081 --pace 0.1")]
    Host(Box<HostOptions>),
    /// Compare the settings of two slots before a swap
    #[command(after_help = "Example: labrat settings diff staging.json production.json")]
    Settings(SettingsOptions),
    /// Show a pool, its queue and its requests as they are, in the terminal
    #[command(after_help = "Example: labrat watch --limit 3")]
    Watch(WatchOptions),
    /// Show a recorded run again, on the page that showed it live
    #[command(after_help = "Example: labrat replay runs/intermittent-5xx-reproduction")]
    Replay(ReplayOptions),
    /// Judge the evidence of a run, local or exported from Azure
    #[command(after_help = "Example: labrat verdict runs/memory-pressure --report report")]
    Verdict(VerdictOptions),
    /// Print a picture of a run as SVG: the one that tells its story, or the one that is named
    #[command(
        after_help = "Example: labrat report runs/intermittent-5xx --picture queue > queue.svg"
    )]
    Report(ReportOptions),
    /// Name the cause of an incident from whatever export there is, and say what speaks for it
    #[command(
        after_help = "Example: labrat diagnose logs.zip http.csv --report report\n\nExit codes: 0 a \
                      cause, or that all is healthy, has half of the likelihood or more; 11 open: \
                      none has, none that is known fits, or there is too little evidence; 1 a path \
                      cannot be read"
    )]
    Diagnose(DiagnoseOptions),
    /// Apply the pending migrations of the lab's database, as an entry point does
    #[command(after_help = "Example: labrat migrate --database sqlite:orders.db")]
    Migrate(MigrateOptions),
    /// Run a service for the lab application to call, that slows and fails on request
    #[command(after_help = "Example: labrat downstream --bind 127.0.0.1:8090 --latency 20")]
    Downstream(DownstreamOptions),
    /// Print a completion script for a shell
    #[command(after_help = "Example: labrat completions bash > /etc/bash_completion.d/labrat")]
    Completions(CompletionsOptions),
    /// Print the manual page, or write all of them into a folder
    #[command(hide = true, after_help = "Example: labrat man target/man")]
    Man(ManOptions),
}

/// The whole command line, `serve` with Gunicorn's flags among it, for help and completions.
pub fn command() -> clap::Command {
    Options::command().subcommand(serve().display_order(0))
}

/// The `serve` command as help shows it.
pub(super) fn serve() -> clap::Command {
    flags::command()
        .bin_name("labrat serve")
        .about("Run the lab application under a pre-fork pool that behaves as Gunicorn does")
        .override_usage("labrat serve [OPTIONS] [APP_MODULE]")
        .after_help(
            "Flags that Gunicorn has and this list has not are accepted with a warning that says \
             why they have no meaning here.\n\n\
             Example: labrat serve --bind=0.0.0.0:8000 --timeout=120 --workers=4 app:app",
        )
}
