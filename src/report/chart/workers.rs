//! Worker occupancy: one bar a worker, filled while it was busy, from /diag/workers.

use maud::html;

use super::frame::{Chart, Frame, chart, elapsed, px};
use super::scale::Scale;
use crate::evidence::Bundle;
use crate::evidence::snapshot::{PoolReport, SnapshotBody};
use crate::redaction::redact;
use crate::tables::LogTime;
use crate::verdict::Verdict;

/// Height of one worker's bar with its space.
const ROW: f64 = 26.0;

/// Snapshots in time; `None` unless there are at least two with a time.
pub(super) fn workers(verdict: &Verdict, bundle: &Bundle) -> Option<Chart> {
    let origin = verdict.window.start?;
    let mut pools: Vec<(f64, &PoolReport)> = bundle
        .snapshots
        .iter()
        .filter_map(|snapshot| match &snapshot.body {
            SnapshotBody::Workers(pool) => {
                Some((LogTime::from(snapshot.taken?).seconds_since(origin), pool))
            }
            _ => None,
        })
        .collect();
    pools.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (first, last) = (pools.first()?.0, pools.last()?.0);
    if last <= first {
        return None;
    }
    if !pools
        .iter()
        .any(|(_, pool)| pool.workers.iter().any(|worker| worker.busy))
    {
        return None;
    }
    let pids = pids(&pools);
    let height = 12.0 + ROW * pids.len() as f64;
    let frame = Frame::new(84.0, 8.0, height);
    let x = Scale::Linear(first, last);
    let plot = html! {
        (frame.phases(bundle, origin, x, false))
        @for (row, pid) in pids.iter().enumerate() {
            @let top = frame.top + row as f64 * ROW;
            text class="tick" x=(px(frame.left - 8.0)) y=(px(top + 14.0)) text-anchor="end" { "pid " (pid) }
            line class="grid" x1=(px(frame.left)) x2=(px(frame.right)) y1=(px(top + 9.0)) y2=(px(top + 9.0)) {}
            @for (from, to, what) in busy_spans(&pools, *pid) {
                @let (left, right) = (frame.x(x.place(from)), frame.x(x.place(to)));
                rect class="bar busy" x=(px(left)) y=(px(top)) width=(px((right - left).max(2.0))) height="18" {
                    title { (what) }
                }
            }
        }
        (frame.x_axis(x, "seconds since the load began", elapsed))
    };
    let longest = pools.iter().filter_map(|(_, pool)| pool.waiting).max();
    let queue = longest.map_or_else(String::new, |waiting| {
        format!(" At most {waiting} connections waited in the accept queue.")
    });
    let description = format!(
        "{} workers in {} snapshots; a filled stretch lasts until the next snapshot.{queue}",
        pids.len(),
        pools.len()
    );
    Some(chart(
        "workers",
        "Workers: busy or idle",
        &description,
        height + 40.0,
        plot,
    ))
}

fn pids(pools: &[(f64, &PoolReport)]) -> Vec<u32> {
    let mut pids: Vec<u32> = Vec::new();
    for worker in pools.iter().flat_map(|(_, pool)| &pool.workers) {
        if !pids.contains(&worker.pid) {
            pids.push(worker.pid);
        }
    }
    pids
}

/// Stretches in which the worker was busy: from each snapshot that says so to the next one.
fn busy_spans(pools: &[(f64, &PoolReport)], pid: u32) -> Vec<(f64, f64, String)> {
    let mut spans = Vec::new();
    for (number, (at, pool)) in pools.iter().enumerate() {
        let Some(worker) = pool
            .workers
            .iter()
            .find(|worker| worker.pid == pid && worker.busy)
        else {
            continue;
        };
        let until = pools.get(number + 1).map_or(*at, |(next, _)| *next);
        let from = worker.since_seconds.map_or(*at, |since| at - since);
        let what = worker
            .request
            .as_deref()
            .map_or_else(|| "busy".to_owned(), |request| redact(request).into_owned());
        spans.push((from, until, what));
    }
    spans
}
