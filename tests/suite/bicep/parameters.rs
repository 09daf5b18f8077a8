//! The files of parameters: what the catalogue says, and what main.bicep takes.

use std::collections::BTreeMap;

use labrat::scenario::apply::Variant;
use labrat::scenario::catalogue;
use labrat::scenario::parameters::deployment_parameters;
use serde_json::Value;

use super::checker::Checker;
use super::library::Library;
use super::types::{Shape, Type};
use super::{library, templates};
use crate::harness::root;

const FOLDER: &str = "bicep/parameters";

/// What whoever deploys says, and no file.
const OF_THE_DEPLOYER: [&str; 4] = ["baseName", "deployerAddress", "expiry", "labKey"];

fn written(name: &str, variant: Variant) -> Option<String> {
    let scenario = catalogue::find(name).unwrap();
    let parameters = deployment_parameters(scenario, variant)?;
    Some(format!(
        "{}\n",
        serde_json::to_string_pretty(&parameters).unwrap()
    ))
}

#[test]
fn there_is_a_file_for_every_scenario_of_azure_as_the_catalogue_has_it_and_no_other() {
    let wanted: BTreeMap<String, String> = catalogue::all()
        .into_iter()
        .filter_map(|scenario| {
            let text = written(scenario.name(), Variant::Symptom)?;
            Some((format!("{}.parameters.json", scenario.name()), text))
        })
        .collect();
    let folder = root().join(FOLDER);
    let update = std::env::var_os("LABRAT_UPDATE").is_some();
    for (name, text) in &wanted {
        let path = folder.join(name);
        if update {
            std::fs::write(&path, text).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == *text,
            "{} is not what the catalogue says\n\nhint: LABRAT_UPDATE=1 scripts/test.sh bicep",
            path.display()
        );
    }
    let entries = std::fs::read_dir(&folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let others: Vec<String> = names.filter(|name| !wanted.contains_key(name)).collect();
    assert!(others.is_empty(), "of no scenario: {others:?}");
}

/// The value as a type that can be held against another.
fn type_of(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Number(number) => number.as_i64().map_or(Type::Any, Type::Number),
        Value::String(text) => Type::Literal(text.clone()),
        Value::Array(items) => {
            Type::Array(Box::new(Type::Union(items.iter().map(type_of).collect())))
        }
        Value::Object(properties) => Type::object(
            properties
                .iter()
                .map(|(name, value)| (name.clone(), type_of(value))),
        ),
    }
}

/// What main.bicep takes.
struct Main {
    library: Library,
    shape: Shape,
}

impl Main {
    fn read() -> Self {
        let library = library();
        let shape = Checker::run(&library, &templates(), "main.bicep").parameter_shape();
        Self { library, shape }
    }

    /// What is wrong with these parameters for it.
    fn faults(&self, parameters: &Value) -> Vec<String> {
        let given = parameters["parameters"].as_object().unwrap();
        let mut found = Vec::new();
        for (name, parameter) in given {
            match self.shape.properties.get(name) {
                None => found.push(format!("there is no parameter {name}")),
                Some(known) => {
                    let value = type_of(&parameter["value"]);
                    if let Err((_, why)) = known.kind.accepts(&value, &self.library) {
                        found.push(format!("{name}: {why}"));
                    }
                }
            }
        }
        for (name, property) in &self.shape.properties {
            let told = given.contains_key(name) || OF_THE_DEPLOYER.contains(&name.as_str());
            if property.required && !told {
                found.push(format!("{name} is missing"));
            }
        }
        found
    }
}

#[test]
fn main_takes_the_parameters_of_every_variant_of_every_scenario() {
    let main = Main::read();
    let mut seen = 0;
    for scenario in catalogue::all() {
        let varied = scenario
            .fixes
            .iter()
            .chain(&scenario.variants)
            .map(Variant::Varied);
        for variant in varied.chain([Variant::Symptom, Variant::Control]) {
            let Some(parameters) = deployment_parameters(scenario, variant) else {
                continue;
            };
            let found = main.faults(&parameters);
            assert!(
                found.is_empty(),
                "{} {}: {found:?}",
                scenario.name(),
                variant.name()
            );
            let at = |name: &str| &parameters["parameters"][name]["value"];
            let slots = at("slotNames").as_array().unwrap();
            let by_slot = at("appSettings").as_object().unwrap();
            assert_eq!(by_slot.len(), slots.len() + 1, "{}", scenario.name());
            assert!(by_slot.contains_key("production"), "{}", scenario.name());
            assert!(
                slots.is_empty() || at("planSku") != "B1",
                "{}: B1 has no slots",
                scenario.name()
            );
            seen += 1;
        }
    }
    assert!(seen > 8, "only {seen} were checked");
}

#[test]
fn parameters_that_main_does_not_take_are_found() {
    let main = Main::read();
    let good: Value =
        serde_json::from_str(&written("slot-swap-drift", Variant::Symptom).unwrap()).unwrap();
    assert_eq!(main.faults(&good), Vec::<String>::new());
    for (name, value, expected) in [
        (
            "planSku",
            serde_json::json!("F1"),
            "planSku: 'F1' is none of B1, S1, P1v3",
        ),
        (
            "slotNames",
            serde_json::json!("staging"),
            "slotNames: 'staging' where array is expected",
        ),
        (
            "plan",
            serde_json::json!("B1"),
            "there is no parameter plan",
        ),
    ] {
        let mut bad = good.clone();
        bad["parameters"][name] = serde_json::json!({ "value": value });
        assert_eq!(main.faults(&bad), [expected]);
    }
    let mut bad = good;
    bad["parameters"]
        .as_object_mut()
        .unwrap()
        .remove("startupCommand");
    assert_eq!(main.faults(&bad), ["startupCommand is missing"]);
}

#[test]
fn a_setting_is_sticky_in_every_slot_or_in_none() {
    for scenario in catalogue::all() {
        let settings = &scenario.topology.settings;
        for setting in settings {
            let same = settings.iter().filter(|other| other.name == setting.name);
            assert!(
                same.into_iter().all(|other| other.sticky == setting.sticky),
                "{}: {}: the platform knows a name to be sticky, not a name in a slot",
                scenario.name(),
                setting.name
            );
        }
    }
}
