//! Every metric there is.

/// What a metric is, to Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Never goes down while the program runs.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts in buckets.
    Histogram,
}

impl MetricKind {
    /// Its name in the text format.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Who shows a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The probe server of `labrat serve`.
    Pool,
    /// The control API of `labrat host`.
    FrontEnd,
}

/// A label, and the values that it can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values, in words: there is a bound to them.
    pub values: &'static str,
}

/// A declared metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name as it is scraped.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: MetricKind,
    /// Its unit, which ends its name.
    pub unit: Option<&'static str>,
    /// Its labels.
    pub labels: &'static [Label],
    /// What it shows, as a sentence without its full stop.
    pub help: &'static str,
    /// When it is not there.
    pub absent: Option<&'static str>,
    /// Who shows it.
    pub source: Source,
}

const METHOD: Label = Label {
    name: "http_request_method",
    values: "a method of HTTP, else `_OTHER`",
};
const ROUTE: Label = Label {
    name: "http_route",
    values: "a route of the application, else `other`",
};
const STATUS: Label = Label {
    name: "http_response_status_code",
    values: "the status",
};
const LISTENER: Label = Label {
    name: "listener",
    values: "an address of `--bind`",
};
const SLOT: Label = Label {
    name: "slot",
    values: "`production`, `staging`",
};
const KERNEL_LISTS_SOCKETS: &str =
    "for local sockets, once the listener is closed, and where the kernel does not list sockets";
const MEMORY_CGROUP: &str = "where the pool is in no memory cgroup that says it";

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric {
        name,
        kind: MetricKind::Gauge,
        unit: None,
        labels: &[],
        help,
        absent: None,
        source: Source::Pool,
    }
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric {
        kind: MetricKind::Counter,
        ..gauge(name, help)
    }
}

/// Requests that the workers answered.
pub static REQUEST_DURATION: Metric = Metric {
    kind: MetricKind::Histogram,
    unit: Some("seconds"),
    labels: &[METHOD, ROUTE, STATUS],
    ..gauge(
        "http_server_request_duration_seconds",
        "Time that a request took in its worker, from the whole head to the sent answer; the time in the accept queue before it is not in it",
    )
};
/// Heads that were refused.
pub static INVALID_REQUESTS: Metric = counter(
    "labrat_invalid_requests_total",
    "Requests that were refused for their head, without a route: 400 and its kin",
);
/// Workers by what they do.
pub static WORKERS: Metric = Metric {
    labels: &[Label {
        name: "state",
        values: "`booting`, `idle`, `busy`",
    }],
    ..gauge("labrat_workers", "Workers by what they are doing")
};
/// Workers that there should be.
pub static WORKERS_WANTED: Metric = gauge(
    "labrat_workers_wanted",
    "Workers that the pool should have: `--workers`, and what TTIN, TTOU and the control socket made of it",
);
/// Workers after their warm-up.
pub static WARM_WORKERS: Metric = gauge(
    "labrat_warm_workers",
    "Workers that have done their warm-up",
);
/// Requests that are being served.
pub static REQUESTS_IN_FLIGHT: Metric = gauge(
    "labrat_requests_in_flight",
    "Requests in the workers' hands: in sync workers as many as are busy, else as many as they hold",
);
/// The longest of them.
pub static REQUEST_OLDEST: Metric = Metric {
    unit: Some("seconds"),
    ..gauge(
        "labrat_request_oldest_seconds",
        "How long the worker that has been busy for longest has been with its last request; 0 where none is busy",
    )
};
/// The most silent worker.
pub static HEARTBEAT_OLDEST: Metric = Metric {
    unit: Some("seconds"),
    absent: Some("while no worker has booted"),
    ..gauge(
        "labrat_heartbeat_oldest_seconds",
        "Silence of the most silent worker: at `--timeout` the arbiter kills it",
    )
};
/// The accept queue.
pub static LISTENER_QUEUED: Metric = Metric {
    labels: &[LISTENER],
    absent: Some(KERNEL_LISTS_SOCKETS),
    ..gauge(
        "labrat_listener_queued",
        "Connections that wait in the kernel for a worker to accept them; read without joining the queue",
    )
};
/// Its bound.
pub static LISTENER_QUEUE_LIMIT: Metric = Metric {
    labels: &[LISTENER],
    absent: Some(KERNEL_LISTS_SOCKETS),
    ..gauge(
        "labrat_listener_queue_limit",
        "Connections that may wait there: `--backlog`, which the kernel cuts at net.core.somaxconn",
    )
};
/// Its oldest entry.
pub static QUEUE_OLDEST: Metric = Metric {
    unit: Some("seconds"),
    labels: &[LISTENER],
    absent: Some(KERNEL_LISTS_SOCKETS),
    ..gauge(
        "labrat_queue_oldest_seconds",
        "How long the connection that waits for longest has waited since its client last sent something; 0 where none waits",
    )
};
/// Clients that the full queue turned away.
pub static LISTEN_OVERFLOWS: Metric = Metric {
    absent: Some("where /proc/net/netstat cannot be read"),
    ..counter(
        "labrat_listen_overflows_total",
        "Connections that the kernel dropped because an accept queue was full, of all listeners of the network namespace since it began (ListenOverflows)",
    )
};
/// Forks.
pub static WORKER_STARTS: Metric = counter("labrat_worker_starts_total", "Workers forked");
/// Ends.
pub static WORKER_EXITS: Metric = Metric {
    labels: &[Label {
        name: "reason",
        values: "`finished`, `timeout`, `boot_failed`, `out_of_memory`, `sigkill`, `signal`, `exit_code`",
    }],
    ..counter("labrat_worker_exits_total", "Workers that ended, by why")
};
/// The application's leak.
pub static LEAKED_BYTES: Metric = Metric {
    unit: Some("bytes"),
    ..gauge(
        "labrat_leaked_bytes",
        "Memory that `/leak` made the living workers keep",
    )
};
/// Resident memory of the workers.
pub static WORKERS_RESIDENT: Metric = Metric {
    unit: Some("bytes"),
    ..gauge(
        "labrat_workers_resident_bytes",
        "Resident memory of the workers, added up; pages that they share count for each",
    )
};
/// Headroom.
pub static MEMORY_AVAILABLE: Metric = Metric {
    unit: Some("bytes"),
    ..gauge(
        "labrat_memory_available_bytes",
        "Memory that could be had without swapping: the host's MemAvailable, or the room below the cgroup's limit where that is less",
    )
};
/// The cgroup's limit.
pub static MEMORY_LIMIT: Metric = Metric {
    unit: Some("bytes"),
    absent: Some("without a limit"),
    ..gauge(
        "labrat_memory_limit_bytes",
        "Limit of the memory cgroup that the pool is in, the tightest of it and those above it",
    )
};
/// The cgroup's usage.
pub static MEMORY_USED: Metric = Metric {
    unit: Some("bytes"),
    absent: Some(MEMORY_CGROUP),
    ..gauge(
        "labrat_memory_used_bytes",
        "Memory charged to that cgroup, page cache included",
    )
};
/// Swap in use.
pub static SWAP_USED: Metric = Metric {
    unit: Some("bytes"),
    ..gauge(
        "labrat_swap_used_bytes",
        "Swap in use: the cgroup's where it says so, else the host's",
    )
};
/// Pressure.
pub static MEMORY_STALLED: Metric = Metric {
    unit: Some("seconds"),
    labels: &[Label {
        name: "kind",
        values: "`some`: at least one task waited; `full`: every task did",
    }],
    absent: Some("where the kernel does not measure pressure"),
    ..counter(
        "labrat_memory_stalled_seconds_total",
        "Time lost waiting for memory (PSI): the cgroup's where it says so, else the host's",
    )
};
/// Requests as the front end saw them.
pub static FRONT_END_DURATION: Metric = Metric {
    kind: MetricKind::Histogram,
    unit: Some("seconds"),
    labels: &[SLOT, STATUS],
    source: Source::FrontEnd,
    ..gauge(
        "labrat_front_end_request_duration_seconds",
        "Time of a request as the front end saw it, the accept queue included, with the status it wrote into AppServiceHTTPLogs: 499 where the client left first",
    )
};
/// Starts of a slot's container.
pub static CONTAINER_STARTS: Metric = Metric {
    labels: &[SLOT],
    source: Source::FrontEnd,
    ..counter(
        "labrat_container_starts_total",
        "Starts of the slot's container that were tried",
    )
};
/// Whether a slot's container serves.
pub static SITE_SERVES: Metric = Metric {
    labels: &[SLOT],
    source: Source::FrontEnd,
    ..gauge(
        "labrat_site_serves",
        "1 while a container of the slot serves and is in rotation, else 0",
    )
};

/// All of them, in the order of the page.
pub static ALL: &[&Metric] = &[
    &REQUEST_DURATION,
    &INVALID_REQUESTS,
    &WORKERS,
    &WORKERS_WANTED,
    &WARM_WORKERS,
    &REQUESTS_IN_FLIGHT,
    &REQUEST_OLDEST,
    &HEARTBEAT_OLDEST,
    &LISTENER_QUEUED,
    &LISTENER_QUEUE_LIMIT,
    &QUEUE_OLDEST,
    &LISTEN_OVERFLOWS,
    &WORKER_STARTS,
    &WORKER_EXITS,
    &LEAKED_BYTES,
    &WORKERS_RESIDENT,
    &MEMORY_AVAILABLE,
    &MEMORY_LIMIT,
    &MEMORY_USED,
    &SWAP_USED,
    &MEMORY_STALLED,
    &FRONT_END_DURATION,
    &CONTAINER_STARTS,
    &SITE_SERVES,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        for metric in ALL {
            let name = metric.name;
            let base = name.strip_suffix("_total");
            assert_eq!(
                base.is_some(),
                metric.kind == MetricKind::Counter,
                "{name}: a counter, and nothing else, ends in _total"
            );
            if let Some(unit) = metric.unit {
                assert!(
                    base.unwrap_or(name).ends_with(&format!("_{unit}")),
                    "{name}"
                );
            }
            assert!(!metric.help.ends_with('.'), "{name}");
        }
        let mut names: Vec<_> = ALL.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
