//! Incidents as people paste them, one of each kind, with traps: the cause comes first.

use super::{diagnosis, first, folder};

/// One incident: its name, its cause, its files.
pub(super) struct Incident {
    pub name: String,
    pub cause: String,
    pub files: Vec<(String, String)>,
}

/// `=== name: cause` begins an incident, `--- file` a file of it; `<CR>` is a carriage return.
pub(super) fn incidents() -> Vec<Incident> {
    let mut incidents: Vec<Incident> = Vec::new();
    for line in include_str!("inputs/incidents.txt").lines() {
        if let Some(head) = line.strip_prefix("=== ") {
            let (name, cause) = head.split_once(": ").unwrap();
            incidents.push(Incident {
                name: name.to_owned(),
                cause: cause.to_owned(),
                files: Vec::new(),
            });
        } else if let Some(file) = line.strip_prefix("--- ") {
            let files = &mut incidents.last_mut().unwrap().files;
            files.push((file.to_owned(), String::new()));
        } else {
            let files = &mut incidents.last_mut().unwrap().files;
            let text = &mut files.last_mut().unwrap().1;
            text.push_str(&line.replace("<CR>", "\r"));
            text.push('\n');
        }
    }
    incidents
}

impl Incident {
    pub fn folder(&self) -> tempfile::TempDir {
        let files: Vec<(&str, &str)> = self
            .files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        folder(&files)
    }
}

#[test]
fn the_cause_of_each_incident_comes_first() {
    let mut wrong = Vec::new();
    for incident in incidents() {
        let diagnosis = diagnosis(incident.folder().path());
        let named = first(&diagnosis);
        if named != incident.cause {
            wrong.push(format!(
                "{}: {} named {named}",
                incident.name, incident.cause
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_cause_is_named_for_a_row_that_is_there() {
    for incident in incidents() {
        if matches!(incident.cause.as_str(), "healthy" | "not-enough-evidence") {
            continue;
        }
        let diagnosis = diagnosis(incident.folder().path());
        let rows = diagnosis["ranking"][0]["evidence"].as_array().unwrap();
        assert!(!rows.is_empty(), "{}: no row is cited", incident.name);
        for row in rows {
            let file = row["file"].as_str().unwrap();
            let known = incident.files.iter().any(|(name, _)| name == file);
            assert!(known, "{}: {file}", incident.name);
        }
    }
}

#[test]
fn what_follows_the_first_error_of_a_start_is_a_consequence() {
    let all = incidents();
    let incident = all.iter().find(|one| one.name == "oci-then-unauth");
    let incident = incident.unwrap();
    let with_trap = diagnosis(incident.folder().path());
    assert_eq!(first(&with_trap), "entrypoint-not-executable");
    // Without what came before it the same refusal is the cause.
    let (name, text) = &incident.files[0];
    let later: String = text
        .lines()
        .filter(|line| line.contains("T10:01:"))
        .map(|line| format!("{line}\n"))
        .collect();
    let alone = folder(&[(name, &later)]);
    assert_eq!(first(&diagnosis(alone.path())), "image-pull");
}

#[test]
fn the_line_of_the_listener_decides_and_not_the_command() {
    let all = incidents();
    let trap = all.iter().find(|one| one.name == "bind-trap").unwrap();
    let (name, text) = &trap.files[0];
    let reachable = text.replace("http://127.0.0.1:8000", "http://0.0.0.0:8000");
    let reachable = folder(&[(name, &reachable)]);
    assert_eq!(first(&diagnosis(reachable.path())), "slow-start");
}

#[test]
fn a_last_error_counts_only_while_it_is_one() {
    let all = incidents();
    let stale = all.iter().find(|one| one.name == "stale").unwrap();
    let files: Vec<(String, String)> = stale
        .files
        .iter()
        .filter(|(name, _)| name.starts_with("platform"))
        .map(|(name, text)| {
            let failed = text
                .replace("Site startup probe succeeded", "Site startup probe failed")
                .replace(
                    "Site started.",
                    "Failed to start site. Revert by stopping site.",
                )
                .replace("State: Started", "State: Stopping")
                .replace("DetailsLevel: INFO", "DetailsLevel: ERR");
            (name.clone(), failed)
        })
        .collect();
    let (name, text) = &files[0];
    let failed = folder(&[(name, text)]);
    assert_ne!(first(&diagnosis(failed.path())), "healthy");
}
