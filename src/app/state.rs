//! What one worker knows about itself: its counters, its leak, and who is waiting in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Notify;

use super::app_config::AppConfig;
use super::delays::Delays;
use super::dependencies::{self, CheckRuntime, Role};
use super::home_files::HomeFiles;
use super::jobs::Jobs;
use super::knobs;
use super::leaked_blocks::Leak;
use super::outbound::Client;
use super::pool::Pool;
use crate::machine::sys::release_free_memory;
use crate::readiness::Readiness;

/// Endpoint under which requests without a route are counted, as in the labs.
pub(super) const UNKNOWN_ENDPOINT: &str = "<unknown>";

/// The state of the application in one worker process. Counters begin at zero with the worker.
pub struct AppState {
    pub(super) config: AppConfig,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) pool: Arc<dyn Pool>,
    pub(super) leak: Mutex<Leak>,
    pub(super) delays: Delays,
    /// What the worker holds from its boot on.
    ballast: Mutex<Vec<u8>>,
    /// Calls of other services.
    pub(super) outbound: Client,
    /// Wakes every `/slow` in flight, so that it answers at once.
    pub(super) cut_short: Notify,
    pub(super) active_slow_requests: AtomicU64,
    /// Work behind answers that were given.
    pub(super) jobs: Arc<Jobs>,
    /// What was written into the site's home.
    pub(super) files: HomeFiles,
    pub(super) readiness: Readiness,
    /// Where the checks of `readiness` run.
    pub(super) check_runtime: CheckRuntime,
    pub(super) last_config_snapshot: Mutex<Option<Value>>,
    /// The wall-clock time at which this worker's application was made.
    pub(super) started: Timestamp,
    /// With what digests of credentials are keyed.
    pub(super) digest_key: Vec<u8>,
    born: Instant,
    requests: AtomicU64,
    endpoints: Mutex<BTreeMap<&'static str, u64>>,
}

/// Without the environment, which holds credentials.
impl std::fmt::Debug for AppState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AppState")
            .field("config", &self.config)
            .field("started", &self.started)
            .field("requests", &self.request_count())
            .field("leak_blocks", &self.leak_blocks())
            .finish_non_exhaustive()
    }
}

impl AppState {
    /// The state of a fresh worker. Make it after the fork: its start time is the worker's.
    ///
    /// `environment` is what `/config` and the `/diag` routes may show parts of; the key of the
    /// fault routes is blotted out of it here.
    #[must_use]
    pub fn new(
        config: AppConfig,
        environment: BTreeMap<String, String>,
        pool: Arc<dyn Pool>,
    ) -> Arc<Self> {
        Self::of(config, environment, pool, Role::Worker)
    }

    /// The state of a process that only answers probes, beside the workers. It has nothing to
    /// warm up, and needs nothing of the environment but what `config` was read from.
    #[must_use]
    pub fn for_probes(config: AppConfig, pool: Arc<dyn Pool>) -> Arc<Self> {
        Self::of(config, BTreeMap::new(), pool, Role::ProbeServer)
    }

    fn of(
        config: AppConfig,
        mut environment: BTreeMap<String, String>,
        pool: Arc<dyn Pool>,
        role: Role,
    ) -> Arc<Self> {
        if let Some(key) = environment.get_mut(knobs::LAB_KEY) {
            *key = "***".to_owned();
        }
        let digest_key = super::digest_key::take_digest_key(&mut environment);
        let files = HomeFiles::of(environment.get("HOME"));
        Arc::new(Self {
            digest_key,
            delays: Delays::new(&config),
            readiness: dependencies::registry(&config, &pool, role),
            check_runtime: CheckRuntime::default(),
            ballast: Mutex::new(ballast(config.worker_memory_megabytes)),
            // The parent is the same for every worker of a pool.
            outbound: Client::new(config.outbound.clone(), std::os::unix::process::parent_id()),
            config,
            environment,
            pool,
            leak: Mutex::default(),
            cut_short: Notify::new(),
            active_slow_requests: AtomicU64::new(0),
            jobs: Arc::default(),
            files,
            last_config_snapshot: Mutex::new(None),
            started: Timestamp::now(),
            born: Instant::now(),
            requests: AtomicU64::new(0),
            endpoints: Mutex::new(BTreeMap::new()),
        })
    }

    /// Free the leak, give its memory back to the kernel, let every `/slow` in flight answer now,
    /// and end every job and every outbound call and connection. Returns the number of blocks that were freed.
    pub fn undo_faults(&self) -> u64 {
        self.outbound.undo();
        *self.ballast.lock() = Vec::new();
        self.cut_short.notify_waiters();
        self.jobs.undo();
        self.files.remove();
        self.free_leak()
    }

    /// Begin the warm-up beside whatever this worker is doing, unless it is done or begun.
    pub fn begin_warm_up(&self) {
        if self.readiness.is_warm() {
            return;
        }
        if let Some(handle) = self.check_runtime.handle() {
            let _inside = handle.enter();
            self.readiness.begin_warm_up();
        }
    }

    /// Leaked blocks that this worker holds.
    #[must_use]
    pub fn leak_blocks(&self) -> u64 {
        self.leak.lock().blocks()
    }

    /// Requests that reached the application since the worker began, the current one included.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Seconds since the worker began, to three decimals.
    pub(super) fn uptime_seconds(&self) -> f64 {
        (self.born.elapsed().as_secs_f64() * 1000.0).round() / 1000.0
    }

    /// The start time as Python's `datetime.isoformat` writes it in UTC.
    pub(super) fn started_isoformat(&self) -> String {
        self.started
            .strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00")
            .to_string()
    }

    /// Count a request for `endpoint`, before it is answered.
    pub(super) fn count(&self, endpoint: &'static str) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        *self.endpoints.lock().entry(endpoint).or_default() += 1;
    }

    /// Requests by endpoint.
    pub(super) fn endpoint_counters(&self) -> BTreeMap<&'static str, u64> {
        self.endpoints.lock().clone()
    }

    /// Free the leak and give its memory back to the kernel.
    pub(super) fn free_leak(&self) -> u64 {
        let freed = std::mem::take(&mut *self.leak.lock());
        let blocks = freed.blocks();
        drop(freed);
        if blocks > 0 {
            release_free_memory();
        }
        blocks
    }

    /// A setting, or `default` when it is not set.
    pub(super) fn setting(&self, name: &str, default: &str) -> String {
        self.environment
            .get(name)
            .cloned()
            .unwrap_or_else(|| default.to_owned())
    }
}

/// So much memory, written to, so that it is resident and nobody else's.
fn ballast(megabytes: u64) -> Vec<u8> {
    let bytes = usize::try_from(megabytes << 20).unwrap_or(0);
    vec![1; bytes]
}
