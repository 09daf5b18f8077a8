//! A scenario as a page of Markdown: the documentation is generated from the data.

use std::fmt::Write;

use serde_json::Value;

use super::guide;
use super::shape::{Action, Change, Done, Group, Probes, Scenario, Step, Variation};
use crate::evidence::criteria::{Criterion, Moment, Need, SnapshotKind};

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
    writeln!(page, "`{}`{}\n", scenario.name(), aliases(scenario))?;
    writeln!(page, "{}\n", scenario.incident)?;
    writeln!(
        page,
        "Plays {}. Hypothesis: {}.\n",
        scenario.plays, scenario.rules.hypothesis
    )?;
    write_needs(page, scenario)?;
    write_topology(page, scenario)?;
    write_steps(page, scenario)?;
    write_list(page, "What the published run showed", scenario.recorded)?;
    write_rules(page, scenario)?;
    write_rivals(page, scenario)?;
    write_misreadings(page, scenario)?;
    write_variations(page, "Fixes", scenario.fixes)?;
    write_variations(page, "Negative control", &[scenario.control])?;
    write_variations(page, "Variants", scenario.variants)?;
    guide::write(page, scenario)
}

/// The words that play the scenario's client side against slots at `urls`, with what nobody can
/// see from outside told by flags.
pub(super) fn trigger_words(scenario: &Scenario, urls: [&str; 2]) -> Vec<String> {
    let [production, other] = urls;
    let mut words = vec![format!(
        "labrat trigger {} --url {production}",
        scenario.name()
    )];
    if scenario.topology.slots.len() > 1 {
        words.push(format!("--slot-url {other}"));
    }
    for step in scenario.steps {
        if let Step::Act {
            action: Action::SetStartupCommand { command },
            ..
        } = step
        {
            let before = scenario.topology.startup_command;
            words.push(format!("--command-before \"{before}\""));
            words.push(format!("--command-after \"{command}\""));
        }
    }
    let mut told: Vec<&str> = Vec::new();
    for setting in scenario.topology.settings {
        if !told.contains(&setting.name) {
            told.push(setting.name);
            let flag = if setting.sticky {
                "--sticky"
            } else {
                "--not-sticky"
            };
            words.push(format!("{flag} {}", setting.name));
        }
    }
    words
}

fn aliases(scenario: &Scenario) -> String {
    if scenario.aliases().is_empty() {
        return String::new();
    }
    format!(", also called `{}`", scenario.aliases().join("`, `"))
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
        "| workers | {} x `{}`, {} thread(s) each, `--timeout` {} s |",
        topology.workers,
        topology.worker_class.as_str(),
        topology.threads,
        topology.timeout_seconds
    )?;
    if topology.around.downstream {
        writeln!(page, "| beside it | `labrat downstream`, as API_BASE_URL |")?;
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
    for command in topology.around.prepared {
        writeln!(
            page,
            "| before it starts | `labrat {}` |",
            command.join(" ")
        )?;
    }
    for setting in topology.settings {
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

const fn sticky(sticky: bool) -> &'static str {
    if sticky { ", a slot setting" } else { "" }
}

fn write_steps(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    writeln!(page, "## What is done\n")?;
    for (index, step) in scenario.steps.iter().enumerate() {
        writeln!(page, "{}. {}", index + 1, step_in_words(step))?;
    }
    writeln!(page)
}

/// One step in a sentence.
#[must_use]
pub fn step_in_words(step: &Step) -> String {
    match step {
        Step::Capture { moment } => format!("Take snapshots: {}.", moment.word()),
        Step::Load { name, groups, .. } => {
            let groups: Vec<String> = groups.iter().map(group_in_words).collect();
            format!("`{name}`: {}.", groups.join("; at the same time "))
        }
        Step::Act {
            name,
            action,
            meanwhile,
            done,
        } => {
            let meanwhile = meanwhile.as_ref().map_or_else(String::new, |group| {
                format!(
                    " Meanwhile `{}` every {} s.",
                    group.path, group.interval_seconds
                )
            });
            format!(
                "`{name}`: {}.{meanwhile} {}",
                action_in_words(action),
                done_in_words(done)
            )
        }
    }
}

/// A group of requests in words.
#[must_use]
pub fn group_in_words(group: &Group) -> String {
    let many = match (group.until_status, group.concurrency) {
        (Some(status), _) => format!(
            "`{}` until it answers {status}, at most {} times",
            group.path, group.count
        ),
        (None, 1) => format!("{} x `{}` one after another", group.count, group.path),
        (None, at_a_time) if at_a_time >= group.count => {
            format!("{} x `{}` all at once", group.count, group.path)
        }
        (None, at_a_time) => format!("{} x `{}`, {at_a_time} at a time", group.count, group.path),
    };
    let interval = if group.interval_seconds > 0.0 {
        format!(", {} s apart", group.interval_seconds)
    } else {
        String::new()
    };
    format!(
        "{many}{interval}, clients give up after {} s",
        group.limit_seconds
    )
}

/// An action in words, as an instruction.
#[must_use]
pub fn action_in_words(action: &Action) -> String {
    match action {
        Action::SetStartupCommand { command } => {
            format!("Change the startup command to `{command}`")
        }
        Action::Swap { source, target } => format!("Swap {source} into {target}"),
        Action::SetSetting { setting } => format!(
            "Set {} of {} to `{}`",
            setting.name, setting.slot, setting.value
        ),
        Action::Restart { slot } => format!("Restart {slot}"),
        Action::TurnDownstream {
            latency_seconds,
            fail_share,
        } => format!(
            "Have the called service take {latency_seconds} s for an answer, {} % of them 503",
            fail_share * 100.0
        ),
    }
}

fn done_in_words(done: &Done) -> String {
    match done {
        Done::Confirmed => "Done when whoever does it says so.".to_owned(),
        Done::ProcessReplaced { limit_seconds } => format!(
            "Done when production's process start time has changed, at most {limit_seconds} s."
        ),
    }
}

fn write_list(page: &mut String, title: &str, sentences: &[&str]) -> std::fmt::Result {
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
    let rules = scenario.rules;
    write_criteria(page, "The run says something only if", rules.trigger)?;
    write_criteria(page, "Proof (all)", rules.proof)?;
    write_criteria(
        page,
        "Support (not needed, and worth knowing)",
        rules.support,
    )?;
    write_criteria(page, "Disproof (any)", rules.disproof)
}

fn write_criteria(page: &mut String, title: &str, criteria: &[Criterion]) -> std::fmt::Result {
    if criteria.is_empty() {
        return Ok(());
    }
    writeln!(page, "## {title}\n")?;
    for criterion in criteria {
        writeln!(
            page,
            "- `{}`: {}. Measured: {}. Evidence: {}.",
            criterion.id,
            criterion.statement,
            in_words(&serde_json::to_value(criterion.check).unwrap_or_default()),
            list(criterion.needs.iter().map(need_in_words)),
        )?;
    }
    writeln!(page)
}

fn write_rivals(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    writeln!(page, "## Rival explanations\n")?;
    writeln!(
        page,
        "| rival | would explain it | ruled in by | ruled out by |"
    )?;
    writeln!(page, "|---|---|---|---|")?;
    for rival in scenario.rules.rivals {
        writeln!(
            page,
            "| {} | {} | {} | {} |",
            spaced(&serde_json::to_value(rival.id).unwrap_or_default()),
            rival.explains,
            rival.ruled_in_by,
            rival.ruled_out_by
        )?;
    }
    writeln!(page)
}

/// A piece of evidence in words.
pub(super) fn need_in_words(need: &Need) -> String {
    match need {
        Need::Snapshot { of, at } => {
            let path = match of {
                SnapshotKind::Stats => "/diag/stats",
                SnapshotKind::Proc => "/diag/proc",
                SnapshotKind::Env => "/diag/env",
                SnapshotKind::Workers => "/diag/workers",
                SnapshotKind::Slots => "/diag/slots",
                SnapshotKind::Config => "/config",
                SnapshotKind::Health => "/health",
                SnapshotKind::Ready => "/ready",
            };
            format!("snapshot of {path} ({})", at.word())
        }
        Need::Samples { route } => format!("samples of {route}"),
        Need::HttpTable => "AppServiceHTTPLogs".to_owned(),
        Need::ConsoleTable => "AppServiceConsoleLogs".to_owned(),
        Need::PlatformTable => "AppServicePlatformLogs".to_owned(),
        Need::StartupCommand {
            moment: Moment::Before,
        } => "the startup command before".to_owned(),
        Need::StartupCommand {
            moment: Moment::After,
        } => "the startup command after".to_owned(),
        Need::Manifest => "the manifest".to_owned(),
    }
}

/// A measure in words: what it is, then its fields. It is data with many forms, each of which
/// says by its own serialisation what it is called.
fn in_words(value: &Value) -> String {
    let Value::Object(fields) = value else {
        return plain(value);
    };
    let parts = |key: &str| match fields.get(key) {
        Some(Value::Array(parts)) => parts.iter().map(in_words).collect::<Vec<_>>(),
        Some(part) => vec![in_words(part)],
        None => Vec::new(),
    };
    let name = ["measure", "check"]
        .into_iter()
        .find_map(|tag| fields.get(tag)?.as_str());
    match name {
        Some("all-of") => parts("checks").join(", and "),
        Some("any-of") => parts("checks").join(", or "),
        Some("not") => format!("not ({})", parts("check").join(", ")),
        Some("in-box") => format!(
            "{} (figures that count in a cgroup: {}; in a virtual machine: {})",
            parts("check").join(", "),
            parts("cgroup").join(", "),
            parts("vm").join(", ")
        ),
        name => {
            let told: Vec<String> = fields
                .iter()
                .filter(|(key, value)| !is_tag(key, value, name) && !value.is_null())
                .map(|(key, value)| format!("{key} {}", in_words(value)))
                .collect();
            let name = name.map(|name| name.replace('-', " "));
            let words = name
                .into_iter()
                .chain((!told.is_empty()).then(|| told.join(", ")));
            words.collect::<Vec<_>>().join(": ")
        }
    }
}

fn is_tag(key: &str, value: &Value, name: Option<&str>) -> bool {
    ["measure", "check"].contains(&key) && value.as_str() == name
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        Value::Array(values) => list(values.iter().map(in_words)),
        other => other.to_string(),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// `out-of-memory-kill` as `out of memory kill`.
fn spaced(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace('-', " ")
}

fn write_misreadings(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    if scenario.misreadings.is_empty() {
        return Ok(());
    }
    writeln!(page, "## Misreadings\n")?;
    for misreading in scenario.misreadings {
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
        for change in variation.changes {
            writeln!(page, "  - {}", change_in_words(change))?;
        }
    }
    writeln!(page)
}

/// A change in words.
#[must_use]
pub fn change_in_words(change: &Change) -> String {
    match change {
        Change::StartupCommand { command, .. } => format!("startup command `{command}`"),
        Change::Settings { settings } => {
            let settings: Vec<String> = settings
                .iter()
                .map(|setting| {
                    format!(
                        "{} of {} = `{}`{}",
                        setting.name,
                        setting.slot,
                        setting.value,
                        sticky(setting.sticky)
                    )
                })
                .collect();
            settings.join("; ")
        }
        Change::Probes { probes } => probes_in_words(probes),
        Change::Plan { name } => format!("plan {name}"),
        Change::LeaveOut { path } => format!("no request for `{path}`"),
        Change::LeaveOutStep { name } => format!("without the step `{name}`"),
        Change::Count { path, count } => format!("{count} requests for `{path}`"),
        Change::Until { path, status } => {
            format!("requests for `{path}` end with the first {status}")
        }
        Change::SwapSpace { megabytes } => format!("{megabytes} MB of swap, in a memory box"),
        Change::Described { how } => (*how).to_owned(),
    }
}

/// Probes in words.
fn probes_in_words(probes: &Probes) -> String {
    let port = |port: Option<u16>| port.map_or_else(String::new, |port| format!(" at port {port}"));
    format!(
        "readiness `{}`{}, liveness `{}`{}, every {} s, acted on after {} failures in a row",
        probes.readiness_path,
        port(probes.readiness_port),
        probes.liveness_path,
        port(probes.liveness_port),
        probes.period_seconds,
        probes.failure_threshold
    )
}
