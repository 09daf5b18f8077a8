//! What is done in a scenario: snapshots, load, and what the platform is told.

use serde::Serialize;

use super::Setting;
use crate::evidence::manifest::PhaseKind;

/// One step of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Take snapshots of the target.
    Capture {
        /// The moment that they stand for.
        moment: PhaseKind,
    },
    /// Send load.
    Load {
        /// The phase's name.
        name: &'static str,
        /// What the phase is for.
        kind: PhaseKind,
        /// Groups of requests that run at the same time.
        groups: &'static [Group],
    },
    /// Have the platform do something, and wait until it is done.
    Act {
        /// The phase's name.
        name: &'static str,
        /// What is to be done.
        action: Action,
        /// Requests that go on while it is done, if any; as many as there is time for.
        meanwhile: Option<Group>,
        /// How to tell that it is done.
        done: Done,
    },
}

/// Requests of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Group {
    /// The path and query; GET.
    pub path: &'static str,
    /// Exactly how many; the most, where `until_status` or the end of an action ends them.
    pub count: u32,
    /// How many at a time; 1 is one after another.
    pub concurrency: u32,
    /// How long a client waits before it gives up, in seconds.
    pub limit_seconds: f64,
    /// How long after the phase's beginning the first is sent, in seconds.
    pub delay_seconds: f64,
    /// How long a client waits between one request and the next, in seconds.
    pub interval_seconds: f64,
    /// The status that ends the group early.
    pub until_status: Option<u16>,
}

impl Group {
    /// `count` requests for `path`, `concurrency` at a time.
    #[must_use]
    pub const fn new(path: &'static str, count: u32, concurrency: u32, limit_seconds: f64) -> Self {
        Self {
            path,
            count,
            concurrency,
            limit_seconds,
            delay_seconds: 0.0,
            interval_seconds: 0.0,
            until_status: None,
        }
    }

    /// The same, with so many seconds between one request and the next.
    #[must_use]
    pub const fn every(self, interval_seconds: f64) -> Self {
        Self {
            interval_seconds,
            ..self
        }
    }

    /// The same, with the first so many seconds after the phase's beginning.
    #[must_use]
    pub const fn after(self, delay_seconds: f64) -> Self {
        Self {
            delay_seconds,
            ..self
        }
    }

    /// The same, until an answer has this status.
    #[must_use]
    pub const fn until(self, status: u16) -> Self {
        Self {
            until_status: Some(status),
            ..self
        }
    }
}

/// Something that only the platform, or whoever commands it, can do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// Change the startup command; the site restarts.
    SetStartupCommand {
        /// The new command.
        command: &'static str,
    },
    /// Swap two slots.
    Swap {
        /// The slot that is swapped in.
        source: &'static str,
        /// The slot that it is swapped into.
        target: &'static str,
    },
    /// Change one setting of one slot; the slot restarts.
    SetSetting {
        /// The setting.
        setting: Setting,
    },
    /// Restart a slot.
    Restart {
        /// The slot.
        slot: &'static str,
    },
    /// Have the service that the application calls answer so, from now on.
    TurnDownstream {
        /// How long every answer takes, in seconds.
        latency_seconds: f64,
        /// Which share of the answers is 503, from 0 to 1.
        fail_share: f64,
    },
}

/// How to tell, from outside, that an action is done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "done", rename_all = "kebab-case")]
pub enum Done {
    /// Whoever did it says so.
    Confirmed,
    /// Production's process start time has changed.
    ProcessReplaced {
        /// How long to wait for it at most, in seconds.
        limit_seconds: f64,
    },
}
