//! Scenarios: incidents as data, and the run that plays them.
//!
//! What it is for: [`catalogue`] says what each incident is, [`trigger`] plays its client side
//! against a target and writes a bundle, [`rehearsal`] puts the App Service emulator under it,
//! [`words`] puts its parts into words and [`page`] the whole into a page, [`parameters`] into those
//! of a deployment, [`plan`] into data for scripts. [`own_folder`] is where a run keeps what goes
//! with it.
//!
//! What it must not know: how a verdict is reached, and how `serve` is made; targets are met over
//! HTTP only.

pub mod apply;
pub mod catalogue;
pub mod estimate;
mod guide;
mod measures;
pub mod own_folder;
pub mod page;
pub mod parameters;
pub mod plan;
pub mod rehearsal;
pub mod shape;
pub mod trigger;
pub mod words;
