//! `labrat scenarios`: the catalogue.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};

use super::exit::Exit;
use super::{check, output, trigger};
use crate::machine::own_files;
use crate::scenario::catalogue;
use crate::scenario::catalogue::schema;
use crate::scenario::page::markdown;
use crate::scenario::parameters::deployment_parameters;
use crate::scenario::plan::planned;
use crate::scenario::shape::Scenario;

/// Where more scenarios are, beside those of the program.
#[derive(Debug, Args)]
pub(super) struct CatalogueOptions {
    /// A folder with scenarios of your own, a TOML file each; `labrat scenarios check` reads one
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
}

impl CatalogueOptions {
    /// Take them into the catalogue.
    ///
    /// # Errors
    /// When the folder or a file cannot be read, or a file holds no scenario.
    pub(super) fn load(&self) -> anyhow::Result<()> {
        match &self.scenarios {
            Some(folder) => Ok(catalogue::add_folder(folder)?),
            None => Ok(()),
        }
    }

    /// The words that ask for it again.
    pub(super) fn words(&self) -> Option<String> {
        let folder = self.scenarios.as_ref()?.display().to_string();
        Some(format!("--scenarios '{}'", folder.replace('\'', r"'\''")))
    }
}

/// What else `labrat scenarios` does.
#[derive(Debug, Subcommand)]
enum ScenariosCommand {
    /// Read a file with a scenario, and tell what is wrong with it by line and column
    Check {
        /// The file
        file: PathBuf,
    },
    /// Print the JSON Schema of such a file
    Schema,
}

/// Words of `labrat scenarios`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct ScenariosOptions {
    #[command(subcommand)]
    command: Option<ScenariosCommand>,
    #[command(flatten)]
    catalogue: CatalogueOptions,
    /// Show this one in full
    name: Option<String>,
    /// Print the data as JSON
    #[arg(long)]
    json: bool,
    /// Rehearse symptom, fixes and control of every scenario, or of this one, and print the table
    #[arg(long, conflicts_with = "applied")]
    check: bool,
    /// Print the parameters of its deployment in Azure, see bicep/main.bicep
    #[arg(long, requires = "name", conflicts_with = "json", group = "applied")]
    parameters: bool,
    /// Print what is sent and done as JSON, with every change of the fix or control applied: for scripts
    #[arg(long, requires = "name", conflicts_with = "json", group = "applied")]
    plan: bool,
    /// The parameters or the plan with this fix or variant
    #[arg(
        long,
        value_name = "NAME",
        requires = "applied",
        conflicts_with = "control"
    )]
    fix: Option<String>,
    /// The parameters or the plan of the negative control
    #[arg(long, requires = "applied")]
    control: bool,
}

/// List every scenario, or show one in full.
///
/// # Errors
/// When no scenario, fix or variant is called so, or standard output cannot be written.
pub(super) fn run(options: &ScenariosOptions) -> anyhow::Result<Exit> {
    match &options.command {
        Some(ScenariosCommand::Check { file }) => return check_file(file),
        Some(ScenariosCommand::Schema) => {
            output::data(&schema())?;
            return Ok(Exit::Success);
        }
        None => options.catalogue.load()?,
    }
    if options.check {
        let scenarios = match &options.name {
            Some(name) => vec![find(name)?],
            None => catalogue::all(),
        };
        return check::run(&scenarios, options.json);
    }
    let text = match (&options.name, options.json) {
        (Some(name), _) if options.parameters => parameters(options, name)?,
        (Some(name), _) if options.plan => plan(options, name)?,
        (Some(name), false) => markdown(find(name)?),
        (Some(name), true) => output::json(find(name)?)?,
        (None, false) => format!("{}\n", table()),
        (None, true) => output::json(&catalogue::all())?,
    };
    output::data(&text)?;
    Ok(Exit::Success)
}

fn check_file(file: &Path) -> anyhow::Result<Exit> {
    let name = file.display().to_string();
    let text = own_files::read_named_text(file, catalogue::MOST_BYTES)
        .with_context(|| format!("reading `{name}`"))?;
    let scenario = catalogue::read(&name, &text)?;
    let criteria = scenario.rules.criteria().count();
    output::data(&format!(
        "{name}: {}, {} steps, {criteria} criteria, {} variations\n",
        scenario.name(),
        scenario.steps.len(),
        scenario.variations().count()
    ))?;
    Ok(Exit::Success)
}

fn parameters(options: &ScenariosOptions, name: &str) -> anyhow::Result<String> {
    let scenario = find(name)?;
    let variant = trigger::variant(scenario, options.control, options.fix.as_deref())?;
    let parameters = deployment_parameters(scenario, variant)
        .ok_or_else(|| anyhow!("{name} is played on this machine only"))?;
    output::json(&parameters)
}

fn plan(options: &ScenariosOptions, name: &str) -> anyhow::Result<String> {
    let scenario = find(name)?;
    let variant = trigger::variant(scenario, options.control, options.fix.as_deref())?;
    output::json(&planned(scenario, variant))
}

/// The scenario that is called so.
///
/// # Errors
/// When there is none, with the names that there are.
pub(super) fn find(name: &str) -> anyhow::Result<&'static Scenario> {
    catalogue::find(name).ok_or_else(|| {
        let names: Vec<&str> = catalogue::all().into_iter().map(Scenario::name).collect();
        anyhow!(
            "no scenario is called {name:?}\n\nhint: there are {}",
            names.join(", ")
        )
    })
}

fn table() -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(output::width())
        .set_header(["scenario", "incident", "needs", "fixes"]);
    for scenario in catalogue::all() {
        let fixes: Vec<&str> = scenario.fixes.iter().map(|fix| fix.name.as_str()).collect();
        let first = scenario.incident.split_inclusive(". ").next();
        table.add_row([
            scenario.name(),
            first.unwrap_or_default().trim(),
            scenario.needs.plan.map_or("local", |plan| plan.as_str()),
            &fixes.join(", "),
        ]);
    }
    table
}
