//! The parameters with which a scenario's target is deployed in Azure, as `bicep/main.bicep` names
//! them.
//!
//! Only what the catalogue decides: the plan, the slots, their settings, the startup command. Who
//! deploys says the rest (name, region, day of expiry, address, key).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::apply::{self, Variant};
use super::shape::Scenario;

/// The slot that every site has.
const PRODUCTION: &str = "production";

/// The file of parameters for a deployment of this scenario, or `None` where it is local only.
#[must_use]
pub fn deployment_parameters(scenario: &'static Scenario, variant: Variant) -> Option<Value> {
    scenario.needs.plan?;
    let (topology, settings) = apply::topology(scenario, variant);
    let mut by_slot: BTreeMap<&str, BTreeMap<&str, &str>> = topology
        .slots
        .iter()
        .map(|slot| (slot.as_str(), BTreeMap::new()))
        .collect();
    let mut sticky = BTreeSet::new();
    for setting in &settings {
        let slot = by_slot.entry(&setting.slot).or_default();
        slot.insert(&setting.name, &setting.value);
        if setting.sticky {
            sticky.insert(&setting.name);
        }
    }
    let beside_production: Vec<&str> = topology
        .slots
        .iter()
        .map(String::as_str)
        .filter(|slot| *slot != PRODUCTION)
        .collect();
    let mut parameters = json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {
            "scenario": { "value": scenario.name() },
            "planSku": { "value": apply::plan(scenario, variant) },
            "startupCommand": { "value": topology.startup_command },
            "slotNames": { "value": beside_production },
            "appSettings": { "value": by_slot },
            "stickySettings": { "value": sticky },
        },
    });
    if let Some(rules) = &topology.around.auto_heal {
        parameters["parameters"]["autoHealRules"] = json!({ "value": rules.rules() });
    }
    if topology.around.always_on {
        parameters["parameters"]["alwaysOn"] = json!({ "value": true });
    }
    Some(parameters)
}
