//! `labrat scenarios --check`: every scenario on this machine, with its symptom, its fixes and its
//! control, and whether the evidence of one is taken for another.

use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use comfy_table::{Table, presets};
use parking_lot::Mutex;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::exit::Exit;
use super::output;
use crate::evidence;
use crate::scenario::apply::{self, Variant};
use crate::scenario::catalogue;
use crate::scenario::own_folder::{OwnFolder, Purpose};
use crate::scenario::shape::{Change, Estimate, Scenario, Variation};
use crate::verdict::{self, Outcome};

/// What a rehearsal says that this machine cannot play.
const NOT_HERE: &str = "cannot be rehearsed here";

/// The words for a variant on the command line of `labrat rehearse`.
fn words(variant: Variant) -> Vec<&'static str> {
    match variant {
        Variant::Symptom => Vec::new(),
        Variant::Varied(fix) => vec!["--fix", &fix.name],
        Variant::Control => vec!["--control"],
    }
}

/// A word, but for a fix, which is told by its name.
fn told<S: Serializer>(variant: &Variant, serializer: S) -> Result<S::Ok, S::Error> {
    match variant {
        Variant::Varied(fix) => json!({ "fix": fix.name }).serialize(serializer),
        variant => variant.name().serialize(serializer),
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Ending {
    /// As it should.
    AsExpected,
    /// Otherwise; the verdict's headline, or what went wrong.
    Otherwise(String),
    /// This machine cannot play it, and why.
    NotHere(String),
}

/// One run of one scenario: the symptom, a fix or the control.
#[derive(Debug, Serialize)]
struct Played {
    scenario: &'static str,
    #[serde(serialize_with = "told")]
    variant: Variant,
    ending: Ending,
    seconds: f64,
    /// Other scenarios whose rules the evidence of the symptom meets.
    taken_for: Vec<&'static str>,
}

/// Runs side by side for each processor. They mostly wait: all of the catalogue takes 30 s of
/// processor time in 632 s, one run after another. A program without optimisation takes 105 s, and with
/// as many at once some runs have answers too late for want of a processor.
const SIDE_BY_SIDE: usize = if cfg!(debug_assertions) { 4 } else { 6 };

/// Play everything, as much side by side as the machine bears, and print the table. Progress goes
/// to standard error, a line for each run as it ends.
///
/// # Errors
/// When no folder can be made, the program cannot be started, or a bundle cannot be read.
pub(super) fn run(scenarios: &[&'static Scenario], json: bool) -> anyhow::Result<Exit> {
    let folder = OwnFolder::make(Purpose::Check).context("making a folder for the evidence")?;
    let begun = Instant::now();
    let all = play_all(scenarios, &folder)?;
    let text = match json {
        true => output::json(&all)?,
        false => format!("{}\n", table(scenarios, &all)),
    };
    output::data(&text)?;
    let bad = all.iter().filter(|played| !played.is_good()).count();
    output::message(&format!(
        "{} runs in {:.0} s, {bad} not as expected\n",
        all.len(),
        begun.elapsed().as_secs_f64()
    ));
    Ok(match bad {
        0 => Exit::Success,
        _ => Exit::Failure,
    })
}

/// Every run of these scenarios, in the order of the catalogue. The ones that fill a memory, which
/// are symptoms, have the machine to themselves and go first; then come the other symptoms, which
/// take longest.
fn play_all(scenarios: &[&'static Scenario], folder: &OwnFolder) -> anyhow::Result<Vec<Played>> {
    let runs: Vec<_> = scenarios
        .iter()
        .flat_map(|scenario| {
            variants(scenario)
                .into_iter()
                .map(move |variant| (*scenario, variant))
        })
        .enumerate()
        .collect();
    let (alone, mut beside): (Vec<_>, Vec<_>) =
        runs.into_iter().partition(|(_, (scenario, variant))| {
            scenario.needs_box() && matches!(variant, Variant::Symptom)
        });
    beside.sort_by_key(|(_, (_, variant))| !matches!(variant, Variant::Symptom));
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut played = play_beside(alone, 1, folder)?;
    played.append(&mut play_beside(beside, cores * SIDE_BY_SIDE, folder)?);
    played.sort_by_key(|(place, _)| *place);
    Ok(played.into_iter().map(|(_, played)| played).collect())
}

/// A run and its place in the catalogue.
type Run = (usize, (&'static Scenario, Variant));

/// Play these, so many at once.
fn play_beside(
    runs: Vec<Run>,
    at_once: usize,
    folder: &OwnFolder,
) -> anyhow::Result<Vec<(usize, Played)>> {
    let waiting = Mutex::new(runs.into_iter());
    let next = || waiting.lock().next();
    let take_turns = || {
        let mut ended = Vec::new();
        while let Some((place, (scenario, variant))) = next() {
            let played = play(scenario, variant, folder)?;
            output::message(&progress(&played));
            ended.push((place, played));
        }
        Ok(ended)
    };
    let each: anyhow::Result<Vec<_>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..at_once).map(|_| scope.spawn(take_turns)).collect();
        let ended = threads.into_iter().map(|thread| match thread.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ended.collect()
    });
    Ok(each?.into_iter().flatten().collect())
}

/// Symptom, every fix that a rehearsal can make, and control.
fn variants(scenario: &'static Scenario) -> Vec<Variant> {
    let fixes = scenario.fixes.iter().filter(|fix| can_be_made(fix));
    std::iter::once(Variant::Symptom)
        .chain(fixes.map(Variant::Varied))
        .chain([Variant::Control])
        .collect()
}

/// A larger plan and other code are for somebody else to make.
fn can_be_made(fix: &Variation) -> bool {
    !fix.changes
        .iter()
        .any(|change| matches!(change, Change::Plan { .. } | Change::Described { .. }))
}

impl Played {
    fn is_good(&self) -> bool {
        !matches!(self.ending, Ending::Otherwise(_)) && self.taken_for.is_empty()
    }
}

fn play(
    scenario: &'static Scenario,
    variant: Variant,
    folder: &OwnFolder,
) -> anyhow::Result<Played> {
    let out = folder
        .path()
        .join(format!("{}-{}", scenario.name(), variant.name()));
    let begun = Instant::now();
    let output = Command::new(std::env::current_exe().context("finding the program itself")?)
        .args(["rehearse", scenario.name()])
        .args(words(variant))
        .args(["--pace", &scenario.quickest_pace.to_string(), "--json"])
        .args(box_words(scenario, variant))
        .arg("--out")
        .arg(&out)
        // It reads nothing there. It holds the folder that it writes to, should this process die.
        .stdin(folder.share().context("sharing the folder")?)
        .output()
        .context("starting a rehearsal")?;
    let seconds = begun.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    let ending = match output.status.code() {
        Some(code) if code == i32::from(Exit::Success.code()) => Ending::AsExpected,
        Some(1) if said.contains(NOT_HERE) => Ending::NotHere(last_sentence(&said)),
        // Without a memory box, a home of a size or a database server there is no evidence, and the verdict says so.
        Some(code)
            if code == i32::from(Exit::Inconclusive.code())
                && (scenario.needs_box()
                    || scenario.topology.around.home_megabytes.is_some()
                    || apply::database_server(scenario, variant).is_some()) =>
        {
            Ending::NotHere(headline(&output.stdout).unwrap_or_else(|| last_sentence(&said)))
        }
        _ => Ending::Otherwise(headline(&output.stdout).unwrap_or_else(|| last_sentence(&said))),
    };
    let taken_for = match (variant, &ending) {
        (Variant::Symptom, Ending::AsExpected) => taken_for(scenario, &out)?,
        _ => Vec::new(),
    };
    Ok(Played {
        scenario: scenario.name(),
        variant,
        ending,
        seconds,
        taken_for,
    })
}

/// A box that the leak fills only at its end, with a swap slow enough for a machine that is busy
/// with other things as well: the same verdict in a fraction of the time.
fn box_words(scenario: &Scenario, variant: Variant) -> &'static [&'static str] {
    match (&scenario.estimate, variant) {
        (Estimate::Leak { .. }, Variant::Symptom) => {
            &["--box-room", "1700", "--box-swap-speed", "12"]
        }
        _ => &[],
    }
}

/// The other scenarios that this evidence would be judged to be.
fn taken_for(scenario: &Scenario, bundle: &Path) -> anyhow::Result<Vec<&'static str>> {
    let bundle = evidence::read(bundle)?;
    let others = catalogue::all()
        .into_iter()
        .filter(|other| other.name() != scenario.name());
    Ok(others
        .filter(|other| verdict::judge(&other.rules, &bundle).outcome == Outcome::Reproduced)
        .map(Scenario::name)
        .collect())
}

fn headline(verdict: &[u8]) -> Option<String> {
    let verdict: Value = serde_json::from_slice(verdict).ok()?;
    Some(verdict.get("headline")?.as_str()?.to_owned())
}

/// The last line that is no hint.
fn last_sentence(said: &str) -> String {
    let lines = said.lines().rev().map(str::trim);
    let mut telling = lines.filter(|line| !line.is_empty() && !line.starts_with("hint:"));
    telling.next().unwrap_or("nothing was said").to_owned()
}

fn progress(played: &Played) -> String {
    let mut text = format!(
        "{} {}: {} ({:.1} s)",
        played.scenario,
        played.variant.name(),
        match &played.ending {
            Ending::AsExpected => "as expected",
            Ending::Otherwise(why) | Ending::NotHere(why) => why,
        },
        played.seconds
    );
    if !played.taken_for.is_empty() {
        text.push_str(&format!(", taken for {}", played.taken_for.join(", ")));
    }
    text.push('\n');
    text
}

fn table(scenarios: &[&Scenario], all: &[Played]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::ASCII_MARKDOWN)
        .set_header(["scenario", "symptom", "fixes", "control"]);
    for scenario in scenarios {
        let of = |wanted: fn(&Variant) -> bool| {
            let cells = all
                .iter()
                .filter(|played| played.scenario == scenario.name() && wanted(&played.variant));
            cells.map(cell).collect::<Vec<_>>().join("; ")
        };
        table.add_row([
            format!("`{}`", scenario.name()),
            of(|variant| matches!(variant, Variant::Symptom)),
            of(|variant| matches!(variant, Variant::Varied(_))),
            of(|variant| matches!(variant, Variant::Control)),
        ]);
    }
    table
}

fn cell(played: &Played) -> String {
    let name = match played.variant {
        Variant::Varied(fix) => format!("{}: ", fix.name),
        Variant::Symptom | Variant::Control => String::new(),
    };
    let ending = match (&played.ending, played.variant) {
        (_, Variant::Symptom) if !played.taken_for.is_empty() => {
            return format!("**taken for {}**", played.taken_for.join(", "));
        }
        (Ending::AsExpected, Variant::Symptom) => "reproduced",
        (Ending::AsExpected, _) => "healthy",
        (Ending::NotHere(_), _) => return format!("{name}not on this machine"),
        (Ending::Otherwise(why), _) => return format!("{name}**{why}**"),
    };
    format!("{name}{ending}, {:.1} s", played.seconds)
}
