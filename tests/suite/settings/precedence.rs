//! Command line, then `GUNICORN_CMD_ARGS`, then `PORT` and `WEB_CONCURRENCY`, then the default;
//! each setting separately.

use std::time::Duration;

use labrat::serve::settings::{BindAddress, Warning, WorkerClass};
use proptest::prelude::*;

use super::{Variables, resolve_in, resolve_line};

fn tcp(host: &str, port: u16) -> BindAddress {
    BindAddress::Tcp {
        host: host.to_owned(),
        port,
    }
}

proptest! {
    #[test]
    fn the_nearest_place_that_names_a_setting_decides_it(
        line in proptest::option::of(0_usize..100),
        variable in proptest::option::of(0_usize..100),
        concurrency in proptest::option::of(0_usize..100),
        others in proptest::option::of(0_u64..100),
    ) {
        let mut environment = Variables::default();
        let mut given = Vec::new();
        given.extend(variable.map(|number| format!("--workers={number}")));
        given.extend(others.map(|number| format!("--timeout {number}")));
        if !given.is_empty() {
            environment = environment.with("GUNICORN_CMD_ARGS", given.join(" "));
        }
        if let Some(number) = concurrency {
            environment = environment.with("WEB_CONCURRENCY", number.to_string());
        }
        let words: Vec<String> = line.iter().map(|number| format!("-w{number}")).collect();
        let settings = resolve_in(&environment, &words).unwrap().settings;
        prop_assert_eq!(settings.workers, line.or(variable).or(concurrency).unwrap_or(1));
        prop_assert_eq!(settings.timeout, Duration::from_secs(others.unwrap_or(30)));
    }
}

#[test]
fn a_bind_on_the_command_line_replaces_all_others_and_leaves_the_rest_alone() {
    let environment = Variables::default()
        .with("GUNICORN_CMD_ARGS", "--bind=:1 --bind=:2 --workers=3")
        .with("PORT", "9");
    let settings = resolve_in(&environment, &["--bind", ":5"])
        .unwrap()
        .settings;
    assert_eq!(
        (settings.bind, settings.workers),
        (vec![tcp("0.0.0.0", 5)], 3)
    );
    let settings = resolve_in(&environment, &[""; 0]).unwrap().settings;
    assert_eq!(settings.bind, [tcp("0.0.0.0", 1), tcp("0.0.0.0", 2)]);
}

#[test]
fn port_changes_only_the_default_bind() {
    let environment = Variables::default().with("PORT", "9");
    let bind = |words: &[&str]| resolve_in(&environment, words).unwrap().settings.bind;
    assert_eq!(bind(&[]), [tcp("0.0.0.0", 9)]);
    assert_eq!(bind(&["--bind=0.0.0.0"]), [tcp("0.0.0.0", 8000)]);
    assert_eq!(
        resolve_line("").unwrap().settings.bind,
        [tcp("127.0.0.1", 8000)]
    );
}

#[test]
fn words_of_the_variable_may_be_quoted_and_its_positional_words_do_not_count() {
    let environment =
        Variables::default().with("GUNICORN_CMD_ARGS", r#"other:app --env "A=b c" -e 'D=e'"#);
    let settings = resolve_in(&environment, &[""; 0]).unwrap().settings;
    let env = [("A", "b c"), ("D", "e")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(settings.env, env);
    assert_eq!(
        (
            settings.app.module.as_str(),
            settings.app.attribute.as_str()
        ),
        ("app", "app")
    );
}

#[test]
fn more_than_one_thread_turns_sync_into_gthread_also_when_sync_is_explicit() {
    let class = |line| resolve_line(line).unwrap().settings.worker_class;
    assert_eq!(class("--threads 2"), WorkerClass::Gthread);
    assert_eq!(
        class("--threads 2 --worker-class sync"),
        WorkerClass::Gthread
    );
    assert_eq!(class("--threads 1 -k sync"), WorkerClass::Sync);
    assert_eq!(class("--threads 2 -k async"), WorkerClass::Async);
}

#[test]
fn a_bind_override_replaces_every_bind_and_is_announced() {
    let environment = Variables::default().with("LAB_BIND_OVERRIDE", "127.0.0.1:9");
    let resolved = resolve_in(&environment, &["-b", ":1", "-b", ":2"]).unwrap();
    assert_eq!(resolved.settings.bind, [tcp("127.0.0.1", 9)]);
    let told = ":1,:2".to_owned();
    assert_eq!(
        resolved.warnings,
        [Warning::BindOverridden {
            told,
            used: "127.0.0.1:9".to_owned()
        }]
    );
    let unset = Variables::default().with("LAB_BIND_OVERRIDE", "");
    assert_eq!(resolve_in(&unset, &["-b", ":1"]).unwrap().warnings, []);
}

#[test]
fn the_control_socket_is_private_to_the_user_unless_a_path_is_given() {
    let socket = |environment: &Variables, words: &[&str]| {
        resolve_in(environment, words)
            .unwrap()
            .settings
            .control_socket
    };
    let home = Variables::default().with("HOME", "/home/x");
    let runtime = home.clone().with("XDG_RUNTIME_DIR", "/run/user/1");
    assert_eq!(
        socket(&home, &[]),
        Some("/home/x/.labrat/labrat.ctl".into())
    );
    assert_eq!(socket(&runtime, &[]), Some("/run/user/1/labrat.ctl".into()));
    assert_eq!(
        socket(&runtime, &["--control-socket=/x"]),
        Some("/x".into())
    );
    assert_eq!(
        socket(&runtime, &["--no-control-socket", "--control-socket=/x"]),
        None
    );
    assert_eq!(socket(&Variables::default(), &[]), None);
}
