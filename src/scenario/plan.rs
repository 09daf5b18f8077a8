//! A variant as data for whoever plays it by other means than this program: every change applied,
//! and what is to be done to the platform as a list of actions.

use serde_json::{Value, json};

use super::apply::{self, Variant};
use super::shape::{Action, AutoHeal, Change, Scenario, Setting, Step, Variation};

/// The scenario with one variant applied, as JSON.
///
/// `actions` turn the target of the symptom's variant into that of this one. They have the form of
/// [`Action`], and four more: `set-plan` (`plan`), `set-always-on`, `set-auto-heal` (`rules`, in
/// the platform's form), and `described` (`how`), the last for what nobody but the application's author can do.
#[must_use]
pub fn planned(scenario: &'static Scenario, variant: Variant) -> Value {
    let (topology, settings) = apply::topology(scenario, variant);
    json!({
        "scenario": scenario.name(),
        "title": scenario.title,
        "variant": variant.name(),
        "on_azure": scenario.needs.plan.is_some(),
        "plan": apply::plan(scenario, variant),
        "slots": topology.slots,
        "startup_command": topology.startup_command,
        "settings": settings,
        "starts_down": scenario.starts_down,
        "steps": steps(scenario, variant),
        "actions": actions(variant.changes(scenario)),
        "fixes": scenario.fixes.iter().map(named).collect::<Vec<_>>(),
        "variants": scenario.variants.iter().map(named).collect::<Vec<_>>(),
    })
}

fn named(variation: &Variation) -> Value {
    let of_the_platform = variation.changes.iter().any(|change| {
        matches!(
            change,
            Change::StartupCommand { .. }
                | Change::Settings { .. }
                | Change::Plan { .. }
                | Change::AlwaysOn
                | Change::AutoHeal { .. }
        )
    });
    json!({
        "name": variation.name,
        "what": variation.what,
        "of_the_platform": of_the_platform,
    })
}

fn steps(scenario: &'static Scenario, variant: Variant) -> Vec<Value> {
    let done = scenario.steps.iter().filter(|step| match step {
        Step::Act { name, .. } | Step::Wait { name, .. } => apply::does(scenario, variant, name),
        _ => true,
    });
    let planned = done.map(|step| match step {
        Step::Load { name, kind, groups } => json!({
            "step": "load",
            "name": name,
            "kind": kind,
            "groups": apply::groups(scenario, variant, name, groups),
        }),
        step => json!(step),
    });
    planned.collect()
}

fn actions(changes: &[Change]) -> Vec<Value> {
    let mut actions = Vec::new();
    for change in changes {
        match change {
            Change::StartupCommand { command, .. } => {
                actions.push(json!(Action::SetStartupCommand {
                    command: command.clone()
                }));
            }
            Change::Settings { settings } => {
                actions.extend(settings.iter().cloned().map(set));
            }
            Change::AlwaysOn => actions.push(json!({ "action": "set-always-on" })),
            Change::AutoHeal { rules } => {
                let rules = rules.as_ref().map(AutoHeal::rules);
                actions.push(json!({ "action": "set-auto-heal", "rules": rules }));
            }
            Change::Plan { name } => actions.push(json!({ "action": "set-plan", "plan": name })),
            Change::Described { how } => {
                actions.push(json!({ "action": "described", "how": how }));
            }
            // Changes of the load are in the steps, Azure's swap is as it is, and a database server
            // is the rehearsal's alone.
            Change::Load { .. }
            | Change::HomeSize { .. }
            | Change::LeaveOut { .. }
            | Change::LeaveOutStep { .. }
            | Change::SwapSpace { .. }
            | Change::DatabaseServer { .. } => {}
            Change::Probes { probes } => {
                actions.push(json!({ "action": "set-probes", "probes": probes }));
            }
        }
    }
    actions
}

fn set(setting: Setting) -> Value {
    json!(Action::SetSetting { setting })
}
