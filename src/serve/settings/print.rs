//! Showing resolved settings, and saying whether the application they name exists.

use std::fmt::Display;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::resolve::Resolved;
use super::resolved::{BindAddress, HeaderMap, LogLevel, LogTarget, Settings, WorkerClass};
use crate::serve::python::repr;

/// Gunicorn pads names to its longest one, `permit_unconventional_http_version`.
const NAME_WIDTH: usize = 34;

/// The settings that have a meaning here, one `name = value` a line, sorted by name, under
/// Gunicorn's names and in Python's notation.
pub fn config_lines(resolved: &Resolved) -> String {
    let mut lines = String::new();
    for (name, value) in entries(resolved) {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{name:NAME_WIDTH$} = {value}");
    }
    lines
}

fn entries(resolved: &Resolved) -> Vec<(&'static str, String)> {
    let settings = &resolved.settings;
    let mut entries = entries_around_the_pool(resolved);
    entries.extend(entries_of_the_pool(settings));
    // What Gunicorn does not have is shown where it is used.
    if let Some(probes) = &settings.probe_bind {
        entries.push(("probe_bind", address(probes)));
    }
    if let Some(dashboard) = &settings.dashboard {
        entries.push(("dashboard", address(dashboard)));
    }
    let otlp = settings.otlp.as_ref();
    if let Some(traces) = otlp.and_then(|otlp| otlp.traces.as_ref()) {
        entries.push(("otlp_traces_endpoint", traces.url.to_string()));
    }
    if let Some(metrics) = otlp.and_then(|otlp| otlp.metrics.as_ref()) {
        entries.push(("otlp_metrics_endpoint", metrics.url.to_string()));
    }
    if !settings.drain_pause.is_zero() {
        entries.push(("drain_pause", settings.drain_pause.as_secs().to_string()));
    }
    entries.sort_unstable();
    entries
}

/// Addresses, files, environment, and what becomes of the command line.
fn entries_around_the_pool(resolved: &Resolved) -> Vec<(&'static str, String)> {
    let settings = &resolved.settings;
    let env: Vec<String> = settings
        .env
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    vec![
        ("access_log_format", settings.access_log_format.clone()),
        ("accesslog", optional(settings.access_log.as_ref().map(log))),
        ("backlog", settings.backlog.to_string()),
        ("bind", list(settings.bind.iter().map(address))),
        ("capture_output", truth(settings.capture_output)),
        (
            "chdir",
            optional(
                working_directory(resolved)
                    .as_ref()
                    .map(|path| path.display()),
            ),
        ),
        ("check_config", truth(resolved.check_config)),
        (
            "control_socket",
            optional(settings.control_socket.as_ref().map(|path| path.display())),
        ),
        (
            "control_socket_disable",
            truth(settings.control_socket.is_none()),
        ),
        (
            "control_socket_mode",
            settings.control_socket_mode.to_string(),
        ),
        (
            "default_proc_name",
            format!("{}:{}", settings.app.module, settings.app.attribute),
        ),
        ("errorlog", log(&settings.error_log)),
        (
            "forwarder_headers",
            list(settings.head.forwarder_headers.iter().cloned()),
        ),
        (
            "header_map",
            header_map(settings.head.header_map).to_owned(),
        ),
        (
            "pidfile",
            optional(settings.pidfile.as_ref().map(|path| path.display())),
        ),
        ("print_config", truth(resolved.print_config)),
        ("raw_env", list(env.into_iter())),
    ]
}

/// Workers, times and limits.
fn entries_of_the_pool(settings: &Settings) -> Vec<(&'static str, String)> {
    vec![
        (
            "graceful_timeout",
            settings.graceful_timeout.as_secs().to_string(),
        ),
        ("keepalive", settings.keep_alive.as_secs().to_string()),
        (
            "limit_request_field_size",
            settings.head.limits.field_size.to_string(),
        ),
        (
            "limit_request_fields",
            settings.head.limits.fields.to_string(),
        ),
        ("limit_request_line", settings.head.limits.line.to_string()),
        ("loglevel", level(settings.log_level).to_owned()),
        ("max_requests", settings.max_requests.to_string()),
        (
            "max_requests_jitter",
            settings.max_requests_jitter.to_string(),
        ),
        ("preload_app", truth(settings.preload)),
        ("reuse_port", truth(settings.reuse_port)),
        ("umask", settings.umask.to_string()),
        ("threads", settings.threads.to_string()),
        ("timeout", settings.timeout.as_secs().to_string()),
        ("worker_class", class(settings.worker_class).to_owned()),
        (
            "worker_connections",
            settings.worker_connections.to_string(),
        ),
        ("workers", settings.workers.to_string()),
    ]
}

/// Where the application will be looked for: `--chdir`, else where this process is.
fn working_directory(resolved: &Resolved) -> Option<PathBuf> {
    resolved
        .settings
        .chdir
        .clone()
        .or_else(|| std::env::current_dir().ok())
}

fn optional(value: Option<impl Display>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| value.to_string())
}

fn truth(value: bool) -> String {
    if value { "True" } else { "False" }.to_owned()
}

fn list(texts: impl Iterator<Item = String>) -> String {
    let shown: Vec<String> = texts.map(|text| repr(&text)).collect();
    format!("[{}]", shown.join(", "))
}

fn log(target: &LogTarget) -> String {
    match target {
        LogTarget::Stream => "-".to_owned(),
        LogTarget::File(path) => path.display().to_string(),
    }
}

fn address(address: &BindAddress) -> String {
    match address {
        BindAddress::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
        BindAddress::Tcp { host, port } => format!("{host}:{port}"),
        BindAddress::Unix(path) => format!("unix:{}", path.display()),
        BindAddress::Fd(number) => format!("fd://{number}"),
    }
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warning => "warning",
        LogLevel::Error => "error",
        LogLevel::Critical => "critical",
    }
}

fn header_map(behaviour: HeaderMap) -> &'static str {
    match behaviour {
        HeaderMap::Drop => "drop",
        HeaderMap::Refuse => "refuse",
        HeaderMap::Dangerous => "dangerous",
    }
}

fn class(class: WorkerClass) -> &'static str {
    match class {
        WorkerClass::Sync => "sync",
        WorkerClass::Gthread => "gthread",
        WorkerClass::Async => "async",
    }
}
