//! Incidents of others, where `LABRAT_CASES` and `LABRAT_AZURE_RUNS` name folders of them.

use std::path::{Path, PathBuf};

use super::{diagnosis, first};

fn folders(variable: &str, within: &str) -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os(variable) else {
        return Vec::new();
    };
    let folder = Path::new(&folder).join(within);
    let entries = std::fs::read_dir(&folder).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect()
}

#[test]
fn every_rebuilt_incident_has_its_cause_first() {
    for case in folders("LABRAT_CASES", "diagnose") {
        let expected = std::fs::read_to_string(case.join("expected.json")).unwrap();
        let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
        // What is expected is no input.
        let input = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(&case).unwrap() {
            let file = file.unwrap();
            if file.file_name() != "expected.json" {
                std::fs::copy(file.path(), input.path().join(file.file_name())).unwrap();
            }
        }
        let diagnosis = diagnosis(input.path());
        assert_eq!(first(&diagnosis), expected["cause"], "{}", case.display());
    }
}

#[test]
fn every_exported_run_has_its_scenario_first() {
    for run in folders("LABRAT_AZURE_RUNS", "") {
        let name = run.file_name().unwrap().to_string_lossy();
        let rules = labrat::scenario::catalogue::rules_of(&name).unwrap();
        assert_eq!(first(&diagnosis(&run)), rules.name, "{}", run.display());
    }
}
