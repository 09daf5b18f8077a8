//! Rivals that the requests themselves tell of.

use super::{Decision, Scene, open, ruled_in, ruled_out};
use crate::evidence::criteria::{Metric, Moment};
use crate::evidence::manifest::PhaseKind;
use crate::verdict::measure::metric_readings;
use crate::verdict::quote::{quote_file, quote_http, quote_sample};
use crate::verdict::text::{count, number, seconds};
use crate::verdict::window::rows_within;

/// The shortest limit of a front end that is documented or was measured, in seconds.
const FRONT_END_SECONDS: f64 = 228.0;

/// Pressure on the CPU at which it may be the bottleneck: `some` over 10 s in percent.
const CPU_BUSY: f64 = 50.0;

/// Pressure below which CPU or memory is no bottleneck.
const QUIET: f64 = 10.0;

/// A rise over the baseline by which pressure on the CPU belongs to the load.
const CPU_RISE: f64 = 25.0;

/// Quick answers beside long waits that are no accident.
const QUICK_ANSWERS: usize = 3;

impl Scene<'_> {
    pub(super) fn client_abort(&self) -> Decision {
        let bundle = self.bundle;
        let rows: Vec<_> = rows_within(bundle, self.window).collect();
        let aborted: Vec<_> = rows
            .iter()
            .filter(|event| event.status == Some(499))
            .collect();
        let samples: Vec<_> = bundle.trigger_samples().collect();
        let gave_up: Vec<_> = samples
            .iter()
            .filter(|(_, sample)| sample.gave_up())
            .collect();
        if !aborted.is_empty() || !gave_up.is_empty() {
            let mut because = match bundle.http.is_readable() {
                true => format!("{} with 499 in the HTTP table", count(aborted.len(), "row")),
                false => "no HTTP table to compare with".to_owned(),
            };
            if !samples.is_empty() {
                let clients = count(samples.len(), "client");
                because = format!("{} of {clients} gave up; {because}", gave_up.len());
            }
            let quotes = aborted
                .first()
                .map(|event| quote_http(&bundle.http, event))
                .into_iter()
                .chain(
                    gave_up
                        .first()
                        .map(|(set, sample)| quote_sample(set, sample)),
                );
            return ruled_in(because, quotes.collect());
        }
        if samples.is_empty() && rows.is_empty() {
            return open("no request is recorded");
        }
        if samples.iter().any(|(_, sample)| sample.status.is_none()) {
            return open("some requests have no answer, and why is not recorded");
        }
        let because = format!(
            "none among {} and {} of the HTTP table",
            count(samples.len(), "sample"),
            count(rows.len(), "row")
        );
        ruled_out(because, Vec::new())
    }

    pub(super) fn front_end_limit(&self) -> Decision {
        let bundle = self.bundle;
        let cut_off = rows_within(bundle, self.window)
            .filter(|event| event.status.is_some_and(|status| status >= 500))
            .find(|event| {
                event
                    .taken_ms
                    .is_some_and(|taken| f64::from(taken) / 1000.0 >= FRONT_END_SECONDS)
            });
        if let Some(event) = cut_off {
            let quote = quote_http(&bundle.http, event);
            return ruled_in(
                "a request failed when the front end's limit had passed",
                vec![quote],
            );
        }
        let samples = || {
            bundle
                .trigger_samples()
                .filter_map(|(_, sample)| sample.total_seconds)
        };
        let rows = || rows_within(bundle, self.window).filter_map(|event| event.taken_ms);
        let longest = samples()
            .chain(rows().map(|taken| f64::from(taken) / 1000.0))
            .fold(None, |longest: Option<f64>, value| {
                Some(longest.map_or(value, |longest| longest.max(value)))
            });
        match longest {
            None => open("no duration is recorded"),
            Some(longest) if longest < FRONT_END_SECONDS => ruled_out(
                format!("the longest request took {}", seconds(longest)),
                Vec::new(),
            ),
            Some(longest) => open(format!(
                "a request took {}, and did not fail with 5xx",
                seconds(longest)
            )),
        }
    }

    pub(super) fn timeout_seconds(&self) -> Option<f64> {
        let manifest = self.bundle.manifest.as_ref();
        let by_manifest = manifest.and_then(|manifest| manifest.topology.timeout_seconds);
        by_manifest.or_else(|| {
            let command = &self.bundle.command(Moment::Before)?.text;
            let mut words = command.split_whitespace();
            while let Some(word) = words.next() {
                if let Some(value) = word.strip_prefix("--timeout=") {
                    return value.parse().ok();
                }
                if word == "--timeout" || word == "-t" {
                    return words.next()?.parse().ok();
                }
            }
            None
        })
    }

    pub(super) fn worker_timeout(&self) -> Decision {
        if let Some(line) = self.console_line(&["WORKER TIMEOUT"]) {
            let quote = self.quote_console(line);
            return ruled_in("the arbiter says so", vec![quote]);
        }
        let lines = self.console();
        if !lines.is_empty() {
            let because = format!(
                "none among {} of the run",
                count(lines.len(), "console line")
            );
            return ruled_out(because, Vec::new());
        }
        let answered = self.every_request_answered_within();
        match (self.timeout_seconds(), answered) {
            (Some(limit), Some(longest)) if longest < limit => ruled_out(
                format!(
                    "every request was answered, the slowest in {}, and the timeout is {}",
                    seconds(longest),
                    seconds(limit)
                ),
                Vec::new(),
            ),
            _ => open("no console line of the run"),
        }
    }

    pub(super) fn every_request_answered_within(&self) -> Option<f64> {
        let mut longest: Option<f64> = None;
        for (_, sample) in self.bundle.trigger_samples() {
            if sample.status.is_none() || sample.status.code() >= 500 {
                return None;
            }
            let total = sample.total_seconds?;
            longest = Some(longest.map_or(total, |longest| longest.max(total)));
        }
        longest
    }

    pub(super) fn cpu_saturation(&self) -> Decision {
        let highest_of = |metric, stages: &[PhaseKind]| {
            let readings = stages
                .iter()
                .flat_map(|at| metric_readings(self.bundle, metric, *at));
            readings.max_by(|one, other| one.value.total_cmp(&other.value))
        };
        let loaded = |metric| {
            highest_of(metric, &[PhaseKind::Mid, PhaseKind::Trigger])
                .or_else(|| highest_of(metric, &[PhaseKind::Post]))
        };
        let Some(cpu) = loaded(Metric::CpuPressure) else {
            return open("pressure on the CPU is not recorded");
        };
        let quote = quote_file(
            &cpu.file,
            format!("{} {} %", cpu.figure.words(), number(cpu.value)),
        );
        if cpu.value < QUIET {
            let because = format!("pressure on the CPU at most {} %", number(cpu.value));
            return ruled_out(because, vec![quote]);
        }
        let memory = loaded(Metric::MemoryPressure).map(|memory| memory.value);
        if let Some(memory) = memory.filter(|memory| *memory >= cpu.value) {
            let because = format!(
                "pressure on memory {} % exceeds that on the CPU {} %",
                number(memory),
                number(cpu.value)
            );
            return ruled_out(because, vec![quote]);
        }
        let before = highest_of(Metric::CpuPressure, &[PhaseKind::Baseline]);
        if let Some(before) = before.filter(|before| cpu.value - before.value < CPU_RISE) {
            return open(format!(
                "pressure on the CPU {} %, and {} % already at baseline: other work on the machine",
                number(cpu.value),
                number(before.value)
            ));
        }
        if let Some(quick) = self.waits_beside_quick_answers() {
            return open(format!(
                "pressure on the CPU {} %, but {quick}: a lack of processor time slows all alike",
                number(cpu.value)
            ));
        }
        match memory {
            Some(memory) if memory < QUIET && cpu.value >= CPU_BUSY => ruled_in(
                format!(
                    "pressure on the CPU {} %, on memory {} %",
                    number(cpu.value),
                    number(memory)
                ),
                vec![quote],
            ),
            _ => open(format!("pressure on the CPU {} %", number(cpu.value))),
        }
    }

    pub(super) fn waits_beside_quick_answers(&self) -> Option<String> {
        let samples = || self.bundle.trigger_samples().map(|(_, sample)| sample);
        let given_up = samples().find(|sample| sample.gave_up())?;
        let of_route = || samples().filter(|sample| sample.path() == given_up.path());
        let limit = given_up.total_seconds?;
        let quick = of_route()
            .filter(|sample| !sample.status.is_none())
            .filter(|sample| {
                sample
                    .total_seconds
                    .is_some_and(|total| total <= limit / 100.0)
            })
            .count();
        let left = of_route().filter(|sample| sample.gave_up()).count();
        (quick >= QUICK_ANSWERS).then(|| {
            let route = given_up.path();
            format!(
                "{quick} answers of {route} took less than {} while {left} gave up",
                seconds(limit / 100.0)
            )
        })
    }
}
