//! Charts as inline SVG: small helpers of our own, since a page that loads nothing cannot load a
//! charting library.
//!
//! Colours are classes whose values the page's style sets, so that dark mode and print need no
//! second chart. Nothing is told by colour alone: outcomes differ in shape, lines in their dashes
//! and labels, routes in their place and the height of their bars. Every chart has a title and a
//! description for those who do not see it. Where nothing moves there is no chart.

mod frame;
mod lanes;
mod memory;
mod mix;
mod processes;
mod queue;
mod requests;
mod routes;
mod scale;
mod settings;
mod starts;
mod style;
mod workers;

pub(super) use frame::Chart;
pub(super) use style::{DARK, LIGHT, RULES};

use crate::evidence::Bundle;
use crate::evidence::criteria::Picture;
use crate::verdict::Verdict;

/// Pictures that every run's report shows, whatever its scenario.
const USUAL: [Picture; 5] = [
    Picture::Requests,
    Picture::Mix,
    Picture::Memory,
    Picture::Workers,
    Picture::Processes,
];

/// One picture of a run; `None` where the evidence does not hold it, or nothing moves in it.
pub(super) fn draw(picture: Picture, verdict: &Verdict, bundle: &Bundle) -> Option<Chart> {
    match picture {
        Picture::Queue => queue::queue(verdict, bundle),
        Picture::Memory => memory::memory(verdict, bundle),
        Picture::Starts => starts::starts(verdict, bundle),
        Picture::Settings => settings::settings(bundle),
        Picture::Requests => requests::requests(verdict, bundle),
        Picture::Mix => mix::status_mix(verdict),
        Picture::Workers => workers::workers(verdict, bundle),
        Picture::Processes => processes::processes(verdict, bundle),
    }
}

/// The picture that tells the run's story, then the usual ones.
pub(super) fn of_report(verdict: &Verdict, bundle: &Bundle) -> Vec<Chart> {
    let own = std::iter::once(verdict.picture);
    let others = USUAL.into_iter().filter(|usual| *usual != verdict.picture);
    own.chain(others)
        .filter_map(|picture| draw(picture, verdict, bundle))
        .collect()
}
