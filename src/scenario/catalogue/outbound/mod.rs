//! Calls of other services: one that slows, and a client that runs out of ports.

mod dependency_latency;
mod outbound_pressure;

pub use dependency_latency::DEPENDENCY_LATENCY;
pub use outbound_pressure::OUTBOUND_PRESSURE;

use crate::scenario::shape::{Group, Needs, Setting};

/// A route that calls nobody, asked beside the others.
const BESIDE: Group = Group::new("/fast", 20, 1, 15.0).after(0.2).every(1.0);

/// A second program that nobody deploys for the person.
const NEEDS: Needs = Needs {
    plan: None,
    also: "a service for the application to call (`labrat downstream`), which a rehearsal starts \
           by itself",
};

/// A knob of production.
const fn knob(name: &'static str, value: &'static str) -> Setting {
    Setting::production(name, value)
}
