//! A scenario as a page of Markdown: the documentation is generated from the data.

use std::fmt::Write;

use super::guide;
use super::measures;
use super::shape::{Scenario, Variation};
use super::words::{
    auto_heal_in_words, change_in_words, list, need_in_words, probes_in_words, step_in_words,
    sticky,
};
use crate::evidence::criteria::{Alternative, Criterion};

/// The line with which a generated file begins.
const GENERATED: &str = "<!-- Generated from the catalogue; LABRAT_UPDATE=1 cargo test --test suite play::catalogue writes it anew. -->";

/// The file of documentation of a scenario.
#[must_use]
pub fn documentation(scenario: &Scenario) -> String {
    format!("{GENERATED}\n\n{}", markdown(scenario))
}

/// The index of the files of documentation.
#[must_use]
pub fn index(scenarios: &[&Scenario]) -> String {
    let mut page =
        format!("{GENERATED}\n\n# Scenarios\n\n| scenario | plays | needs |\n|---|---|---|\n");
    for scenario in scenarios {
        let name = scenario.name();
        let needs = scenario
            .needs
            .plan
            .map_or("local only", |plan| plan.as_str());
        page.push_str(&format!(
            "| [{name}]({name}.md) | {} | {needs} |\n",
            scenario.plays
        ));
    }
    page
}

/// A scenario in Markdown.
#[must_use]
pub fn markdown(scenario: &Scenario) -> String {
    let mut page = String::new();
    // Writing into a String cannot fail.
    let _ = write_page(&mut page, scenario);
    page
}

fn write_page(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    writeln!(page, "# {}\n", scenario.title)?;
    writeln!(page, "{}\n", scenario.incident)?;
    write_command(page, scenario)?;
    writeln!(page, "`{}`{}\n", scenario.name(), aliases(scenario))?;
    writeln!(
        page,
        "Plays {}. Hypothesis: {}.\n",
        scenario.plays, scenario.rules.hypothesis
    )?;
    write_needs(page, scenario)?;
    write_topology(page, scenario)?;
    write_steps(page, scenario)?;
    write_list(page, "What the published run showed", &scenario.recorded)?;
    write_rules(page, scenario)?;
    write_rivals(page, scenario)?;
    write_misreadings(page, scenario)?;
    write_variations(page, "Fixes", &scenario.fixes)?;
    write_variations(
        page,
        "Negative control",
        std::slice::from_ref(&scenario.control),
    )?;
    write_variations(page, "Variants", &scenario.variants)?;
    guide::write(page, scenario)
}

/// One command, and what comes of it.
fn write_command(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    let name = scenario.name();
    writeln!(page, "```console\n$ labrat rehearse {name}\n```\n")?;
    let fix = scenario.fixes.first().map_or_else(String::new, |fix| {
        format!(
            " With `--fix {}` the same load is served, and the verdict says healthy.",
            fix.name
        )
    });
    writeln!(
        page,
        "Expected: a verdict that begins with `reproduced`, and exit code 0.{fix}\n"
    )
}

fn aliases(scenario: &Scenario) -> String {
    if scenario.aliases.is_empty() {
        return String::new();
    }
    format!(", also called `{}`", scenario.aliases.join("`, `"))
}

fn write_needs(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    let needs = &scenario.needs;
    let plan = needs.plan.map_or_else(
        || "Local only.".to_owned(),
        |plan| format!("Azure: {} or larger.", plan.as_str()),
    );
    let also = if needs.also.is_empty() {
        String::new()
    } else {
        format!(" Also: {}.", needs.also.trim_end_matches('.'))
    };
    writeln!(page, "Needs: {plan}{also}\n")
}

fn write_topology(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    let topology = &scenario.topology;
    writeln!(page, "## Topology\n")?;
    writeln!(page, "| | |\n|---|---|")?;
    writeln!(page, "| plan | {} |", topology.plan.as_str())?;
    writeln!(page, "| slots | {} |", topology.slots.join(", "))?;
    writeln!(page, "| startup command | `{}` |", topology.startup_command)?;
    writeln!(
        page,
        "| workers | {} `{}`, each with {}, and `--timeout` {} s |",
        topology.workers,
        topology.worker_class.as_str(),
        match topology.threads {
            1 => "one thread".to_owned(),
            threads => format!("{threads} threads"),
        },
        topology.timeout_seconds
    )?;
    if topology.around.always_on {
        writeln!(page, "| Always On | on |")?;
    }
    if topology.around.downstream {
        writeln!(page, "| beside it | `labrat downstream`, as API_BASE_URL |")?;
    }
    if let Some(rules) = &topology.around.auto_heal {
        writeln!(page, "| auto-heal | {} |", auto_heal_in_words(rules))?;
    }
    if let Some(megabytes) = topology.around.home_megabytes {
        writeln!(page, "| /home | {megabytes} MB |")?;
    }
    for secret in &topology.around.vault {
        writeln!(
            page,
            "| the vault `{}` has | `{}` |",
            secret.vault, secret.name
        )?;
    }
    if let Some(probes) = &topology.around.probes {
        writeln!(page, "| probes | {} |", probes_in_words(probes))?;
    }
    if let Some(memory) = topology.around.memory {
        writeln!(
            page,
            "| memory | {} MB at rest, {} MB of swap |",
            memory.room_megabytes, memory.swap_megabytes
        )?;
    }
    for command in &topology.around.prepared {
        writeln!(
            page,
            "| before it starts | `labrat {}` |",
            command.join(" ")
        )?;
    }
    for setting in &topology.settings {
        writeln!(
            page,
            "| {} of {} | `{}`{} |",
            setting.name,
            setting.slot,
            setting.value,
            sticky(setting.sticky)
        )?;
    }
    writeln!(page)
}

fn write_steps(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    writeln!(page, "## What is done\n")?;
    for (index, step) in scenario.steps.iter().enumerate() {
        writeln!(page, "{}. {}", index + 1, step_in_words(step))?;
    }
    writeln!(page)
}

fn write_list(page: &mut String, title: &str, sentences: &[String]) -> std::fmt::Result {
    if sentences.is_empty() {
        return Ok(());
    }
    writeln!(page, "## {title}\n")?;
    for sentence in sentences {
        writeln!(page, "- {sentence}")?;
    }
    writeln!(page)
}

fn write_rules(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    let rules = &scenario.rules;
    write_criteria(page, "The run counts only if", scenario, &rules.trigger)?;
    write_criteria(page, "Proof (all)", scenario, &rules.proof)?;
    write_criteria(page, "Support (decides nothing)", scenario, &rules.support)?;
    write_criteria(page, "Disproof (any)", scenario, &rules.disproof)
}

fn write_criteria(
    page: &mut String,
    title: &str,
    scenario: &Scenario,
    criteria: &[Criterion],
) -> std::fmt::Result {
    if criteria.is_empty() {
        return Ok(());
    }
    writeln!(page, "## {title}\n")?;
    for criterion in criteria {
        writeln!(
            page,
            "- `{}`: {}. Met when {}. Evidence: {}.",
            criterion.id,
            criterion.statement.replace(['{', '}'], ""),
            measures::sentence(&criterion.check, &scenario.roles),
            list(
                criterion
                    .check
                    .needs(&scenario.roles)
                    .iter()
                    .map(need_in_words)
            ),
        )?;
    }
    writeln!(page)
}

fn write_rivals(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    writeln!(page, "## Other explanations\n")?;
    writeln!(
        page,
        "| explanation | would explain it | ruled in by | ruled out by |"
    )?;
    writeln!(page, "|---|---|---|---|")?;
    let alternatives = scenario.rules.alternatives.iter();
    for alternative in alternatives.filter_map(|alternative| Alternative::find(&alternative.id)) {
        writeln!(
            page,
            "| {} | {} | {} | {} |",
            alternative.words,
            alternative.explains,
            alternative.ruled_in_by,
            alternative.ruled_out_by
        )?;
    }
    writeln!(page)
}

fn write_misreadings(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    if scenario.misreadings.is_empty() {
        return Ok(());
    }
    writeln!(page, "## Misreadings\n")?;
    for misreading in &scenario.misreadings {
        writeln!(page, "- \"{}\" {}", misreading.claim, misreading.answer)?;
    }
    writeln!(page)
}

fn write_variations(page: &mut String, title: &str, variations: &[Variation]) -> std::fmt::Result {
    if variations.is_empty() {
        return Ok(());
    }
    writeln!(page, "## {title}\n")?;
    for variation in variations {
        writeln!(page, "- `{}`: {}", variation.name, variation.what)?;
        for change in &variation.changes {
            writeln!(page, "  - {}", change_in_words(change))?;
        }
    }
    writeln!(page)
}
