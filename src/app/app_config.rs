//! The application's configuration: its knobs read, checked and typed.
//!
//! Reading goes through a lookup, never through the process environment, so that a pool can
//! overlay settings and a test can give its own.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::dependencies::{ApiUrl, DatabaseUrl, DatabaseUrlError, RedisUrl};
use super::knobs;
use super::lock::LabKey;
use super::outbound::OutboundPolicy;

/// Blocks one worker may hold unless a knob says otherwise: the labs' 100 requests could all reach
/// one worker, twice.
const DEFAULT_LEAK_MAX_BLOCKS: u64 = 256;
/// Most that any knob of `/slow` accepts: a day.
const LONGEST_DELAY_SECONDS: f64 = 86_400.0;

/// Everything that the application can be told, with units.
#[derive(Debug, Clone, PartialEq)]
pub struct AppConfig {
    /// The key of the fault routes; `None` leaves them open.
    pub lab_key: Option<LabKey>,
    /// Leaked blocks that one worker may hold.
    pub leak_max_blocks: u64,
    /// Shortest random delay of `/slow`, in seconds.
    pub slow_min_seconds: f64,
    /// Longest random delay of `/slow`, in seconds.
    pub slow_max_seconds: f64,
    /// Seed of the random delays; `None` draws a different one in every process.
    pub slow_seed: Option<u64>,
    /// Largest accepted `/slow?seconds=`.
    pub slow_limit_seconds: f64,
    /// Largest accepted `/heavy?rounds=`.
    pub heavy_max_rounds: u64,
    /// Jobs that may be under way in one worker.
    pub jobs_max: u64,
    /// Megabytes that the files of `/fill` may hold.
    pub fill_max_megabytes: u64,
    /// Files of `/fill` that are kept; 0 keeps all.
    pub fill_keep: u64,
    /// How long a worker takes to start.
    pub start_delay: Duration,
    /// Makes every worker fail at boot, with this message.
    pub boot_fail: Option<String>,
    /// Names of settings without which a worker refuses to boot, in the order given.
    pub required_settings: Vec<String>,
    /// How long filling a worker's caches takes.
    pub warm_up_time: Duration,
    /// Time budget of each readiness check.
    pub check_budget: Duration,
    /// The database, when there is one.
    pub database: Option<DatabaseUrl>,
    /// How other services are called.
    pub outbound: OutboundPolicy,
    /// Memory that a worker holds from its boot on, in MB.
    pub worker_memory_megabytes: u64,
    /// The cache, when there is one.
    pub redis: Option<RedisUrl>,
    /// The other service, when there is one.
    pub api: Option<ApiUrl>,
    /// What the warm-up asks for.
    pub warm_up_hooks: Vec<ApiUrl>,
}

/// Why the application cannot be configured as told.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// A knob's value is no number, or outside its bounds.
    #[error("{name}={value:?} is not accepted\n\nhint: {name} takes {bounds}")]
    Value {
        /// The knob.
        name: &'static str,
        /// What it was set to.
        value: String,
        /// What it accepts.
        bounds: String,
    },
    /// A dependency's address cannot be read. It is not shown: there may be a password in it.
    #[error("{name} cannot be read: {source}")]
    Database {
        /// The setting.
        name: &'static str,
        /// What is wrong with it.
        source: DatabaseUrlError,
    },
    /// A URL cannot be read. It is not shown either.
    #[error("{name} cannot be read: it is no well-formed URL of a kind that it takes")]
    Url {
        /// The setting.
        name: &'static str,
    },
    /// The bounds of the random delay are the wrong way round.
    #[error("{minimum_name}={minimum} is above {maximum_name}={maximum}", minimum_name = knobs::LAB_SLOW_MIN_SECONDS, maximum_name = knobs::LAB_SLOW_MAX_SECONDS)]
    SlowRange {
        /// Shortest delay, in seconds.
        minimum: f64,
        /// Longest delay, in seconds.
        maximum: f64,
    },
}

impl Default for AppConfig {
    fn default() -> Self {
        Self {
            lab_key: None,
            leak_max_blocks: DEFAULT_LEAK_MAX_BLOCKS,
            slow_min_seconds: 5.0,
            slow_max_seconds: 15.0,
            slow_seed: None,
            slow_limit_seconds: 300.0,
            heavy_max_rounds: 100,
            jobs_max: 64,
            fill_max_megabytes: 256,
            fill_keep: 0,
            start_delay: Duration::ZERO,
            boot_fail: None,
            required_settings: Vec::new(),
            warm_up_time: Duration::ZERO,
            check_budget: Duration::from_secs(2),
            database: None,
            outbound: OutboundPolicy::default(),
            worker_memory_megabytes: 0,
            redis: None,
            api: None,
            warm_up_hooks: Vec::new(),
        }
    }
}

impl AppConfig {
    /// Read every knob through `lookup`; an empty value counts as unset.
    ///
    /// # Errors
    /// When a value is no number, or outside its knob's bounds.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let source = Source { lookup };
        let defaults = Self::default();
        let (fill_max_megabytes, fill_keep) = source.files(&defaults)?;
        let config = Self {
            // A header has no blanks around its value, so a key cannot have any either.
            lab_key: source
                .text(knobs::LAB_KEY)
                .map(|key| LabKey::new(key.trim())),
            leak_max_blocks: source.whole(
                knobs::LAB_LEAK_MAX_BLOCKS,
                0..=100_000,
                defaults.leak_max_blocks,
            )?,
            slow_min_seconds: source.seconds(
                knobs::LAB_SLOW_MIN_SECONDS,
                0.0..=LONGEST_DELAY_SECONDS,
                defaults.slow_min_seconds,
            )?,
            slow_max_seconds: source.seconds(
                knobs::LAB_SLOW_MAX_SECONDS,
                0.0..=LONGEST_DELAY_SECONDS,
                defaults.slow_max_seconds,
            )?,
            slow_seed: match source.text(knobs::LAB_SLOW_SEED) {
                None => None,
                Some(_) => Some(source.whole(knobs::LAB_SLOW_SEED, 0..=u64::MAX, 0)?),
            },
            slow_limit_seconds: source.seconds(
                knobs::LAB_SLOW_LIMIT_SECONDS,
                0.0..=LONGEST_DELAY_SECONDS,
                defaults.slow_limit_seconds,
            )?,
            heavy_max_rounds: source.whole(
                knobs::LAB_HEAVY_MAX_ROUNDS,
                1..=10_000,
                defaults.heavy_max_rounds,
            )?,
            jobs_max: source.whole(knobs::LAB_JOBS_MAX, 0..=1_000, defaults.jobs_max)?,
            fill_max_megabytes,
            fill_keep,
            start_delay: Duration::from_secs_f64(source.seconds(
                knobs::LAB_START_DELAY_SECONDS,
                0.0..=3_600.0,
                0.0,
            )?),
            boot_fail: source.text(knobs::LAB_BOOT_FAIL),
            required_settings: source.names(knobs::LAB_REQUIRED_SETTINGS),
            warm_up_time: Duration::from_secs_f64(source.seconds(
                knobs::LAB_WARMUP_SECONDS,
                0.0..=3_600.0,
                0.0,
            )?),
            check_budget: Duration::from_secs_f64(source.seconds(
                knobs::LAB_CHECK_SECONDS,
                0.01..=60.0,
                defaults.check_budget.as_secs_f64(),
            )?),
            database: source.database()?,
            outbound: source.outbound()?,
            worker_memory_megabytes: source.whole(knobs::LAB_WORKER_MEMORY_MB, 0..=1_024, 0)?,
            redis: source.url(knobs::REDIS_URL, RedisUrl::parse)?,
            api: source.url(knobs::API_BASE_URL, ApiUrl::parse)?,
            warm_up_hooks: source.urls(knobs::LAB_WARMUP_URLS)?,
        };
        config.with_its_bounds_in_order()
    }

    fn with_its_bounds_in_order(self) -> Result<Self, ConfigError> {
        let (minimum, maximum) = (self.slow_min_seconds, self.slow_max_seconds);
        match minimum > maximum {
            true => Err(ConfigError::SlowRange { minimum, maximum }),
            false => Ok(self),
        }
    }
}

/// A lookup, and how its texts become values.
struct Source<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

impl Source<'_> {
    fn text(&self, name: &'static str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    fn whole(
        &self,
        name: &'static str,
        bounds: RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, ConfigError> {
        let Some(value) = self.text(name) else {
            return Ok(default);
        };
        match value.trim().parse::<u64>() {
            Ok(number) if bounds.contains(&number) => Ok(number),
            _ => Err(ConfigError::Value {
                name,
                value,
                bounds: format!("a whole number from {} to {}", bounds.start(), bounds.end()),
            }),
        }
    }

    fn seconds(
        &self,
        name: &'static str,
        bounds: RangeInclusive<f64>,
        default: f64,
    ) -> Result<f64, ConfigError> {
        let Some(value) = self.text(name) else {
            return Ok(default);
        };
        match value.trim().parse::<f64>() {
            Ok(number) if bounds.contains(&number) => Ok(number),
            _ => Err(ConfigError::Value {
                name,
                value,
                bounds: format!("seconds from {} to {}", bounds.start(), bounds.end()),
            }),
        }
    }

    fn switch(&self, name: &'static str, default: bool) -> Result<bool, ConfigError> {
        match self.text(name).as_deref().map(str::trim) {
            None => Ok(default),
            Some("on") => Ok(true),
            Some("off") => Ok(false),
            Some(value) => Err(ConfigError::Value {
                name,
                value: value.to_owned(),
                bounds: "on or off".to_owned(),
            }),
        }
    }

    /// How much `/fill` may hold, and how many of its files are kept.
    fn files(&self, defaults: &AppConfig) -> Result<(u64, u64), ConfigError> {
        let (most, kept) = (defaults.fill_max_megabytes, defaults.fill_keep);
        Ok((
            self.whole(knobs::LAB_FILL_MAX_MB, 0..=10_000, most)?,
            self.whole(knobs::LAB_FILL_KEEP, 0..=10_000, kept)?,
        ))
    }

    fn outbound(&self) -> Result<OutboundPolicy, ConfigError> {
        let defaults = OutboundPolicy::default();
        let duration = |name, most, default: Duration| {
            let seconds = self.seconds(name, 0.0..=most, default.as_secs_f64())?;
            Ok(Duration::from_secs_f64(seconds))
        };
        let small = |name, most: u32, default: u32| {
            let number = self.whole(name, 0..=u64::from(most), u64::from(default))?;
            Ok(u32::try_from(number).unwrap_or(default))
        };
        let budget = duration(knobs::LAB_CALL_BUDGET_SECONDS, 300.0, Duration::ZERO)?;
        let ports = small(knobs::LAB_OUTBOUND_PORTS, 20_000, 0)?;
        Ok(OutboundPolicy {
            base_url: self.text(knobs::API_BASE_URL),
            budget: (!budget.is_zero()).then_some(budget),
            retries: small(knobs::LAB_CALL_RETRIES, 20, defaults.retries)?,
            backoff: duration(knobs::LAB_CALL_BACKOFF_SECONDS, 30.0, defaults.backoff)?,
            jitter: self.switch(knobs::LAB_CALL_JITTER, defaults.jitter)?,
            breaker_failures: small(knobs::LAB_CALL_BREAKER_FAILURES, 1_000, 0)?,
            breaker_open: duration(
                knobs::LAB_CALL_BREAKER_SECONDS,
                3_600.0,
                defaults.breaker_open,
            )?,
            reuse: self.switch(knobs::LAB_OUTBOUND_REUSE, defaults.reuse)?,
            ports: u16::try_from(ports).unwrap_or(0),
            hold: duration(knobs::LAB_OUTBOUND_HOLD_SECONDS, 3_600.0, defaults.hold)?,
        })
    }

    fn url<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        self.text(name)
            .map(|url| parse(&url).ok_or(ConfigError::Url { name }))
            .transpose()
    }

    fn urls(&self, name: &'static str) -> Result<Vec<ApiUrl>, ConfigError> {
        let urls = self.names(name);
        let parsed = urls.iter().map(|url| ApiUrl::parse(url));
        parsed
            .collect::<Option<_>>()
            .ok_or(ConfigError::Url { name })
    }

    fn database(&self) -> Result<Option<DatabaseUrl>, ConfigError> {
        let name = knobs::DATABASE_URL;
        self.text(name)
            .map(|url| DatabaseUrl::parse(&url))
            .transpose()
            .map_err(|source| ConfigError::Database { name, source })
    }

    fn names(&self, name: &'static str) -> Vec<String> {
        let Some(value) = self.text(name) else {
            return Vec::new();
        };
        value
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<AppConfig, ConfigError> {
        AppConfig::from_lookup(&|name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_set_gives_the_labs_own_behaviour() {
        let config = with(&[]).unwrap();
        assert_eq!(config, AppConfig::default());
        assert_eq!(
            (config.slow_min_seconds, config.slow_max_seconds),
            (5.0, 15.0)
        );
        assert!(config.lab_key.is_none());
        assert!(config.leak_max_blocks >= 100, "the labs send 100 leaks");
    }

    #[test]
    fn an_empty_value_counts_as_unset() {
        let config = with(&[("LAB_KEY", ""), ("LAB_LEAK_MAX_BLOCKS", "")]).unwrap();
        assert_eq!(config, AppConfig::default());
    }

    #[test]
    fn every_knob_is_read() {
        let config = with(&[
            ("LAB_KEY", "k"),
            ("LAB_LEAK_MAX_BLOCKS", "7"),
            ("LAB_SLOW_MIN_SECONDS", "0.5"),
            ("LAB_SLOW_MAX_SECONDS", "1.5"),
            ("LAB_SLOW_SEED", "9"),
            ("LAB_SLOW_LIMIT_SECONDS", "60"),
            ("LAB_HEAVY_MAX_ROUNDS", "3"),
            ("LAB_START_DELAY_SECONDS", "2.5"),
            ("LAB_BOOT_FAIL", "no licence"),
            ("LAB_REQUIRED_SETTINGS", "DATABASE_URL, CACHE_URL,,"),
        ])
        .unwrap();
        assert!(config.lab_key.is_some());
        assert_eq!(config.leak_max_blocks, 7);
        assert_eq!(
            (config.slow_min_seconds, config.slow_max_seconds),
            (0.5, 1.5)
        );
        assert_eq!(config.slow_seed, Some(9));
        assert_eq!(config.slow_limit_seconds, 60.0);
        assert_eq!(config.heavy_max_rounds, 3);
        assert_eq!(config.start_delay, Duration::from_millis(2500));
        assert_eq!(config.boot_fail.as_deref(), Some("no licence"));
        assert_eq!(config.required_settings, ["DATABASE_URL", "CACHE_URL"]);
    }

    #[test]
    fn a_bad_value_is_refused_with_name_value_and_bounds() {
        for (name, value) in [
            ("LAB_LEAK_MAX_BLOCKS", "many"),
            ("LAB_LEAK_MAX_BLOCKS", "-1"),
            ("LAB_LEAK_MAX_BLOCKS", "100001"),
            ("LAB_SLOW_MIN_SECONDS", "NaN"),
            ("LAB_SLOW_MAX_SECONDS", "inf"),
            ("LAB_SLOW_SEED", "1.5"),
            ("LAB_SLOW_LIMIT_SECONDS", "-0.1"),
            ("LAB_HEAVY_MAX_ROUNDS", "0"),
            ("LAB_START_DELAY_SECONDS", "3601"),
        ] {
            let message = with(&[(name, value)]).unwrap_err().to_string();
            assert!(
                message.contains(name) && message.contains(value),
                "{message}"
            );
            assert!(message.contains("hint: "), "{message}");
        }
    }

    #[test]
    fn a_minimum_above_the_maximum_is_refused() {
        let error = with(&[("LAB_SLOW_MIN_SECONDS", "16")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "LAB_SLOW_MIN_SECONDS=16 is above LAB_SLOW_MAX_SECONDS=15"
        );
    }

    #[test]
    fn blanks_around_a_key_do_not_keep_everybody_out() {
        let key = with(&[("LAB_KEY", " open sesame\n")]).unwrap().lab_key;
        assert!(key.is_some_and(|key| key.opens_with(b"open sesame")));
    }

    #[test]
    fn the_key_does_not_show_in_debug_output() {
        let config = with(&[("LAB_KEY", "planted-key")]).unwrap();
        assert!(!format!("{config:?}").contains("planted-key"));
    }
}
