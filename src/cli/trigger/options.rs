//! Words of `labrat trigger`.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;

use crate::cli::scenarios::{CatalogueOptions, find};
use crate::load::Target;
use crate::scenario::apply::Variant;
use crate::scenario::shape::Scenario;
use crate::scenario::trigger::{Declared, Order};

/// Words of `labrat trigger`.
#[derive(Debug, Args)]
pub(in crate::cli) struct TriggerOptions {
    /// The scenario, see `labrat scenarios`
    scenario: String,
    #[command(flatten)]
    catalogue: CatalogueOptions,
    /// The target, for instance http://127.0.0.1:8000; production, where there are slots
    #[arg(long)]
    url: String,
    /// The target's second slot, for scenarios that swap
    #[arg(long, value_name = "URL")]
    slot_url: Option<String>,
    /// Where the evidence goes: a new or an empty folder [default: runs/SCENARIO-TIME]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Multiply every duration of the client side: limits, waits, intervals
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR", value_parser = pace)]
    pace: f64,
    /// The target's key, sent as x-lab-key and never written
    #[arg(long, env = "LAB_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Put load on a host that is not this machine
    #[arg(long)]
    yes_this_is_mine: bool,
    /// Do not wait for Enter where the platform is to be changed: somebody else does it
    #[arg(long)]
    pub(super) assume_done: bool,
    /// A program that does what only the platform can: it is given the action as JSON on standard
    /// input, and has done it when it ends with 0
    #[arg(long, value_name = "COMMAND", conflicts_with = "assume_done")]
    pub(super) operator: Option<String>,
    /// The target runs as the scenario's negative control has it
    #[arg(long, conflicts_with = "fix")]
    control: bool,
    /// The target runs with this fix or variant of the scenario
    #[arg(long, value_name = "NAME")]
    fix: Option<String>,
    /// The startup command before the fix, to be kept as evidence
    #[arg(long, value_name = "COMMAND")]
    command_before: Option<String>,
    /// The startup command after the fix, to be kept as evidence
    #[arg(long, value_name = "COMMAND")]
    command_after: Option<String>,
    /// A setting that is a slot setting, to be kept as evidence
    #[arg(long, value_name = "SETTING")]
    sticky: Vec<String>,
    /// A setting that is not a slot setting, to be kept as evidence
    #[arg(long, value_name = "SETTING")]
    not_sticky: Vec<String>,
    /// Print the counts as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A factor of durations.
pub(in crate::cli) fn pace(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(pace) if (0.001..=100.0).contains(&pace) => Ok(pace),
        _ => Err("a number from 0.001 to 100 is needed".to_owned()),
    }
}

impl TriggerOptions {
    /// What is to be played.
    ///
    /// # Errors
    /// When there is no such scenario or fix, or a URL is none.
    pub(super) fn order(&self) -> anyhow::Result<Order> {
        self.catalogue.load()?;
        let scenario = find(&self.scenario)?;
        let urls = [
            ("--url", Some(&self.url)),
            ("--slot-url", self.slot_url.as_ref()),
        ];
        let mut slots = Vec::new();
        for (slot, (flag, url)) in scenario.topology.slots.iter().zip(urls) {
            if let Some(url) = url {
                slots.push((slot.as_str(), Target::parse(url).context(flag)?));
            }
        }
        let sticky = |names: &[String], sticky: bool| {
            let names = names.iter().cloned();
            names.map(|name| (name, sticky)).collect::<Vec<_>>()
        };
        let mut declared = sticky(&self.sticky, true);
        declared.extend(sticky(&self.not_sticky, false));
        Ok(Order {
            scenario,
            variant: variant(scenario, self.control, self.fix.as_deref())?,
            command_line: Some(self.command_line(scenario, &slots)),
            slots,
            pace: self.pace,
            key: self.key.clone().filter(|key| !key.is_empty()),
            declared: Declared {
                command_before: self.command_before.clone(),
                command_after: self.command_after.clone(),
                sticky: declared,
                memory_box: None,
                front_end_limit_seconds: None,
            },
            mine: self.yes_this_is_mine,
        })
    }

    /// The command that plays it again; the key is left out.
    fn command_line(&self, scenario: &Scenario, slots: &[(&str, Target)]) -> String {
        let mut words = vec!["labrat trigger".to_owned(), scenario.name().to_owned()];
        for ((_, target), flag) in slots.iter().zip(["--url", "--slot-url"]) {
            words.push(format!("{flag} {target}"));
        }
        words.extend(self.catalogue.words());
        if (self.pace - 1.0).abs() > f64::EPSILON {
            words.push(format!("--pace {}", self.pace));
        }
        if self.control {
            words.push("--control".to_owned());
        }
        if let Some(fix) = &self.fix {
            words.push(format!("--fix {fix}"));
        }
        if self.yes_this_is_mine {
            words.push("--yes-this-is-mine".to_owned());
        }
        words.join(" ")
    }
}

/// Which run of a scenario the words ask for: symptom, fix or control.
///
/// # Errors
/// When there is no such fix or variant, with the names that there are.
pub(in crate::cli) fn variant(
    scenario: &'static Scenario,
    control: bool,
    fix: Option<&str>,
) -> anyhow::Result<Variant> {
    let Some(name) = fix else {
        return Ok(match control {
            true => Variant::Control,
            false => Variant::Symptom,
        });
    };
    scenario
        .variation(name)
        .map(Variant::Varied)
        .ok_or_else(|| {
            let variations = scenario.fixes.iter().chain(&scenario.variants);
            let names: Vec<&str> = variations
                .map(|variation| variation.name.as_str())
                .collect();
            anyhow!(
                "{} has no fix or variant called {name:?}\n\nhint: there are {}",
                scenario.name(),
                names.join(", ")
            )
        })
}
