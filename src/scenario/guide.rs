//! The runbook of a scenario, for its page: the same steps on Azure and on this machine, what
//! evidence each phase leaves, how to read it, and what it costs.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::shape::{Action, Change, Scenario, Setting, Step, Variation};
use super::words::{action_in_words, need_in_words};
use crate::evidence::criteria::{Criterion, Need};

/// Where a site of the emulator answers, by slot.
const HERE: [&str; 2] = ["http://127.0.0.1:8080", "http://127.0.0.1:8081"];

/// About what an hour of a Linux plan costs, in USD: list prices of the region East US without tax,
/// rounded, as known in 2025. Nothing here looks them up.
const USD_AN_HOUR: [(&str, f64); 3] = [("B1", 0.02), ("S1", 0.10), ("P1v3", 0.16)];

/// Append the sections to a page.
pub(super) fn write(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    write_runbook(page, scenario)?;
    write_evidence(page, scenario)?;
    write_reading(page, scenario)?;
    write_cost(page, scenario)
}

/// One row of the runbook.
fn row(page: &mut String, step: &str, azure: &str, here: &str) -> std::fmt::Result {
    writeln!(page, "| {step} | {azure} | {here} |")
}

/// Words as code, or a dash.
fn code(words: &str) -> String {
    match words {
        "" => "-".to_owned(),
        words => format!("`{words}`"),
    }
}

fn write_runbook(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    let name = scenario.name();
    writeln!(page, "## Runbook\n")?;
    writeln!(
        page,
        "All of it on this machine, judged and reported, by one command: `labrat rehearse {name}`."
    )?;
    if scenario.needs.plan.is_none() || scenario.topology.around.downstream {
        writeln!(
            page,
            "It needs more around the target than a site, and is not played on Azure.\n"
        )?;
        return Ok(());
    }
    writeln!(page, "Step by step:\n")?;
    write_steps(page, scenario)?;
    writeln!(
        page,
        "\nEach script says with `--dry-run` what it would do; `--help` shows its options.\n"
    )
}

/// The table of the runbook.
fn write_steps(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    let name = scenario.name();
    writeln!(
        page,
        "| | on Azure | here, in two terminals |\n|---|---|---|"
    )?;
    row(
        page,
        "set up",
        &code(&format!("scripts/deploy.sh {name}")),
        &code(&emulator(scenario)),
    )?;
    row(
        page,
        "play the load and the changes, keep the evidence",
        &code(&format!("scripts/trigger.sh {name}")),
        &code(&trigger_here(scenario)),
    )?;
    for step in &scenario.steps {
        if let Step::Act { name, action, .. } = step {
            row(
                page,
                &format!("in it, `{name}`: {}", action_in_words(action)),
                &code(&on_azure(action)),
                &code(&verb(action)),
            )?;
        }
    }
    row(
        page,
        "collect the log tables and judge",
        &code(&format!("scripts/verify.sh {name}")),
        "`cp -r labrat-host/tables run/`, then `labrat verdict run`",
    )?;
    for fix in &scenario.fixes {
        row(
            page,
            &format!("fix: `{}`", fix.name),
            &code(&format!("scripts/fix.sh {name} {}", fix.name)),
            &fix_here(fix),
        )?;
    }
    row(
        page,
        "the same load again, against what the fix left: healthy",
        &code(&format!("scripts/trigger.sh {name} --fix FIX")),
        &load_again(scenario),
    )?;
    row(
        page,
        "negative control: healthy",
        &format!(
            "`scripts/deploy.sh {name} --control`, then `scripts/trigger.sh {name} --control`"
        ),
        &code(&format!("labrat rehearse {name} --control")),
    )?;
    row(
        page,
        "clean up",
        &code(&format!("scripts/teardown.sh {name}")),
        "end `labrat host` with Ctrl-C, then `rm -rf labrat-host run again`",
    )
}

/// The command line of an emulator that has the scenario's topology.
fn emulator(scenario: &Scenario) -> String {
    let topology = &scenario.topology;
    let mut words = vec![format!(
        "labrat host --startup-command \"{}\"",
        topology.startup_command
    )];
    if topology.slots.len() > 1 {
        words.push("--staging-port 8081".to_owned());
    }
    if scenario.needs_box() {
        words.push("--box cgroup".to_owned());
    }
    if topology.around.always_on {
        words.push("--always-on".to_owned());
    }
    if let Some(rules) = &topology.around.auto_heal {
        words.push(format!("--auto-heal '{}'", rules.rules()));
    }
    if let Some(megabytes) = topology.around.home_megabytes {
        words.push(format!("--home-size {megabytes}"));
    }
    for secret in &topology.around.vault {
        let (vault, name, value) = (&secret.vault, &secret.name, &secret.value);
        words.push(format!("--secret {vault}/{name}={value}"));
    }
    let mut sticky: Vec<&str> = Vec::new();
    for setting in &topology.settings {
        let flag = match setting.slot.as_str() {
            "staging" => "--staging-setting",
            _ => "--setting",
        };
        words.push(format!("{flag} {}", pair(setting)));
        if setting.sticky && !sticky.contains(&setting.name.as_str()) {
            sticky.push(&setting.name);
        }
    }
    words.extend(sticky.iter().map(|name| format!("--sticky {name}")));
    words.join(" ")
}

/// A setting as a word of a command line.
fn pair(setting: &Setting) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/,".contains(&byte);
    match setting.value.bytes().all(plain) {
        true => format!("{}={}", setting.name, setting.value),
        false => format!("\"{}={}\"", setting.name, setting.value),
    }
}

/// The words that play the scenario's client side against slots at `urls`, with what nobody can
/// see from outside told by flags.
fn trigger_words(scenario: &Scenario, urls: [&str; 2]) -> Vec<String> {
    let [production, other] = urls;
    let mut words = vec![format!(
        "labrat trigger {} --url {production}",
        scenario.name()
    )];
    if scenario.topology.slots.len() > 1 {
        words.push(format!("--slot-url {other}"));
    }
    for step in &scenario.steps {
        if let Step::Act {
            action: Action::SetStartupCommand { command },
            ..
        } = step
        {
            let before = &scenario.topology.startup_command;
            words.push(format!("--command-before \"{before}\""));
            words.push(format!("--command-after \"{command}\""));
        }
    }
    let mut told: Vec<&str> = Vec::new();
    for setting in &scenario.topology.settings {
        if !told.contains(&setting.name.as_str()) {
            told.push(&setting.name);
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

/// The same load on the emulator that the fix was made on. What the scenario's own steps change is
/// not changed back by hand, so that a rehearsal plays those.
fn load_again(scenario: &Scenario) -> String {
    let name = scenario.name();
    let acts = scenario
        .steps
        .iter()
        .any(|step| matches!(step, Step::Act { .. }));
    match acts {
        true => code(&format!("labrat rehearse {name} --fix FIX")),
        false => format!(
            "`labrat trigger {name} --url {} --fix FIX --out again`, then \
             `cp -r labrat-host/tables again/` and `labrat verdict again`",
            HERE[0]
        ),
    }
}

fn trigger_here(scenario: &Scenario) -> String {
    let mut words = trigger_words(scenario, HERE);
    if scenario
        .steps
        .iter()
        .any(|step| matches!(step, Step::Act { .. }))
    {
        words.push("--operator \"scripts/operate.sh host\"".to_owned());
    }
    words.push("--out run".to_owned());
    words.join(" ")
}

/// The verb of the emulator that plays an action.
fn verb(action: &Action) -> String {
    match action {
        Action::SetStartupCommand { command } => format!("labrat host deploy \"{command}\""),
        Action::Swap { source, .. } => format!("labrat host swap --source {source}"),
        Action::SetSetting { setting } => set_here(setting),
        Action::Restart { slot } => format!("labrat host restart --slot {slot}"),
        Action::TurnDownstream { .. } => String::new(),
    }
}

fn set_here(setting: &Setting) -> String {
    let sticky = if setting.sticky { " --sticky" } else { "" };
    format!(
        "labrat host settings set --slot {}{sticky} {}",
        setting.slot,
        pair(setting)
    )
}

/// What of az plays an action; the scripts put the names in.
fn on_azure(action: &Action) -> String {
    let command = match action {
        Action::SetStartupCommand { .. } => "az webapp config set --startup-file",
        Action::Swap { .. } => "az webapp deployment slot swap",
        Action::SetSetting { .. } => "az webapp config appsettings set",
        Action::Restart { .. } => "az webapp restart",
        Action::TurnDownstream { .. } => "",
    };
    command.to_owned()
}

fn fix_here(fix: &Variation) -> String {
    let mut words = Vec::new();
    for change in &fix.changes {
        match change {
            Change::StartupCommand { command, .. } => {
                words.push(format!("`labrat host deploy --wait 120 \"{command}\"`"));
            }
            Change::Settings { settings } => {
                words.extend(settings.iter().map(|set| format!("`{}`", set_here(set))));
            }
            Change::Plan { .. } => words.push("a larger machine".to_owned()),
            // What the emulator is told when it is started, and nothing that could be typed beside it.
            Change::AlwaysOn => words.push("another start, with Always On".to_owned()),
            Change::AutoHeal { rules: None } => {
                words.push("another start, without a rule".to_owned());
            }
            Change::AutoHeal { rules: Some(_) } => {
                words.push("another start, with that rule".to_owned());
            }
            Change::HomeSize { megabytes } => {
                words.push(format!("another start, with {megabytes} MB for /home"));
            }
            Change::Described { how } => words.push(format!("by hand: {how}")),
            _ => {}
        }
    }
    match words.is_empty() {
        true => "-".to_owned(),
        false => words.join(", "),
    }
}

/// What each piece of evidence is for, in the order in which a run leaves it.
fn write_evidence(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    let rules = &scenario.rules;
    let mut uses: BTreeMap<(u8, String), Vec<&str>> = BTreeMap::new();
    for (_, criterion) in rules.criteria() {
        for need in criterion.check.needs(&rules.roles) {
            let users = uses
                .entry((order(&need), need_in_words(&need)))
                .or_default();
            if !users.contains(&criterion.id.as_str()) {
                users.push(&criterion.id);
            }
        }
    }
    writeln!(page, "## Evidence, as the run leaves it\n")?;
    writeln!(page, "| when | evidence | decides |\n|---|---|---|")?;
    for ((at, evidence), users) in &uses {
        writeln!(
            page,
            "| {} | {evidence} | `{}` |",
            WHEN[usize::from(*at)],
            users.join("`, `")
        )?;
    }
    writeln!(page)
}

/// The phases, in order.
const WHEN: [&str; 6] = [
    "before the load",
    "during the load",
    "between its halves",
    "after the load",
    "after the fix",
    "minutes later, from the log tables",
];

/// The place of a piece of evidence in [`WHEN`].
fn order(need: &Need) -> u8 {
    use crate::evidence::criteria::Moment;
    use crate::evidence::manifest::PhaseKind;
    match need {
        Need::Snapshot { at, .. } => match at {
            PhaseKind::Baseline => 0,
            PhaseKind::Trigger => 1,
            PhaseKind::Mid => 2,
            PhaseKind::Post => 3,
            PhaseKind::Recovery => 4,
        },
        Need::StartupCommand {
            moment: Moment::Before,
        } => 0,
        Need::Samples { .. } | Need::Manifest => 1,
        Need::StartupCommand {
            moment: Moment::After,
        } => 4,
        Need::HttpTable | Need::ConsoleTable | Need::PlatformTable => 5,
    }
}

fn write_reading(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    let ids = |criteria: &[Criterion]| {
        let ids: Vec<String> = criteria
            .iter()
            .map(|criterion| format!("`{}`", criterion.id))
            .collect();
        ids.join(", ")
    };
    let rules = &scenario.rules;
    writeln!(page, "## How to read it\n")?;
    writeln!(
        page,
        "- Reproduced (exit code 0): {} are all met, and nothing of {} is.",
        ids(&rules.proof),
        ids(&rules.disproof)
    )?;
    writeln!(
        page,
        "- Not reproduced (10): one of them is not met though its evidence is there, or a disproof \
         is met. After a fix and for the control this is the good end, \
         where the target is healthy as well; else the code is 13."
    )?;
    let again = match scenario.needs.plan {
        Some(_) => format!(
            " On Azure this is mostly a table whose rows have not arrived; `scripts/verify.sh {}` \
             can be run again.",
            scenario.name()
        ),
        None => String::new(),
    };
    writeln!(page, "- Inconclusive (11): evidence is missing.{again}")?;
    writeln!(
        page,
        "- The tables answer four questions: [status-mix](../../scripts/kql/status-mix.kql), which \
         route ended with which status; [latency](../../scripts/kql/latency.kql), how long; \
         [worker-ends](../../scripts/kql/worker-ends.kql), whether workers died; \
         [lifecycle](../../scripts/kql/lifecycle.kql), whether the site restarted. \
         `scripts/verify.sh` asks them there, `labrat host query NAME` here.\n"
    )
}

fn write_cost(page: &mut String, scenario: &Scenario) -> std::fmt::Result {
    writeln!(page, "## What it costs\n")?;
    if scenario.needs.plan.is_none() {
        return writeln!(page, "Nothing: it is played on this machine.\n");
    }
    let price = |plan: &str| {
        USD_AN_HOUR
            .iter()
            .find(|(name, _)| *name == plan)
            .map_or_else(
                || format!("{plan}: see the price list"),
                |(name, price)| format!("{name}: about {price:.2} USD an hour"),
            )
    };
    let mut plans = vec![price(scenario.topology.plan.as_str())];
    for change in scenario.fixes.iter().flat_map(|fix| &fix.changes) {
        if let Change::Plan { name } = change {
            plans.push(format!("with the fix {}", price(name)));
        }
    }
    writeln!(
        page,
        "On Azure the plan, for as long as it exists, whether or not the site is stopped: {}. Slots \
         share it. Log Analytics takes a run's few megabytes within its free monthly allowance. \
         These are rounded list prices for Linux in East US as known in 2025, not looked up since; ask \
         for those of today and of your region:\n",
        plans.join(", ")
    )?;
    writeln!(
        page,
        "```sh\ncurl -G https://prices.azure.com/api/retail/prices --data-urlencode \\\n    \
         \"\\$filter=serviceName eq 'Azure App Service' and armRegionName eq 'westeurope' and skuName eq '{}'\"\n```\n",
        scenario.topology.plan.as_str()
    )
}
