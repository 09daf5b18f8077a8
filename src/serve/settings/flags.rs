//! The one table of flags: all that Gunicorn 25.3.0 accepts, in its order, and what each of them
//! means here; behind them the few that only labrat has.
//!
//! Reading, help, completions and docs/serve.md are made from it.

use clap::builder::{PossibleValue, StyledStr};
use clap::{Arg, ArgAction, Command};

/// What kind of value a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// None: the flag switches something on.
    Switch,
    /// Any text.
    Text,
    /// Any text, or nothing, which means `auto`.
    OptionalAuto,
    /// A whole number as `int()` of Python reads it.
    Integer,
    /// A whole number whose notation says the base: `0600`, `0x1f`.
    AutomaticInteger,
}

/// Whether a flag does something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// What it does.
    Acts(&'static str),
    /// Why it does nothing.
    Ignored(&'static str),
}

/// One flag.
#[derive(Debug, PartialEq, Eq)]
pub struct Flag {
    /// Gunicorn's name of the setting, as in a configuration file.
    pub key: &'static str,
    /// Every spelling, the short one first where there is one.
    pub names: &'static [&'static str],
    /// What it takes.
    pub value: Value,
    /// How the value is called in help; empty for a switch.
    pub metavar: &'static str,
    /// Gunicorn's default, where help shows one.
    pub default: &'static str,
    /// What it means here.
    pub meaning: Meaning,
}

impl Flag {
    /// The flag that is spelled exactly `name`.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        FLAGS.iter().find(|flag| flag.names.contains(&name))
    }

    /// All spellings, as argparse joins them in its errors.
    pub fn spellings(&self) -> String {
        self.names.join("/")
    }

    /// The first long spelling.
    pub fn long(&self) -> &'static str {
        self.names
            .iter()
            .find(|name| name.starts_with("--"))
            .copied()
            .unwrap_or_default()
    }

    /// The short spelling, without its dash.
    pub fn short(&self) -> Option<char> {
        let name = self.names.iter().find(|name| !name.starts_with("--"))?;
        name.chars().nth(1)
    }

    /// Whether every use counts, and not only the last.
    pub fn is_repeatable(&self) -> bool {
        matches!(self.key, "bind" | "raw_env")
    }
}

/// The flags as a command for help and completions. What is ignored is left out of the help.
pub fn command() -> Command {
    let mut command = Command::new("serve").disable_version_flag(true);
    for flag in FLAGS
        .iter()
        .filter(|flag| !matches!(flag.key, "help" | "version"))
    {
        command = command.arg(argument(flag));
    }
    command.arg(
        Arg::new("app")
            .value_name("MODULE:APP")
            .help("The application; there is one, app:app, and any other name fails as it would in Python")
            .value_parser([PossibleValue::new("app:app")])
            .hide_possible_values(true),
    )
}

fn argument(flag: &'static Flag) -> Arg {
    let mut argument = Arg::new(flag.key).long(flag.long().trim_start_matches('-'));
    if let Some(short) = flag.short() {
        argument = argument.short(short);
    }
    let others = flag
        .names
        .iter()
        .filter_map(|name| name.strip_prefix("--"))
        .skip(1);
    argument = argument.visible_aliases(others.collect::<Vec<_>>());
    argument = match flag.value {
        Value::Switch => argument.action(ArgAction::SetTrue),
        _ if flag.is_repeatable() => argument.action(ArgAction::Append).value_name(flag.metavar),
        _ => argument.value_name(flag.metavar),
    };
    match flag.meaning {
        Meaning::Acts(text) if flag.default.is_empty() => argument.help(StyledStr::from(text)),
        Meaning::Acts(text) => argument.help(format!("{text} [default: {}]", flag.default)),
        Meaning::Ignored(_) => argument.hide(true),
    }
}

/// One flag a line: `key [spellings] value "metavar" "default" meaning "text";`.
macro_rules! flags {
    ($($key:literal [$($name:literal)+] $value:ident $metavar:literal $default:literal $meaning:ident $text:expr;)+) => {
        &[$(Flag {
            key: $key,
            names: &[$($name),+],
            value: Value::$value,
            metavar: $metavar,
            default: $default,
            meaning: Meaning::$meaning($text),
        }),+]
    };
}

const NO_PYTHON: &str = "labrat loads no Python code";
const NO_TLS: &str = "labrat speaks plain HTTP; on App Service the front end ends TLS";
const NO_SYSLOG: &str = "labrat logs to standard error or to a file";
const ONE_PROTOCOL: &str = "labrat speaks HTTP/1 only";
const FIXED_PARSER: &str = "requests are always parsed with Gunicorn's default strictness";
const NO_DIRTY: &str = "labrat has no dirty workers";
const NO_ASGI: &str = "there is no ASGI application to configure";
const NO_RELOAD: &str = "the application is part of the binary, so there is no code to watch";
const SAME_USER: &str = "labrat keeps the user and group that it was started with";

/// Every flag, in the order in which Gunicorn registers them (errors list them in that order).
#[rustfmt::skip]
pub const FLAGS: &[Flag] = flags! {
    "help" ["-h" "--help"] Switch "" "" Acts "Show this help";
    "version" ["-v" "--version"] Switch "" "" Acts "Show the version";
    "config" ["-c" "--config"] Text "CONFIG" "" Ignored "labrat runs no Python, so settings come from flags and GUNICORN_CMD_ARGS";
    "bind" ["-b" "--bind"] Text "ADDRESS" "127.0.0.1:8000, or 0.0.0.0:$PORT" Acts "Address to listen on: HOST:PORT, :PORT, HOST, unix:PATH or fd://N; may be repeated";
    "backlog" ["--backlog"] Integer "INT" "2048" Acts "Length of the kernel's accept queue";
    "workers" ["-w" "--workers"] Integer "INT" "1, or $WEB_CONCURRENCY" Acts "Number of worker processes";
    "worker_class" ["-k" "--worker-class"] Text "STRING" "sync" Acts "sync, gthread or async";
    "threads" ["--threads"] Integer "INT" "1" Acts "Threads in each worker; more than one turns sync into gthread";
    "worker_connections" ["--worker-connections"] Integer "INT" "1000" Acts "Connections that one gthread or async worker holds";
    "max_requests" ["--max-requests"] Integer "INT" "0" Acts "Replace a worker after this many requests; 0 never";
    "max_requests_jitter" ["--max-requests-jitter"] Integer "INT" "0" Acts "Up to this many are added to --max-requests at random";
    "timeout" ["-t" "--timeout"] Integer "INT" "30" Acts "Kill a worker that is silent for more than this many seconds; 0 never";
    "graceful_timeout" ["--graceful-timeout"] Integer "INT" "30" Acts "Seconds in which a worker may finish what it has in flight";
    "keepalive" ["--keep-alive"] Integer "INT" "2" Acts "Seconds that an idle keep-alive connection stays open (gthread, async)";
    "limit_request_line" ["--limit-request-line"] Integer "INT" "4094" Acts "Most bytes of a request line; 0 is no limit";
    "limit_request_fields" ["--limit-request-fields"] Integer "INT" "100" Acts "Most header fields of a request";
    "limit_request_field_size" ["--limit-request-field_size"] Integer "INT" "8190" Acts "Most bytes of one header line";
    "reload" ["--reload"] Switch "" "" Ignored NO_RELOAD;
    "reload_engine" ["--reload-engine"] Text "STRING" "" Ignored NO_RELOAD;
    "reload_extra_files" ["--reload-extra-file"] Text "FILES" "" Ignored NO_RELOAD;
    "spew" ["--spew"] Switch "" "" Ignored NO_PYTHON;
    "check_config" ["--check-config"] Switch "" "" Acts "Check the settings and the application's name, and exit";
    "print_config" ["--print-config"] Switch "" "" Acts "Print the settings as resolved, check them, and exit";
    "preload_app" ["--preload"] Switch "" "" Acts "Load the application before the workers are forked";
    "sendfile" ["--no-sendfile"] Switch "" "" Ignored "no answer of the lab application is a file";
    "reuse_port" ["--reuse-port"] Switch "" "" Acts "Give every worker TCP sockets of its own, with SO_REUSEPORT; those of unix: stay shared";
    "chdir" ["--chdir"] Text "CHDIR" "" Acts "Change to this directory first";
    "daemon" ["-D" "--daemon"] Switch "" "" Ignored "labrat stays in the foreground, where a platform or a terminal can see it";
    "raw_env" ["-e" "--env"] Text "ENV" "" Acts "Set NAME=value for the application; may be repeated";
    "pidfile" ["-p" "--pid"] Text "FILE" "" Acts "Keep the arbiter's pid in this file";
    "worker_tmp_dir" ["--worker-tmp-dir"] Text "DIR" "" Ignored "heartbeats live in shared memory, not in files";
    "user" ["-u" "--user"] Text "USER" "" Ignored SAME_USER;
    "group" ["-g" "--group"] Text "GROUP" "" Ignored SAME_USER;
    "umask" ["-m" "--umask"] AutomaticInteger "INT" "0" Acts "Permission bits that the sockets of unix: addresses do not get";
    "initgroups" ["--initgroups"] Switch "" "" Ignored SAME_USER;
    "forwarded_allow_ips" ["--forwarded-allow-ips"] Text "STRING" "127.0.0.1,::1, or $FORWARDED_ALLOW_IPS" Acts "Addresses and networks whose X-Forwarded-Proto and SCRIPT_NAME are believed; * is everybody";
    "accesslog" ["--access-logfile"] Text "FILE" "" Acts "Write the access log to this file; - is standard output";
    "disable_redirect_access_to_syslog" ["--disable-redirect-access-to-syslog"] Switch "" "" Ignored NO_SYSLOG;
    "access_log_format" ["--access-logformat"] Text "STRING" "" Acts "Format of the access log, with Gunicorn's atoms";
    "errorlog" ["--error-logfile" "--log-file"] Text "FILE" "-" Acts "Write the error log to this file; - is standard error";
    "loglevel" ["--log-level"] Text "LEVEL" "info" Acts "debug, info, warning, error or critical";
    "capture_output" ["--capture-output"] Switch "" "" Acts "Send what the workers print to the error log";
    "logger_class" ["--logger-class"] Text "STRING" "" Ignored NO_PYTHON;
    "logconfig" ["--log-config"] Text "FILE" "" Ignored NO_PYTHON;
    "logconfig_json" ["--log-config-json"] Text "FILE" "" Ignored NO_PYTHON;
    "syslog_addr" ["--log-syslog-to"] Text "SYSLOG_ADDR" "" Ignored NO_SYSLOG;
    "syslog" ["--log-syslog"] Switch "" "" Ignored NO_SYSLOG;
    "syslog_prefix" ["--log-syslog-prefix"] Text "SYSLOG_PREFIX" "" Ignored NO_SYSLOG;
    "syslog_facility" ["--log-syslog-facility"] Text "SYSLOG_FACILITY" "" Ignored NO_SYSLOG;
    "enable_stdio_inheritance" ["-R" "--enable-stdio-inheritance"] Switch "" "" Ignored "only a daemon closes its streams, and labrat is none";
    "statsd_host" ["--statsd-host"] Text "STATSD_ADDR" "" Acts "Send figures to this statsd server: HOST:PORT or unix://PATH";
    "dogstatsd_tags" ["--dogstatsd-tags"] Text "DOGSTATSD_TAGS" "" Acts "Tags of every figure: name:value, joined with commas";
    "statsd_prefix" ["--statsd-prefix"] Text "STATSD_PREFIX" "" Acts "What the names of the figures begin with";
    "enable_backlog_metric" ["--enable-backlog-metric"] Switch "" "" Acts "Send how many connections wait, with every look at the workers";
    "proc_name" ["-n" "--name"] Text "STRING" "" Ignored "processes keep the name labrat, as Gunicorn's do without setproctitle";
    "pythonpath" ["--pythonpath"] Text "STRING" "" Ignored NO_PYTHON;
    "paste" ["--paste" "--paster"] Text "STRING" "" Ignored NO_PYTHON;
    "proxy_protocol" ["--proxy-protocol"] OptionalAuto "MODE" "" Ignored "labrat does not speak the PROXY protocol";
    "proxy_allow_ips" ["--proxy-allow-from"] Text "PROXY_ALLOW_IPS" "" Ignored "labrat does not speak the PROXY protocol";
    "protocol" ["--protocol"] Text "STRING" "" Ignored ONE_PROTOCOL;
    "uwsgi_allow_ips" ["--uwsgi-allow-from"] Text "UWSGI_ALLOW_IPS" "" Ignored ONE_PROTOCOL;
    "keyfile" ["--keyfile"] Text "FILE" "" Ignored NO_TLS;
    "certfile" ["--certfile"] Text "FILE" "" Ignored NO_TLS;
    "ssl_version" ["--ssl-version"] Text "SSL_VERSION" "" Ignored NO_TLS;
    "cert_reqs" ["--cert-reqs"] Text "CERT_REQS" "" Ignored NO_TLS;
    "ca_certs" ["--ca-certs"] Text "FILE" "" Ignored NO_TLS;
    "suppress_ragged_eofs" ["--suppress-ragged-eofs"] Switch "" "" Ignored NO_TLS;
    "do_handshake_on_connect" ["--do-handshake-on-connect"] Switch "" "" Ignored NO_TLS;
    "ciphers" ["--ciphers"] Text "CIPHERS" "" Ignored NO_TLS;
    "http_protocols" ["--http-protocols"] Text "STRING" "" Ignored ONE_PROTOCOL;
    "http2_max_concurrent_streams" ["--http2-max-concurrent-streams"] Integer "INT" "" Ignored ONE_PROTOCOL;
    "http2_initial_window_size" ["--http2-initial-window-size"] Integer "INT" "" Ignored ONE_PROTOCOL;
    "http2_max_frame_size" ["--http2-max-frame-size"] Integer "INT" "" Ignored ONE_PROTOCOL;
    "http2_max_header_list_size" ["--http2-max-header-list-size"] Integer "INT" "" Ignored ONE_PROTOCOL;
    "raw_paste_global_conf" ["--paste-global"] Text "CONF" "" Ignored NO_PYTHON;
    "permit_obsolete_folding" ["--permit-obsolete-folding"] Switch "" "" Ignored FIXED_PARSER;
    "strip_header_spaces" ["--strip-header-spaces"] Switch "" "" Ignored FIXED_PARSER;
    "permit_unconventional_http_method" ["--permit-unconventional-http-method"] Switch "" "" Ignored FIXED_PARSER;
    "permit_unconventional_http_version" ["--permit-unconventional-http-version"] Switch "" "" Ignored FIXED_PARSER;
    "casefold_http_method" ["--casefold-http-method"] Switch "" "" Ignored FIXED_PARSER;
    "forwarder_headers" ["--forwarder-headers"] Text "FORWARDER_HEADERS" "SCRIPT_NAME,PATH_INFO" Acts "Headers whose names have an underscore that trusted addresses may send, in upper case; * is all (sync, gthread)";
    "header_map" ["--header-map"] Text "HEADER_MAP" "drop" Acts "Other headers whose names have an underscore: drop them, refuse the request, or dangerous, which takes them for names with dashes (sync, gthread)";
    "asgi_loop" ["--asgi-loop"] Text "STRING" "" Ignored NO_ASGI;
    "asgi_lifespan" ["--asgi-lifespan"] Text "STRING" "" Ignored NO_ASGI;
    "asgi_disconnect_grace_period" ["--asgi-disconnect-grace-period"] Integer "INT" "" Ignored NO_ASGI;
    "http_parser" ["--http-parser"] Text "STRING" "" Ignored NO_ASGI;
    "root_path" ["--root-path"] Text "STRING" "" Ignored NO_ASGI;
    "dirty_apps" ["--dirty-app"] Text "STRING" "" Ignored NO_DIRTY;
    "dirty_workers" ["--dirty-workers"] Integer "INT" "" Ignored NO_DIRTY;
    "dirty_timeout" ["--dirty-timeout"] Integer "INT" "" Ignored NO_DIRTY;
    "dirty_threads" ["--dirty-threads"] Integer "INT" "" Ignored NO_DIRTY;
    "dirty_graceful_timeout" ["--dirty-graceful-timeout"] Integer "INT" "" Ignored NO_DIRTY;
    "control_socket" ["--control-socket"] Text "PATH" "$XDG_RUNTIME_DIR/labrat.ctl or ~/.labrat/labrat.ctl" Acts "Path of the control socket that labrat ctl talks to";
    "control_socket_mode" ["--control-socket-mode"] AutomaticInteger "INT" "0600" Acts "Permission bits of the control socket";
    "control_socket_disable" ["--no-control-socket"] Switch "" "" Acts "Make no control socket";
    "probe_bind" ["--probe-bind"] Text "ADDRESS" "" Acts "Answer the probes (/health, /ready, /startup, /warmup) and /metrics at this address, beside the pool; not in Gunicorn";
    "dashboard" ["--dashboard"] Text "ADDRESS" "" Acts "Show the pool, its queue and its requests on a page at this address, beside the pool; the log has its URL with the token ($LABRAT_DASHBOARD_TOKEN, or a new one); not in Gunicorn";
    "drain_pause" ["--drain-pause"] Integer "INT" "0" Acts "Seconds between TERM, at which /ready says no, and the closing of the listeners; not in Gunicorn";
};
