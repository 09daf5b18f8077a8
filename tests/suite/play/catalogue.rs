//! The catalogue: complete, consistent, and documented.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use labrat::scenario::catalogue;
use labrat::scenario::page::{documentation, index};
use labrat::scenario::shape::{Change, Scenario, Step};

fn paths(scenario: &Scenario) -> BTreeSet<&str> {
    let mut paths = BTreeSet::new();
    for step in &scenario.steps {
        match step {
            Step::Load { groups, .. } => {
                paths.extend(groups.iter().map(|group| group.path.as_str()))
            }
            Step::Act { meanwhile, .. } => {
                paths.extend(meanwhile.iter().map(|group| group.path.as_str()))
            }
            Step::Capture { .. } | Step::Wait { .. } => {}
        }
    }
    paths
}

#[test]
fn every_name_and_alias_finds_its_scenario_and_no_two_are_alike() {
    let mut seen = BTreeSet::new();
    for scenario in catalogue::all() {
        let names = scenario
            .aliases
            .iter()
            .map(String::as_str)
            .chain([scenario.name()]);
        for name in names {
            assert!(seen.insert(name), "{name} is used twice");
            assert_eq!(catalogue::find(name).unwrap().name(), scenario.name());
        }
    }
    assert!(catalogue::find("no-such-scenario").is_none());
}

#[test]
fn the_four_lab_scenarios_come_first() {
    let names: Vec<&str> = catalogue::all()
        .into_iter()
        .map(|scenario| scenario.name())
        .collect();
    assert_eq!(
        names[..4],
        [
            "memory-pressure",
            "intermittent-5xx",
            "startup-failed",
            "slot-swap-drift"
        ]
    );
}

#[test]
fn every_scenario_has_a_baseline_an_end_a_fix_a_control_and_rivals() {
    for scenario in catalogue::all() {
        let name = scenario.name();
        assert!(
            matches!(scenario.steps.first(), Some(Step::Capture { .. })),
            "{name}"
        );
        assert!(
            matches!(scenario.steps.last(), Some(Step::Capture { .. })),
            "{name}"
        );
        assert!(!scenario.fixes.is_empty(), "{name}");
        assert!(!scenario.control.changes.is_empty(), "{name}");
        assert!(!scenario.rules.alternatives.is_empty(), "{name}");
        assert!(!scenario.misreadings.is_empty(), "{name}");
        let sentences = scenario.incident.matches(". ").count() + 1;
        assert_eq!(
            sentences, 2,
            "{name}: the incident is told in two sentences"
        );
    }
}

#[test]
fn names_of_phases_are_unique_within_a_scenario() {
    for scenario in catalogue::all() {
        let mut seen = BTreeSet::new();
        for step in &scenario.steps {
            if let Step::Load { name, .. } | Step::Act { name, .. } = step {
                assert!(seen.insert(name), "{}: {name}", scenario.name());
            }
        }
    }
}

#[test]
fn a_change_of_load_names_a_path_that_the_scenario_sends() {
    for scenario in catalogue::all() {
        let paths = paths(scenario);
        let variations = scenario
            .fixes
            .iter()
            .chain(&scenario.variants)
            .chain([&scenario.control]);
        for change in variations.flat_map(|variation| &variation.changes) {
            if let Change::LeaveOut { path } = change {
                assert!(paths.contains(path.as_str()), "{}: {path}", scenario.name());
            }
        }
    }
}

#[test]
fn the_labs_counts_are_the_labs() {
    let groups = |name: &str, wanted: &str| {
        let scenario = catalogue::find(name).unwrap();
        scenario
            .steps
            .iter()
            .find_map(|step| match step {
                Step::Load { name, groups, .. } if name == wanted => Some(
                    groups
                        .iter()
                        .map(|group| (group.path.as_str(), group.count, group.concurrency))
                        .collect::<Vec<_>>(),
                ),
                _ => None,
            })
            .unwrap()
    };
    assert_eq!(groups("memory-pressure", "leak"), [("/leak", 100, 1)]);
    assert_eq!(groups("memory-pressure", "heavy"), [("/heavy", 50, 10)]);
    assert_eq!(
        groups("intermittent-5xx", "burst"),
        [("/slow", 20, 20), ("/fast", 10, 1)]
    );
}

#[test]
fn the_pages_are_what_the_catalogue_says() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/scenarios");
    let mut pages: Vec<(String, String)> = catalogue::all()
        .into_iter()
        .map(|scenario| (format!("{}.md", scenario.name()), documentation(scenario)))
        .collect();
    pages.push(("README.md".to_owned(), index(&catalogue::all())));
    for (name, wanted) in pages {
        let path = folder.join(name);
        if std::env::var_os("LABRAT_UPDATE").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &wanted).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == wanted,
            "{} is not current; run the tests once with LABRAT_UPDATE=1",
            path.display()
        );
    }
}

#[test]
fn the_folder_of_pages_holds_no_page_of_a_scenario_that_is_gone() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/scenarios");
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".md") else {
            assert_eq!(name, "scenario.schema.json");
            continue;
        };
        assert!(
            stem == "README" || catalogue::find(stem).is_some_and(|found| found.name() == stem),
            "{name}"
        );
    }
}

#[test]
fn the_catalogue_is_json() {
    for scenario in catalogue::all() {
        let json = serde_json::to_value(scenario).unwrap();
        assert_eq!(json["name"], scenario.name());
        assert_eq!(json["steps"][0]["step"], "capture");
    }
}

#[test]
fn what_a_startup_command_says_is_what_its_numbers_say() {
    for scenario in catalogue::all() {
        let variations = scenario
            .fixes
            .iter()
            .chain(&scenario.variants)
            .chain([&scenario.control]);
        for change in variations.flat_map(|variation| &variation.changes) {
            let Change::StartupCommand {
                command,
                workers,
                worker_class,
                threads,
                timeout_seconds,
            } = change
            else {
                continue;
            };
            let words = command.replace('=', " ");
            let said = |flag: &str, default: &str| {
                let mut words = words.split_whitespace().skip_while(|word| *word != flag);
                words.nth(1).unwrap_or(default).to_owned()
            };
            assert_eq!(said("--workers", "1"), workers.to_string(), "{command}");
            assert_eq!(said("--threads", "1"), threads.to_string(), "{command}");
            assert_eq!(
                said("--timeout", "30"),
                timeout_seconds.to_string(),
                "{command}"
            );
            assert_eq!(
                said("--worker-class", "sync"),
                worker_class.as_str(),
                "{command}"
            );
        }
    }
}
