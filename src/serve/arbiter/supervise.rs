//! From a child's death to its successor: the dead are reaped, the worker table is told and answers
//! with actions, and those fork, signal and log.
//!
//! What to do is decided in [`super::worker_table`], which does nothing itself.

use nix::unistd::getpid;

use super::actions::Action;
use super::children::{Forked, Reaped, Role};
use super::run::Arbiter;
use crate::machine::out_of_memory::OutOfMemoryKills;
use crate::serve::console::LogEvent;
use crate::serve::scoreboard::SLOTS;
use crate::serve::tally::ExitReason;
use crate::serve::worker::{self, WorkerContext};

impl Arbiter {
    /// Reap every child that has ended. As PID 1 the arbiter also gets orphans: they are nobody's
    /// business, so their ends are forgotten.
    pub(super) fn reap_children(&mut self) {
        while let Some(Reaped { pid, role, ending }) = self.children.reap() {
            match role {
                Some(Role::Worker { slot }) => {
                    let slot = self.scoreboard.slot(slot);
                    let has_served = slot.has_served();
                    slot.clear();
                    let actions = self.workers.on_exit(pid, ending, has_served, self.now());
                    self.apply(actions);
                    self.observer.died(pid, ending);
                }
                Some(Role::ProbeServer) => self.on_side_server_exit(
                    |of| &mut of.probe_server,
                    &LogEvent::ProbeServerEnded { pid },
                ),
                Some(Role::Dashboard) => self
                    .on_side_server_exit(|of| &mut of.dashboard, &LogEvent::DashboardEnded { pid }),
                Some(Role::Exporter) => self
                    .on_side_server_exit(|of| &mut of.exporter, &LogEvent::ExporterEnded { pid }),
                None => {}
            }
        }
    }

    /// Do what the worker table answers, in its order.
    pub(super) fn apply(&mut self, actions: Vec<Action>) {
        for order in actions {
            match order {
                Action::Log(event) => self.log.log(&event),
                Action::Spawn { age } => self.spawn_worker(age),
                Action::Signal { pid, signal } => {
                    self.observer.signalled(pid, signal);
                    // ESRCH: it has just ended, and its burial follows.
                    let _ = self.children.signal(pid, signal);
                }
                Action::BeginDraining => self.scoreboard.begin_draining(),
                Action::CloseListeners => self.close_listeners(),
                Action::ReopenLogs => {
                    self.log.reopen();
                    if let Some(access) = &self.access {
                        access.reopen();
                    }
                }
                Action::RewritePidfile => self.rewrite_pidfile(),
                Action::CountExit(reason) => self.scoreboard.tally().count_exit(reason),
                Action::LookForOutOfMemory { pid } => self.look_for_out_of_memory(pid),
                Action::Leave { code } => self.leave = Some(code),
            }
        }
    }

    fn look_for_out_of_memory(&mut self, pid: i32) {
        let now = OutOfMemoryKills::now();
        let moved = self.oom_kills.moved_to(&now);
        if let Some(moved) = &moved {
            self.observer.ran_out_of_memory(pid);
            self.log.log(&LogEvent::KilledOutOfMemory {
                pid,
                counter: &moved.counter,
                before: moved.before,
                after: moved.after,
            });
        }
        self.scoreboard.tally().count_exit(match moved {
            Some(_) => ExitReason::OutOfMemory,
            None => ExitReason::Sigkill,
        });
        self.oom_kills.account_for(moved.as_ref(), now);
    }

    /// Fork one worker. In the child this never returns.
    pub(super) fn spawn_worker(&mut self, age: u64) {
        let Some(listeners) = self.listeners.clone() else {
            return;
        };
        let Some(number) = self.workers.free_slot(SLOTS) else {
            let error = format!("the scoreboard has no more than {SLOTS} slots");
            return self.fork_failed(&error);
        };
        let slot = self.scoreboard.slot(number);
        slot.assign(age);
        let arbiter = getpid();
        match self.children.fork(Role::Worker { slot: number }) {
            Ok(Forked::Parent(pid)) => {
                slot.occupy(u32::try_from(pid).unwrap_or(0));
                self.scoreboard.tally().count_start();
                self.workers.on_spawn(pid, age, number, self.now());
                self.observer.born(pid, age);
            }
            Ok(Forked::Child(child)) => {
                self.close_what_is_the_arbiters();
                (self.probe_server, self.dashboard) = (None, None);
                self.exporter = None;
                let context = WorkerContext {
                    settings: self.settings.clone(),
                    environment: self.environment.clone(),
                    log: self.log.clone(),
                    access: self.access.clone(),
                    listeners,
                    scoreboard: self.scoreboard.clone(),
                    slot,
                    arbiter,
                };
                child.run(|| worker::live(context))
            }
            Err(error) => {
                slot.clear();
                self.fork_failed(&error.to_string());
            }
        }
    }

    fn fork_failed(&mut self, error: &str) {
        self.workers.on_failed_spawn(self.now());
        self.log.log(&LogEvent::ForkFailed { error });
    }
}
