//! Starts that fail, and what a start is told: printed lines, exit codes, precedence.

use std::collections::BTreeMap;
use std::net::TcpListener;

use crate::differences;
use crate::harness::{
    Ended, Kind, Launch, Stream, both, in_parallel, oracle, peer, per_process, root, skip_unless,
};

/// One start that ends by itself.
struct Case {
    name: &'static str,
    arguments: &'static str,
    application: Option<&'static str>,
    environment: &'static [(&'static str, &'static str)],
}

const fn case(
    name: &'static str,
    arguments: &'static str,
    application: Option<&'static str>,
) -> Case {
    Case {
        name,
        arguments,
        application,
        environment: &[],
    }
}

const fn with_environment(
    name: &'static str,
    environment: &'static [(&'static str, &'static str)],
) -> Case {
    Case {
        name,
        arguments: "",
        application: Some("app:app"),
        environment,
    }
}

const CASES: &[Case] = &[
    case("wrong module", "--workers 1", Some("wrong_module:app")),
    case("wrong package", "--workers 1", Some("wrong.module:app")),
    case("wrong attribute", "--workers 1", Some("app:wrong_attr")),
    case("called", "--workers 1", Some("app:app()")),
    case(
        "called with words",
        "--workers 1",
        Some("app:app('x', y=1)"),
    ),
    case("called with a name", "--workers 1", Some("app:app(x)")),
    case(
        "a factory that is not there",
        "--workers 1",
        Some("app:create_app()"),
    ),
    case("a dotted name", "--workers 1", Some("app:app.wsgi_app")),
    case("no Python", "--workers 1", Some("app:app(")),
    case("a keyword", "--workers 1", Some("app:None")),
    case("unknown flag", "--no-such-flag", Some("app:app")),
    case("unknown short flag", "-Z", Some("app:app")),
    case("workers abc", "--workers abc", Some("app:app")),
    case("workers -1", "--workers=-1", Some("app:app")),
    case("fractional timeout", "--timeout 1.5", Some("app:app")),
    case(
        "port that is no number",
        "--bind 127.0.0.1:notaport",
        Some("app:app"),
    ),
    case(
        "unknown worker class",
        "--worker-class nope",
        Some("app:app"),
    ),
    case(
        "log in no folder",
        "--error-logfile /nope/x.log",
        Some("app:app"),
    ),
    case(
        "access log in no folder",
        "--access-logfile /nope/x.log",
        Some("app:app"),
    ),
    case("no such folder", "--chdir /nope", Some("app:app")),
    case("check of a good start", "--check-config", Some("app:app")),
    case(
        "check of a wrong module",
        "--check-config",
        Some("wrong_module:app"),
    ),
    case(
        "check of a wrong attribute",
        "--check-config",
        Some("app:wrong_attr"),
    ),
    with_environment("PORT=abc", &[("PORT", "abc")]),
    with_environment(
        "unknown flag in GUNICORN_CMD_ARGS",
        &[("GUNICORN_CMD_ARGS", "--nope")],
    ),
    with_environment(
        "bad number in GUNICORN_CMD_ARGS",
        &[("GUNICORN_CMD_ARGS", "--workers x")],
    ),
];

impl Case {
    fn run(&self, kind: Kind) -> Ended {
        let mut launch = Launch::new(kind, self.arguments).application(self.application);
        for (name, value) in self.environment {
            launch = launch.env(name, *value);
        }
        // The bad address must be the only one.
        if self.arguments.contains("--bind") || self.name.starts_with("PORT") {
            launch = launch.without_bind();
        }
        launch.run()
    }
}

/// A line with the program's name as Gunicorn would write it.
fn as_gunicorn(line: &str) -> String {
    line.replace("labrat serve", "gunicorn")
        .replace("labrat:", "gunicorn:")
}

/// What is compared: exit code, standard output, and who said what on standard error.
fn normal(kind: Kind, ended: &Ended) -> (Option<i32>, String, Vec<String>) {
    let mut said = Vec::new();
    for (role, lines) in per_process(&ended.lines) {
        for line in lines {
            let line = match kind {
                Kind::Gunicorn => line,
                Kind::Labrat => as_gunicorn(&line),
            };
            // What Gunicorn adds about its search for a class is Python's.
            if line.starts_with("[Traceback") || line.starts_with("ImportError:") || line == "]" {
                continue;
            }
            let line = match line.split_once("invalid or not found") {
                Some((start, _)) => format!("{start}invalid or not found"),
                None => line,
            };
            said.push(format!("{role}: {line}"));
        }
    }
    (ended.code, ended.text(Stream::Output), said)
}

#[test]
fn starts_that_fail_say_and_return_what_gunicorns_do() {
    if skip_unless(oracle()) {
        return;
    }
    let (expected, actual) = both(|kind| in_parallel(CASES, |case| normal(kind, &case.run(kind))));
    let mut wrong = Vec::new();
    for ((case, expected), actual) in CASES.iter().zip(expected).zip(actual) {
        if expected != actual {
            wrong.push(format!("=== {}\n{expected:#?}\n{actual:#?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How often Gunicorn may be lucky.
const ROUNDS: usize = 10;

/// Start an application that cannot be loaded, four times: labrat ends with its code and reason,
/// always. Whether Gunicorn ended otherwise in one of them.
fn fails_to_boot(application: &str, code: i32, reason: &str) -> bool {
    let run = |kind| {
        in_parallel(&[0; 4], |_| {
            Launch::new(kind, "--workers 4")
                .application(Some(application))
                .run()
        })
    };
    let (gunicorn, labrat) = both(run);
    for ended in &labrat {
        if crate::harness::peer() == Kind::Labrat {
            let text = ended.text(Stream::Error);
            assert_eq!(ended.code, Some(code), "{text}");
            let (_, end) = text.split_once("Shutting down: Master").unwrap_or_default();
            assert!(end.contains(&format!("Reason: {reason}")), "{text}");
        }
    }
    gunicorn.iter().any(|ended| ended.code != Some(code))
}

#[test]
fn a_failed_boot_of_several_workers_ends_with_its_reason_every_time() {
    if skip_unless(oracle()) {
        return;
    }
    // Gunicorn fails by a race between its workers, which not every round loses.
    let some_failed = (0..ROUNDS).any(|_| {
        let module = fails_to_boot("wrong_module:app", 3, "Worker failed to boot.");
        let attribute = fails_to_boot("app:wrong", 4, "App failed to load.");
        module || attribute
    });
    differences::BOOT_FAILURE.holds(some_failed);
}

#[test]
fn a_failed_import_ends_in_the_same_line_of_a_traceback_with_other_frames() {
    if skip_unless(oracle()) {
        return;
    }
    let traceback = |kind| {
        let ended = Launch::new(kind, "--workers 1")
            .application(Some("wrong:app"))
            .run();
        let text = ended.text(Stream::Error);
        let (_, inside) = text
            .split_once("Traceback (most recent call last):")
            .unwrap_or_default();
        let lines = inside
            .lines()
            .skip_while(|line| line.is_empty() || line.starts_with("  "));
        let last = lines.map(str::to_owned).next();
        (inside.matches("  File ").count(), last)
    };
    let (gunicorn, labrat) = both(traceback);
    assert_eq!(
        gunicorn.1.as_deref(),
        Some("ModuleNotFoundError: No module named 'wrong'")
    );
    assert_eq!(gunicorn.1, labrat.1);
    differences::TRACEBACKS.holds(gunicorn.0 > labrat.0);
}

#[test]
fn flags_without_a_meaning_are_accepted_with_a_warning() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let arguments = "--check-config --worker-tmp-dir /tmp --name lab --reload";
        let ended = Launch::new(kind, arguments).run();
        let text = ended.text(Stream::Error);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let warnings = differences::IGNORED_FLAGS.strip(&mut lines);
        (ended.code, lines, warnings)
    };
    let (gunicorn, labrat) = both(run);
    assert_eq!((gunicorn.0, gunicorn.1), (labrat.0, labrat.1));
    differences::IGNORED_FLAGS.holds(labrat.2 == 3);
}

#[test]
fn a_check_also_refuses_what_a_start_would_refuse() {
    if skip_unless(oracle()) {
        return;
    }
    for wrong in [
        "--bind=127.0.0.1:notaport",
        "--worker-class=nope",
        "--error-logfile=/nope/x.log",
    ] {
        let code = |kind, arguments: &str| Launch::new(kind, arguments).without_bind().run().code;
        let checked = format!("--check-config {wrong}");
        assert_eq!(code(Kind::Gunicorn, wrong), Some(1), "{wrong}");
        assert_eq!(code(Kind::Gunicorn, &checked), Some(0), "{wrong}");
        assert_eq!(code(peer(), wrong), Some(1), "{wrong}");
        differences::CHECKED_SETTINGS.holds(code(peer(), &checked) == Some(1));
    }
}

#[test]
fn without_an_application_labrat_runs_the_lab_application() {
    if skip_unless(oracle()) {
        return;
    }
    let gunicorn = Launch::new(Kind::Gunicorn, "").application(None).run();
    assert_eq!(gunicorn.code, Some(1));
    let labrat = Launch::new(Kind::Labrat, "").application(None).start();
    differences::BARE_DEFAULT.holds(labrat.get("/health").status() == Some(200));
}

#[test]
fn a_port_in_use_is_tried_five_times_a_second_apart() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = taken.local_addr().expect("its address");
        let ended = Launch::new(kind, &format!("--bind {address}"))
            .without_bind()
            .run();
        let seconds = ended.took.as_secs_f64();
        assert!(
            (4.9..20.0).contains(&seconds),
            "{kind:?} gave up after {seconds} s"
        );
        let port = address.port().to_string();
        let (code, output, said) = normal(kind, &ended);
        let said: Vec<_> = said
            .iter()
            .map(|line| line.replace(&port, "<port>"))
            .collect();
        (code, output, said)
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

#[test]
fn an_address_of_another_machine_is_refused_as_gunicorn_does() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind| {
        // TEST-NET-1: nobody's address.
        let ended = Launch::new(kind, "--bind 192.0.2.1:18000")
            .without_bind()
            .run();
        normal(kind, &ended)
    };
    let (expected, actual) = both(run);
    assert_eq!(expected, actual);
}

/// A value of `--print-config` as it will be understood.
fn understood(name: &str, value: &str, settings: &BTreeMap<String, String>) -> String {
    let several = settings
        .get("threads")
        .is_some_and(|threads| threads != "1");
    match (name, value) {
        ("bind", "['0.0.0.0']") => "['0.0.0.0:8000']".to_owned(),
        ("bind", _) => value.replace("':", "'0.0.0.0:"),
        ("worker_class", "sync") if several => "gthread".to_owned(),
        ("loglevel", "nonsense") => "info".to_owned(),
        _ => value.to_owned(),
    }
}

/// Words that a start is given in three places: environment, arguments.
const PRECEDENCE: &[(&[(&str, &str)], &str)] = &[
    (&[], ""),
    (&[("PORT", "5000")], ""),
    (&[("PORT", "5000")], "--bind 127.0.0.1:6000"),
    (&[("PORT", "5000")], "--bind 0.0.0.0"),
    (&[("PORT", "5000")], "-b :7000 -b unix:/tmp/x.sock"),
    (&[("WEB_CONCURRENCY", "3")], ""),
    (&[("WEB_CONCURRENCY", "3")], "-w 5"),
    (&[("GUNICORN_CMD_ARGS", "--workers 4 --timeout 7")], ""),
    (
        &[("GUNICORN_CMD_ARGS", "--workers 4 --timeout 7")],
        "--workers=2",
    ),
    (
        &[("GUNICORN_CMD_ARGS", "--bind=0.0.0.0:1"), ("PORT", "2")],
        "",
    ),
    (
        &[("GUNICORN_CMD_ARGS", "--bind=0.0.0.0:1"), ("PORT", "2")],
        "-b :3",
    ),
    (
        &[("GUNICORN_CMD_ARGS", "-w 4"), ("WEB_CONCURRENCY", "3")],
        "",
    ),
    (
        &[("GUNICORN_CMD_ARGS", "--access-logformat '%(h)s \"x\"'")],
        "",
    ),
    (
        &[],
        "-k gthread --threads 3 --keep-alive 9 --graceful-timeout 11 --backlog 5",
    ),
    (&[], "--threads 3"),
    (
        &[],
        "--max-requests 8 --max-requests-jitter 2 --preload --reuse-port",
    ),
    (
        &[],
        "--limit-request-line 100 --limit-request-fields 7 --limit-request-field_size 80",
    ),
    (
        &[],
        "--access-logfile - --log-level debug --capture-output --env A=b -e C=d",
    ),
    (&[], "--log-level nonsense"),
    (&[], "--work 3"),
    (&[], "--pid /tmp/none.pid --chdir /tmp"),
];

#[test]
fn settings_come_from_the_same_places_in_the_same_order() {
    if skip_unless(oracle()) {
        return;
    }
    let run = |kind: Kind| {
        in_parallel(PRECEDENCE, |(environment, arguments)| {
            // The application must be found wherever the start changes to.
            let path = root().join("tests/oracle").display().to_string();
            let mut launch = Launch::new(kind, arguments)
                .argument("--print-config")
                .without_bind();
            for (name, value) in *environment {
                launch = launch.env(name, *value);
            }
            if kind == Kind::Gunicorn {
                launch = launch.env("PYTHONPATH", path);
            }
            let ended = launch.run();
            let text = ended.text(Stream::Output);
            let pairs = text.lines().filter_map(|line| {
                let (name, value) = line.split_once(" = ")?;
                Some((name.trim().to_owned(), value.to_owned()))
            });
            (
                ended.code,
                pairs.collect::<std::collections::BTreeMap<_, _>>(),
            )
        })
    };
    let (expected, actual) = both(run);
    let mut wrong = Vec::new();
    let mut differently_written = false;
    for ((told, expected), actual) in PRECEDENCE.iter().zip(&expected).zip(&actual) {
        if expected.0 == Some(0) {
            assert!(
                expected.1.len() > 90,
                "{told:?}: Gunicorn printed {expected:?}"
            );
            assert!(actual.1.len() > 20, "{told:?}: labrat printed {actual:?}");
        }
        if expected.0 != actual.0 {
            wrong.push(format!(
                "{told:?}: exit codes {:?} and {:?}",
                expected.0, actual.0
            ));
        }
        for (name, value) in &actual.1 {
            // Each home has its own.
            if name == "control_socket" {
                continue;
            }
            let Some(told_value) = expected.1.get(name) else {
                wrong.push(format!("{told:?}: Gunicorn has no {name}"));
                continue;
            };
            let gunicorn = understood(name, told_value, &expected.1);
            differently_written |= gunicorn != *told_value;
            if gunicorn != understood(name, value, &actual.1) {
                wrong.push(format!(
                    "{told:?}: {name} is {value:?}, Gunicorn's is {gunicorn:?}"
                ));
            }
        }
    }
    differences::RESOLVED_SETTINGS.holds(differently_written);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn more_workers_or_threads_than_a_pool_can_have_are_refused_at_start() {
    for (arguments, environment) in [
        ("--workers 129", None),
        ("--workers 99999999999999999999", None),
        ("--threads 1025", None),
        ("", Some("129")),
    ] {
        let mut launch = Launch::new(Kind::Labrat, arguments);
        if let Some(count) = environment {
            launch = launch.env("WEB_CONCURRENCY", count);
        }
        let ended = launch.run();
        let text = ended.text(Stream::Error);
        let is_refused = ended.code == Some(1) && text.contains("Error: Value must be at most");
        differences::MOST_WORKERS.holds(is_refused);
        assert_eq!(text.lines().count(), 3, "one error: {text}");
    }
    // One that is not used is not looked at.
    let server = Launch::new(Kind::Labrat, "--workers 1").env("WEB_CONCURRENCY", "129");
    assert_eq!(server.start().get("/health").status(), Some(200));
}

#[test]
fn times_without_end_are_no_reason_to_fail() {
    let longest = "9223372036854775807";
    for class in ["sync", "gthread", "async"] {
        let arguments = format!(
            "-k {class} --keep-alive {longest} --graceful-timeout {longest} --timeout {longest}"
        );
        let mut server = Launch::new(Kind::Labrat, &arguments).start().ready();
        server.signal(nix::sys::signal::Signal::SIGTERM);
        assert_eq!(server.wait_for_end(), Some(0), "{class}");
    }
}
