//! Rival explanations: what else could have made the symptom.

use serde::Serialize;

/// Another explanation, and how it bears on the hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rival {
    /// Which.
    pub id: RivalId,
    /// What it means for the hypothesis if it is ruled in.
    pub bearing: Bearing,
    /// How it would explain the symptom.
    pub explains: &'static str,
    /// What would rule it in.
    pub ruled_in_by: &'static str,
    /// What would rule it out.
    pub ruled_out_by: &'static str,
}

/// What a rival means for the hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bearing {
    /// It explains the symptom instead: ruled in, the run cannot support the hypothesis.
    Competes,
    /// It belongs to the hypothesis: ruled in, it changes nothing.
    Accompanies,
    /// It is the hypothesis.
    Hypothesis,
}

/// The explanations that every verdict looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RivalId {
    /// The client closed first: 499.
    ClientAbort,
    /// The front end's own limit cut the request: 500, 502 or 504 at 230 to 240 s.
    FrontEndLimit,
    /// The arbiter killed a worker whose heartbeat stopped.
    WorkerTimeout,
    /// The kernel killed a worker for memory.
    OutOfMemoryKill,
    /// The container or the site was restarted.
    Restart,
    /// The site was still starting.
    ColdStart,
    /// The processors were the bottleneck, not memory or workers.
    CpuSaturation,
    /// Something that the application calls was slow or gone.
    Dependency,
    /// The startup command names the wrong thing.
    WrongCommand,
    /// The application listens where the platform does not look.
    WrongPort,
    /// The application needs longer to start than the platform waits.
    SlowStart,
    /// The application itself gave up at boot.
    BootFailure,
    /// Every worker was busy, and requests waited for one.
    Saturation,
    /// There was no local port left for outbound connections.
    OutboundPorts,
}

impl RivalId {
    /// Every one, in the order of reports.
    pub const ALL: [RivalId; 14] = [
        RivalId::ClientAbort,
        RivalId::FrontEndLimit,
        RivalId::WorkerTimeout,
        RivalId::OutOfMemoryKill,
        RivalId::Restart,
        RivalId::ColdStart,
        RivalId::CpuSaturation,
        RivalId::Dependency,
        RivalId::WrongCommand,
        RivalId::WrongPort,
        RivalId::SlowStart,
        RivalId::BootFailure,
        RivalId::Saturation,
        RivalId::OutboundPorts,
    ];

    /// Its name in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            RivalId::ClientAbort => "client abort",
            RivalId::FrontEndLimit => "front-end limit",
            RivalId::WorkerTimeout => "worker timeout",
            RivalId::OutOfMemoryKill => "out-of-memory kill",
            RivalId::Restart => "restart",
            RivalId::ColdStart => "cold start",
            RivalId::CpuSaturation => "CPU saturation",
            RivalId::Dependency => "dependency",
            RivalId::WrongCommand => "wrong command",
            RivalId::WrongPort => "wrong port",
            RivalId::SlowStart => "slow start",
            RivalId::BootFailure => "boot failure",
            RivalId::Saturation => "saturation",
            RivalId::OutboundPorts => "outbound ports",
        }
    }
}
