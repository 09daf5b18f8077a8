//! What is done in a scenario: snapshots, load, and what the platform is told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Setting;
use crate::evidence::manifest::PhaseKind;

/// One step of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// Take snapshots of the target.
    Capture {
        /// The moment that they stand for.
        moment: PhaseKind,
    },
    /// Send load.
    Load {
        /// The phase's name.
        name: String,
        /// What the phase is for.
        kind: PhaseKind,
        /// Groups of requests that run at the same time.
        groups: Vec<Group>,
    },
    /// Ask for nothing for a while: not even a snapshot is taken.
    Wait {
        /// The phase's name.
        name: String,
        /// For how long, in seconds.
        seconds: f64,
    },
    /// Have the platform do something, and wait until it is done.
    Act {
        /// The phase's name.
        name: String,
        /// What is to be done.
        action: Action,
        /// Requests that go on while it is done, if any; as many as there is time for.
        #[serde(default)]
        meanwhile: Option<Group>,
        /// How to tell that it is done.
        #[serde(default)]
        done: Done,
    },
}

impl Step {
    /// Its name, where it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Capture { .. } => None,
            Self::Load { name, .. } | Self::Wait { name, .. } | Self::Act { name, .. } => {
                Some(name)
            }
        }
    }
}

/// Requests of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The path and query; GET.
    pub path: String,
    /// Exactly how many; the most, where `until_status` or the end of an action ends them.
    pub count: u32,
    /// How many at a time; 1 is one after another.
    #[serde(default = "one")]
    pub concurrency: u32,
    /// How long a client waits before it gives up, in seconds.
    pub limit_seconds: f64,
    /// How long after the phase's beginning the first is sent, in seconds.
    #[serde(default)]
    pub delay_seconds: f64,
    /// How long a client waits between one request and the next, in seconds.
    #[serde(default)]
    pub interval_seconds: f64,
    /// By how much longer it waits each time, in seconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interval_grows_seconds: f64,
    /// Whether the clients go in step: all send at once, and the next time when the last of them has its
    /// answer and the interval has passed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_step: bool,
    /// The status that ends the group early.
    #[serde(default)]
    pub until_status: Option<u16>,
    /// Whether its durations stay as they are at any pace: where what they meet is a setting of the
    /// server, which follows none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub real_time: bool,
}

fn is_zero(seconds: &f64) -> bool {
    *seconds == 0.0
}

/// One at a time.
fn one() -> u32 {
    1
}

/// Something that only the platform, or whoever commands it, can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// Change the startup command; the site restarts.
    SetStartupCommand {
        /// The new command.
        command: String,
    },
    /// Swap two slots.
    Swap {
        /// The slot that is swapped in.
        source: String,
        /// The slot that it is swapped into.
        target: String,
    },
    /// Change one setting of one slot; the slot restarts.
    SetSetting {
        /// The setting.
        setting: Setting,
    },
    /// Restart a slot.
    Restart {
        /// The slot.
        slot: String,
    },
    /// Have the service that the application calls answer so, from now on.
    TurnDownstream {
        /// How long every answer takes, in seconds.
        latency_seconds: f64,
        /// Which share of the answers is 503, from 0 to 1.
        #[serde(default)]
        fail_share: f64,
    },
}

/// How to tell, from outside, that an action is done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "done", rename_all = "kebab-case")]
pub enum Done {
    /// Whoever did it says so.
    #[default]
    Confirmed,
    /// Production's process start time has changed.
    ProcessReplaced {
        /// How long to wait for it at most, in seconds.
        limit_seconds: f64,
    },
}
