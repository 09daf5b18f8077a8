//! `labrat report`: one picture of a run, for a slide or a ticket.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::exit::Exit;
use super::scenarios::CatalogueOptions;
use super::{output, verdict};
use crate::evidence::criteria::Picture;
use crate::report;

/// Words of `labrat report`.
#[derive(Debug, Args)]
pub(super) struct ReportOptions {
    /// The folder of the run
    #[arg(value_name = "BUNDLE")]
    folder: PathBuf,
    #[command(flatten)]
    catalogue: CatalogueOptions,
    /// Scenario to judge by; else the manifest's, else the folder's name
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// The picture: queue, memory, starts, settings, requests, mix or workers [default: the one that
    /// tells the scenario's story]
    #[arg(long, value_name = "NAME", value_parser = picture)]
    picture: Option<Picture>,
    /// List the pictures that the evidence holds, and print none
    #[arg(long, conflicts_with = "picture")]
    list: bool,
    /// List them as JSON
    #[arg(long, requires = "list")]
    json: bool,
}

fn picture(name: &str) -> Result<Picture, String> {
    Picture::called(name).ok_or_else(|| {
        let names: Vec<&str> = Picture::ALL.iter().map(|picture| picture.name()).collect();
        format!("there are {}", names.join(", "))
    })
}

/// Print one picture as SVG, or say which there are.
///
/// # Errors
/// When the folder holds no evidence, its scenario is not known, or the picture is not in it.
pub(super) fn run(options: &ReportOptions) -> anyhow::Result<Exit> {
    options.catalogue.load()?;
    let run = verdict::judge(&options.folder, options.scenario.as_deref())?;
    let own = run.verdict.picture;
    let drawn = |picture| report::picture(picture, &run.verdict, &run.bundle);
    if options.list {
        let held = Picture::ALL
            .into_iter()
            .filter(|picture| drawn(*picture).is_some());
        return list(held, own, options.json);
    }
    let wanted = options.picture.unwrap_or(own);
    let Some(svg) = drawn(wanted) else {
        bail!(
            "the evidence in `{}` holds no picture `{}`, or nothing moves in it\n\n\
             hint: labrat report --list names those that it holds",
            options.folder.display(),
            wanted.name()
        );
    };
    output::painted(&svg)?;
    Ok(Exit::Success)
}

fn list(held: impl Iterator<Item = Picture>, own: Picture, json: bool) -> anyhow::Result<Exit> {
    let rows: Vec<(&str, bool)> = held
        .map(|picture| (picture.name(), picture == own))
        .collect();
    let text = match json {
        true => {
            let rows: Vec<_> = rows
                .iter()
                .map(|(name, own)| json!({"picture": name, "tells_the_story": own}))
                .collect();
            format!("{:#}\n", json!(rows))
        }
        false => rows
            .iter()
            .map(|(name, own)| match own {
                true => format!("{name} (tells the story)\n"),
                false => format!("{name}\n"),
            })
            .collect(),
    };
    output::data(&text)?;
    Ok(Exit::Success)
}
