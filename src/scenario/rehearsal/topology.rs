//! What a variant wants the emulator to be: its slots, their settings, and what is declared of them.

use std::path::Path;
use std::time::Duration;

use super::database_server::DatabaseServer;
use super::downstream::Downstream;
use super::plan::RehearsalPlan;
use crate::host::{
    self, AutoHealRules, HostSettings, Mode, SlotConfiguration, SlotName, SlotSettings,
};
use crate::scenario::apply;
use crate::scenario::shape::{Estimate, Setting};

/// The emulator of this plan, in `folder`, with the addresses of the service that is called and of
/// the database server.
pub(super) fn host_settings(
    plan: &RehearsalPlan,
    folder: &Path,
    downstream: Option<&Downstream>,
    database_server: Option<&DatabaseServer>,
) -> HostSettings {
    let (topology, settings) = apply::topology(plan.scenario, plan.variant);
    let command = plan.startup_command(&topology.startup_command);
    let with_address = |mut setting: host::Setting| {
        if let Some(server) = database_server {
            setting.value = server.fill_in(&setting.value);
        }
        setting
    };
    let slot = |name: SlotName| SlotSettings {
        port: 0,
        configuration: SlotConfiguration::new(&command)
            .with(downstream.map(|service| host::Setting::app("API_BASE_URL", service.url())))
            .with(
                slot_settings(plan, name, &settings)
                    .into_iter()
                    .map(with_address),
            ),
    };
    let mut made = HostSettings::new(folder, &plan.executable, &command);
    if let Some(probes) = topology.around.probes {
        made.mode = Mode::Kubernetes(host::Probes {
            readiness_path: probes.readiness_path.to_owned(),
            liveness_path: probes.liveness_path.to_owned(),
            readiness_port: probes.readiness_port,
            liveness_port: probes.liveness_port,
            period: Duration::from_secs(u64::from(probes.period_seconds)),
            failure_threshold: probes.failure_threshold,
        });
    }
    // The catalogue was checked when it was read.
    made.auto_heal = topology
        .around
        .auto_heal
        .as_ref()
        .and_then(|rules| AutoHealRules::parse(&rules.rules().to_string()).ok());
    made.home_megabytes = topology.around.home_megabytes;
    for secret in &topology.around.vault {
        made.vault = made.vault.with(&secret.vault, &secret.name, &secret.value);
    }
    made.always_on = topology.around.always_on;
    made.pace = plan.pace;
    made.notify = plan.notify.clone();
    made.production = slot(SlotName::Production);
    if topology.slots.len() > 1 {
        made.staging = Some(slot(SlotName::Staging));
    }
    made
}

/// The settings of one slot: the scenario's, and the knobs that put `/slow` on the same pace.
fn slot_settings(plan: &RehearsalPlan, name: SlotName, settings: &[Setting]) -> Vec<host::Setting> {
    let mut own: Vec<host::Setting> = settings
        .iter()
        .filter(|setting| slot_of(setting) == name)
        .map(|setting| made(setting, plan.pace))
        .collect();
    if let Estimate::Saturation {
        shortest_seconds,
        longest_seconds,
        ..
    } = plan.scenario.estimate
    {
        for (knob, seconds) in [
            ("LAB_SLOW_MIN_SECONDS", shortest_seconds),
            ("LAB_SLOW_MAX_SECONDS", longest_seconds),
        ] {
            own.push(host::Setting::app(knob, (seconds * plan.pace).to_string()));
        }
    }
    own
}

/// A setting as the emulator has it, on the pace of the rehearsal where it is a duration.
pub(super) fn made(setting: &Setting, pace: f64) -> host::Setting {
    let seconds: Option<f64> = match setting.is_duration() {
        true => setting.value.parse().ok(),
        false => None,
    };
    let made = match seconds {
        Some(seconds) => host::Setting::app(setting.name.as_str(), (seconds * pace).to_string()),
        None => host::Setting::app(setting.name.as_str(), setting.value.as_str()),
    };
    if setting.sticky { made.sticky() } else { made }
}

/// The slot that a setting belongs to before anything is done.
pub(super) fn slot_of(setting: &Setting) -> SlotName {
    slot_named(&setting.slot)
}

/// The slot of that name.
pub(super) fn slot_named(name: &str) -> SlotName {
    match name {
        "staging" => SlotName::Staging,
        _ => SlotName::Production,
    }
}
