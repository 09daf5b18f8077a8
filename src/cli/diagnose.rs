//! `labrat diagnose`: the cause of an incident, from whatever export there is.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;

use super::exit::Exit;
use super::output;
use crate::diagnosis::{self, Certainty, Diagnosis, Span};
use crate::evidence;
use crate::machine::own_files;
use crate::report;
use crate::tables::LogTime;

/// Words of `labrat diagnose`.
#[derive(Debug, Args)]
pub(super) struct DiagnoseOptions {
    /// Folders, zips and files with tables, logs, settings and commands of any name and format;
    /// `-` is standard input
    #[arg(required_unless_present = "schema", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Nothing before this moment counts, such as 2026-04-04T05:50:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<LogTime>,
    /// Nothing after this moment counts
    #[arg(long, value_name = "TIME")]
    to: Option<LogTime>,
    /// Print the diagnosis as JSON, of the form that --schema prints
    #[arg(long)]
    json: bool,
    /// Write report.html, report.md and diagnosis.json into this folder
    #[arg(long, value_name = "FOLDER")]
    report: Option<PathBuf>,
    /// Print the JSON Schema of a diagnosis, or of a file of causes, and read nothing
    #[arg(long, value_name = "OF", num_args = 0..=1, default_missing_value = "diagnosis")]
    schema: Option<SchemaOf>,
}

/// Of what a schema is asked for.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum SchemaOf {
    /// What --json prints.
    Diagnosis,
    /// A file of causes.
    Causes,
}

/// Read everything, weigh every cause, print the answer.
///
/// # Errors
/// When a path is not there, or a report cannot be written.
pub(super) fn run(options: &DiagnoseOptions) -> anyhow::Result<Exit> {
    match options.schema {
        Some(SchemaOf::Diagnosis) => output::data(&diagnosis::schema())?,
        Some(SchemaOf::Causes) => output::data(&diagnosis::causes_schema())?,
        None => return read_and_print(options),
    }
    Ok(Exit::Success)
}

fn read_and_print(options: &DiagnoseOptions) -> anyhow::Result<Exit> {
    if let (Some(from), Some(to)) = (options.from, options.to)
        && from > to
    {
        bail!("--from {from} is later than --to {to}");
    }
    let bundle = evidence::read_whatever(&options.paths)?;
    let span = Span {
        from: options.from,
        to: options.to,
    };
    let diagnosis = diagnosis::diagnose(bundle, &span);
    if let Some(folder) = &options.report {
        write_report(folder, &diagnosis)?;
    }
    let text = match options.json {
        true => output::json(&diagnosis)?,
        false => report::diagnosis_text(&diagnosis, output::style()),
    };
    output::painted(&text)?;
    Ok(exit_of(&diagnosis))
}

/// An answer that is clear or likely is success, "healthy" as well; whatever leaves the cause open is
/// inconclusive.
fn exit_of(diagnosis: &Diagnosis) -> Exit {
    let Some(first) = diagnosis.first() else {
        return Exit::Inconclusive;
    };
    match (first.cause.as_str(), diagnosis.certainty) {
        ("not-enough-evidence" | "unknown", _) | (_, Certainty::Open) => Exit::Inconclusive,
        _ => Exit::Success,
    }
}

fn write_report(folder: &std::path::Path, diagnosis: &Diagnosis) -> anyhow::Result<()> {
    own_files::make_folder(folder).with_context(|| format!("creating `{}`", folder.display()))?;
    output::file(folder, "report.html", &report::diagnosis_page(diagnosis))?;
    output::file(folder, "report.md", &report::diagnosis_markdown(diagnosis))?;
    output::file(folder, "diagnosis.json", &output::json(diagnosis)?)
}
