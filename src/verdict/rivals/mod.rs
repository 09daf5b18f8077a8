//! Other explanations: ruled in, ruled out or open, with the row that decides.

mod application;
mod life;
mod load;
mod scene;
mod start;

use scene::{Decision, open, ruled_in, ruled_out};
pub(super) use scene::{Scene, rule};
