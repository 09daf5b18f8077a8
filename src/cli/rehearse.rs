//! `labrat rehearse`: a whole incident on this machine, from the emulator to the verdict.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;

use super::exit::Exit;
use super::live_page::{LivePage, Shown};
use super::memory_box::{BoxOptions, scratch};
use super::scenarios::{CatalogueOptions, find};
use super::trigger::{self, Display};
use super::{output, verdict};
use crate::evidence::record::Recorder;
use crate::host::{HostError, Notify};
use crate::load::{StopSignal, stop_pair};
use crate::machine::memory_box::BoxKind;
use crate::scenario::apply::Variant;
use crate::scenario::rehearsal::{Rehearsal, RehearsalError, RehearsalPlan, record_unplayed};
use crate::scenario::shape::Scenario;
use crate::scenario::trigger::{Played, prepare};
use crate::timeline::Feed;
use crate::timeline::lever::NoLevers;

/// The incident of a bare `labrat rehearse`.
const FIRST_SCENARIO: &str = "intermittent-5xx";

/// Words of `labrat rehearse`.
#[derive(Debug, Args)]
pub(super) struct RehearseOptions {
    /// The scenario, see `labrat scenarios`
    #[arg(default_value = FIRST_SCENARIO)]
    scenario: String,
    #[command(flatten)]
    catalogue: CatalogueOptions,
    /// Rehearse with this fix or variant
    #[arg(long, value_name = "NAME", conflicts_with = "control")]
    fix: Option<String>,
    /// Rehearse the negative control
    #[arg(long)]
    control: bool,
    /// Multiply every duration: the clients', the platform's, and those of /slow [default: 0.2, and
    /// 1 for a virtual machine]
    #[arg(long, value_name = "FACTOR", value_parser = trigger::pace)]
    pace: Option<f64>,
    #[command(flatten)]
    memory_box: BoxOptions,
    /// Start this instead of `labrat serve`, with the same words after it: the real Gunicorn, say
    #[arg(long, value_name = "COMMAND")]
    server: Option<String>,
    /// Folder of PostgreSQL's programs, for a fix that needs a database server [default: on the
    /// path, or where Debian has them]
    #[arg(long, value_name = "DIR")]
    postgres: Option<PathBuf>,
    /// Rehearse N times in a row; three or more can say "repeated"
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Where evidence and report go: a new or an empty folder [default: runs/SCENARIO-TIME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Show the pools, their queue and their requests on a page while it plays
    #[arg(long)]
    watch: bool,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
    /// End with the code of `labrat verdict`, 10 where the symptom is not reproduced, instead of 0
    /// where the fix or the control is healthy as expected
    #[arg(long)]
    verdict_code: bool,
}

impl RehearseOptions {
    /// What an emulated machine computes takes as long as it takes, and its clients wait for it.
    fn pace(&self) -> f64 {
        self.pace.unwrap_or(match self.memory_box.kind() {
            Some(BoxKind::Vm) => 1.0,
            _ => 0.2,
        })
    }
}

/// Rehearse and judge.
///
/// # Errors
/// When there is no such scenario or variant, the emulator does not start, or the evidence cannot
/// be written or read.
pub(super) fn run(options: &RehearseOptions) -> anyhow::Result<Exit> {
    options.catalogue.load()?;
    let scenario = find(&options.scenario)?;
    let variant = trigger::variant(scenario, options.control, options.fix.as_deref())?;
    let out = options
        .out
        .clone()
        .unwrap_or_else(|| default_folder(scenario.name(), variant));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting the emulator")?;
    let bundles: Vec<PathBuf> = match options.runs {
        1 => vec![out.clone()],
        runs => (1..=runs)
            .map(|run| out.join(format!("run-{run}")))
            .collect(),
    };
    let complete = runtime.block_on(async {
        let (handle, stop) = stop_pair();
        trigger::stop_on_signals(handle)?;
        for bundle in &bundles {
            if !rehearse(options, scenario, variant, bundle, &stop).await? {
                return Ok(false);
            }
        }
        Ok::<_, anyhow::Error>(true)
    });
    runtime.shutdown_background();
    if !complete? {
        output::message(&format!(
            "cut short; what was captured is in {}\n",
            out.display()
        ));
        return Ok(Exit::CutShort);
    }
    let exit = verdict::judge_and_report(
        &out,
        &bundles,
        scenario.name(),
        options.json,
        options.verdict_code,
    )?;
    output::message(&format!(
        "report: {}\n",
        verdict::report_of(&out).join("report.html").display()
    ));
    Ok(exit)
}

/// One rehearsal; false when it was cut short.
async fn rehearse(
    options: &RehearseOptions,
    scenario: &'static Scenario,
    variant: Variant,
    bundle: &Path,
    stop: &StopSignal,
) -> anyhow::Result<bool> {
    output::message(&format!(
        "rehearsing {} ({}) at pace {}: starting the emulator\n",
        scenario.name(),
        variant.name(),
        options.pace()
    ));
    let executable = std::env::current_exe().context("finding the program itself")?;
    let (feed, _shown) = match options.watch {
        true => show(scenario, options.pace()).await?,
        false => (Arc::default(), None),
    };
    let plan = RehearsalPlan {
        scenario,
        variant,
        pace: options.pace(),
        memory_box: options.memory_box.order(&executable),
        scratch: scratch(),
        executable,
        server: options.server.clone(),
        postgres: options.postgres.clone(),
        command_line: command_line(options, scenario),
        notify: Notify::new(|message| output::message(&format!("emulator: {message}\n"))),
        feed,
    };
    let rehearsal = match Rehearsal::open(&plan, stop.clone()).await {
        Ok(rehearsal) => rehearsal,
        // Without a box nothing can be said of memory, without a server nothing of whom it refuses,
        // and nothing of a full home where it is as large as the disk: the judge finds no evidence.
        Err(
            error @ (RehearsalError::NoBox(_)
            | RehearsalError::NoDatabaseServer(_)
            | RehearsalError::Host(HostError::NoHome(_))),
        ) => {
            let why = error.to_string();
            output::message(&format!("{why}\n"));
            record_unplayed(&plan, bundle, &why)?;
            return Ok(true);
        }
        Err(RehearsalError::Stopped) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let played = play(&rehearsal, bundle, stop).await;
    rehearsal.close().await;
    let played = played.with_context(|| format!("rehearsing {}", scenario.name()))?;
    if !played.cut_short {
        output::message(&trigger::counts(&played));
    }
    Ok(!played.cut_short)
}

/// Serve the page, and say where. Its levers are the scenario's own steps.
async fn show(scenario: &Scenario, pace: f64) -> anyhow::Result<(Arc<Feed>, Option<Shown>)> {
    let page = LivePage::open(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let feed = Arc::clone(&page.feed);
    let shown = page.serve(Arc::new(NoLevers))?;
    let limit = scenario.shortest_limit();
    let limit = limit.map_or(String::new(), |limit| format!("&limit={}", limit * pace));
    output::message(&format!("watch: {}{limit}\n", shown.url));
    Ok((feed, Some(shown)))
}

async fn play(rehearsal: &Rehearsal, bundle: &Path, stop: &StopSignal) -> anyhow::Result<Played> {
    let run = prepare(rehearsal.order()).await?;
    for sentence in run.expectation() {
        output::message(&format!("estimate: {sentence}\n"));
    }
    let recorder = Recorder::create(bundle, run.manifest())?;
    let mut operator = rehearsal.operator();
    let display = Display::start();
    let played = run
        .play(
            recorder,
            &mut operator,
            &mut |progress| display.show(&progress),
            stop.clone(),
        )
        .await;
    display.finish();
    Ok(played?)
}

fn default_folder(name: &str, variant: Variant) -> PathBuf {
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    PathBuf::from(format!("runs/{name}-{}-{now}", variant.name()))
}

/// The command that rehearses it again.
fn command_line(options: &RehearseOptions, scenario: &Scenario) -> String {
    let mut words = vec!["labrat rehearse".to_owned(), scenario.name().to_owned()];
    if options.control {
        words.push("--control".to_owned());
    }
    if let Some(fix) = &options.fix {
        words.push(format!("--fix {fix}"));
    }
    let mut quoted = |flag: &str, value: &str| {
        words.push(format!("{flag} '{}'", value.replace('\'', r"'\''")));
    };
    if let Some(server) = &options.server {
        quoted("--server", server);
    }
    if let Some(folder) = &options.postgres {
        quoted("--postgres", &folder.to_string_lossy());
    }
    words.extend(options.catalogue.words());
    words.extend(options.memory_box.words());
    words.push(format!("--pace {}", options.pace()));
    words.join(" ")
}
