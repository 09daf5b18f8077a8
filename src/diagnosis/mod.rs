//! Diagnosis: every known cause at once, weighed by whatever export there is.
//!
//! Pure, as the judge is: the same evidence gives the same answer. What a run of this program knows
//! about itself (manifest, client samples, diagnostic routes, the folder's name) is taken away
//! before anything is weighed, so that its answer is that of a stranger's export.

mod cause;
mod evaluate;
mod evidence;
mod facts;
mod failure_facts;
mod order;
mod outcome;
mod question;
mod queue;
mod quote;
mod restart_facts;
mod roles;
mod scan;
mod score;
mod start_facts;
mod starts;
mod swap_facts;
mod text_facts;
mod timeline;
mod traffic;
mod traffic_facts;
mod view;
mod window;

pub use cause::{Ask, Cause, causes, schema as causes_schema};
pub use outcome::{
    Certainty, Diagnosis, Event, Missing, Question, Queue, Ranked, ReadFile, Role, RouteRole, Said,
    Timeline, schema,
};
pub use quote::Cited;
pub use view::Span;
pub use window::TroubleWindow;

use crate::evidence::Bundle;
use crate::evidence::bundle::{FileState, SettingsCapture};
use crate::evidence::criteria::{Moment, SnapshotKind};
use crate::evidence::manifest::{PhaseKind, Setting};
use crate::evidence::snapshot::SnapshotBody;
use crate::verdict::refused_for_lack;

/// Name the cause of what this evidence shows.
pub fn diagnose(bundle: Bundle, span: &Span) -> Diagnosis {
    let bundle = as_exported(bundle);
    let view = view::View::of(&bundle, span);
    let evidence = evidence::Evidence::of(view);
    let weighed = score::weigh(&evidence);
    let ranking = score::rank(&weighed);
    let question = question::question(&weighed, &evidence.windows);
    let rows = bundle.http.rows.iter();
    let within = rows.filter(|event| span.holds(event.time));
    Diagnosis {
        schema_version: 1,
        certainty: score::certainty(&ranking),
        question: question.unwrap_or_else(|| Question {
            between: Vec::new(),
            ask: Ask {
                question: String::new(),
                kql: String::new(),
                command: String::new(),
            },
        }),
        missing: question::missing(&evidence),
        quality_warnings: refused_for_lack(within).into_iter().collect(),
        windows: evidence.windows.all.clone(),
        explained_window: evidence.windows.main,
        routes: roles::roles(&evidence),
        queue: queue::queue(&evidence),
        timeline: timeline::timeline(&evidence),
        files: bundle.files.iter().map(read_file).collect(),
        ranking,
    }
}

fn read_file(note: &crate::evidence::bundle::FileNote) -> ReadFile {
    let read = matches!(note.state, FileState::Read | FileState::PartlyRead { .. });
    ReadFile::of(note, read)
}

/// The evidence without what only this program's own runs have. What the site told of its
/// configuration before and after counts as settings: published runs have nothing else of them.
fn as_exported(mut bundle: Bundle) -> Bundle {
    bundle.manifest = None;
    bundle.name.clear();
    bundle.samples.clear();
    let snapshots = std::mem::take(&mut bundle.snapshots);
    for snapshot in snapshots {
        if snapshot.kind() != SnapshotKind::Config {
            continue;
        }
        let SnapshotBody::Config(values) = &snapshot.body else {
            continue;
        };
        let moment = match snapshot.at {
            PhaseKind::Baseline => Moment::Before,
            PhaseKind::Post | PhaseKind::Recovery => Moment::After,
            _ => continue,
        };
        let settings = values.iter().map(|(name, value)| Setting {
            name: name.clone(),
            value: value.clone(),
            slot: snapshot.slot.clone(),
            sticky: None,
            reference: None,
        });
        bundle.settings.push(SettingsCapture {
            moment,
            slot: snapshot.slot.clone(),
            settings: settings.collect(),
            file: snapshot.file.clone(),
        });
    }
    bundle
}
