//! Other explanations: ruled in, ruled out or open, with the row that decides.

use super::kills::{KillCause, KilledWorker};
use super::measure::{metric_growth, metric_readings, restarts};
use super::outcome::{Quote, RivalResult, Ruling};
use super::text::{count, number, quote_file, quote_http, quote_sample, quote_text, seconds};
use super::window::{Window, rows_within};
use crate::evidence::Bundle;
use crate::evidence::bundle::TextEvent;
use crate::evidence::criteria::{Metric, Moment, Rival, RivalId, SnapshotKind};
use crate::evidence::manifest::PhaseKind;
use crate::evidence::snapshot::SnapshotBody;

/// The shortest limit of a front end that is documented or was measured, in seconds.
const FRONT_END_SECONDS: f64 = 228.0;

/// A process that is older than this has started up.
const WARM_SECONDS: f64 = 60.0;

/// Pressure on the CPU at which it may be the bottleneck, and below which a metric is quiet: `some`
/// over 10 s in percent.
const CPU_BUSY: f64 = 50.0;
/// A rise over the baseline by which pressure on the CPU belongs to the load.
const CPU_RISE: f64 = 25.0;
const QUIET: f64 = 10.0;

/// Quick answers beside long waits that are no accident.
const QUICK_ANSWERS: usize = 3;

/// What outbound calls that fail leave in the console.
const DEPENDENCY_LINES: [&str; 8] = [
    "ConnectionRefusedError",
    "ConnectTimeout",
    "ReadTimeout",
    "Max retries exceeded",
    "OperationalError",
    "could not connect to server",
    "Temporary failure in name resolution",
    "Login failed for user",
];

/// Where in the run one looks, and what is already known.
pub(super) struct Scene<'b> {
    pub(super) bundle: &'b Bundle,
    pub(super) window: &'b Window,
    pub(super) killed: &'b [KilledWorker],
}

/// Judge one rival.
pub(super) fn rule(rival: &Rival, scene: &Scene<'_>) -> RivalResult {
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
    };
    RivalResult {
        id: rival.id,
        bearing: rival.bearing,
        ruling: decision.0,
        because: decision.1,
        quotes: decision.2,
    }
}

type Decision = (Ruling, String, Vec<Quote>);

fn ruled_in(because: impl Into<String>, quotes: Vec<Quote>) -> Decision {
    (Ruling::RuledIn, because.into(), quotes)
}

fn ruled_out(because: impl Into<String>, quotes: Vec<Quote>) -> Decision {
    (Ruling::RuledOut, because.into(), quotes)
}

fn open(because: impl Into<String>) -> Decision {
    (Ruling::Open, because.into(), Vec::new())
}

impl Scene<'_> {
    /// Console lines of the run; empty if the table is not readable or has none in the window.
    fn console(&self) -> Vec<&TextEvent> {
        let rows = &self.bundle.console.rows;
        rows.iter()
            .filter(|event| self.window.contains(event.time))
            .collect()
    }

    fn console_line(&self, any: &[&str]) -> Option<&TextEvent> {
        let rows = &self.bundle.console.rows;
        rows.iter()
            .find(|event| any.iter().any(|text| event.text.contains(text)))
    }

    fn quote_console(&self, event: &TextEvent) -> Quote {
        quote_text(self.bundle.console.file.as_deref(), event)
    }

    fn client_abort(&self) -> Decision {
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
                .map(|event| quote_http(bundle.http.file.as_deref(), event))
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

    fn front_end_limit(&self) -> Decision {
        let bundle = self.bundle;
        let cut_off = rows_within(bundle, self.window)
            .filter(|event| event.status.is_some_and(|status| status >= 500))
            .find(|event| {
                event
                    .taken_ms
                    .is_some_and(|taken| f64::from(taken) / 1000.0 >= FRONT_END_SECONDS)
            });
        if let Some(event) = cut_off {
            let quote = quote_http(bundle.http.file.as_deref(), event);
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

    /// The arbiter's `--timeout`, by the manifest or the startup command.
    fn timeout_seconds(&self) -> Option<f64> {
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

    fn worker_timeout(&self) -> Decision {
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

    /// The longest request, if every request got an answer below 500 and says how long it took.
    fn every_request_answered_within(&self) -> Option<f64> {
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

    fn out_of_memory_kill(&self) -> Decision {
        let by_memory = self
            .killed
            .iter()
            .find(|worker| worker.cause == KillCause::OutOfMemory);
        if let Some(worker) = by_memory {
            return ruled_in(
                format!("worker {}: {}", worker.pid, worker.because),
                worker.quotes.clone(),
            );
        }
        let growth = metric_growth(self.bundle, Metric::OutOfMemoryKills);
        if let Some(growth) = &growth
            && growth.amount > 0.0
        {
            let because = format!("the kernel's counter grew by {}", number(growth.amount));
            return ruled_in(because, growth.quotes.clone());
        }
        if self
            .killed
            .iter()
            .any(|worker| worker.cause == KillCause::Open)
        {
            return open("a worker was ended by SIGKILL, and who sent it is not known");
        }
        if let Some(growth) = growth {
            return ruled_out("the kernel's counter did not move", growth.quotes);
        }
        let lines = self.console();
        if lines.is_empty() {
            return open("no counter of such kills, and no console line of the run");
        }
        let because = format!(
            "no SIGKILL among {} of the run",
            count(lines.len(), "console line")
        );
        ruled_out(because, Vec::new())
    }

    fn restart(&self) -> Decision {
        let bundle = self.bundle;
        let window = self.window;
        if bundle.platform.is_readable() && window.is_known() {
            let found = restarts(bundle, window);
            if let Some((event, _)) = found.first() {
                let quote = quote_text(bundle.platform.file.as_deref(), event);
                let because = format!(
                    "{} of starts and stops within the trigger",
                    count(found.len(), "row")
                );
                return ruled_in(because, vec![quote]);
            }
        }
        if let Some((quotes, text)) = self.same_process() {
            return ruled_out(text, quotes);
        }
        let rows = bundle.platform.rows.len();
        if rows > 0 && window.is_known() {
            let because = format!(
                "none of {} lies within the trigger",
                count(rows, "platform row")
            );
            return ruled_out(because, Vec::new());
        }
        open("neither platform rows nor one process that answered before and after")
    }

    /// Statistics before and after the load of processes that started at the same time: a pool
    /// forks its workers together, so a common start means that nothing restarted in between.
    fn same_process(&self) -> Option<(Vec<Quote>, String)> {
        let start = |at| {
            self.bundle
                .snapshots_of(SnapshotKind::Stats, at)
                .find_map(|snapshot| {
                    let SnapshotBody::Stats(stats) = &snapshot.body else {
                        return None;
                    };
                    Some((snapshot, stats.pid, stats.process_start_time?))
                })
        };
        let (first, pid, begun) = start(PhaseKind::Baseline)?;
        let (last, last_pid, last_begun) =
            start(PhaseKind::Post).or_else(|| start(PhaseKind::Mid))?;
        let apart = begun.duration_since(last_begun).as_secs_f64().abs();
        let before_trigger = self
            .window
            .start
            .is_none_or(|trigger| last_begun < trigger.timestamp());
        if apart > 5.0 || !before_trigger {
            return None;
        }
        let quotes = vec![
            quote_file(&first.file, format!("pid {pid} started {begun}")),
            quote_file(&last.file, format!("pid {last_pid} started {last_begun}")),
        ];
        Some((
            quotes,
            "the processes that answered before and after started together, before the trigger"
                .to_owned(),
        ))
    }

    fn cold_start(&self) -> Decision {
        let bundle = self.bundle;
        let young = bundle.platform.rows.iter().find(|event| {
            event.text.starts_with("Site started.")
                && self.window.start.is_some_and(|start| {
                    let before = start.seconds_since(event.time);
                    before < WARM_SECONDS
                        && self
                            .window
                            .contains(event.time.plus_seconds(before.max(0.0)))
                })
        });
        if let Some(event) = young {
            let quote = quote_text(bundle.platform.file.as_deref(), event);
            return ruled_in(
                "the site started just before the trigger or within it",
                vec![quote],
            );
        }
        let oldest = bundle
            .snapshots_of(SnapshotKind::Stats, PhaseKind::Baseline)
            .find_map(|snapshot| {
                let SnapshotBody::Stats(stats) = &snapshot.body else {
                    return None;
                };
                Some((snapshot, stats.uptime_seconds?))
            });
        match oldest {
            Some((snapshot, age)) if age >= WARM_SECONDS => {
                let text = format!("uptime_seconds {age:.0}");
                ruled_out(
                    format!("the process of the baseline was {age:.0} s old"),
                    vec![quote_file(&snapshot.file, text)],
                )
            }
            Some((_, age)) => self.warm_by_answers(age),
            None => open("how old the process was at baseline is not recorded"),
        }
    }

    /// A young process is warm all the same if it answered its baseline.
    fn warm_by_answers(&self, age: f64) -> Decision {
        let health = self
            .bundle
            .snapshots_of(SnapshotKind::Health, PhaseKind::Baseline)
            .next();
        match health {
            Some(snapshot) => ruled_out(
                format!("the process was {age:.0} s old and answered its baseline"),
                vec![quote_file(&snapshot.file, "answered")],
            ),
            None => open(format!(
                "the process of the baseline was only {age:.0} s old"
            )),
        }
    }

    fn cpu_saturation(&self) -> Decision {
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
        let quote = quote_file(&cpu.file, format!("{} {} %", cpu.source, number(cpu.value)));
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

    /// Some answers of a route within a hundredth of the time after which others gave up.
    fn waits_beside_quick_answers(&self) -> Option<String> {
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

    fn dependency(&self) -> Decision {
        if let Some(line) = self.console_line(&DEPENDENCY_LINES) {
            let quote = self.quote_console(line);
            return ruled_in("an outbound call failed", vec![quote]);
        }
        let lines = self.console();
        if lines.is_empty() {
            return open("no console line of the run");
        }
        let because = format!(
            "no failed outbound call among {}",
            count(lines.len(), "console line")
        );
        ruled_out(because, Vec::new())
    }

    fn wrong_command(&self) -> Decision {
        let failure = [
            "No module named",
            "App failed to load.",
            "Failed to find attribute",
        ];
        if let Some(line) = self.console_line(&failure) {
            let quote = self.quote_console(line);
            return ruled_in("the application could not be imported", vec![quote]);
        }
        let answered = self
            .bundle
            .snapshots_of(SnapshotKind::Health, PhaseKind::Baseline)
            .next();
        match answered {
            Some(snapshot) => ruled_out(
                "the target answered its baseline with the command that it has",
                vec![quote_file(&snapshot.file, "answered")],
            ),
            None => open("neither an import failure nor an answer at baseline"),
        }
    }

    fn wrong_port(&self) -> Decision {
        let listening: Vec<&TextEvent> = self
            .bundle
            .console
            .rows
            .iter()
            .filter(|event| event.text.contains("Listening at:"))
            .collect();
        let local = listening
            .iter()
            .find(|event| event.text.contains("127.0.0.1") || event.text.contains("[::1]"));
        // A target on this machine is reached through its loopback address.
        let remote = self.bundle.manifest.as_ref().is_none_or(|manifest| {
            !manifest
                .target
                .as_deref()
                .is_some_and(|target| target.contains("127.0.0.1") || target.contains("localhost"))
        });
        if let Some(event) = local.filter(|_| remote) {
            let quote = self.quote_console(event);
            return ruled_in(
                "the application listens on the loopback address only",
                vec![quote],
            );
        }
        if let Some(event) = listening.first() {
            let quote = self.quote_console(event);
            return ruled_out("it listens where the platform looks", vec![quote]);
        }
        let answered = self
            .bundle
            .trigger_samples()
            .find(|(_, sample)| sample.status.code() == 200);
        match answered {
            Some((set, sample)) => ruled_out("the target answers", vec![quote_sample(set, sample)]),
            None => open("no `Listening at:` in the console, and no answer"),
        }
    }
}
