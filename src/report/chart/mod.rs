//! Charts as inline SVG: small helpers of our own, since a page that loads nothing cannot load a
//! charting library.
//!
//! Colours are classes whose values the page's style sets, so that dark mode and print need no
//! second chart. Nothing is told by colour alone: outcomes differ in shape, lines in their dashes
//! and labels. Every chart has a title and a description for those who do not see it.

mod frame;
mod memory;
mod mix;
mod requests;
mod scale;
mod workers;

pub(super) use memory::memory;
pub(super) use mix::status_mix;
pub(super) use requests::requests;
pub(super) use workers::workers;
