//! Every knob of the lab application: the names of the environment variables it listens to.
//!
//! One row of [`KNOBS`] per name, so that documentation can be generated from what the code
//! reads. Nothing else of the environment changes how the application behaves.

/// The key that fault routes ask for in the header `x-lab-key`. Unset or empty: no lock.
pub const LAB_KEY: &str = "LAB_KEY";
/// How many leaked blocks one worker may hold.
pub const LAB_LEAK_MAX_BLOCKS: &str = "LAB_LEAK_MAX_BLOCKS";
/// The shortest random delay of `/slow`, in seconds.
pub const LAB_SLOW_MIN_SECONDS: &str = "LAB_SLOW_MIN_SECONDS";
/// The longest random delay of `/slow`, in seconds.
pub const LAB_SLOW_MAX_SECONDS: &str = "LAB_SLOW_MAX_SECONDS";
/// The seed of the random delays of `/slow`.
pub const LAB_SLOW_SEED: &str = "LAB_SLOW_SEED";
/// The bound of `/slow?seconds=`, in seconds.
pub const LAB_SLOW_LIMIT_SECONDS: &str = "LAB_SLOW_LIMIT_SECONDS";
/// The bound of `/heavy?rounds=`.
pub const LAB_HEAVY_MAX_ROUNDS: &str = "LAB_HEAVY_MAX_ROUNDS";
/// How many jobs of `/job` may be under way in one worker.
pub const LAB_JOBS_MAX: &str = "LAB_JOBS_MAX";
/// How many megabytes the files of `/fill` may hold.
pub const LAB_FILL_MAX_MB: &str = "LAB_FILL_MAX_MB";
/// How many files of `/fill` are kept.
pub const LAB_FILL_KEEP: &str = "LAB_FILL_KEEP";
/// How long a worker takes to start, in seconds, before it is ready for its first connection.
pub const LAB_START_DELAY_SECONDS: &str = "LAB_START_DELAY_SECONDS";
/// Makes every worker fail at boot, with this message.
pub const LAB_BOOT_FAIL: &str = "LAB_BOOT_FAIL";
/// Names of settings without which a worker refuses to boot, separated by commas.
pub const LAB_REQUIRED_SETTINGS: &str = "LAB_REQUIRED_SETTINGS";

/// How long filling the caches of a worker takes, in seconds: a step of its warm-up.
pub const LAB_WARMUP_SECONDS: &str = "LAB_WARMUP_SECONDS";
/// The time budget of each readiness check, in seconds.
pub const LAB_CHECK_SECONDS: &str = "LAB_CHECK_SECONDS";
/// URLs that the warm-up asks for, separated by commas.
pub const LAB_WARMUP_URLS: &str = "LAB_WARMUP_URLS";
/// The cache; a setting of real applications, and not the lab's own.
pub const REDIS_URL: &str = "REDIS_URL";
/// The database; a setting of real applications, and not the lab's own.
pub const DATABASE_URL: &str = "DATABASE_URL";
/// The service that `/dependency` and `/outbound` call; a setting of real applications.
pub const API_BASE_URL: &str = "API_BASE_URL";
/// Memory that a worker holds from its boot on, in MB.
pub const LAB_WORKER_MEMORY_MB: &str = "LAB_WORKER_MEMORY_MB";
/// The time budget of one outbound call, in seconds.
pub const LAB_CALL_BUDGET_SECONDS: &str = "LAB_CALL_BUDGET_SECONDS";
/// How often an outbound call that failed is tried again.
pub const LAB_CALL_RETRIES: &str = "LAB_CALL_RETRIES";
/// The pause before the first retry, in seconds.
pub const LAB_CALL_BACKOFF_SECONDS: &str = "LAB_CALL_BACKOFF_SECONDS";
/// Whether pauses are drawn.
pub const LAB_CALL_JITTER: &str = "LAB_CALL_JITTER";
/// Failures in a row that open the circuit breaker.
pub const LAB_CALL_BREAKER_FAILURES: &str = "LAB_CALL_BREAKER_FAILURES";
/// How long the circuit breaker stays open, in seconds.
pub const LAB_CALL_BREAKER_SECONDS: &str = "LAB_CALL_BREAKER_SECONDS";
/// Whether outbound connections are used again.
pub const LAB_OUTBOUND_REUSE: &str = "LAB_OUTBOUND_REUSE";
/// Local ports for one destination.
pub const LAB_OUTBOUND_PORTS: &str = "LAB_OUTBOUND_PORTS";
/// How long an outbound connection that is not used again stays open, in seconds.
pub const LAB_OUTBOUND_HOLD_SECONDS: &str = "LAB_OUTBOUND_HOLD_SECONDS";

/// What every name of the application's own settings begins with; `/diag/env` shows them all.
pub const PREFIX: &str = "LAB_";

/// One documented environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knob {
    /// The variable's name.
    pub name: &'static str,
    /// What holds when it is unset.
    pub default: &'static str,
    /// Which values are accepted.
    pub bounds: &'static str,
    /// What it changes.
    pub meaning: &'static str,
}

/// Every knob, in the order in which documentation shows them.
pub const KNOBS: &[Knob] = &[
    Knob {
        name: LAB_KEY,
        default: "unset (fault routes are open)",
        bounds: "any text",
        meaning: "fault routes answer 403 unless the header `x-lab-key` holds the same text",
    },
    Knob {
        name: LAB_LEAK_MAX_BLOCKS,
        default: "256",
        bounds: "0 to 100000",
        meaning: "leaked blocks (about 17.6 MB each) one worker may hold; beyond it `/leak` answers 507",
    },
    Knob {
        name: LAB_SLOW_MIN_SECONDS,
        default: "5",
        bounds: "0 to 86400, fractions allowed",
        meaning: "shortest random delay of `/slow`",
    },
    Knob {
        name: LAB_SLOW_MAX_SECONDS,
        default: "15",
        bounds: "0 to 86400, fractions allowed, not below the minimum",
        meaning: "longest random delay of `/slow`; when both are whole, every delay is whole",
    },
    Knob {
        name: LAB_SLOW_SEED,
        default: "unset (different in every worker)",
        bounds: "0 to 18446744073709551615",
        meaning: "seed of the delays of `/slow`; every worker then draws the same sequence",
    },
    Knob {
        name: LAB_SLOW_LIMIT_SECONDS,
        default: "300",
        bounds: "0 to 86400, fractions allowed",
        meaning: "largest value of `/slow?seconds=` and `/job?seconds=`",
    },
    Knob {
        name: LAB_HEAVY_MAX_ROUNDS,
        default: "100",
        bounds: "1 to 10000",
        meaning: "largest value of `/heavy?rounds=`",
    },
    Knob {
        name: LAB_JOBS_MAX,
        default: "64",
        bounds: "0 to 1000",
        meaning: "jobs that `/job` may have under way in one worker; beyond it `/job` answers 503",
    },
    Knob {
        name: LAB_FILL_MAX_MB,
        default: "256",
        bounds: "0 to 10000",
        meaning: "megabytes that the files of `/fill` may hold in `HOME`; beyond it `/fill` answers 507",
    },
    Knob {
        name: LAB_FILL_KEEP,
        default: "0 (all)",
        bounds: "0 to 10000",
        meaning: "how many files of `/fill` are kept: the oldest go, as those of a log that rotates",
    },
    Knob {
        name: LAB_START_DELAY_SECONDS,
        default: "0",
        bounds: "0 to 3600, fractions allowed",
        meaning: "time a worker needs before it is ready",
    },
    Knob {
        name: LAB_BOOT_FAIL,
        default: "unset",
        bounds: "any text",
        meaning: "every worker fails at boot with this message",
    },
    Knob {
        name: LAB_REQUIRED_SETTINGS,
        default: "unset",
        bounds: "names separated by commas",
        meaning: "a worker refuses to boot when one of these settings is unset or empty, and names it",
    },
    Knob {
        name: LAB_WARMUP_SECONDS,
        default: "0",
        bounds: "0 to 3600, fractions allowed",
        meaning: "time that filling a worker's caches takes: done by `/warmup`, else by the first request that needs them",
    },
    Knob {
        name: LAB_WARMUP_URLS,
        default: "unset",
        bounds: "`http://` and `https://` URLs separated by commas",
        meaning: "hooks of the warm-up: each is asked for once, and has to answer below 400",
    },
    Knob {
        name: LAB_CHECK_SECONDS,
        default: "2",
        bounds: "0.01 to 60, fractions allowed",
        meaning: "time budget of each check of `/ready`",
    },
    Knob {
        name: LAB_WORKER_MEMORY_MB,
        default: "0",
        bounds: "0 to 1024",
        meaning: "memory that a worker holds from its boot on, as the modules of a real application do; `/lab/reset` frees it",
    },
    Knob {
        name: LAB_CALL_BUDGET_SECONDS,
        default: "0 (none; a call ends after 300 s all the same)",
        bounds: "0 to 300, fractions allowed",
        meaning: "time budget of one call of `/dependency` or `/outbound`",
    },
    Knob {
        name: LAB_CALL_RETRIES,
        default: "0",
        bounds: "0 to 20",
        meaning: "how often a call that failed is tried again",
    },
    Knob {
        name: LAB_CALL_BACKOFF_SECONDS,
        default: "0",
        bounds: "0 to 30, fractions allowed",
        meaning: "pause before the first retry; it doubles with each, up to 30 s",
    },
    Knob {
        name: LAB_CALL_JITTER,
        default: "off",
        bounds: "on or off",
        meaning: "draw each pause between nothing and its full length",
    },
    Knob {
        name: LAB_CALL_BREAKER_FAILURES,
        default: "0 (never)",
        bounds: "0 to 1000",
        meaning: "failures in a row after which a worker calls nobody for a while and answers 503",
    },
    Knob {
        name: LAB_CALL_BREAKER_SECONDS,
        default: "30",
        bounds: "0 to 3600, fractions allowed",
        meaning: "how long that while is; then one call tries",
    },
    Knob {
        name: LAB_OUTBOUND_REUSE,
        default: "on",
        bounds: "on or off",
        meaning: "use a connection again for the next call",
    },
    Knob {
        name: LAB_OUTBOUND_PORTS,
        default: "0 (no limit)",
        bounds: "0 to 20000",
        meaning: "local ports that all workers together may use for one destination; App Service gives an instance 128",
    },
    Knob {
        name: LAB_OUTBOUND_HOLD_SECONDS,
        default: "240",
        bounds: "0 to 3600, fractions allowed",
        meaning: "how long a connection that is not used again stays open, and its port taken",
    },
];

/// Settings of real applications that switch a dependency on: a check of `/ready` and a step of
/// `/warmup`.
pub const DEPENDENCIES: &[Knob] = &[
    Knob {
        name: DATABASE_URL,
        default: "unset (no database)",
        bounds: "`sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; `sslmode=require` encrypts and verifies, `sslrootcert=PATH` says whom to trust",
        meaning: "the checks `database` (`SELECT 1`) and `migrations` (none is pending)",
    },
    Knob {
        name: REDIS_URL,
        default: "unset (no cache)",
        bounds: "`redis://:PASSWORD@HOST:PORT/DATABASE`, `rediss://` over TLS",
        meaning: "the check `cache`: a value that is set comes back",
    },
    Knob {
        name: API_BASE_URL,
        default: "unset (no other service)",
        bounds: "an `http://` or `https://` URL without a user",
        meaning: "the service that `/dependency` and `/outbound` call; the check `api`: a GET is answered below 400",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_knob_is_documented_once_and_bears_the_common_prefix() {
        let mut names: Vec<_> = KNOBS.iter().map(|knob| knob.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KNOBS.len());
        for knob in KNOBS {
            assert!(knob.name.starts_with(PREFIX), "{}", knob.name);
            assert!(
                !knob.meaning.is_empty() && !knob.bounds.is_empty() && !knob.default.is_empty()
            );
        }
    }
}
