//! A scenario with one of its variations applied.

use super::shape::{Change, DatabaseServer, Group, Scenario, Setting, Topology, Variation};

/// Which variant of a scenario is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Variant {
    /// As the catalogue has it.
    Symptom,
    /// The negative control.
    Control,
    /// With a fix or a variant applied.
    Varied(&'static Variation),
}

impl Variant {
    /// The word for it in a manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Symptom => "symptom",
            Self::Control => "control",
            Self::Varied(variation) => &variation.name,
        }
    }

    /// What it changes.
    #[must_use]
    pub fn changes(self, scenario: &'static Scenario) -> &'static [Change] {
        match self {
            Self::Symptom => &[],
            Self::Control => &scenario.control.changes,
            Self::Varied(variation) => &variation.changes,
        }
    }
}

/// The name of the App Service plan that this variant wants.
#[must_use]
pub fn plan(scenario: &'static Scenario, variant: Variant) -> &'static str {
    let mut changes = variant.changes(scenario).iter();
    let changed = changes.find_map(|change| match change {
        Change::Plan { name } => Some(name.as_str()),
        _ => None,
    });
    changed.unwrap_or(scenario.topology.plan.as_str())
}

/// The database server that this variant needs around the target.
#[must_use]
pub fn database_server(scenario: &'static Scenario, variant: Variant) -> Option<DatabaseServer> {
    topology(scenario, variant).0.around.database_server
}

/// The target as this variant wants it. The second part is the settings, since a changed list is
/// put together anew.
#[must_use]
pub fn topology(scenario: &'static Scenario, variant: Variant) -> (Topology, Vec<Setting>) {
    let mut topology = scenario.topology.clone();
    let mut settings = topology.settings.clone();
    for change in variant.changes(scenario) {
        match change {
            Change::StartupCommand {
                command,
                workers,
                worker_class,
                threads,
                timeout_seconds,
            } => {
                topology.startup_command.clone_from(command);
                topology.workers = *workers;
                topology.worker_class = *worker_class;
                topology.threads = *threads;
                topology.timeout_seconds = *timeout_seconds;
            }
            Change::Probes { probes } => topology.around.probes = Some(probes.clone()),
            Change::AlwaysOn => topology.around.always_on = true,
            Change::AutoHeal { rules } => topology.around.auto_heal.clone_from(rules),
            Change::HomeSize { megabytes } => topology.around.home_megabytes = Some(*megabytes),
            Change::DatabaseServer { server } => {
                topology.around.database_server = Some(server.clone())
            }
            Change::Settings { settings: changed } => {
                settings.retain(|setting| {
                    !changed
                        .iter()
                        .any(|new| new.slot == setting.slot && new.name == setting.name)
                });
                settings.extend_from_slice(changed);
            }
            _ => {}
        }
    }
    (topology, settings)
}

/// Whether this variant does the step of that name.
#[must_use]
pub fn does(scenario: &'static Scenario, variant: Variant, step: &str) -> bool {
    !variant
        .changes(scenario)
        .iter()
        .any(|change| matches!(change, Change::LeaveOutStep { name } if name == step))
}

/// The groups of the load of that name as this variant wants them; none may be left.
#[must_use]
pub fn groups(
    scenario: &'static Scenario,
    variant: Variant,
    load: &str,
    groups: &[Group],
) -> Vec<Group> {
    let mut groups = groups.to_vec();
    for change in variant.changes(scenario) {
        match change {
            Change::Load {
                step,
                groups: others,
            } if step == load => groups.clone_from(others),
            Change::LeaveOut { path } => groups.retain(|group| group.path != *path),
            _ => {}
        }
    }
    groups
}
