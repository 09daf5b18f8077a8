//! Evidence that meets a measure, and evidence that does not.
//!
//! It comes out of the measure itself, so that a scenario that is added is tried without a line here.

use std::sync::Arc;

use labrat::evidence::Bundle;
use labrat::evidence::bundle::{
    CommandCapture, FileNote, FileState, HttpEvent, SampleSet, TextEvent,
};
use labrat::evidence::criteria::{
    FigureChange, Groups, Measure, Metric, Moment, Presence, Process, Requests, ScenarioRules,
    SettingState, SnapshotKind, Statuses, Tail,
};
use labrat::evidence::manifest::{EventKind, PhaseKind};
use labrat::evidence::sample::Sample;
use labrat::evidence::snapshot::{Snapshot, SnapshotBody, parse};
use serde_json::{Value, json};

use super::builder::{Builder, answered, at, gave_up, log_time};

/// A run of nothing: its clock, its load from second 20 to 150, and no observation.
pub fn nothing(rules: &ScenarioRules) -> Bundle {
    let mut bundle = Bundle::empty("mutated");
    bundle.manifest = Builder::new(&rules.name).manifest;
    bundle
}

/// What is evidence of one measure.
pub struct Evidence<'r> {
    rules: &'r ScenarioRules,
    pub bundle: Bundle,
    /// What /ready says so far.
    ready: Value,
}

impl<'r> Evidence<'r> {
    /// What this bundle has, to begin with.
    pub fn over(rules: &'r ScenarioRules, bundle: Bundle) -> Evidence<'r> {
        Evidence {
            rules,
            bundle,
            ready: json!({}),
        }
    }

    fn route(&self, role: Option<&str>) -> String {
        let roles = &self.rules.roles;
        let role = role.unwrap_or_else(|| roles.keys().next().unwrap());
        roles[role].clone()
    }

    fn push(&mut self, kind: PhaseKind, samples: Vec<Sample>) {
        let phase = format!("phase-{}", self.bundle.samples.len());
        self.bundle.samples.push(SampleSet {
            file: format!("trigger/samples-{phase}.csv"),
            phase,
            kind,
            script_started: None,
            samples,
        });
    }

    /// Requests of every role that nobody counts, so that no role lacks samples.
    fn every_role(&mut self, status: u16) {
        for route in self.rules.roles.values().cloned().collect::<Vec<_>>() {
            self.push(
                PhaseKind::Trigger,
                vec![answered(1, &route, 30.0, status, 0.01, 60.0)],
            );
        }
    }

    fn console(&mut self, second: f64, text: &str) {
        text_row(&mut self.bundle.console, "console", second, text);
    }

    fn platform(&mut self, second: f64, text: &str) {
        text_row(&mut self.bundle.platform, "platform", second, text);
    }

    fn snapshot(&mut self, kind: SnapshotKind, phase: PhaseKind, body: &Value) {
        let body = parse(kind, body.to_string().as_bytes()).unwrap();
        self.bundle.snapshots.push(Snapshot {
            file: format!("{}/{}.json", phase.word(), self.bundle.snapshots.len()),
            at: phase,
            slot: matches!(body, SnapshotBody::Config(_) | SnapshotBody::Slots(_))
                .then(|| "production".to_owned()),
            taken: None,
            body,
        });
    }

    fn stats(&mut self, phase: PhaseKind, pid: u32, blocks: u64, calls: u64, started: f64) {
        let body = json!({
            "pid": pid, "process_start_time": at(started).to_string(), "uptime_seconds": 5.0,
            "request_count": 1, "leak_block_count": blocks,
            "outbound": {"calls": calls, "connections_opened": calls},
        });
        self.snapshot(SnapshotKind::Stats, phase, &body);
    }

    /// Make the measure met, or not met.
    pub fn make(&mut self, measure: &Measure, met: bool) {
        match measure {
            Measure::All(parts) if met => parts.iter().for_each(|part| self.make(part, true)),
            Measure::All(parts) | Measure::First(parts) => self.make(&parts[0], met),
            Measure::Any(parts) if met => self.make(&parts[0], true),
            Measure::Any(parts) => parts.iter().for_each(|part| self.make(part, false)),
            Measure::Not(part) => self.make(part, !met),
            Measure::Requests(requests) => self.requests(requests, met),
            Measure::Tail(tail) => self.tail(tail, met),
            Measure::Groups(groups) => self.groups(groups, met),
            Measure::Figure(figure) => self.change(figure, met),
            Measure::PerRequest(each) => {
                let route = self.route(Some(&each.role));
                self.push(
                    PhaseKind::Trigger,
                    vec![answered(1, &route, 30.0, 200, 0.1, 60.0)],
                );
                self.stats(PhaseKind::Baseline, 11, 0, 0, -600.0);
                self.stats(PhaseKind::Post, 11, 0, if met { 100 } else { 0 }, -600.0);
            }
            Measure::PoolFull(_) => {
                let waiting = if met { 7 } else { 0 };
                let body = json!({
                    "accept_queues": [{"waiting": waiting}],
                    "workers": [{"pid": 11, "state": "busy"}],
                });
                self.snapshot(SnapshotKind::Workers, PhaseKind::Trigger, &body);
            }
            Measure::Console(lines) => {
                let text = if met {
                    witness(&lines.matches)
                } else {
                    "nothing".to_owned()
                };
                (0..lines.at_least).for_each(|_| self.console(30.0, &text));
            }
            Measure::Platform(lines) => {
                let text = if met {
                    witness(&lines.matches)
                } else {
                    "nothing".to_owned()
                };
                (0..lines.at_least).for_each(|_| self.platform(30.0, &text));
            }
            Measure::Restart(_) => {
                self.platform(30.0, if met { "Site started." } else { "nothing" });
            }
            Measure::Command(command) => self.command(command, met),
            Measure::Ready(ready) => {
                let ok = ready.ok == met;
                let word = ready.words.first().cloned().unwrap_or_default();
                self.ready[&ready.check] = json!({"ok": ok, "error": word});
                let body = json!({"checks": self.ready});
                self.snapshot(SnapshotKind::Ready, ready.at, &body);
            }
            Measure::Snapshot(presence) if met => match presence.of {
                SnapshotKind::Health => {
                    self.snapshot(presence.of, presence.at, &json!({"status": "healthy"}));
                }
                _ => self.stats(presence.at, 11, 0, 0, -600.0),
            },
            Measure::Snapshot(presence) => self.no_snapshot(presence),
            Measure::Process(process) => self.process(process, met),
            Measure::Event(done) => self.event(done.kind, met),
            Measure::Setting(setting) => self.setting(setting, met),
        }
    }

    fn tail(&mut self, tail: &Tail, met: bool) {
        let wide = tail.times_at_least.is_some() == met;
        let route = self.route(Some(&tail.role));
        let long = |index: u32| if wide && index > 40 { 50.0 } else { 0.5 };
        let samples = (1..=50).map(|n| answered(n, &route, 30.0, 200, long(n), 60.0));
        self.push(PhaseKind::Trigger, samples.collect());
    }

    fn groups(&mut self, groups: &Groups, met: bool) {
        let route = self.route(Some(&groups.role));
        let samples = (1..=10).map(|n| match (n <= 5, met) {
            (true, true) => gave_up(n, &route, 30.0, 15.0),
            (_, true) => answered(n, &route, 30.0, 200, 0.01, 15.0),
            (_, false) => answered(n, &route, 30.0, 200, 10.0, 15.0),
        });
        self.push(PhaseKind::Trigger, samples.collect());
    }

    fn change(&mut self, figure: &FigureChange, met: bool) {
        let (small, large) = (0.0, 5_000_000.0);
        let (before, after) = match () {
            () if figure.at_least.is_some() || figure.grows_at_least.is_some() => {
                (small, if met { large } else { small })
            }
            () if figure.below.is_some() || figure.grows_less_than.is_some() => {
                (small, if met { small } else { large })
            }
            () if figure.ratio_at_most.is_some() || figure.falls_at_least.is_some() => {
                (large, if met { small } else { large })
            }
            () => (large, if met { large } else { small }),
        };
        self.figure(figure.of, figure.from, before);
        self.figure(figure.of, figure.at, after);
    }

    fn no_snapshot(&mut self, presence: &Presence) {
        let folder = match presence.at {
            PhaseKind::Post => "post",
            _ => "baseline",
        };
        let name = presence.of.path().trim_start_matches('/').replace('/', "-");
        self.bundle.files.push(FileNote {
            path: format!("{folder}/{name}.json"),
            state: FileState::Unreadable {
                reason: "not JSON".to_owned(),
            },
            taken_for: None,
            help: None,
            notes: Vec::new(),
            digest: None,
        });
    }

    fn process(&mut self, process: &Process, met: bool) {
        if let Some(kind) = process.younger_than {
            self.event(kind, true);
            let started = if met { 100.0 } else { -600.0 };
            self.stats(PhaseKind::Post, 12, 0, 0, started);
        }
        if let Some(phase) = process.replaced_with_few_blocks {
            self.stats(PhaseKind::Baseline, 11, 9, 0, -600.0);
            // A quarter of 27, rounded down, is the most that a fresh one may hold.
            self.stats(phase, 11, 27, 0, -600.0);
            self.stats(phase, 12, if met { 6 } else { 7 }, 0, -600.0);
        }
    }

    fn setting(&mut self, setting: &SettingState, met: bool) {
        if let Some(sticky) = setting.sticky {
            let manifest = self.bundle.manifest.as_mut().unwrap();
            manifest
                .topology
                .settings
                .push(labrat::evidence::manifest::Setting {
                    name: setting.name.clone(),
                    value: "<redacted>".to_owned(),
                    slot: Some("production".to_owned()),
                    sticky: Some(sticky == met),
                    reference: None,
                });
        }
        if let Some(resolved) = setting.resolved {
            let manifest = self.bundle.manifest.as_mut().unwrap();
            let word = match resolved == met {
                true => "Resolved",
                false => "SecretNotFound",
            };
            manifest
                .topology
                .settings
                .push(labrat::evidence::manifest::Setting {
                    name: setting.name.clone(),
                    value: "<redacted>".to_owned(),
                    slot: Some(setting.slot.clone()),
                    sticky: None,
                    reference: Some(word.to_owned()),
                });
        }
        if let Some(changed) = setting.changed {
            let after = if changed == met { "two" } else { "one" };
            let (before, after) = (json!({&setting.name: "one"}), json!({&setting.name: after}));
            self.snapshot(SnapshotKind::Config, PhaseKind::Baseline, &before);
            self.snapshot(SnapshotKind::Config, PhaseKind::Post, &after);
        }
        if let Some(matches) = setting.matches_expected {
            let body = json!({"expected_vs_actual": {"matches": matches == met}});
            self.snapshot(SnapshotKind::Slots, PhaseKind::Post, &body);
        }
    }

    fn event(&mut self, kind: EventKind, succeeded: bool) {
        let manifest = self.bundle.manifest.as_mut().unwrap();
        manifest.events.push(labrat::evidence::manifest::Event {
            at: at(60.0),
            kind,
            detail: String::new(),
            status: None,
            succeeded: Some(succeeded),
        });
    }

    fn command(&mut self, command: &labrat::evidence::criteria::Command, met: bool) {
        for capture in &self.rules.captures {
            let line = witness(&capture.console).replace("captured", "shop");
            if !self
                .bundle
                .console
                .rows
                .iter()
                .any(|row| row.text.contains("shop"))
            {
                self.console(30.0, &line);
            }
        }
        let text = match (
            command.binds_in_reach,
            command.workers_at_least,
            &command.matches,
        ) {
            (Some(reach), ..) if reach == met => "gunicorn --bind=0.0.0.0:8000 app:app".to_owned(),
            (Some(_), ..) => "gunicorn --bind=127.0.0.1:8000 app:app".to_owned(),
            (None, Some(least), _) => {
                format!("gunicorn --workers={} app:app", if met { least } else { 1 })
            }
            (None, None, Some(pattern)) if met => {
                let word = match pattern.as_str() {
                    "{module}" => "shop".to_owned(),
                    pattern if pattern.contains(':') => "other:app".to_owned(),
                    pattern => witness(pattern),
                };
                format!("gunicorn {word}")
            }
            (None, None, Some(pattern)) if pattern.contains(':') => "gunicorn".to_owned(),
            _ => "gunicorn other:app".to_owned(),
        };
        let known = self
            .bundle
            .commands
            .iter()
            .any(|one| one.moment == command.moment);
        if !known {
            self.bundle.commands.push(CommandCapture {
                moment: command.moment,
                text,
                file: "startup-command.txt".to_owned(),
            });
        }
    }

    fn figure(&mut self, metric: Metric, phase: PhaseKind, value: f64) {
        let number = value as u64;
        match metric {
            Metric::LeakBlocks => return self.stats(phase, 11, number, 0, -600.0),
            Metric::AcceptQueue => return,
            _ => {}
        }
        let pressure = format!("some avg10={number}.0");
        let mut body = json!({"meminfo": {}, "vmstat": {}});
        match metric {
            Metric::MemoryHeadroom => body["meminfo"]["MemAvailable"] = json!(number),
            Metric::SwapFree => body["meminfo"]["SwapFree"] = json!(number),
            Metric::Reclaim => body["vmstat"]["pgscan_direct"] = json!(number),
            Metric::AllocationStalls => body["vmstat"]["allocstall_normal"] = json!(number),
            Metric::SwapTraffic => body["vmstat"]["pswpin"] = json!(number),
            Metric::OutOfMemoryKills => body["vmstat"]["oom_kill"] = json!(number),
            Metric::MemoryPressure => body["pressure_memory"] = json!(pressure),
            Metric::CpuPressure => body["cpu_pressure"] = json!(pressure),
            Metric::LeakBlocks | Metric::AcceptQueue => {}
        }
        self.snapshot(SnapshotKind::Proc, phase, &body);
    }

    fn requests(&mut self, wanted: &Requests, met: bool) {
        let route = match &wanted.path {
            Some(path) => path.clone(),
            None => self.route(wanted.role.as_deref()),
        };
        let kind = match wanted.moment {
            Some(Moment::After) => PhaseKind::Recovery,
            _ => PhaseKind::Trigger,
        };
        let statuses = wanted.status.unwrap_or(Statuses::Class(2));
        let good = (200..600).find(|code| statuses.contains(*code)).unwrap();
        let bad = [200, 404]
            .into_iter()
            .find(|code| !statuses.contains(*code))
            .unwrap();
        let counted = wanted.at_least.unwrap_or(20).max(1);
        let plain = wanted.status.is_none() && wanted.within_seconds.is_none();
        let limit = wanted.longer_seconds.unwrap_or(0.1);
        // A share below a threshold is met by those that do not count.
        let counts = met == wanted.share_below.is_none();
        if wanted.role.is_none() && wanted.path.is_none() {
            self.every_role(if counts && !wanted.gave_up { good } else { bad });
        }
        let many = match plain && !wanted.gave_up && wanted.longer_seconds.is_none() && !met {
            true => counted - 1,
            false => counted,
        };
        let seconds = match (wanted.longer_seconds, wanted.within_seconds, counts) {
            (Some(long), _, true) => long + 1.0,
            (Some(_), _, false) => limit / 10.0,
            (None, Some(within), true) => within / 10.0,
            (None, Some(within), false) => within + 1.0,
            _ => 0.1,
        };
        let code = if counts || wanted.longer_seconds.is_some() && plain {
            good
        } else {
            bad
        };
        let samples = (1..=many.max(1)).map(|n| match wanted.gave_up && counts {
            true => gave_up(n, &route, 30.0, 15.0),
            false => answered(
                n,
                &route,
                30.0,
                if wanted.gave_up { 200 } else { code },
                seconds,
                60.0,
            ),
        });
        let samples: Vec<Sample> = samples.collect();
        if wanted.path.is_some() {
            self.bundle.http.files = vec!["tables/http.jsonl".to_owned()];
            self.bundle.http.rows.push(HttpEvent {
                file: 0,
                time: log_time(30.0),
                row: 1,
                status: Some(code),
                taken_ms: Some(10),
                method: None,
                route: Arc::from(route.as_str()),
                host: None,
                lacked_descriptor: false,
            });
            return;
        }
        self.push(kind, samples);
    }
}

fn text_row(
    table: &mut labrat::evidence::bundle::Table<TextEvent>,
    name: &str,
    second: f64,
    text: &str,
) {
    table.files = vec![format!("tables/{name}.jsonl")];
    table.rows.push(TextEvent {
        file: 0,
        time: log_time(second),
        row: 1,
        level: None,
        text: text.into(),
    });
}

/// A text that the first way of a pattern matches.
fn witness(pattern: &str) -> String {
    let first = pattern.split('|').next().unwrap().trim_start_matches('^');
    first.replace(r"([\w.]+)", "captured").replace('\\', "")
}
