//! The arbiter's decisions: a state machine over workers, signals and time.
//!
//! Nothing here forks, kills, sleeps or reads a clock. Times are durations since the arbiter
//! started. The rules are those of Gunicorn's arbiter loop.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::orders::{APP_LOAD_ERROR, Ending, KillReason, Order, WORKER_BOOT_ERROR};
use crate::serve::console::Phrase;

/// Time between `SIGABRT` and `SIGKILL` for a silent worker: one pass of Gunicorn's loop.
const ABORT_GRACE: Duration = Duration::from_secs(1);
/// What a quick shutdown leaves the workers.
const QUICK_GRACE: Duration = Duration::from_secs(2);
/// Longest pause between two passes.
const PASS: Duration = Duration::from_secs(1);
/// Pause between two looks at stopping workers.
const STOP_PASS: Duration = Duration::from_millis(100);

/// A living worker.
#[derive(Debug, Clone)]
struct Member {
    age: u64,
    seat: usize,
    asked_to_stop: bool,
    aborted: Option<Duration>,
    killed: Option<KillReason>,
}

/// Where the arbiter is in its life.
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
pub struct Roster {
    members: BTreeMap<i32, Member>,
    configured: usize,
    target: usize,
    next_age: u64,
    timeout: Duration,
    graceful_timeout: Duration,
    drain_pause: Duration,
    phase: Phase,
    /// Signals that came during a reload, in their order.
    waiting_signals: VecDeque<Signal>,
    /// Workers forked, reloads: for `ctl show stats`.
    spawned: u64,
    reloads: u64,
}

impl Roster {
    /// A roster that wants `workers` workers. A zero `timeout` switches the heartbeat check off.
    pub fn new(workers: usize, timeout: Duration, graceful_timeout: Duration) -> Self {
        Self {
            members: BTreeMap::new(),
            configured: workers,
            target: workers,
            next_age: 1,
            timeout,
            graceful_timeout,
            drain_pause: Duration::ZERO,
            phase: Phase::Running,
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
        self.members.len()
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
        self.members.contains_key(&pid)
    }

    /// Seat of a worker.
    pub fn seat_of(&self, pid: i32) -> Option<usize> {
        self.members.get(&pid).map(|member| member.seat)
    }

    /// Pids of all workers.
    pub fn pids(&self) -> Vec<i32> {
        self.members.keys().copied().collect()
    }

    /// A seat that nobody holds, out of `seats`.
    pub fn free_seat(&self, seats: usize) -> Option<usize> {
        (0..seats).find(|seat| self.members.values().all(|member| member.seat != *seat))
    }

    /// How long the arbiter may wait for something to happen.
    pub fn pause(&self) -> Duration {
        match self.phase {
            Phase::Running => PASS,
            Phase::Reloading { .. } | Phase::Draining { .. } | Phase::Stopping { .. } => STOP_PASS,
        }
    }

    /// A worker was forked, as ordered.
    pub fn on_spawn(&mut self, pid: i32, age: u64, seat: usize) {
        self.spawned += 1;
        self.members.insert(
            pid,
            Member {
                age,
                seat,
                asked_to_stop: false,
                aborted: None,
                killed: None,
            },
        );
    }

    /// A signal arrived.
    pub fn on_signal(&mut self, signal: Signal, now: Duration) -> Vec<Order> {
        if signal == Signal::SIGCHLD {
            return Vec::new();
        }
        match &self.phase {
            Phase::Stopping { quick, .. } => {
                let impatient = matches!(signal, Signal::SIGINT | Signal::SIGQUIT) && !quick;
                if impatient {
                    self.hurry(now)
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

    fn act_on(&mut self, signal: Signal, now: Duration) -> Vec<Order> {
        let mut orders = vec![Order::Say(Phrase::HandlingSignal {
            signal: short_name(signal),
        })];
        match signal {
            Signal::SIGTERM => orders.extend(self.drain(now)),
            Signal::SIGINT | Signal::SIGQUIT => orders.extend(self.stop(now, true, None)),
            Signal::SIGHUP => orders.extend(self.reload(now)),
            Signal::SIGTTIN => orders.extend(self.change_target(self.target + 1)),
            Signal::SIGTTOU if self.target > 1 => {
                orders.extend(self.change_target(self.target - 1));
            }
            Signal::SIGUSR1 => {
                orders.push(Order::ReopenLogs);
                orders.extend(self.signal_all(Signal::SIGUSR1));
            }
            Signal::SIGUSR2 => orders.push(Order::Say(Phrase::ReexecNotOffered {})),
            _ => {}
        }
        orders
    }

    /// Want this many workers from now on (never fewer than one, unless it starts with none).
    pub fn change_target(&mut self, target: usize) -> Vec<Order> {
        self.target = target;
        self.manage()
    }

    /// Say that the pool is not ready, and stop after the pause; at once where there is none, or
    /// where it is told so again.
    fn drain(&mut self, now: Duration) -> Vec<Order> {
        if self.drain_pause.is_zero() || matches!(self.phase, Phase::Draining { .. }) {
            return self.stop(now, false, None);
        }
        self.phase = Phase::Draining {
            until: now + self.drain_pause,
        };
        vec![
            Order::BeginDraining,
            Order::Say(Phrase::Draining {
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
    ) -> Vec<Order> {
        self.phase = Phase::Stopping {
            deadline: now + self.graceful_timeout,
            quick,
            reason,
        };
        let mut orders = vec![Order::CloseListeners];
        orders.extend(self.signal_all(if quick {
            Signal::SIGQUIT
        } else {
            Signal::SIGTERM
        }));
        orders
    }

    fn hurry(&mut self, now: Duration) -> Vec<Order> {
        if let Phase::Stopping {
            deadline, quick, ..
        } = &mut self.phase
        {
            *quick = true;
            *deadline = now + QUICK_GRACE;
        }
        let mut orders = vec![Order::Say(Phrase::QuickShutdown {})];
        orders.extend(self.signal_all(Signal::SIGQUIT));
        orders
    }

    /// Fork a new set of workers and retire the old one.
    pub fn reload(&mut self, now: Duration) -> Vec<Order> {
        self.reloads += 1;
        self.target = self.configured;
        let last_old_age = self.next_age - 1;
        let mut orders = vec![
            Order::Say(Phrase::HangUp {}),
            Order::ReopenLogs,
            Order::RewritePidfile,
        ];
        for _ in 0..self.target {
            orders.push(self.spawn());
        }
        let old: Vec<i32> = self
            .members
            .iter_mut()
            .filter(|(_, member)| member.age <= last_old_age)
            .map(|(pid, member)| {
                member.asked_to_stop = true;
                *pid
            })
            .collect();
        orders.extend(old.into_iter().map(|pid| Order::Signal {
            pid,
            signal: Signal::SIGTERM,
        }));
        self.phase = Phase::Reloading {
            last_old_age,
            deadline: now + self.graceful_timeout,
        };
        orders
    }

    /// A worker's process ended.
    pub fn on_exit(&mut self, pid: i32, ending: Ending, now: Duration) -> Vec<Order> {
        // As PID 1 the arbiter also buries processes that it never knew: nobody's business.
        let Some(member) = self.members.remove(&pid) else {
            return Vec::new();
        };
        // At the end of the graceful timeout Gunicorn leaves before it could say anything.
        if member.killed == Some(KillReason::GracefulTimeout) {
            return Vec::new();
        }
        let mut orders = last_words(pid, ending, member.killed);
        let Ending::Exited(code) = ending else {
            return orders;
        };
        let reason = match u8::try_from(code) {
            Ok(WORKER_BOOT_ERROR) => ("Worker failed to boot.", WORKER_BOOT_ERROR),
            Ok(APP_LOAD_ERROR) => ("App failed to load.", APP_LOAD_ERROR),
            _ => return orders,
        };
        if !matches!(self.phase, Phase::Stopping { .. }) {
            orders.extend(self.stop(now, false, Some(reason)));
        }
        orders
    }

    /// One pass: time out the silent, replace the dead, retire the surplus, notice the end.
    /// `heartbeat_age` gives the time since the last heartbeat of a seat.
    pub fn on_pass(
        &mut self,
        now: Duration,
        heartbeat_age: &dyn Fn(usize) -> Option<Duration>,
    ) -> Vec<Order> {
        match self.phase {
            Phase::Draining { until } if now >= until => self.stop(now, false, None),
            Phase::Running | Phase::Draining { .. } => self.look_after(now, heartbeat_age),
            Phase::Reloading {
                last_old_age,
                deadline,
            } => {
                let old_left = self
                    .members
                    .values()
                    .any(|member| member.age <= last_old_age);
                if old_left && now < deadline {
                    return Vec::new();
                }
                self.phase = Phase::Running;
                // Before the signals that have waited: another reload among them begins at once,
                // and a worker that is stopped would outlive any number of them.
                self.look_after(now, heartbeat_age)
            }
            Phase::Stopping {
                deadline, reason, ..
            } => {
                if self.members.is_empty() {
                    farewell(reason)
                } else if now >= deadline {
                    self.kill_all()
                } else {
                    Vec::new()
                }
            }
        }
    }

    /// Time out the silent, replace the dead, retire the surplus.
    fn look_after(
        &mut self,
        now: Duration,
        heartbeat_age: &dyn Fn(usize) -> Option<Duration>,
    ) -> Vec<Order> {
        let mut orders = self.time_out(now, heartbeat_age);
        orders.extend(self.manage());
        orders
    }

    fn time_out(
        &mut self,
        now: Duration,
        heartbeat_age: &dyn Fn(usize) -> Option<Duration>,
    ) -> Vec<Order> {
        let mut orders = Vec::new();
        if self.timeout.is_zero() {
            return orders;
        }
        for (&pid, member) in &mut self.members {
            // No heartbeat yet: the worker is still booting, which the timeout does not cover.
            if heartbeat_age(member.seat).is_none_or(|age| age <= self.timeout) {
                continue;
            }
            match member.aborted {
                None => {
                    member.aborted = Some(now);
                    orders.push(Order::Say(Phrase::WorkerTimeout { pid }));
                    orders.push(Order::Signal {
                        pid,
                        signal: Signal::SIGABRT,
                    });
                }
                Some(aborted) if now.saturating_sub(aborted) >= ABORT_GRACE => {
                    member.killed = Some(KillReason::Timeout);
                    orders.push(Order::Signal {
                        pid,
                        signal: Signal::SIGKILL,
                    });
                }
                Some(_) => {}
            }
        }
        orders
    }

    fn manage(&mut self) -> Vec<Order> {
        if !matches!(self.phase, Phase::Running | Phase::Draining { .. }) {
            return Vec::new();
        }
        let missing = self.target.saturating_sub(self.members.len());
        let mut orders: Vec<Order> = (0..missing).map(|_| self.spawn()).collect();
        let surplus = self.members.len().saturating_sub(self.target);
        let mut oldest: Vec<(&i32, &mut Member)> = self.members.iter_mut().collect();
        oldest.sort_by_key(|(_, member)| member.age);
        for (&pid, member) in oldest.into_iter().take(surplus) {
            if !std::mem::replace(&mut member.asked_to_stop, true) {
                orders.push(Order::Signal {
                    pid,
                    signal: Signal::SIGTERM,
                });
            }
        }
        orders
    }

    fn spawn(&mut self) -> Order {
        let age = self.next_age;
        self.next_age += 1;
        Order::Spawn { age }
    }

    fn signal_all(&self, signal: Signal) -> Vec<Order> {
        self.members
            .keys()
            .map(|&pid| Order::Signal { pid, signal })
            .collect()
    }

    fn kill_all(&mut self) -> Vec<Order> {
        for member in self.members.values_mut() {
            member.killed = Some(KillReason::GracefulTimeout);
        }
        self.signal_all(Signal::SIGKILL)
    }
}

/// What is said of a worker that ended.
fn last_words(pid: i32, ending: Ending, killed: Option<KillReason>) -> Vec<Order> {
    match ending {
        Ending::Exited(0) => Vec::new(),
        Ending::Exited(code) => vec![Order::Say(Phrase::WorkerExited { pid, code })],
        Ending::Signalled(Signal::SIGKILL) => {
            let attribution = match killed {
                Some(reason) => Order::Say(Phrase::KilledByArbiter {
                    pid,
                    why: reason.words(),
                }),
                None => Order::LookForOutOfMemory { pid },
            };
            vec![Order::Say(Phrase::WorkerSigkill { pid }), attribution]
        }
        Ending::Signalled(signal) => vec![Order::Say(Phrase::WorkerSignalled {
            pid,
            signal: signal.as_str(),
        })],
    }
}

fn farewell(reason: Option<(&'static str, u8)>) -> Vec<Order> {
    match reason {
        None => vec![
            Order::Say(Phrase::ShuttingDown {}),
            Order::Leave { code: 0 },
        ],
        Some((reason, code)) => vec![
            Order::Say(Phrase::ShuttingDownFailed {}),
            Order::Say(Phrase::Reason { reason }),
            Order::Leave { code },
        ],
    }
}

/// Gunicorn's name of a signal in `Handling signal: NAME`.
fn short_name(signal: Signal) -> &'static str {
    match signal {
        Signal::SIGTERM => "term",
        Signal::SIGINT => "int",
        Signal::SIGQUIT => "quit",
        Signal::SIGHUP => "hup",
        Signal::SIGTTIN => "ttin",
        Signal::SIGTTOU => "ttou",
        Signal::SIGUSR1 => "usr1",
        Signal::SIGUSR2 => "usr2",
        Signal::SIGWINCH => "winch",
        other => other.as_str(),
    }
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;
