//! Snapshots of the target: what its routes say at a moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::Method;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::preflight::worker_of;
use crate::evidence::manifest::{PhaseKind, WorkersSeen};
use crate::evidence::record::Snapshot;
use crate::load::{Client, Target};

/// How long a snapshot waits. Not paced: after a burst it queues behind all that was abandoned.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long every worker is looked for. A worker that still holds an abandoned request answers when
/// it has ended it, at most 15 s later in the labs.
const SEARCH: Duration = Duration::from_secs(20);
/// Rounds without a new worker after which a search of unknown extent ends, and after which it is
/// asked anew which workers there are.
const FRUITLESS_ROUNDS: usize = 6;
/// Workers that have answered, for each that there is, after which they are taken to be replaced by
/// the very questions (`--max-requests`).
const CHURN: usize = 4;
/// The most requests of one round.
const WIDEST_ROUND: usize = 128;
/// The pause after a round that brought nothing new; it doubles each time, up to ...
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
/// ... this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a capture brought.
#[derive(Debug, Default)]
pub struct Captured {
    /// The answers, in the order in which they came.
    pub snapshots: Vec<Snapshot>,
    /// What could not be had, in whole sentences.
    pub notes: Vec<String>,
    /// Workers that answered, of how many.
    pub workers: Option<WorkersSeen>,
}

/// Where the files of a moment go.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    folder: &'static str,
    suffix: &'static str,
    phase: PhaseKind,
}

impl Place {
    /// The place of a moment.
    #[must_use]
    pub const fn of(moment: PhaseKind) -> Self {
        let (folder, suffix) = match moment {
            PhaseKind::Baseline => ("baseline", ""),
            PhaseKind::Trigger | PhaseKind::Mid => ("trigger", "-mid"),
            PhaseKind::Post | PhaseKind::Recovery => ("post", ""),
        };
        Self {
            folder,
            suffix,
            phase: moment,
        }
    }

    fn file(&self, name: &str, rest: &str) -> String {
        format!("{}/{name}{}{rest}.json", self.folder, self.suffix)
    }
}

/// One answer, with the time that it took.
#[derive(Debug)]
pub struct Look {
    /// The snapshot, without a file name where nothing could be read.
    pub snapshot: Snapshot,
    /// Whether the answer was 200; otherwise why it is of no use.
    pub usable: Result<(), String>,
}

/// Ask one route.
pub async fn look_at(
    client: &Client,
    target: &Target,
    path: &str,
    phase: PhaseKind,
    patience: Duration,
) -> Look {
    let exchange = client.send(target, Method::GET, path, patience).await;
    let (body, usable) = match exchange.result {
        Ok(answer) if answer.status == 200 => (answer.body.to_vec(), Ok(())),
        Ok(answer) => (Vec::new(), Err(format!("answered {}", answer.status))),
        Err(failure) => (Vec::new(), Err(failure.to_string())),
    };
    Look {
        snapshot: Snapshot {
            file: String::new(),
            phase,
            requested: exchange.started,
            seconds: exchange.total.as_secs_f64(),
            pid: worker_of(&body),
            body,
        },
        usable,
    }
}

/// Take every snapshot of a moment. `slots` holds the slots' targets by name, production first; a
/// scenario with one slot has its files without a slot's name.
pub async fn capture(
    client: &Client,
    slots: &[(&'static str, Target)],
    moment: PhaseKind,
) -> Captured {
    let place = Place::of(moment);
    let mut captured = Captured::default();
    let Some((_, production)) = slots.first() else {
        return captured;
    };
    for (path, name) in [
        ("/diag/proc", "diag-proc"),
        ("/diag/env", "diag-env"),
        ("/diag/workers", "diag-workers"),
    ] {
        captured
            .keep(client, production, path, place, place.file(name, ""))
            .await;
    }
    let several = slots.len() > 1;
    for (slot, target) in slots {
        let rest = if several {
            format!("-{slot}")
        } else {
            String::new()
        };
        for (path, name) in [("/config", "config"), ("/health", "health")] {
            captured
                .keep(client, target, path, place, place.file(name, &rest))
                .await;
        }
        captured
            .readiness(client, target, place, place.file("ready", &rest))
            .await;
        if several {
            let file = place.file("diag-slots", &rest);
            captured
                .keep(client, target, "/diag/slots", place, file)
                .await;
        }
    }
    captured.every_worker(client, production, place).await;
    captured
}

impl Captured {
    async fn keep(
        &mut self,
        client: &Client,
        target: &Target,
        path: &str,
        place: Place,
        file: String,
    ) {
        let look = look_at(client, target, path, place.phase, PATIENCE).await;
        match look.usable {
            Ok(()) => self.snapshots.push(Snapshot {
                file,
                ..look.snapshot
            }),
            Err(why) => self.notes.push(format!(
                "At {} {} gave no snapshot: {why}.",
                place.phase.word(),
                target.url(path)
            )),
        }
    }

    /// /ready tells most when it says no: an answer of the application counts, whatever its status.
    async fn readiness(&mut self, client: &Client, target: &Target, place: Place, file: String) {
        let exchange = client.send(target, Method::GET, "/ready", PATIENCE).await;
        let Ok(answer) = exchange.result else { return };
        let body = answer.body.to_vec();
        let told = serde_json::from_slice::<Value>(&body)
            .is_ok_and(|told| told.get("checks").is_some_and(Value::is_object));
        if told {
            self.snapshots.push(Snapshot {
                file,
                phase: place.phase,
                requested: exchange.started,
                seconds: exchange.total.as_secs_f64(),
                pid: None,
                body,
            });
        }
    }

    /// The pids that /diag/workers named in this capture, where it did.
    fn named_workers(&self) -> Option<BTreeSet<u32>> {
        let snapshot = self
            .snapshots
            .iter()
            .find(|snapshot| snapshot.file.contains("diag-workers"))?;
        pids_named(&snapshot.body)
    }

    /// Ask /diag/stats until every worker has answered. Several requests at a time, and more of
    /// them when they bring nothing new: the kernel hands connections to whichever worker is awake,
    /// again and again. A worker that still works on something else is waited for.
    async fn every_worker(&mut self, client: &Client, target: &Target, place: Place) {
        let mut named = self.named_workers();
        let few = named.as_ref().map_or(4, BTreeSet::len).clamp(2, 32);
        let mut found: BTreeMap<u32, Snapshot> = BTreeMap::new();
        let mut fruitless = 0;
        let deadline = Instant::now() + SEARCH;
        while Instant::now() < deadline {
            let complete = match &named {
                Some(named) => named.iter().all(|pid| found.contains_key(pid)),
                None => fruitless == FRUITLESS_ROUNDS,
            };
            if complete {
                break;
            }
            let most = named
                .as_ref()
                .map_or(usize::MAX, |named| named.len() * CHURN);
            if found.len() > most {
                let sentence = "workers are replaced as fast as they are asked";
                self.notes
                    .push(format!("At {} {sentence}.", place.phase.word()));
                break;
            }
            let at_a_time = (few << fruitless.min(4)).min(WIDEST_ROUND);
            let before = found.len();
            let answered = stats_round(client, target, place, at_a_time, &mut found).await;
            if let Err(why) = answered {
                self.notes.push(format!(
                    "At {} {} gave no snapshot: {why}.",
                    place.phase.word(),
                    target.url("/diag/stats")
                ));
                break;
            }
            if found.len() > before {
                fruitless = 0;
                continue;
            }
            fruitless += 1;
            tokio::time::sleep((SHORTEST_PAUSE * (1 << fruitless.min(8))).min(LONGEST_PAUSE)).await;
            if named.is_some() && fruitless == FRUITLESS_ROUNDS {
                // A worker that was named may have been replaced since.
                let look = look_at(client, target, "/diag/workers", place.phase, PATIENCE).await;
                named = pids_named(&look.snapshot.body).or(named);
            }
        }
        self.workers = Some(WorkersSeen {
            seen: count(match &named {
                Some(named) => found.keys().filter(|pid| named.contains(pid)).count(),
                None => found.len(),
            }),
            of: named.map(|named| count(named.len())),
        });
        for (pid, snapshot) in found {
            self.snapshots.push(Snapshot {
                file: place.file("diag-stats", &format!("-{pid}")),
                ..snapshot
            });
        }
    }
}

async fn stats_round(
    client: &Client,
    target: &Target,
    place: Place,
    at_a_time: usize,
    found: &mut BTreeMap<u32, Snapshot>,
) -> Result<(), String> {
    let mut round = JoinSet::new();
    for _ in 0..at_a_time {
        let (client, target) = (client.clone(), target.clone());
        round.spawn(async move {
            look_at(&client, &target, "/diag/stats", place.phase, PATIENCE).await
        });
    }
    let mut outcome = Err("no answer".to_owned());
    while let Some(look) = round.join_next().await {
        let Ok(look) = look else { continue };
        match (look.usable, look.snapshot.pid) {
            (Ok(()), Some(pid)) => {
                found.insert(pid, look.snapshot);
                outcome = Ok(());
            }
            (Ok(()), None) if outcome.is_err() => {
                outcome = Err("its answer names no pid".to_owned());
            }
            (Err(why), _) if outcome.is_err() => outcome = Err(why),
            _ => {}
        }
    }
    outcome
}

fn pids_named(body: &[u8]) -> Option<BTreeSet<u32>> {
    let pids = pool_pids(body);
    (!pids.is_empty()).then_some(pids)
}

/// The pids in the answer of /diag/workers.
#[must_use]
pub fn pool_pids(body: &[u8]) -> BTreeSet<u32> {
    let Ok(pool) = serde_json::from_slice::<Value>(body) else {
        return BTreeSet::new();
    };
    let workers = pool.get("workers").and_then(Value::as_array);
    workers
        .into_iter()
        .flatten()
        .filter_map(|worker| worker.get("pid")?.as_u64()?.try_into().ok())
        .collect()
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
