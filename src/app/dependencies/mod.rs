//! What a real application depends on, each switched on by the setting that it would have.
//!
//! | Setting | Checks | Steps of the warm-up |
//! |---|---|---|
//! | `DATABASE_URL` | `database` (`SELECT 1`), `migrations` (none is pending) | the same |
//! | `LAB_WARMUP_SECONDS` | - | `caches` |
//!
//! No client exists before it is first asked for, and none without its setting. Every failure is
//! one word of [`words`]; nothing that a dependency or a setting says gets into an answer.

mod database;
mod engine;
pub mod migrations;
mod sqlite;
pub mod words;

use std::sync::Arc;
use std::time::Duration;

pub(super) use database::Database;
pub use database::{DatabaseUrl, DatabaseUrlError};
pub(super) use engine::Engine;

use super::app_config::AppConfig;
use super::pool::Pool;
use crate::readiness::{Builder, Readiness};

/// What a step of the warm-up may take beyond the time that it is told to take.
const STEP_BUDGET: Duration = Duration::from_secs(10);

/// The registry of one process: latches of the pool, checks and steps of the settings.
pub(super) fn registry(config: &AppConfig, pool: &Arc<dyn Pool>) -> Readiness {
    let mut builder = latches(Readiness::builder(), pool);
    if let Some(url) = &config.database {
        let database = Database::new(url.clone());
        let (alive, migrated) = (database.alive(), database.migrated());
        builder = builder
            .check("database", config.check_budget, alive.clone())
            .check("migrations", config.check_budget, migrated.clone())
            .step("database", STEP_BUDGET, alive)
            .step("migrations", STEP_BUDGET, migrated);
    }
    let filling = config.warm_up_time;
    if !filling.is_zero() {
        builder = builder.step("caches", filling + STEP_BUDGET, move || async move {
            tokio::time::sleep(filling).await;
            Ok(())
        });
    }
    builder.build()
}

fn latches(builder: Builder, pool: &Arc<dyn Pool>) -> Builder {
    let (booted, draining) = (Arc::clone(pool), Arc::clone(pool));
    builder
        .latch("workers_booted", move || booted.has_booted())
        .latch("not_draining", move || !draining.is_draining())
}
