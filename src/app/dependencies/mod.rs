//! What a real application depends on, each switched on by the setting that it would have.
//!
//! | Setting | Checks | Steps of the warm-up |
//! |---|---|---|
//! | `DATABASE_URL` | `database` (`SELECT 1`), `migrations` (none is pending) | the same |
//! | `REDIS_URL` | `cache` (a value that is set comes back) | the same |
//! | `API_BASE_URL` | `api` (it answers) | the same |
//! | `LAB_WARMUP_SECONDS` | - | `caches` |
//! | `LAB_WARMUP_URLS` | - | `hooks` (every URL is asked for once) |
//!
//! No client exists before it is first asked for, and none without its setting. Every failure is
//! one word of [`words`]; nothing that a dependency or a setting says gets into an answer.

mod api;
#[cfg(feature = "backends")]
mod cache;
mod check_runtime;
#[cfg(feature = "backends")]
mod database;
#[cfg(feature = "backends")]
mod database_url_error;
#[cfg(feature = "backends")]
mod migrate;
#[cfg(feature = "backends")]
pub mod migrations;
mod network;
#[cfg(feature = "backends")]
mod postgres;
#[cfg(feature = "backends")]
mod sqlite;
#[cfg(not(feature = "backends"))]
mod without_backends;
pub mod words;

use std::sync::Arc;
use std::time::Duration;

pub use api::ApiUrl;
#[cfg(feature = "backends")]
use cache::Cache;
#[cfg(feature = "backends")]
pub use cache::RedisUrl;
pub(super) use check_runtime::CheckRuntime;
#[cfg(feature = "backends")]
pub(super) use database::Database;
#[cfg(feature = "backends")]
pub use database::DatabaseUrl;
#[cfg(feature = "backends")]
pub use database_url_error::DatabaseUrlError;
#[cfg(feature = "backends")]
pub use postgres::PostgresUrl;
#[cfg(not(feature = "backends"))]
use without_backends::{Cache, Database};
#[cfg(not(feature = "backends"))]
pub use without_backends::{DatabaseUrl, DatabaseUrlError, RedisUrl, migrations};

use super::app_config::AppConfig;
use super::pool::Pool;
use crate::readiness::{Builder, Check, Checked, Latch, Latched as _, Readiness};

/// What a step of the warm-up may take beyond the time that it is told to take.
const STEP_BUDGET: Duration = Duration::from_secs(10);

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A worker: it has caches and connections to warm up.
    Worker,
    /// The probe server beside the pool: it checks dependencies, and is always warm itself.
    ProbeServer,
}

/// The registry of one process: latches of the pool, checks and steps of the settings.
pub(super) fn registry(config: &AppConfig, pool: &Arc<dyn Pool>, role: Role) -> Readiness {
    let mut registered = Registered {
        builder: latches(pool),
        budget: config.check_budget,
        role,
    };
    if let Some(url) = &config.database {
        let database = Database::new(url.clone());
        registered.dependency("database", Arc::new(database.alive()));
        registered.dependency("migrations", Arc::new(database.migrated()));
    }
    if let Some(url) = &config.redis {
        registered.dependency("cache", Arc::new(Cache::new(url.clone())));
    }
    if let Some(url) = &config.api {
        registered.dependency("api", Arc::new(url.clone()));
    }
    if !config.warm_up_hooks.is_empty() {
        registered.step("hooks", STEP_BUDGET, Hooks(config.warm_up_hooks.clone()));
    }
    let filling = config.warm_up_time;
    if !filling.is_zero() {
        registered.step("caches", filling + STEP_BUDGET, move || async move {
            tokio::time::sleep(filling).await;
            Ok(())
        });
    }
    registered.builder.build()
}

/// What is registered so far.
struct Registered {
    builder: Builder,
    budget: Duration,
    role: Role,
}

impl Registered {
    /// A check, and a step that makes its connection.
    fn dependency<C: Check>(&mut self, name: &'static str, check: Arc<C>) {
        let builder = std::mem::take(&mut self.builder);
        self.builder = builder.check(name, self.budget, Arc::clone(&check));
        self.step(name, STEP_BUDGET, check);
    }

    fn step(&mut self, name: &'static str, budget: Duration, step: impl Check) {
        if self.role == Role::Worker {
            let builder = std::mem::take(&mut self.builder);
            self.builder = builder.step(name, budget, step);
        }
    }
}

fn latches(pool: &Arc<dyn Pool>) -> Builder {
    let [booted, alive, draining, warm, told] = std::array::from_fn(|_| Arc::clone(pool));
    let own = Latch::closed();
    let done = own.clone();
    Readiness::builder()
        .latch("workers_booted", move || booted.has_booted())
        .latch("workers_alive", move || alive.is_alive())
        .latch("not_draining", move || !draining.is_draining())
        .latch("warmed", move || warm.is_warm(own.is_open()))
        .when_warm(move || {
            done.set_open();
            told.note_warm();
        })
}

/// Asks for every URL, one after another; the first that fails ends it.
struct Hooks(Vec<ApiUrl>);

impl Check for Hooks {
    fn run(&self, deadline: tokio::time::Instant) -> Checked<'_> {
        Box::pin(async move {
            for hook in &self.0 {
                hook.get(deadline).await?;
            }
            Ok(())
        })
    }
}
