//! Where one looks, and what every ruling consists of.

use crate::evidence::Bundle;
use crate::evidence::bundle::TextEvent;
use crate::evidence::criteria::{Rival, RivalId};
use crate::verdict::kills::KilledWorker;
use crate::verdict::outcome::{RivalResult, Ruling};
use crate::verdict::quote::Quote;
use crate::verdict::quote::quote_text;
use crate::verdict::window::Window;

/// Where in the run one looks, and what is already known.
pub(in crate::verdict) struct Scene<'b> {
    pub(in crate::verdict) bundle: &'b Bundle,
    pub(in crate::verdict) window: &'b Window,
    /// The run, with the start of the site before it.
    pub(in crate::verdict) start_window: &'b Window,
    pub(in crate::verdict) killed: &'b [KilledWorker],
}

/// Judge one rival.
pub(in crate::verdict) fn rule(rival: &Rival, scene: &Scene<'_>) -> RivalResult {
    let decision = match rival.id {
        RivalId::ClientAbort => scene.client_abort(),
        RivalId::FrontEndLimit => scene.front_end_limit(),
        RivalId::WorkerTimeout => scene.worker_timeout(),
        RivalId::OutOfMemoryKill => scene.out_of_memory_kill(),
        RivalId::Restart => scene.restart(),
        RivalId::ColdStart => scene.cold_start(),
        RivalId::CpuSaturation => scene.cpu_saturation(),
        RivalId::Dependency => scene.dependency(),
        RivalId::WrongCommand => scene.wrong_command(),
        RivalId::WrongPort => scene.wrong_port(),
        RivalId::SlowStart => scene.slow_start(),
        RivalId::BootFailure => scene.boot_failure(),
        RivalId::Saturation => scene.saturation(),
        RivalId::OutboundPorts => scene.outbound_ports(),
    };
    RivalResult {
        id: rival.id,
        bearing: rival.bearing,
        ruling: decision.0,
        because: decision.1,
        quotes: decision.2,
    }
}

pub(super) type Decision = (Ruling, String, Vec<Quote>);

pub(super) fn ruled_in(because: impl Into<String>, quotes: Vec<Quote>) -> Decision {
    (Ruling::RuledIn, because.into(), quotes)
}

pub(super) fn ruled_out(because: impl Into<String>, quotes: Vec<Quote>) -> Decision {
    (Ruling::RuledOut, because.into(), quotes)
}

pub(super) fn open(because: impl Into<String>) -> Decision {
    (Ruling::Open, because.into(), Vec::new())
}

impl Scene<'_> {
    pub(super) fn console(&self) -> Vec<&TextEvent> {
        let rows = &self.bundle.console.rows;
        rows.iter()
            .filter(|event| self.window.contains(event.time))
            .collect()
    }

    pub(super) fn console_line(&self, any: &[&str]) -> Option<&TextEvent> {
        let rows = &self.bundle.console.rows;
        rows.iter()
            .filter(|event| self.start_window.contains(event.time))
            .find(|event| any.iter().any(|text| event.text.contains(text)))
    }

    pub(super) fn quote_console(&self, event: &TextEvent) -> Quote {
        quote_text(&self.bundle.console, event)
    }
}
