//! The App Service emulator: what stands around a site on App Service for Linux, on this machine.
//!
//! For each slot a front end ([`front_end`]), a site with its container ([`site`]), and what is
//! configured for it ([`slots`]). What happens becomes rows of the three log tables
//! ([`journal`]). The site itself is any command; it is started as a process, as the platform
//! does. This room must not know scenarios, evidence or verdicts, and prints nothing.
//!
//! What differs from the platform: a container has no file system of its own but `/home`, and where
//! this machine makes no namespaces no network of its own either, only a loopback address and a port
//! ([`site`]); nothing is pulled, so a start takes as long as the command takes; there is no second container for deployments; the status of a
//! request that reached the front end's limit is a knob, because the platform's documentation and
//! recordings disagree.

mod auto_heal;
mod auto_heal_rules;
pub mod control;
mod dial;
mod emulator;
mod error;
pub mod front_end;
mod guest;
mod home_volume;
pub mod journal;
mod levers;
pub mod messages;
mod network;
mod notify;
mod page_settings;
mod pools;
mod prepare;
pub mod presence;
mod queries;
mod settings;
mod shortage;
mod show_metrics;
pub mod site;
mod slots;
pub mod supervisor;
mod vault;

pub use auto_heal::{AutoHeal, Ended};
pub use auto_heal_rules::{AutoHealError, AutoHealRules};
pub use dial::Dialer;
pub use emulator::Host;
pub use error::HostError;
pub use levers::HostLevers;
pub use notify::Notify;
pub use queries::{Table, TableQuery, query_names};
pub use settings::{HostSettings, Image, Mode, Network, Pace, Probes, SlotSettings};
pub use shortage::Shortage;
pub use site::{Phase, SiteStatus};
pub use slots::{
    Comparison, ConnectionKind, Difference, Effect, Identity, Objection, Setting, SettingKind,
    Severity, SlotConfiguration, SlotName, SwapOptions, compare, intended,
};
pub use vault::{ReferenceStatus, Vault};
