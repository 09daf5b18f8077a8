//! The arbiter's decisions: a state machine over workers, signals and time.
//!
//! Nothing here forks, kills, sleeps or reads a clock. Times are durations since the arbiter
//! started. The rules are those of Gunicorn's arbiter loop.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::actions::{APP_LOAD_ERROR, Action, KillReason, WORKER_BOOT_ERROR};
use super::backoff::Backoff;
use super::exits::{exit_actions, exit_reason, log_exit, short_name};
use crate::machine::child::Ending;
use crate::serve::console::LogEvent;
use crate::serve::settings::MOST_WORKERS;

/// Time between `SIGABRT` and `SIGKILL` for a silent worker: one pass of Gunicorn's loop.
const ABORT_GRACE: Duration = Duration::from_secs(1);
/// What a quick shutdown leaves the workers.
const QUICK_GRACE: Duration = Duration::from_secs(2);
/// Longest pause between two passes.
const PASS: Duration = Duration::from_secs(1);
/// Pause between two looks at stopping workers.
const STOP_PASS: Duration = Duration::from_millis(100);
/// A worker that ends sooner than this and has served nobody has failed to start.
const FAILED_START: Duration = Duration::from_secs(1);

/// A living worker.
#[derive(Debug, Clone)]
struct WorkerEntry {
    age: u64,
    slot: usize,
    born: Duration,
    asked_to_stop: bool,
    aborted: Option<Duration>,
    killed: Option<KillReason>,
}

/// What the arbiter is doing with its workers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// Workers are replaced as they die.
    Running,
    /// After `HUP`: nobody is replaced or timed out until the old workers are gone.
    Reloading {
        last_old_age: u64,
        deadline: Duration,
    },
    /// After `TERM`, while everybody learns that the pool is not ready any more: else as when
    /// running.
    Draining { until: Duration },
    /// No way back.
    Stopping {
        deadline: Duration,
        quick: bool,
        reason: Option<(&'static str, u8)>,
    },
}

/// What the arbiter knows of its workers.
#[derive(Debug)]
pub struct WorkerTable {
    entries: BTreeMap<i32, WorkerEntry>,
    configured: usize,
    target: usize,
    next_age: u64,
    timeout: Duration,
    graceful_timeout: Duration,
    drain_pause: Duration,
    phase: Phase,
    /// Holds back replacements of workers that fail to start.
    backoff: Backoff,
    /// Signals that came during a reload, in their order.
    waiting_signals: VecDeque<Signal>,
    /// Workers forked, reloads: for `ctl show stats`.
    spawned: u64,
    reloads: u64,
}

impl WorkerTable {
    /// A table that wants `workers` workers. A zero `timeout` switches the heartbeat check off.
    pub fn new(workers: usize, timeout: Duration, graceful_timeout: Duration) -> Self {
        Self {
            entries: BTreeMap::new(),
            configured: workers,
            target: workers,
            next_age: 1,
            timeout,
            graceful_timeout,
            drain_pause: Duration::ZERO,
            phase: Phase::Running,
            backoff: Backoff::default(),
            waiting_signals: VecDeque::new(),
            spawned: 0,
            reloads: 0,
        }
    }

    /// The same with a pause between `TERM` and the closing of the listeners.
    #[must_use]
    pub fn draining_for(mut self, pause: Duration) -> Self {
        self.drain_pause = pause;
        self
    }

    /// Number of workers wanted now.
    pub fn target(&self) -> usize {
        self.target
    }

    /// Number of workers alive.
    pub fn alive(&self) -> usize {
        self.entries.len()
    }

    /// Workers forked so far.
    pub fn spawned(&self) -> u64 {
        self.spawned
    }

    /// Reloads so far.
    pub fn reloads(&self) -> u64 {
        self.reloads
    }

    /// Whether this process is one of the workers.
    pub fn has(&self, pid: i32) -> bool {
        self.entries.contains_key(&pid)
    }

    /// Pids of all workers.
    pub fn pids(&self) -> Vec<i32> {
        self.entries.keys().copied().collect()
    }

    /// A slot that nobody holds, out of `slots`.
    pub fn free_slot(&self, slots: usize) -> Option<usize> {
        (0..slots).find(|slot| self.entries.values().all(|entry| entry.slot != *slot))
    }

    /// How long the arbiter may wait for something to happen.
    pub fn pause(&self, now: Duration) -> Duration {
        match self.phase {
            Phase::Running => match self.backoff.wait(now) {
                Duration::ZERO => PASS,
                pause => pause.min(PASS),
            },
            Phase::Reloading { .. } | Phase::Draining { .. } | Phase::Stopping { .. } => STOP_PASS,
        }
    }

    /// A worker was forked, as ordered.
    pub fn on_spawn(&mut self, pid: i32, age: u64, slot: usize, now: Duration) {
        self.spawned += 1;
        self.entries.insert(
            pid,
            WorkerEntry {
                age,
                slot,
                born: now,
                asked_to_stop: false,
                aborted: None,
                killed: None,
            },
        );
    }

    /// A worker could not be forked: the next try waits.
    pub fn on_failed_spawn(&mut self, now: Duration) {
        self.backoff.fail(now);
    }

    /// A signal arrived.
    pub fn on_signal(&mut self, signal: Signal, now: Duration) -> Vec<Action> {
        if signal == Signal::SIGCHLD {
            return Vec::new();
        }
        match &self.phase {
            Phase::Stopping { quick, .. } => {
                let impatient = matches!(signal, Signal::SIGINT | Signal::SIGQUIT) && !quick;
                if impatient {
                    self.quick_stop(now)
                } else {
                    Vec::new()
                }
            }
            Phase::Reloading { .. }
                if !matches!(signal, Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT) =>
            {
                self.waiting_signals.push_back(signal);
                Vec::new()
            }
            _ => self.act_on(signal, now),
        }
    }

    /// The next signal that waited for the end of a reload; to be acted on when all that was
    /// ordered before is done, because a worker that is only ordered is not known yet.
    pub fn next_waiting_signal(&mut self) -> Option<Signal> {
        match self.phase {
            Phase::Reloading { .. } => None,
            _ => self.waiting_signals.pop_front(),
        }
    }

    fn act_on(&mut self, signal: Signal, now: Duration) -> Vec<Action> {
        let mut actions = vec![Action::Log(LogEvent::HandlingSignal {
            signal: short_name(signal),
        })];
        match signal {
            Signal::SIGTERM => actions.extend(self.drain(now)),
            Signal::SIGINT | Signal::SIGQUIT => actions.extend(self.stop(now, true, None)),
            Signal::SIGHUP => actions.extend(self.reload(now)),
            Signal::SIGTTIN => actions.extend(self.change_target(self.target + 1, now)),
            Signal::SIGTTOU if self.target > 1 => {
                actions.extend(self.change_target(self.target - 1, now));
            }
            Signal::SIGUSR1 => {
                actions.push(Action::ReopenLogs);
                actions.extend(self.signal_all(Signal::SIGUSR1));
            }
            Signal::SIGUSR2 => actions.push(Action::Log(LogEvent::ReexecNotOffered {})),
            _ => {}
        }
        actions
    }

    /// Want this many workers from now on, unless that is more than a pool can have.
    pub fn change_target(&mut self, target: usize, now: Duration) -> Vec<Action> {
        if target > MOST_WORKERS {
            return vec![Action::Log(LogEvent::TooManyWorkers {
                limit: MOST_WORKERS,
            })];
        }
        self.target = target;
        self.manage_workers(now)
    }

    /// Say that the pool is not ready, and stop after the pause; at once where there is none, or
    /// where it is told so again.
    fn drain(&mut self, now: Duration) -> Vec<Action> {
        if self.drain_pause.is_zero() || matches!(self.phase, Phase::Draining { .. }) {
            return self.stop(now, false, None);
        }
        self.phase = Phase::Draining {
            until: now + self.drain_pause,
        };
        vec![
            Action::BeginDraining,
            Action::Log(LogEvent::Draining {
                seconds: self.drain_pause.as_secs(),
            }),
        ]
    }

    /// Stop: `quick` cuts requests down, otherwise they may finish.
    pub fn stop(
        &mut self,
        now: Duration,
        quick: bool,
        reason: Option<(&'static str, u8)>,
    ) -> Vec<Action> {
        self.phase = Phase::Stopping {
            deadline: now + self.graceful_timeout,
            quick,
            reason,
        };
        let mut actions = vec![Action::CloseListeners];
        actions.extend(self.signal_all(if quick {
            Signal::SIGQUIT
        } else {
            Signal::SIGTERM
        }));
        actions
    }

    fn quick_stop(&mut self, now: Duration) -> Vec<Action> {
        if let Phase::Stopping {
            deadline, quick, ..
        } = &mut self.phase
        {
            *quick = true;
            *deadline = now + QUICK_GRACE;
        }
        let mut actions = vec![Action::Log(LogEvent::QuickShutdown {})];
        actions.extend(self.signal_all(Signal::SIGQUIT));
        actions
    }

    /// Fork a new set of workers and retire the old one.
    pub fn reload(&mut self, now: Duration) -> Vec<Action> {
        self.reloads += 1;
        self.target = self.configured;
        let last_old_age = self.next_age - 1;
        let mut actions = vec![
            Action::Log(LogEvent::HangUp {}),
            Action::ReopenLogs,
            Action::RewritePidfile,
        ];
        for _ in 0..self.target {
            actions.push(self.spawn());
        }
        let old: Vec<i32> = self
            .entries
            .iter_mut()
            .filter(|(_, entry)| entry.age <= last_old_age)
            .map(|(pid, entry)| {
                entry.asked_to_stop = true;
                *pid
            })
            .collect();
        actions.extend(old.into_iter().map(|pid| Action::Signal {
            pid,
            signal: Signal::SIGTERM,
        }));
        self.phase = Phase::Reloading {
            last_old_age,
            deadline: now + self.graceful_timeout,
        };
        actions
    }

    /// A worker's process ended; whether it had taken a request.
    pub fn on_exit(
        &mut self,
        pid: i32,
        ending: Ending,
        has_served: bool,
        now: Duration,
    ) -> Vec<Action> {
        let Some(entry) = self.entries.remove(&pid) else {
            return Vec::new();
        };
        let lived = now.saturating_sub(entry.born);
        if !has_served && !entry.asked_to_stop && lived < FAILED_START {
            self.backoff.fail(now);
        }
        // At the end of the graceful timeout Gunicorn leaves before it could say anything.
        if entry.killed == Some(KillReason::GracefulTimeout) {
            return Vec::new();
        }
        let mut actions = log_exit(pid, ending, entry.killed);
        let reason = exit_reason(ending, entry.aborted.is_some(), entry.killed);
        actions.extend(reason.map(Action::CountExit));
        let Ending::Exited(code) = ending else {
            return actions;
        };
        let reason = match code {
            WORKER_BOOT_ERROR => ("Worker failed to boot.", WORKER_BOOT_ERROR),
            APP_LOAD_ERROR => ("App failed to load.", APP_LOAD_ERROR),
            _ => return actions,
        };
        if !matches!(self.phase, Phase::Stopping { .. }) {
            actions.extend(self.stop(now, false, Some(reason)));
        }
        actions
    }

    /// One pass: time out the silent, replace the dead, retire the surplus, notice the end.
    /// `heartbeat_age` gives the time since the last heartbeat of a slot.
    pub fn on_pass(
        &mut self,
        now: Duration,
        heartbeat_age: &dyn Fn(usize) -> Option<Duration>,
    ) -> Vec<Action> {
        match self.phase {
            Phase::Draining { until } if now >= until => self.stop(now, false, None),
            Phase::Running | Phase::Draining { .. } => self.supervise(now, heartbeat_age),
            Phase::Reloading {
                last_old_age,
                deadline,
            } => {
                let old_left = self.entries.values().any(|entry| entry.age <= last_old_age);
                if old_left && now < deadline {
                    return Vec::new();
                }
                self.phase = Phase::Running;
                // Before the signals that have waited: another reload among them begins at once,
                // and a worker that is stopped would outlive any number of them.
                self.supervise(now, heartbeat_age)
            }
            Phase::Stopping {
                deadline, reason, ..
            } => {
                if self.entries.is_empty() {
                    exit_actions(reason)
                } else if now >= deadline {
                    self.kill_all()
                } else {
                    Vec::new()
                }
            }
        }
    }

    /// Time out the silent, replace the dead, retire the surplus.
    fn supervise(
        &mut self,
        now: Duration,
        heartbeat_age: &dyn Fn(usize) -> Option<Duration>,
    ) -> Vec<Action> {
        let mut actions = self.murder_workers(now, heartbeat_age);
        actions.extend(self.manage_workers(now));
        actions
    }

    fn murder_workers(
        &mut self,
        now: Duration,
        heartbeat_age: &dyn Fn(usize) -> Option<Duration>,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.timeout.is_zero() {
            return actions;
        }
        for (&pid, entry) in &mut self.entries {
            // No heartbeat yet: the worker is still booting, which the timeout does not cover.
            if heartbeat_age(entry.slot).is_none_or(|age| age <= self.timeout) {
                continue;
            }
            match entry.aborted {
                None => {
                    entry.aborted = Some(now);
                    actions.push(Action::Log(LogEvent::WorkerTimeout { pid }));
                    actions.push(Action::Signal {
                        pid,
                        signal: Signal::SIGABRT,
                    });
                }
                Some(aborted) if now.saturating_sub(aborted) >= ABORT_GRACE => {
                    entry.killed = Some(KillReason::Timeout);
                    actions.push(Action::Signal {
                        pid,
                        signal: Signal::SIGKILL,
                    });
                }
                Some(_) => {}
            }
        }
        actions
    }

    fn manage_workers(&mut self, now: Duration) -> Vec<Action> {
        if !matches!(self.phase, Phase::Running | Phase::Draining { .. }) {
            return Vec::new();
        }
        let missing = match self.backoff.wait(now) {
            Duration::ZERO => self.target.saturating_sub(self.entries.len()),
            _ => 0,
        };
        let mut actions: Vec<Action> = (0..missing).map(|_| self.spawn()).collect();
        let surplus = self.entries.len().saturating_sub(self.target);
        let mut oldest: Vec<(&i32, &mut WorkerEntry)> = self.entries.iter_mut().collect();
        oldest.sort_by_key(|(_, entry)| entry.age);
        for (&pid, entry) in oldest.into_iter().take(surplus) {
            if !std::mem::replace(&mut entry.asked_to_stop, true) {
                actions.push(Action::Signal {
                    pid,
                    signal: Signal::SIGTERM,
                });
            }
        }
        actions
    }

    fn spawn(&mut self) -> Action {
        let age = self.next_age;
        self.next_age += 1;
        Action::Spawn { age }
    }

    fn signal_all(&self, signal: Signal) -> Vec<Action> {
        self.entries
            .keys()
            .map(|&pid| Action::Signal { pid, signal })
            .collect()
    }

    fn kill_all(&mut self) -> Vec<Action> {
        for entry in self.entries.values_mut() {
            entry.killed = Some(KillReason::GracefulTimeout);
        }
        self.signal_all(Signal::SIGKILL)
    }
}

#[cfg(test)]
#[path = "worker_table_tests.rs"]
mod tests;
