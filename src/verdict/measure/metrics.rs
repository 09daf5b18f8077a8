//! Series that snapshots carry.
//!
//! One metric may have several figures: the machine's counters, and those of a cgroup that limits the
//! target. What says that something happened is met by any figure; what says that nothing happened
//! must hold for every one. In a memory box only those count that the
//! criterion names for it.

use super::Measured;
use crate::evidence::Bundle;
use crate::evidence::criteria::{Check, Metric};
use crate::evidence::figures::Figure;
use crate::evidence::manifest::PhaseKind;
use crate::evidence::snapshot::{CgroupNumbers, ProcNumbers, SnapshotBody};
use crate::verdict::quote::{Quote, quote_file};
use crate::verdict::text::{number, percent};

/// A cgroup whose limit is at least this share of the machine's memory limits nothing.
const NO_LIMIT: f64 = 0.98;

/// One reading of one source.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::verdict) struct Reading {
    /// Where it comes from.
    pub(in crate::verdict) figure: Figure,
    /// The number.
    pub(in crate::verdict) value: f64,
    /// The file.
    pub(in crate::verdict) file: String,
}

impl Reading {
    fn quote(&self) -> Quote {
        quote_file(
            &self.file,
            format!(
                "{} {}{}",
                self.figure.words(),
                number(self.value),
                self.figure.unit()
            ),
        )
    }
}

/// Readings of a metric at a stage, one for each source. Of several snapshots the last counts; of
/// several workers the one that holds most; while the load lasts the highest.
pub(in crate::verdict) fn readings(bundle: &Bundle, metric: Metric, at: PhaseKind) -> Vec<Reading> {
    let mut found: Vec<Reading> = Vec::new();
    for snapshot in bundle.snapshots.iter().filter(|snapshot| snapshot.at == at) {
        for (figure, value) in figures(&snapshot.body, metric) {
            let Some(value) = value else { continue };
            let reading = Reading {
                figure,
                value,
                file: snapshot.file.clone(),
            };
            let highest_counts = metric == Metric::LeakBlocks || at == PhaseKind::Trigger;
            match found.iter_mut().find(|known| known.figure == figure) {
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
        let end = after.iter().find(|end| end.figure == start.figure)?;
        Some(Growth {
            amount: end.value - start.value,
            quotes: vec![start.quote(), end.quote()],
        })
    });
    pairs.max_by(|one, other| one.amount.total_cmp(&other.amount))
}

type Value = (Figure, Option<f64>);

fn figures(body: &SnapshotBody, metric: Metric) -> Vec<Value> {
    match (body, metric) {
        (SnapshotBody::Stats(stats), Metric::LeakBlocks) => {
            let blocks = stats.leak_block_count.map(|blocks| blocks as f64);
            vec![(Figure::LeakBlocks, blocks)]
        }
        (SnapshotBody::Workers(pool), Metric::AcceptQueue) => {
            let waiting = pool.waiting.map(|waiting| waiting as f64);
            vec![(Figure::AcceptQueue, waiting)]
        }
        // Kills are counted whether or not this very cgroup has the limit, and where it counts
        // them, others on the machine are somebody else's.
        (SnapshotBody::Proc(numbers), Metric::OutOfMemoryKills) => {
            let in_cgroup = numbers.cgroup.as_ref().and_then(|cgroup| cgroup.oom_kills);
            match in_cgroup {
                Some(_) => vec![(Figure::CgroupOutOfMemoryKills, in_cgroup)],
                None => vec![(Figure::OutOfMemoryKills, numbers.oom_kills)],
            }
        }
        (SnapshotBody::Proc(numbers), metric) => {
            let mut figures = machine_figures(numbers, metric);
            if let Some(cgroup) = limiting_cgroup(numbers) {
                figures.extend(cgroup_figures(cgroup, metric));
            }
            figures
        }
        _ => Vec::new(),
    }
}

fn machine_figures(numbers: &ProcNumbers, metric: Metric) -> Vec<Value> {
    let figure = match metric {
        Metric::MemoryHeadroom => (Figure::MemAvailable, numbers.memory_available),
        Metric::Reclaim => (Figure::PagesScanned, numbers.pages_scanned),
        Metric::AllocationStalls => (Figure::AllocationStalls, numbers.allocation_stalls),
        Metric::SwapTraffic => (Figure::PagesSwapped, numbers.pages_swapped),
        Metric::SwapFree => (Figure::SwapFree, numbers.swap_free),
        Metric::MemoryPressure => (Figure::MemoryPressure, numbers.memory_pressure),
        Metric::CpuPressure => (Figure::CpuPressure, numbers.cpu_pressure),
        Metric::OutOfMemoryKills | Metric::LeakBlocks | Metric::AcceptQueue => return Vec::new(),
    };
    vec![figure]
}

fn limiting_cgroup(numbers: &ProcNumbers) -> Option<&CgroupNumbers> {
    let cgroup = numbers.cgroup.as_ref()?;
    let limit = cgroup.limit?;
    let limits = numbers
        .memory_total
        .is_none_or(|total| limit < total * NO_LIMIT);
    limits.then_some(cgroup)
}

fn cgroup_figures(cgroup: &CgroupNumbers, metric: Metric) -> Vec<Value> {
    let free = match (cgroup.limit, cgroup.usage) {
        (Some(limit), Some(usage)) => Some((limit - usage).max(0.0)),
        _ => None,
    };
    match metric {
        Metric::MemoryHeadroom => vec![(Figure::CgroupRoom, free)],
        Metric::Reclaim => vec![
            (Figure::CgroupRefaults, cgroup.refaults),
            (Figure::CgroupLimitHits, cgroup.limit_hits),
        ],
        Metric::AllocationStalls => vec![(Figure::CgroupLimitHits, cgroup.limit_hits)],
        Metric::SwapTraffic => vec![(Figure::CgroupSwap, cgroup.swap)],
        Metric::SwapFree => vec![(Figure::CgroupSwapLeft, cgroup.swap_left)],
        Metric::MemoryPressure => vec![(Figure::CgroupMemoryPressure, cgroup.memory_pressure)],
        _ => Vec::new(),
    }
}

/// What a check asks of a pair of readings.
struct Question {
    threshold: String,
    compared: Compared,
    /// Any source that meets it suffices; else every source must.
    any: bool,
}

/// How the second reading of a pair is compared with the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compared {
    /// As its share; there is none of nothing.
    Share,
    /// By what it is more.
    Growth,
    /// By what it is less.
    Fall,
}

impl Compared {
    fn of(self, before: f64, after: f64) -> Option<f64> {
        match self {
            Self::Share => (before > 0.0).then(|| after / before),
            Self::Growth => Some(after - before),
            Self::Fall => Some(before - after),
        }
    }
}

/// What is looked at: the evidence, and the figures in it that count.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'b> {
    pub(super) bundle: &'b Bundle,
    /// `None` where all do.
    pub(super) counting: Option<&'static [Figure]>,
}

impl View<'_> {
    fn readings(&self, metric: Metric, at: PhaseKind) -> Vec<Reading> {
        let counts = |figure| self.counting.is_none_or(|list| list.contains(&figure));
        let mut found = readings(self.bundle, metric, at);
        found.retain(|reading| counts(reading.figure));
        found
    }
}

/// Measure one of the checks about a metric.
pub(super) fn measure(check: &Check, view: View<'_>) -> Measured {
    match *check {
        Check::MetricAtLeast { metric, at, amount } => single(view, metric, at, amount),
        Check::MetricRatioAtMost {
            metric,
            at,
            against,
            ratio,
        } => {
            let question = Question {
                threshold: format!("at most {} of the {}", percent(ratio), against.word()),
                compared: Compared::Share,
                any: true,
            };
            pair(view, metric, against, at, &question, |value| value <= ratio)
        }
        Check::MetricRatioAbove {
            metric,
            at,
            against,
            ratio,
        } => {
            let question = Question {
                threshold: format!("more than {} of the {}", percent(ratio), against.word()),
                compared: Compared::Share,
                any: false,
            };
            pair(view, metric, against, at, &question, |value| value > ratio)
        }
        Check::MetricGrowsAtLeast {
            metric,
            from,
            to,
            amount,
        } => {
            let question = Question {
                threshold: format!("grows by at least {}", number(amount)),
                compared: Compared::Growth,
                any: true,
            };
            pair(view, metric, from, to, &question, |value| value >= amount)
        }
        Check::MetricGrowsLessThan {
            metric,
            from,
            to,
            amount,
        } => {
            let question = Question {
                threshold: format!("grows by less than {}", number(amount)),
                compared: Compared::Growth,
                any: false,
            };
            pair(view, metric, from, to, &question, |value| value < amount)
        }
        Check::MetricFallsAtLeast {
            metric,
            from,
            to,
            amount,
        } => {
            let question = Question {
                threshold: format!("falls by at least {}", number(amount)),
                compared: Compared::Fall,
                any: true,
            };
            pair(view, metric, from, to, &question, |value| value >= amount)
        }
        _ => Measured::nothing("this check is not about a metric", ""),
    }
}

fn single(view: View<'_>, metric: Metric, at: PhaseKind, amount: f64) -> Measured {
    let threshold = format!("at least {}", number(amount));
    let found = view.readings(metric, at);
    let Some(highest) = found
        .iter()
        .max_by(|one, other| one.value.total_cmp(&other.value))
    else {
        return Measured::nothing(format!("no snapshot of it at {}", at.word()), threshold);
    };
    let observed = format!(
        "{} {}{}",
        highest.figure.words(),
        number(highest.value),
        highest.figure.unit()
    );
    Measured::of(highest.value >= amount, observed, threshold)
        .value(highest.value)
        .quotes([highest.quote()])
}

fn pair(
    view: View<'_>,
    metric: Metric,
    from: PhaseKind,
    to: PhaseKind,
    question: &Question,
    meets: impl Fn(f64) -> bool,
) -> Measured {
    let before = view.readings(metric, from);
    let after = view.readings(metric, to);
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
        let Some(end) = after.iter().find(|end| end.figure == start.figure) else {
            continue;
        };
        if let Some(value) = question.compared.of(start.value, end.value) {
            judged.push((start, end, meets(value), value));
        }
    }
    let decided_by = judged.iter().find(|(_, _, met, _)| *met == question.any);
    let Some(&(start, end, met, value)) = decided_by.or(judged.first()) else {
        return Measured::nothing(
            "no source was captured at both moments",
            question.threshold.as_str(),
        );
    };
    let change = match question.compared {
        Compared::Share => percent(value),
        _ if end.value < start.value => number(end.value - start.value),
        _ => format!("+{}", number(end.value - start.value)),
    };
    let observed = format!(
        "{} {} -> {}{} ({change})",
        start.figure.words(),
        number(start.value),
        number(end.value),
        end.figure.unit()
    );
    Measured::of(met, observed, question.threshold.as_str())
        .value(value)
        .quotes([start.quote(), end.quote()])
}
