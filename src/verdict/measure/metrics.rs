//! Series that snapshots carry.
//!
//! One metric may have several figures: the machine's counters, and those of a cgroup that limits the
//! target. What says that something happened is met by any figure; what says that nothing happened
//! must hold for every one. In a memory box only those of the box
//! count.

use super::Measured;
use crate::evidence::Bundle;
use crate::evidence::criteria::{FigureChange, Metric};
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

/// Readings that count: in a memory box only those of the box, for the machine around a cgroup moves
/// for the sake of everything else that runs there, and in a virtual machine there is none around.
fn counting(bundle: &Bundle, metric: Metric, at: PhaseKind) -> Vec<Reading> {
    let topology = bundle.manifest.as_ref().map(|manifest| &manifest.topology);
    let kind = topology.and_then(|topology| Some(topology.memory_box.as_ref()?.kind));
    let mut found = readings(bundle, metric, at);
    found.retain(|reading| match kind {
        None => true,
        Some(kind) => reading.figure.counts_in(kind),
    });
    found
}

/// Measure a figure.
pub(super) fn measure(bundle: &Bundle, wanted: &FigureChange) -> Measured {
    let (of, from, at) = (wanted.of, wanted.from, wanted.at);
    if let Some(amount) = wanted.at_least {
        return single(bundle, of, at, amount, true);
    }
    if let Some(amount) = wanted.below {
        return single(bundle, of, at, amount, false);
    }
    let ask = |threshold: String, compared: Compared, any: bool, meets: &dyn Fn(f64) -> bool| {
        let question = Question {
            threshold,
            compared,
            any,
        };
        pair(bundle, of, from, at, &question, meets)
    };
    let share =
        |words: &str, ratio: f64| format!("{words} {} of the {}", percent(ratio), from.word());
    if let Some(ratio) = wanted.ratio_at_most {
        return ask(share("at most", ratio), Compared::Share, true, &|value| {
            value <= ratio
        });
    }
    if let Some(ratio) = wanted.ratio_above {
        return ask(
            share("more than", ratio),
            Compared::Share,
            false,
            &|value| value > ratio,
        );
    }
    if let Some(amount) = wanted.grows_at_least {
        let threshold = format!("grows by at least {}", number(amount));
        return ask(threshold, Compared::Growth, true, &|value| value >= amount);
    }
    if let Some(amount) = wanted.grows_less_than {
        let threshold = format!("grows by less than {}", number(amount));
        return ask(threshold, Compared::Growth, false, &|value| value < amount);
    }
    let amount = wanted.falls_at_least.unwrap_or(0.0);
    let threshold = format!("falls by at least {}", number(amount));
    ask(threshold, Compared::Fall, true, &|value| value >= amount)
}

fn single(bundle: &Bundle, metric: Metric, at: PhaseKind, amount: f64, reaches: bool) -> Measured {
    let threshold = match reaches {
        true => format!("at least {}", number(amount)),
        false => format!("below {}", number(amount)),
    };
    let found = counting(bundle, metric, at);
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
    Measured::of((highest.value >= amount) == reaches, observed, threshold)
        .value(highest.value)
        .quotes([highest.quote()])
}

fn pair(
    bundle: &Bundle,
    metric: Metric,
    from: PhaseKind,
    to: PhaseKind,
    question: &Question,
    meets: &dyn Fn(f64) -> bool,
) -> Measured {
    let before = counting(bundle, metric, from);
    let after = counting(bundle, metric, to);
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
