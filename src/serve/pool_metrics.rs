//! The pool's figures at the moment of a scrape, from the scoreboard, its tally and the kernel.

use std::net::SocketAddr;

use super::scoreboard::Scoreboard;
use super::tally::ExitReason;
use crate::app::BLOCK_BYTES;
use crate::app::pool::{Activity, WorkerSnapshot};
use crate::machine::cgroup::{self, CgroupMemory};
use crate::machine::pressure::Pressure;
use crate::machine::{Unavailable, accept_queue, memory, pressure};
use crate::metrics::{Scrape, declared};

/// Look at everything. What cannot be known here is left out.
pub(super) fn scrape(scoreboard: &Scoreboard, queues: &[(String, SocketAddr)]) -> Scrape {
    let mut scrape = Scrape::default();
    requests(&mut scrape, scoreboard);
    let workers = scoreboard.workers();
    states(&mut scrape, scoreboard, &workers);
    accept_queues(&mut scrape, queues);
    lives(&mut scrape, scoreboard);
    workers_memory(&mut scrape, &workers);
    machine_memory(&mut scrape);
    scrape
}

fn requests(scrape: &mut Scrape, scoreboard: &Scoreboard) {
    for series in scoreboard.tally().series() {
        let labels = [series.method, series.route, &series.status];
        scrape.set_histogram(&declared::REQUEST_DURATION, &labels, series.durations);
    }
    let invalid = scoreboard.tally().invalid_requests();
    scrape.set(&declared::INVALID_REQUESTS, &[], invalid as f64);
}

fn states(scrape: &mut Scrape, scoreboard: &Scoreboard, workers: &[WorkerSnapshot]) {
    let (mut booting, mut idle, mut busy, mut in_flight, mut oldest) = (0, 0, 0, 0, 0.0);
    for worker in workers {
        match &worker.activity {
            Activity::Booting => booting += 1,
            Activity::Idle => idle += 1,
            Activity::Busy {
                since,
                in_flight: requests,
                ..
            } => {
                busy += 1;
                in_flight += requests;
                oldest = since.as_secs_f64().max(oldest);
            }
        }
    }
    for (state, count) in [("booting", booting), ("idle", idle), ("busy", busy)] {
        scrape.set(&declared::WORKERS, &[state], count.into());
    }
    scrape.set(&declared::WORKERS_WANTED, &[], scoreboard.wanted() as f64);
    scrape.set(
        &declared::WARM_WORKERS,
        &[],
        scoreboard.warm_workers() as f64,
    );
    scrape.set(&declared::REQUESTS_IN_FLIGHT, &[], in_flight.into());
    scrape.set(&declared::REQUEST_OLDEST, &[], oldest);
    let silences = workers.iter().filter_map(|worker| worker.last_heartbeat);
    if let Some(silence) = silences.max() {
        scrape.set(&declared::HEARTBEAT_OLDEST, &[], silence.as_secs_f64());
    }
}

fn accept_queues(scrape: &mut Scrape, queues: &[(String, SocketAddr)]) {
    for (listener, address) in queues {
        let Ok(queue) = accept_queue::of_address(address) else {
            continue;
        };
        let labels = [listener.as_str()];
        scrape.set(&declared::LISTENER_QUEUED, &labels, queue.waiting.into());
        scrape.set(
            &declared::LISTENER_QUEUE_LIMIT,
            &labels,
            queue.backlog.into(),
        );
        scrape.set(&declared::QUEUE_OLDEST, &labels, queue.oldest.as_secs_f64());
    }
    if let Ok(overflows) = accept_queue::overflows() {
        scrape.set(&declared::LISTEN_OVERFLOWS, &[], overflows as f64);
    }
}

fn lives(scrape: &mut Scrape, scoreboard: &Scoreboard) {
    let tally = scoreboard.tally();
    scrape.set(&declared::WORKER_STARTS, &[], tally.starts() as f64);
    for reason in ExitReason::ALL {
        let exits = tally.exits(reason);
        scrape.set(&declared::WORKER_EXITS, &[reason.name()], exits as f64);
    }
}

fn workers_memory(scrape: &mut Scrape, workers: &[WorkerSnapshot]) {
    let blocks: u64 = workers.iter().map(|worker| worker.leak_blocks).sum();
    let leaked = blocks.saturating_mul(BLOCK_BYTES);
    scrape.set(&declared::LEAKED_BYTES, &[], leaked as f64);
    // One that is just gone holds nothing.
    let resident = workers
        .iter()
        .filter_map(|worker| memory::rss_of_process(worker.pid).ok());
    let resident: u64 = resident.sum();
    scrape.set(&declared::WORKERS_RESIDENT, &[], resident as f64);
}

fn machine_memory(scrape: &mut Scrape) {
    let group = cgroup::memory();
    let group = group.as_ref().ok();
    let host = memory::of_host();
    if let Ok(host) = &host {
        let available = match group {
            Some(group) => cgroup::effective_available(host.available_bytes, group),
            None => Ok(cgroup::host_available(host.available_bytes)),
        };
        set(
            scrape,
            &declared::MEMORY_AVAILABLE,
            available.map(|available| available.bytes),
        );
    }
    if let Some(group) = group {
        if let Ok(Some(limit)) = group.limit {
            scrape.set(&declared::MEMORY_LIMIT, &[], limit as f64);
        }
        set(scrape, &declared::MEMORY_USED, group.usage.clone());
    }
    let swap = group.map_or_else(no_group, |group| group.swap_usage.clone());
    let swap = swap.or_else(|_| host.map(|host| host.swap_used_bytes));
    set(scrape, &declared::SWAP_USED, swap);
    if let Ok(pressure) = memory_pressure(group) {
        let seconds = |microseconds: u64| microseconds as f64 / 1e6;
        let some = seconds(pressure.some.total_microseconds);
        scrape.set(&declared::MEMORY_STALLED, &["some"], some);
        if let Some(full) = pressure.full {
            let full = seconds(full.total_microseconds);
            scrape.set(&declared::MEMORY_STALLED, &["full"], full);
        }
    }
}

fn set(
    scrape: &mut Scrape,
    metric: &'static crate::metrics::Metric,
    figure: Result<u64, Unavailable>,
) {
    if let Ok(figure) = figure {
        scrape.set(metric, &[], figure as f64);
    }
}

fn no_group<T>() -> Result<T, Unavailable> {
    Err(Unavailable::because("there is no memory cgroup"))
}

/// The cgroup's stalls, else the host's.
fn memory_pressure(group: Option<&CgroupMemory>) -> Result<Pressure, Unavailable> {
    let own = group.map_or_else(no_group, |group| group.pressure.clone());
    own.or_else(|_| pressure::of_machine("memory"))
}
