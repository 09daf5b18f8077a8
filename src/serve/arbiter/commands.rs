//! Answering the control socket's commands, from what the arbiter has at hand.

use nix::sys::signal::{Signal, kill};
use nix::unistd::getpid;
use serde_json::{Value, json};

use super::run::Arbiter;
use crate::app::pool::{AcceptQueue, Activity, WorkerSnapshot};
use crate::machine::accept_queue;
use crate::redaction::redact;
use crate::serve::control::Request;
use crate::serve::listener;
use crate::serve::settings::{BindAddress, MOST_WORKERS, Resolved, config_lines};
use crate::serve::worker;

impl Arbiter {
    /// Answer one command of the control socket: data, or what is wrong with it.
    pub(super) fn answer_command(&mut self, request: &Request) -> Result<Value, String> {
        let argument = request.arguments.first().map(String::as_str);
        match request.command.as_str() {
            "show all" => Ok(json!({
                "workers": self.show_workers(),
                "stats": self.show_stats(),
                "listeners": self.show_listeners(),
            })),
            "show workers" => Ok(self.show_workers()),
            "show stats" => Ok(self.show_stats()),
            "show config" => Ok(self.show_config()),
            "show listeners" => Ok(self.show_listeners()),
            "show timeline" => self.show_timeline(argument),
            "worker add" => self.change_workers(count(argument)?, true),
            "worker remove" => self.change_workers(count(argument)?, false),
            "worker kill" => self.kill_worker(argument),
            "reload" => Ok(self.pretend(Signal::SIGHUP, "reloading")),
            "reopen" => Ok(self.pretend(Signal::SIGUSR1, "reopening")),
            "reset" => {
                let asked = worker::ask_for_reset(&self.scoreboard, None);
                Ok(json!({ "status": "resetting", "workers_asked": asked }))
            }
            "shutdown" => {
                let signal = match argument {
                    None | Some("graceful") => Signal::SIGTERM,
                    Some("quick") => Signal::SIGINT,
                    Some(other) => {
                        return Err(format!("shutdown is graceful or quick, not {other:?}"));
                    }
                };
                Ok(self.pretend(signal, "shutting down"))
            }
            other => Err(format!("Unknown command: {other}")),
        }
    }

    /// Act as if the signal had arrived.
    fn pretend(&mut self, signal: Signal, status: &str) -> Value {
        // Sent for real, so that it takes the same way as everybody's signals.
        let _ = kill(getpid(), signal);
        json!({ "status": status })
    }

    fn change_workers(&mut self, count: usize, add: bool) -> Result<Value, String> {
        let before = self.workers.target();
        let target = if add {
            before.saturating_add(count)
        } else {
            before.saturating_sub(count).max(1)
        };
        if target > MOST_WORKERS {
            return Err(format!("a pool has at most {MOST_WORKERS} workers"));
        }
        let actions = self.workers.change_target(target, self.now());
        self.apply(actions);
        Ok(json!({ "previous": before, "total": target }))
    }

    fn kill_worker(&mut self, argument: Option<&str>) -> Result<Value, String> {
        let pid: i32 = argument
            .ok_or("worker kill needs a pid")?
            .parse()
            .map_err(|_| format!("{:?} is no pid", argument.unwrap_or_default()))?;
        if !self.workers.has(pid) {
            return Err(format!("{pid} is no worker of this pool"));
        }
        self.children
            .signal(pid, Signal::SIGTERM)
            .map_err(|error| format!("kill {pid}: {error}"))?;
        Ok(json!({ "killed": pid }))
    }

    fn show_workers(&self) -> Value {
        let workers: Vec<Value> = self.scoreboard.workers().iter().map(worker_row).collect();
        json!({ "workers": workers, "count": workers.len() })
    }

    fn show_stats(&self) -> Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "arbiter": std::process::id(),
            "uptime_seconds": round(self.now().as_secs_f64()),
            "workers_alive": self.workers.alive(),
            "workers_wanted": self.workers.target(),
            "workers_spawned": self.workers.spawned(),
            "reloads": self.workers.reloads(),
        })
    }

    fn show_config(&self) -> Value {
        let resolved = Resolved {
            settings: (*self.settings).clone(),
            warnings: Vec::new(),
            check_config: false,
            print_config: false,
        };
        let lines = config_lines(&resolved);
        lines
            .lines()
            .filter_map(|line| line.split_once(" = "))
            .map(|(name, value)| (name.trim().to_owned(), Value::from(redact(value))))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// The events since that number, after a look.
    fn show_timeline(&mut self, from: Option<&str>) -> Result<Value, String> {
        let from = from.unwrap_or("0");
        let from = from
            .parse()
            .map_err(|_| format!("{from:?} is no number of an event"))?;
        let listeners = self.listeners.clone();
        let listeners = listeners.as_deref().map(Vec::as_slice).unwrap_or_default();
        let (events, next) = self
            .observer
            .since(from, &self.scoreboard, listeners, &self.settings);
        Ok(json!({ "events": events, "next": next }))
    }

    fn show_listeners(&self) -> Value {
        let mut queues = worker::accept_queues(self.open_listeners());
        if self.settings.reuse_port {
            let own = |address: &&BindAddress| self.settings.is_opened_by_workers(address);
            queues.extend(self.settings.bind.iter().filter(own).map(queue_of_port));
        }
        let rows: Vec<Value> = queues
            .into_iter()
            .map(|queue| match queue.waiting {
                Ok(waiting) => json!({
                    "listener": queue.listener,
                    "backlog": queue.backlog,
                    "waiting": waiting,
                }),
                Err(reason) => json!({
                    "listener": queue.listener,
                    "backlog": queue.backlog,
                    "waiting": null,
                    "why": reason,
                }),
            })
            .collect();
        json!({ "listeners": rows })
    }
}

/// With `--reuse-port` the workers' sockets share a port, and their queues are added up.
fn queue_of_port(address: &BindAddress) -> AcceptQueue {
    let queue = listener::told_address(address)
        .ok_or_else(|| "every worker has a socket of its own".to_owned())
        .and_then(|address| accept_queue::of_address(&address).map_err(|error| error.to_string()));
    AcceptQueue {
        listener: listener::told_name(address),
        backlog: queue.as_ref().ok().map(|queue| queue.backlog),
        waiting: queue.map(|queue| queue.waiting),
    }
}

fn count(argument: Option<&str>) -> Result<usize, String> {
    match argument {
        None => Ok(1),
        Some(text) => text
            .parse()
            .ok()
            .filter(|&count| count > 0)
            .ok_or_else(|| format!("{text:?} is no count of workers")),
    }
}

fn worker_row(worker: &WorkerSnapshot) -> Value {
    let (state, request, since, in_flight) = match &worker.activity {
        Activity::Booting => ("booting", None, None, 0),
        Activity::Idle => ("idle", None, None, 0),
        Activity::Busy {
            request,
            since,
            in_flight,
        } => (
            "busy",
            Some(redact(request)),
            Some(round(since.as_secs_f64())),
            *in_flight,
        ),
    };
    json!({
        "pid": worker.pid,
        "age": worker.age,
        "booted": worker.last_heartbeat.is_some(),
        "state": state,
        "request": request,
        "busy_seconds": since,
        "in_flight": in_flight,
        "requests": worker.requests,
        "last_heartbeat_seconds": worker.last_heartbeat.map(|age| round(age.as_secs_f64())),
        "leak_blocks": worker.leak_blocks,
    })
}

fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
