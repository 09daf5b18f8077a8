//! Series that snapshots carry.
//!
//! One metric may have several sources: the host's counters, and those of a cgroup that limits the
//! target. What says that something happened is met by any source; what says that nothing happened
//! must hold for every source.

use super::Measured;
use crate::evidence::Bundle;
use crate::evidence::criteria::{Check, Metric};
use crate::evidence::manifest::PhaseKind;
use crate::evidence::snapshot::{CgroupNumbers, ProcNumbers, SnapshotBody};
use crate::verdict::outcome::Finding;
use crate::verdict::quote::Quote;
use crate::verdict::quote::quote_file;
use crate::verdict::text::{number, percent};

/// A cgroup whose limit is at least this share of the machine's memory limits nothing.
const NO_LIMIT: f64 = 0.98;

/// One reading of one source.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::verdict) struct Reading {
    /// Where it comes from, for instance `MemAvailable`.
    pub(in crate::verdict) source: &'static str,
    /// Its unit, with a space before it; empty for a plain count.
    pub(in crate::verdict) unit: &'static str,
    /// The number.
    pub(in crate::verdict) value: f64,
    /// The file.
    pub(in crate::verdict) file: String,
}

impl Reading {
    fn quote(&self) -> Quote {
        quote_file(
            &self.file,
            format!("{} {}{}", self.source, number(self.value), self.unit),
        )
    }
}

/// Readings of a metric at a stage, one for each source. Of several snapshots the last counts; of
/// several workers the one that holds most; while the load lasts the highest.
pub(in crate::verdict) fn readings(bundle: &Bundle, metric: Metric, at: PhaseKind) -> Vec<Reading> {
    let mut found: Vec<Reading> = Vec::new();
    for snapshot in bundle.snapshots.iter().filter(|snapshot| snapshot.at == at) {
        for (source, unit, value) in sources(&snapshot.body, metric) {
            let Some(value) = value else { continue };
            let reading = Reading {
                source,
                unit,
                value,
                file: snapshot.file.clone(),
            };
            let highest_counts = metric == Metric::LeakBlocks || at == PhaseKind::Trigger;
            match found.iter_mut().find(|known| known.source == source) {
                Some(known) if !highest_counts || value > known.value => *known = reading,
                Some(_) => {}
                None => found.push(reading),
            }
        }
    }
    found
}

/// How a counter grew over the run.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::verdict) struct Growth {
    /// By how much.
    pub(in crate::verdict) amount: f64,
    /// First and last reading.
    pub(in crate::verdict) quotes: Vec<Quote>,
}

/// How much a counter grew from the baseline to the last snapshot after it; the source that grew
/// most counts. `None` without two readings of one source.
pub(in crate::verdict) fn growth(bundle: &Bundle, metric: Metric) -> Option<Growth> {
    let before = readings(bundle, metric, PhaseKind::Baseline);
    let after = [PhaseKind::Post, PhaseKind::Mid, PhaseKind::Trigger]
        .into_iter()
        .map(|at| readings(bundle, metric, at))
        .find(|readings| !readings.is_empty())?;
    let pairs = before.iter().filter_map(|start| {
        let end = after.iter().find(|end| end.source == start.source)?;
        Some(Growth {
            amount: end.value - start.value,
            quotes: vec![start.quote(), end.quote()],
        })
    });
    pairs.max_by(|one, other| one.amount.total_cmp(&other.amount))
}

type Source = (&'static str, &'static str, Option<f64>);

fn sources(body: &SnapshotBody, metric: Metric) -> Vec<Source> {
    match (body, metric) {
        (SnapshotBody::Stats(stats), Metric::LeakBlocks) => {
            vec![(
                "leak_block_count",
                "",
                stats.leak_block_count.map(|blocks| blocks as f64),
            )]
        }
        (SnapshotBody::Workers(pool), Metric::AcceptQueue) => {
            vec![(
                "accept queue",
                "",
                pool.waiting.map(|waiting| waiting as f64),
            )]
        }
        (SnapshotBody::Proc(numbers), metric) => {
            let mut sources = host_sources(numbers, metric);
            // Kills are counted whether or not this very cgroup has the limit.
            let cgroup = match metric {
                Metric::OutOfMemoryKills => numbers.cgroup.as_ref(),
                _ => limiting_cgroup(numbers),
            };
            if let Some(cgroup) = cgroup {
                sources.extend(cgroup_sources(cgroup, metric));
            }
            sources
        }
        _ => Vec::new(),
    }
}

fn host_sources(numbers: &ProcNumbers, metric: Metric) -> Vec<Source> {
    let source = match metric {
        Metric::MemoryHeadroom => ("MemAvailable", " kB", numbers.memory_available),
        Metric::Reclaim => ("pgscan_kswapd + pgscan_direct", "", numbers.pages_scanned),
        Metric::AllocationStalls => ("allocstall", "", numbers.allocation_stalls),
        Metric::SwapTraffic => ("pswpin + pswpout", "", numbers.pages_swapped),
        Metric::SwapFree => ("SwapFree", " kB", numbers.swap_free),
        Metric::MemoryPressure => ("memory pressure some avg10", " %", numbers.memory_pressure),
        Metric::CpuPressure => ("CPU pressure some avg10", " %", numbers.cpu_pressure),
        Metric::OutOfMemoryKills => ("oom_kill", "", numbers.oom_kills),
        Metric::LeakBlocks | Metric::AcceptQueue => return Vec::new(),
    };
    vec![source]
}

fn limiting_cgroup(numbers: &ProcNumbers) -> Option<&CgroupNumbers> {
    let cgroup = numbers.cgroup.as_ref()?;
    let limit = cgroup.limit?;
    let limits = numbers
        .memory_total
        .is_none_or(|total| limit < total * NO_LIMIT);
    limits.then_some(cgroup)
}

fn cgroup_sources(cgroup: &CgroupNumbers, metric: Metric) -> Vec<Source> {
    let free = match (cgroup.limit, cgroup.usage) {
        (Some(limit), Some(usage)) => Some((limit - usage).max(0.0)),
        _ => None,
    };
    match metric {
        Metric::MemoryHeadroom => vec![("free room of the cgroup", " kB", free)],
        Metric::Reclaim => vec![
            ("refaults of the cgroup", "", cgroup.refaults),
            ("limit hits of the cgroup", "", cgroup.limit_hits),
        ],
        Metric::AllocationStalls => vec![("limit hits of the cgroup", "", cgroup.limit_hits)],
        Metric::SwapTraffic => vec![("swap of the cgroup", " kB", cgroup.swap)],
        Metric::MemoryPressure => vec![(
            "memory pressure of the cgroup",
            " %",
            cgroup.memory_pressure,
        )],
        Metric::OutOfMemoryKills => vec![("oom_kill of the cgroup", "", cgroup.oom_kills)],
        _ => Vec::new(),
    }
}

/// What a check asks of a pair of readings.
struct Question {
    threshold: String,
    /// Compared by their ratio; else by their difference.
    compares_shares: bool,
    /// Any source that meets it suffices; else every source must.
    any: bool,
}

/// Measure one of the checks about a metric.
pub(super) fn measure(check: &Check, bundle: &Bundle) -> Measured {
    match *check {
        Check::MetricAtLeast { metric, at, amount } => single(bundle, metric, at, amount),
        Check::MetricRatioAtMost {
            metric,
            at,
            against,
            ratio,
        } => {
            let question = Question {
                threshold: format!("at most {} of the {}", percent(ratio), against.word()),
                compares_shares: true,
                any: true,
            };
            let judge =
                |before: f64, after: f64| share(before, after).map(|value| (value <= ratio, value));
            pair(bundle, metric, against, at, &question, judge)
        }
        Check::MetricRatioAbove {
            metric,
            at,
            against,
            ratio,
        } => {
            let question = Question {
                threshold: format!("more than {} of the {}", percent(ratio), against.word()),
                compares_shares: true,
                any: false,
            };
            let judge =
                |before: f64, after: f64| share(before, after).map(|value| (value > ratio, value));
            pair(bundle, metric, against, at, &question, judge)
        }
        Check::MetricGrowsAtLeast {
            metric,
            from,
            to,
            amount,
        } => {
            let question = Question {
                threshold: format!("grows by at least {}", number(amount)),
                compares_shares: false,
                any: true,
            };
            let judge = |before: f64, after: f64| Some((after - before >= amount, after - before));
            pair(bundle, metric, from, to, &question, judge)
        }
        Check::MetricGrowsLessThan {
            metric,
            from,
            to,
            amount,
        } => {
            let question = Question {
                threshold: format!("grows by less than {}", number(amount)),
                compares_shares: false,
                any: false,
            };
            let judge = |before: f64, after: f64| Some((after - before < amount, after - before));
            pair(bundle, metric, from, to, &question, judge)
        }
        Check::MetricFallsAtLeast {
            metric,
            from,
            to,
            amount,
        } => {
            let question = Question {
                threshold: format!("falls by at least {}", number(amount)),
                compares_shares: false,
                any: true,
            };
            let judge = |before: f64, after: f64| Some((before - after >= amount, before - after));
            pair(bundle, metric, from, to, &question, judge)
        }
        _ => Measured::nothing("this check is not about a metric", ""),
    }
}

fn share(before: f64, after: f64) -> Option<f64> {
    (before > 0.0).then(|| after / before)
}

fn single(bundle: &Bundle, metric: Metric, at: PhaseKind, amount: f64) -> Measured {
    let threshold = format!("at least {}", number(amount));
    let found = readings(bundle, metric, at);
    let Some(highest) = found
        .iter()
        .max_by(|one, other| one.value.total_cmp(&other.value))
    else {
        return Measured::nothing(format!("no snapshot of it at {}", at.word()), threshold);
    };
    let observed = format!(
        "{} {}{}",
        highest.source,
        number(highest.value),
        highest.unit
    );
    Measured::of(highest.value >= amount, observed, threshold)
        .value(highest.value)
        .quotes([highest.quote()])
}

fn pair(
    bundle: &Bundle,
    metric: Metric,
    from: PhaseKind,
    to: PhaseKind,
    question: &Question,
    judge: impl Fn(f64, f64) -> Option<(bool, f64)>,
) -> Measured {
    let before = readings(bundle, metric, from);
    let after = readings(bundle, metric, to);
    let missing = match (before.is_empty(), after.is_empty()) {
        (true, true) => Some(format!(
            "no snapshot of it at {} or {}",
            from.word(),
            to.word()
        )),
        (true, false) => Some(format!("no snapshot of it at {}", from.word())),
        (false, true) => Some(format!("no snapshot of it at {}", to.word())),
        (false, false) => None,
    };
    if let Some(missing) = missing {
        return Measured::nothing(missing, question.threshold.as_str());
    }
    let mut judged: Vec<(&Reading, &Reading, bool, f64)> = Vec::new();
    for start in &before {
        let Some(end) = after.iter().find(|end| end.source == start.source) else {
            continue;
        };
        if let Some((met, value)) = judge(start.value, end.value) {
            judged.push((start, end, met, value));
        }
    }
    let decided_by = judged.iter().find(|(_, _, met, _)| *met == question.any);
    let Some(&(start, end, met, value)) = decided_by.or(judged.first()) else {
        return Measured::nothing(
            "no source was captured at both moments",
            question.threshold.as_str(),
        );
    };
    let change = match question.compares_shares {
        true => percent(value),
        false if end.value < start.value => number(end.value - start.value),
        false => format!("+{}", number(end.value - start.value)),
    };
    let observed = format!(
        "{} {} -> {}{} ({change})",
        start.source,
        number(start.value),
        number(end.value),
        end.unit
    );
    let mut measured = Measured::of(met, observed, question.threshold.as_str())
        .value(value)
        .quotes([start.quote(), end.quote()]);
    measured.finding = Finding::of(met);
    measured
}
