//! The parts of a scenario in words, for its page and for whoever is told what to do.

use super::shape::{Action, AutoHeal, Change, Done, Group, Probes, Step};
use crate::evidence::criteria::{Moment, Need};
use crate::evidence::manifest::PhaseKind;

/// One step in a sentence.
pub(super) fn step_in_words(step: &Step) -> String {
    match step {
        Step::Capture { moment } => format!("Take snapshots {}.", when(*moment)),
        Step::Load { name, groups, .. } => {
            let groups: Vec<String> = groups.iter().map(group_in_words).collect();
            format!("Send the load `{name}`: {}.", groups.join("; "))
        }
        Step::Wait { name, seconds } => {
            format!("`{name}`: ask for nothing for {seconds} s.")
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

/// When a snapshot is taken.
pub(super) const fn when(moment: PhaseKind) -> &'static str {
    match moment {
        PhaseKind::Baseline => "before the load",
        PhaseKind::Trigger => "during the load",
        PhaseKind::Mid => "in the middle of the load",
        PhaseKind::Post => "after the load",
        PhaseKind::Recovery => "after the fix",
    }
}

/// A group of requests in words.
fn group_in_words(group: &Group) -> String {
    let begins = match group.delay_seconds > 0.0 {
        true => format!("after {} s ", group.delay_seconds),
        false => String::new(),
    };
    let many = match (group.until_status, group.count) {
        (Some(status), most) => format!(
            "at most {most} requests for `{}`, until one gets {status}",
            group.path
        ),
        (None, 1) => format!("one request for `{}`", group.path),
        (None, count) => format!("{count} requests for `{}`", group.path),
    };
    let order = match group.concurrency {
        _ if group.count == 1 => String::new(),
        1 => ", one after another".to_owned(),
        at_a_time if at_a_time >= group.count => ", all at once".to_owned(),
        at_a_time if group.in_step => format!(", {at_a_time} at the same moment"),
        at_a_time => format!(", {at_a_time} at a time"),
    };
    let at_any_pace = match group.real_time {
        true => "; all of it at any pace",
        false => "",
    };
    let grows = match group.interval_grows_seconds > 0.0 {
        true => format!(" and each time {} s longer", group.interval_grows_seconds),
        false => String::new(),
    };
    let interval = match group.interval_seconds > 0.0 {
        true => format!(", {} s apart{grows}", group.interval_seconds),
        false => String::new(),
    };
    format!(
        "{begins}{many}{order}{interval} (a client gives up after {} s{at_any_pace})",
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

/// A change in words.
pub(super) fn change_in_words(change: &Change) -> String {
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
        Change::DatabaseServer { server } => format!(
            "a PostgreSQL with the database `{}` of the role `{}`; the role `{}` may not log in",
            server.database,
            server.owner,
            server.refused.join("`, `")
        ),
        Change::Plan { name } => format!("plan {name}"),
        Change::Load { step, groups } => {
            let groups: Vec<String> = groups.iter().map(group_in_words).collect();
            format!("the load `{step}` is {}", groups.join("; "))
        }
        Change::AlwaysOn => "Always On".to_owned(),
        Change::AutoHeal { rules: None } => "no auto-heal rule".to_owned(),
        Change::AutoHeal { rules: Some(rules) } => {
            format!("auto-heal: {}", auto_heal_in_words(rules))
        }
        Change::HomeSize { megabytes } => format!("{megabytes} MB for /home"),
        Change::LeaveOut { path } => format!("no request for `{path}`"),
        Change::LeaveOutStep { name } => format!("without the step `{name}`"),
        Change::SwapSpace { megabytes } => format!("{megabytes} MB of swap, in a memory box"),
        Change::Described { how } => how.clone(),
    }
}

/// Auto-heal rules in words.
pub(super) fn auto_heal_in_words(rules: &AutoHeal) -> String {
    let triggers = rules.triggers.iter().map(|trigger| {
        let kind = match (trigger.status, trigger.longer_seconds) {
            (Some(status), _) => format!("requests with {status}"),
            (None, Some(seconds)) => format!("requests of {seconds} s or longer"),
            (None, None) => "requests".to_owned(),
        };
        format!(
            "{} {kind} within {} s",
            trigger.count, trigger.within_seconds
        )
    });
    let triggers = triggers.collect::<Vec<_>>().join(", or ");
    let spared = match rules.least_age_seconds {
        0 => String::new(),
        seconds => format!(", unless it is younger than {seconds} s"),
    };
    format!("{triggers} recycle the container{spared}")
}

/// Probes in words.
pub(super) fn probes_in_words(probes: &Probes) -> String {
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

pub(super) const fn sticky(sticky: bool) -> &'static str {
    if sticky { ", a slot setting" } else { "" }
}

/// A piece of evidence in words.
pub(super) fn need_in_words(need: &Need) -> String {
    match need {
        Need::Snapshot { of, at } => {
            format!("snapshot of {} ({})", of.path(), at.word())
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

pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
