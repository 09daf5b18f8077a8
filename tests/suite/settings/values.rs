//! Defaults, bounds and the printed configuration.

use std::path::PathBuf;
use std::time::Duration;

use labrat::serve::settings::{
    BindAddress, LogLevel, LogTarget, Settings, Warning, WorkerClass, config_lines,
};

use super::{Variables, resolve_in, resolve_line};

fn settings(line: &str) -> Settings {
    resolve_line(line).unwrap().settings
}

#[test]
fn the_defaults_are_gunicorns() {
    let settings = settings("");
    assert_eq!(
        settings.bind,
        [BindAddress::Tcp {
            host: "127.0.0.1".to_owned(),
            port: 8000
        }]
    );
    assert_eq!(
        (settings.workers, settings.threads, settings.backlog),
        (1, 1, 2048)
    );
    assert_eq!(settings.worker_class, WorkerClass::Sync);
    assert_eq!(settings.worker_connections, 1000);
    assert_eq!(settings.timeout, Duration::from_secs(30));
    assert_eq!(settings.graceful_timeout, Duration::from_secs(30));
    assert_eq!(settings.keep_alive, Duration::from_secs(2));
    assert_eq!(
        (settings.max_requests, settings.max_requests_jitter),
        (0, 0)
    );
    let limits = settings.head.limits;
    assert_eq!(
        (limits.line, limits.fields, limits.field_size),
        (4094, 100, 8190)
    );
    assert_eq!(
        (settings.access_log, settings.error_log),
        (None, LogTarget::Stream)
    );
    assert_eq!(
        (settings.log_level, settings.control_socket_mode),
        (LogLevel::Info, 0o600)
    );
    assert!(!settings.preload && !settings.capture_output && !settings.reuse_port);
}

#[test]
fn limits_of_a_request_head_are_held_within_gunicorns_bounds() {
    let limits = |line| {
        let limits = settings(line).head.limits;
        (limits.line, limits.fields, limits.field_size)
    };
    assert_eq!(
        limits("--limit-request-line=9000 --limit-request-fields=99999"),
        (8190, 32768, 8190)
    );
    assert_eq!(
        limits("--limit-request-line=0 --limit-request-fields=0"),
        (0, 32768, 8190)
    );
}

#[test]
fn an_unknown_log_level_is_info_without_a_word() {
    let resolved = resolve_line("--log-level nope").unwrap();
    assert_eq!(
        (resolved.settings.log_level, resolved.warnings.len()),
        (LogLevel::Info, 0)
    );
    assert_eq!(settings("--log-level DEBUG").log_level, LogLevel::Debug);
}

#[test]
fn gevent_and_eventlet_are_played_by_async_with_one_warning() {
    for name in ["gevent", "eventlet"] {
        let resolved = resolve_line(&format!("-k {name}")).unwrap();
        assert_eq!(resolved.settings.worker_class, WorkerClass::Async);
        assert_eq!(
            resolved.warnings,
            [Warning::WorkerClass {
                name: name.to_owned()
            }]
        );
    }
}

#[test]
fn a_log_file_is_checked_where_chdir_says_and_left_to_be_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("error.log"), "before\n").unwrap();
    let chdir = format!("--chdir={}", folder.path().display());
    let words = [
        chdir.as_str(),
        "--error-logfile=error.log",
        "--access-logfile",
        "access.log",
    ];
    let settings = resolve_in(&Variables::default(), &words).unwrap().settings;
    assert_eq!(
        settings.error_log,
        LogTarget::File(PathBuf::from("error.log"))
    );
    assert_eq!(
        std::fs::read_to_string(folder.path().join("error.log")).unwrap(),
        "before\n"
    );
    assert!(folder.path().join("access.log").exists());
}

#[test]
fn a_configuration_file_that_exists_is_accepted_and_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("conf.py");
    std::fs::write(&file, "workers = 7\n").unwrap();
    let resolved = resolve_line(&format!("-c {}", file.display())).unwrap();
    assert_eq!(resolved.settings.workers, 1);
    assert_eq!(resolved.warnings.len(), 1);
}

#[test]
fn a_bare_module_means_its_attribute_application() {
    let app = settings("app").app;
    assert_eq!(
        (app.module.as_str(), app.attribute.as_str()),
        ("app", "application")
    );
}

#[test]
fn the_printed_configuration_is_sorted_and_in_pythons_notation() {
    let lines = "--print-config -w 3 -b [::1]:9 -b unix:/x -e A=b --preload --access-logfile -";
    let text = config_lines(&resolve_line(lines).unwrap());
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, _)| name)
        .collect();
    assert!(names.is_sorted());
    for expected in [
        "access_log_format                  = %(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(s)s %(b)s \"%(f)s\" \"%(a)s\"",
        "accesslog                          = -",
        "bind                               = ['[::1]:9', 'unix:/x']",
        "control_socket_mode                = 384",
        "pidfile                            = None",
        "preload_app                        = True",
        "raw_env                            = ['A=b']",
        "workers                            = 3",
    ] {
        assert!(
            text.lines().any(|line| line == expected),
            "{expected}\n{text}"
        );
    }
}
