//! The picture that tells a scenario's story: it follows from what its proof measures.

use serde::{Deserialize, Serialize};

use super::measure::Measure;
use super::{Metric, ScenarioRules};

/// A picture of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Picture {
    /// Workers, the wait and the service of each request, the accept queue.
    Queue,
    /// Headroom, swap, pressure and the tail of the answers.
    Memory,
    /// Platform, console and requests on one axis, and the lines that decided.
    Starts,
    /// The settings of each slot before and after.
    Settings,
    /// Every request by its route: when, how long, how it ended.
    Requests,
    /// How the requests of each route ended.
    Mix,
    /// Which worker was busy when.
    Workers,
    /// Memory, threads, descriptors and processor of each worker.
    Processes,
}

impl Picture {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Queue,
        Self::Memory,
        Self::Starts,
        Self::Settings,
        Self::Requests,
        Self::Mix,
        Self::Workers,
        Self::Processes,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Memory => "memory",
            Self::Starts => "starts",
            Self::Settings => "settings",
            Self::Requests => "requests",
            Self::Mix => "mix",
            Self::Workers => "workers",
            Self::Processes => "processes",
        }
    }

    /// The picture of that name.
    #[must_use]
    pub fn called(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|picture| picture.name() == name)
    }

    /// What shows this measure best; the order of [`Picture::ALL`] says which of several wins.
    fn of_measure(measure: &Measure) -> Option<Self> {
        match measure {
            Measure::PoolFull(_) | Measure::Groups(_) => Some(Self::Queue),
            Measure::Figure(change) => match change.of {
                Metric::AcceptQueue => Some(Self::Queue),
                Metric::CpuPressure => None,
                _ => Some(Self::Memory),
            },
            Measure::Setting(_) => Some(Self::Settings),
            Measure::Platform(_)
            | Measure::Restart(_)
            | Measure::Command(_)
            | Measure::Process(_)
            | Measure::Console(_) => Some(Self::Starts),
            Measure::PerRequest(_) => Some(Self::Requests),
            Measure::Requests(_)
            | Measure::Tail(_)
            | Measure::Ready(_)
            | Measure::Snapshot(_)
            | Measure::Event(_)
            | Measure::All(_)
            | Measure::Any(_)
            | Measure::Not(_)
            | Measure::First(_) => None,
        }
    }
}

impl ScenarioRules {
    /// The picture that shows what the proof is about.
    #[must_use]
    pub fn picture(&self) -> Picture {
        let mut shown = Vec::new();
        for criterion in &self.proof {
            criterion
                .check
                .walk(&mut |measure| shown.extend(Picture::of_measure(measure)));
        }
        // What a service that is called does is seen in the requests, and its console lines only
        // say so again; a setting explains the start that follows from it.
        [
            Picture::Memory,
            Picture::Queue,
            Picture::Requests,
            Picture::Settings,
            Picture::Starts,
        ]
        .into_iter()
        .find(|picture| shown.contains(picture))
        .unwrap_or(Picture::Requests)
    }
}
