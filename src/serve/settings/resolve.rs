//! The second stage: from given words to settings, by the order of precedence.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::allow_list::AllowList;
use super::arguments::{self, Given};
use super::environment::{Environment, LAB_BIND_OVERRIDE, default_control_socket};
use super::error::SettingsError;
use super::flags::{FLAGS, Meaning, Value};
use super::resolved::{
    AppName, BindAddress, HeadLimits, HeadRules, LONGEST_TIME, LogTarget, MOST_THREADS,
    MOST_WORKERS, Settings, WorkerClass,
};
use super::values::{
    app_name, automatic_integer, bind_address, header_map, log_level, log_target, python_integer,
    statsd_address,
};
use super::warning::Warning;
use super::{Otlp, telemetry, words};

/// Gunicorn's `access_log_format`.
pub const DEFAULT_ACCESS_LOG_FORMAT: &str =
    r#"%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s""#;

/// The configuration file that Gunicorn reads when none is named.
const DEFAULT_CONFIG_FILE: &str = "gunicorn.conf.py";

/// Gunicorn's upper bounds on the limits of a request head (`http/message.py`).
const MAX_REQUEST_LINE: usize = 8190;
const MAX_REQUEST_FIELDS: usize = 32768;

/// What [`resolve`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Everything the pool needs to know.
    pub settings: Settings,
    /// What was accepted and is still worth a line, in the order in which it was given.
    pub warnings: Vec<Warning>,
    /// Only check the settings and the application's name (`--check-config`).
    pub check_config: bool,
    /// Print the settings, then check as with `check_config` (`--print-config`).
    pub print_config: bool,
}

/// Resolve the words of a command line, without the program's name, and the environment.
///
/// # Errors
/// Whatever Gunicorn would refuse to start with, in its words; `--help` and `--version` among it.
pub fn resolve(
    arguments: &[OsString],
    environment: &dyn Environment,
) -> Result<Resolved, SettingsError> {
    // Gunicorn reads WEB_CONCURRENCY while it is loaded, so a bad one fails before everything
    // else, even when --workers is given.
    let concurrency = concurrency(environment)?;
    let line = &arguments::read(arguments)?;
    let variable = &given_by_variable(environment)?;
    let layers = Layers { line, variable };
    // From here on the order is Gunicorn's: where two things are wrong, the same one is reported.
    let mut warnings = layers.warnings()?;
    layers.refuse_negative_numbers()?;
    let chdir = layers.chdir()?;
    let (error_log, access_log) = layers.logs(chdir.as_deref())?;
    let (worker_class, mapped) = layers.worker_class()?;
    warnings.extend(mapped);
    let (bind, overridden) = layers.bind(environment)?;
    warnings.extend(overridden);
    let otlp = exported(environment, &mut warnings)?;
    let settings = Settings {
        bind,
        backlog: layers.number("backlog", 2048)?,
        workers: at_most(MOST_WORKERS, layers.number("workers", concurrency)?)?,
        worker_class,
        threads: at_most(MOST_THREADS, layers.number("threads", 1)?)?,
        worker_connections: layers.number("worker_connections", 1000)?,
        timeout: layers.seconds("timeout", 30)?,
        graceful_timeout: layers.seconds("graceful_timeout", 30)?,
        keep_alive: layers.seconds("keepalive", 2)?,
        max_requests: layers.number("max_requests", 0)?,
        max_requests_jitter: layers.number("max_requests_jitter", 0)?,
        head: layers.head()?,
        preload: layers.has("preload_app"),
        pidfile: layers.text("pidfile").map(PathBuf::from),
        access_log,
        access_log_format: layers
            .text("access_log_format")
            .unwrap_or(DEFAULT_ACCESS_LOG_FORMAT)
            .to_owned(),
        error_log,
        log_level: log_level(layers.text("loglevel").unwrap_or("info")),
        capture_output: layers.has("capture_output"),
        chdir,
        env: layers.env()?,
        reuse_port: layers.has("reuse_port"),
        umask: layers.mode("umask", 0)?,
        control_socket: layers.control_socket(environment),
        control_socket_mode: layers.mode("control_socket_mode", 0o600)?,
        forwarded_allow_ips: layers.forwarded_allow_ips(environment)?,
        statsd_host: layers.text("statsd_host").map(statsd_address).transpose()?,
        statsd_prefix: layers.text("statsd_prefix").unwrap_or_default().to_owned(),
        dogstatsd_tags: layers.text("dogstatsd_tags").unwrap_or_default().to_owned(),
        enable_backlog_metric: layers.has("enable_backlog_metric"),
        probe_bind: layers.text("probe_bind").map(bind_address).transpose()?,
        dashboard: layers.text("dashboard").map(bind_address).transpose()?,
        otlp,
        drain_pause: layers.seconds("drain_pause", 0)?,
        app: line
            .positionals
            .first()
            .map_or_else(default_app, |text| app_name(text)),
    };
    Ok(Resolved {
        settings,
        warnings,
        check_config: layers.has("check_config"),
        print_config: layers.has("print_config"),
    })
}

/// Where to export, where this build can.
fn exported(
    environment: &dyn Environment,
    warnings: &mut Vec<Warning>,
) -> Result<Option<Otlp>, SettingsError> {
    let mut otlp = telemetry::otlp(environment)?;
    if cfg!(not(feature = "otlp")) && otlp.take().is_some() {
        warnings.push(Warning::NoTelemetry);
    }
    Ok(otlp)
}

/// The lab application, which is also what a bare `labrat serve` runs.
fn default_app() -> AppName {
    app_name("app:app")
}

fn given_by_variable(environment: &dyn Environment) -> Result<Given, SettingsError> {
    match environment.get("GUNICORN_CMD_ARGS") {
        Some(text) => arguments::read_texts(&words::split(&text)?),
        None => Ok(Given::default()),
    }
}

fn concurrency(environment: &dyn Environment) -> Result<usize, SettingsError> {
    let Some(text) = environment.get("WEB_CONCURRENCY") else {
        return Ok(1);
    };
    let number = python_integer(&text).ok_or(SettingsError::Concurrency(text))?;
    within(number)
}

fn within<T: TryFrom<i128> + Bound>(number: i128) -> Result<T, SettingsError> {
    if number < 0 {
        return Err(SettingsError::Negative(number));
    }
    if number > T::LARGEST {
        return Err(SettingsError::TooLarge {
            value: number,
            limit: T::LARGEST,
        });
    }
    T::try_from(number).map_err(|_| SettingsError::TooLarge {
        value: number,
        limit: T::LARGEST,
    })
}

/// A number that the pool itself bounds.
fn at_most(limit: usize, number: usize) -> Result<usize, SettingsError> {
    if number > limit {
        return Err(SettingsError::TooLarge {
            value: number as i128,
            limit: limit as i128,
        });
    }
    Ok(number)
}

/// The largest value that is accepted for a type of setting: what the kernel's and the clock's
/// own types hold.
trait Bound {
    const LARGEST: i128;
}

impl Bound for i32 {
    const LARGEST: i128 = i32::MAX as i128;
}

impl Bound for u32 {
    const LARGEST: i128 = u32::MAX as i128;
}

impl Bound for usize {
    const LARGEST: i128 = i32::MAX as i128;
}

impl Bound for u64 {
    const LARGEST: i128 = i64::MAX as i128;
}

/// The two places where flags are given; each setting is looked up in both separately.
struct Layers<'a> {
    line: &'a Given,
    variable: &'a Given,
}

impl<'a> Layers<'a> {
    /// The value that counts, without blanks around it.
    fn text(&self, key: &str) -> Option<&'a str> {
        self.line
            .last(key)
            .or_else(|| self.variable.last(key))
            .map(str::trim)
    }

    /// A repeatable flag: all uses in the first place that has any.
    fn texts(&self, key: &str) -> Vec<&'a str> {
        let layer = if self.line.has(key) {
            self.line
        } else {
            self.variable
        };
        layer.all(key).map(str::trim).collect()
    }

    fn has(&self, key: &str) -> bool {
        self.line.has(key) || self.variable.has(key)
    }

    fn number<T: TryFrom<i128> + Bound>(&self, key: &str, default: T) -> Result<T, SettingsError> {
        match self.text(key).and_then(python_integer) {
            Some(number) => within(number),
            None => Ok(default),
        }
    }

    fn seconds(&self, key: &str, default: u64) -> Result<Duration, SettingsError> {
        let seconds = self.number(key, default).map(Duration::from_secs)?;
        Ok(seconds.min(LONGEST_TIME))
    }

    /// Gunicorn validates every number that was given, also one that a later word replaces.
    fn refuse_negative_numbers(&self) -> Result<(), SettingsError> {
        for layer in [self.variable, self.line] {
            for flag in FLAGS.iter().filter(|flag| flag.value == Value::Integer) {
                match layer.last(flag.key).and_then(python_integer) {
                    Some(number) if number < 0 => return Err(SettingsError::Negative(number)),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Where errors and, if anywhere, accesses are logged.
    fn logs(
        &self,
        directory: Option<&Path>,
    ) -> Result<(LogTarget, Option<LogTarget>), SettingsError> {
        let errors = log_target(self.text("errorlog").unwrap_or("-"));
        let accesses = self.text("accesslog").map(log_target);
        for target in [Some(&errors), accesses.as_ref()].into_iter().flatten() {
            refuse_unwritable(target, directory)?;
        }
        Ok((errors, accesses))
    }

    fn warnings(&self) -> Result<Vec<Warning>, SettingsError> {
        let mut warnings = Vec::new();
        for flag in FLAGS.iter().filter(|flag| self.has(flag.key)) {
            if let Meaning::Ignored(reason) = flag.meaning {
                warnings.push(Warning::NoMeaning {
                    flag: flag.long(),
                    reason,
                });
            }
        }
        match self.text("config") {
            Some(name) if !name.starts_with("python:") => {
                let path = name.strip_prefix("file:").unwrap_or(name);
                if !Path::new(path).exists() {
                    return Err(SettingsError::ConfigFile(path.to_owned()));
                }
            }
            Some(_) => {}
            None if Path::new(DEFAULT_CONFIG_FILE).exists() => {
                warnings.push(Warning::ConfigFile {
                    path: DEFAULT_CONFIG_FILE.into(),
                });
            }
            None => {}
        }
        Ok(warnings)
    }

    fn bind(
        &self,
        environment: &dyn Environment,
    ) -> Result<(Vec<BindAddress>, Option<Warning>), SettingsError> {
        let given = self.texts("bind");
        let told: Vec<String> = match environment.get("PORT") {
            _ if !given.is_empty() => given.into_iter().map(str::to_owned).collect(),
            Some(port) => vec![format!("0.0.0.0:{port}")],
            None => vec!["127.0.0.1:8000".to_owned()],
        };
        let addresses = told
            .iter()
            .map(|text| bind_address(text))
            .collect::<Result<Vec<_>, _>>()?;
        let Some(used) = environment
            .get(LAB_BIND_OVERRIDE)
            .filter(|text| !text.is_empty())
        else {
            return Ok((addresses, None));
        };
        let warning = Warning::BindOverridden {
            told: told.join(","),
            used: used.clone(),
        };
        let addresses = used
            .split(',')
            .map(|text| bind_address(text.trim()))
            .collect::<Result<Vec<_>, _>>()?;
        Ok((addresses, Some(warning)))
    }

    fn worker_class(&self) -> Result<(WorkerClass, Option<Warning>), SettingsError> {
        let name = self.text("worker_class").unwrap_or("sync");
        let threads: usize = self.number("threads", 1)?;
        let class = match name {
            "sync" | "gunicorn.workers.sync.SyncWorker" if threads > 1 => WorkerClass::Gthread,
            "sync" | "gunicorn.workers.sync.SyncWorker" => WorkerClass::Sync,
            "gthread" | "gunicorn.workers.gthread.ThreadWorker" => WorkerClass::Gthread,
            "async" => WorkerClass::Async,
            "gevent" | "gevent_wsgi" | "gevent_pywsgi" | "eventlet" => {
                let warning = Warning::WorkerClass {
                    name: name.to_owned(),
                };
                return Ok((WorkerClass::Async, Some(warning)));
            }
            "tornado" | "asgi" => return Err(no_worker_class(name, HINT_ASYNC)),
            _ if name.to_lowercase().contains("uvicorn") => {
                return Err(no_worker_class(name, HINT_ASYNC));
            }
            _ => return Err(no_worker_class(name, HINT_CLASSES)),
        };
        Ok((class, None))
    }

    fn head(&self) -> Result<HeadRules, SettingsError> {
        let names = self.text("forwarder_headers");
        let names = names.unwrap_or("SCRIPT_NAME,PATH_INFO").split(',');
        Ok(HeadRules {
            limits: self.limits()?,
            header_map: header_map(self.text("header_map").unwrap_or("drop"))?,
            forwarder_headers: names
                .filter(|name| !name.is_empty())
                .map(|name| name.trim().to_owned())
                .collect(),
        })
    }

    fn limits(&self) -> Result<HeadLimits, SettingsError> {
        let line: usize = self.number("limit_request_line", 4094)?;
        let fields: usize = self.number("limit_request_fields", 100)?;
        let fields = if fields == 0 {
            MAX_REQUEST_FIELDS
        } else {
            fields
        };
        Ok(HeadLimits {
            line: line.min(MAX_REQUEST_LINE),
            fields: fields.min(MAX_REQUEST_FIELDS),
            field_size: self.number("limit_request_field_size", 8190)?,
        })
    }

    fn chdir(&self) -> Result<Option<PathBuf>, SettingsError> {
        let Some(text) = self.text("chdir") else {
            return Ok(None);
        };
        let path = PathBuf::from(text);
        match std::path::absolute(&path) {
            Ok(absolute) if absolute.is_dir() => Ok(Some(absolute)),
            _ => Err(SettingsError::Chdir(path)),
        }
    }

    fn env(&self) -> Result<Vec<(String, String)>, SettingsError> {
        let pairs = self.texts("raw_env").into_iter().map(|text| {
            let pair = text
                .split_once('=')
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
            pair.ok_or_else(|| SettingsError::EnvironmentSetting(text.to_owned()))
        });
        pairs.collect()
    }

    fn control_socket(&self, environment: &dyn Environment) -> Option<PathBuf> {
        if self.has("control_socket_disable") {
            return None;
        }
        match self.text("control_socket") {
            Some(path) => Some(PathBuf::from(path)),
            None => default_control_socket(environment),
        }
    }

    fn forwarded_allow_ips(
        &self,
        environment: &dyn Environment,
    ) -> Result<AllowList, SettingsError> {
        let variable = environment.get("FORWARDED_ALLOW_IPS");
        let text = self.text("forwarded_allow_ips").or(variable.as_deref());
        AllowList::parse(text.unwrap_or("127.0.0.1,::1")).map_err(SettingsError::AllowList)
    }

    /// Permission bits.
    fn mode(&self, key: &str, default: u32) -> Result<u32, SettingsError> {
        match self.text(key).and_then(automatic_integer) {
            Some(number) => within(number),
            None => Ok(default),
        }
    }
}

const HINT_ASYNC: &str = "it needs Python; the class 'async' is an event loop, too";
const HINT_CLASSES: &str = "the classes here are sync, gthread and async";

fn no_worker_class(name: &str, hint: &'static str) -> SettingsError {
    SettingsError::WorkerClass {
        name: name.to_owned(),
        hint,
    }
}

/// Gunicorn opens its logs before anything else; a log that cannot be opened is a failed start.
fn refuse_unwritable(target: &LogTarget, chdir: Option<&Path>) -> Result<(), SettingsError> {
    let LogTarget::File(path) = target else {
        return Ok(());
    };
    let full = chdir.map_or_else(|| path.clone(), |directory| directory.join(path));
    match OpenOptions::new().append(true).create(true).open(&full) {
        Ok(_) => Ok(()),
        Err(error) => Err(SettingsError::LogFile {
            path: full,
            reason: python_os_error(&error),
        }),
    }
}

/// An input or output error in Python's notation: its class, number and text.
fn python_os_error(error: &std::io::Error) -> String {
    let class = match error.kind() {
        std::io::ErrorKind::NotFound => "FileNotFoundError",
        std::io::ErrorKind::PermissionDenied => "PermissionError",
        std::io::ErrorKind::IsADirectory => "IsADirectoryError",
        std::io::ErrorKind::NotADirectory => "NotADirectoryError",
        _ => "OSError",
    };
    let number = error.raw_os_error().unwrap_or_default();
    let text = nix::errno::Errno::from_raw(number).desc();
    format!("{class}({number}, '{text}')")
}
