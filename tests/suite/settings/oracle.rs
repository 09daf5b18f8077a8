//! Random command lines, read by labrat and by the real Gunicorn: same exit code, same last line,
//! same values.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use fastrand::Rng;
use labrat::serve::settings::config_lines;
use serde::{Deserialize, Serialize};

use super::{Variables, resolve_in};
use crate::harness::{oracle, root, skip_unless};

const CASES: usize = 200;

#[derive(Debug, Clone, Serialize)]
struct Case {
    arguments: Vec<String>,
    environment: BTreeMap<&'static str, String>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Outcome {
    code: u8,
    last_line: String,
    settings: Option<BTreeMap<String, String>>,
}

/// Flags with a number.
const NUMBERS: [&str; 16] = [
    "-w",
    "--workers",
    "-t",
    "--timeout",
    "--threads",
    "--backlog",
    "--graceful-timeout",
    "--keep-alive",
    "--max-requests",
    "--max-requests-jitter",
    "--limit-request-line",
    "--limit-request-field_size",
    "--worker-connections",
    "--dirty-workers",
    "--worker-con",
    "--limit-request-fie",
];

/// Flags with a text, and texts for them.
const TEXTS: [(&str, &[&str]); 14] = [
    (
        "-b",
        &[
            "127.0.0.1:1",
            "h",
            "unix:/x",
            "[::1]:3",
            "fd://3",
            "a:x",
            "fd://x",
            "a:b:c",
        ],
    ),
    ("--bind", &["0.0.0.0:1", "localhost:2"]),
    ("-e", &["A=b", "C=d e", "X=1=2", "nothing"]),
    ("-p", &["pid", "-x"]),
    ("--log-level", &["debug", "warning"]),
    ("--access-logfile", &["-", "/nope/x.log"]),
    ("--log-file", &["-"]),
    ("-k", &["sync", "gthread"]),
    (
        "--control-socket-mode",
        &["0644", "0x1ff", "0o17", "0b11", "384", "0899", "x"],
    ),
    ("-m", &["022", "7"]),
    ("-n", &["name", "-1", "-1.5", "two words"]),
    ("--name", &["-x", "-"]),
    ("--access-logform", &["%(h)s", " %(r)s "]),
    ("--chdir", &["/", "/nope"]),
];

/// Words of every other kind.
const WORDS: [&str; 34] = [
    "--preload",
    "--prel",
    "-D",
    "-R",
    "-DR",
    "-DRx",
    "-Dw3",
    "-Dw",
    "-RDv",
    "--daemon=1",
    "--reuse-port",
    "--capture-output",
    "--no-control-socket",
    "--no-s",
    "--log",
    "--nope",
    "--nope=1",
    "-Z",
    "-Z5",
    "--",
    "-",
    "-1",
    "app:app",
    "other",
    "a b",
    "-x y",
    "-h",
    "-h5",
    "--he",
    "--vers",
    "--reload",
    "--proxy-protocol=v1",
    "--w=1",
    "--spew",
];

const NUMBERS_GOOD: [&str; 5] = ["0", "1", "2", "8", "99"];
const NUMBERS_ANY: [&str; 12] = [
    " 4", "1_0", "1__0", "_1", "-1", "abc", "1.5", "", "+2", "0x10", "-w", "1e3",
];

fn words(random: &mut Rng) -> Vec<String> {
    let mut words = Vec::new();
    for _ in 0..random.usize(0..=4) {
        let (flag, value) = match random.u8(0..10) {
            0..5 if random.u8(0..4) == 0 => (*pick(random, &NUMBERS), *pick(random, &NUMBERS_ANY)),
            0..5 => (*pick(random, &NUMBERS), *pick(random, &NUMBERS_GOOD)),
            5..8 => {
                let (flag, values) = pick(random, &TEXTS);
                (*flag, *pick(random, values))
            }
            _ => {
                words.push((*pick(random, &WORDS)).to_owned());
                continue;
            }
        };
        match random.u8(0..3) {
            0 => words.push(format!("{flag}={value}")),
            1 if !flag.starts_with("--") => words.push(format!("{flag}{value}")),
            _ => words.extend([flag.to_owned(), value.to_owned()]),
        }
    }
    words
}

fn pick<'a, T>(random: &mut Rng, items: &'a [T]) -> &'a T {
    &items[random.usize(0..items.len())]
}

fn case(random: &mut Rng) -> Case {
    let mut arguments = words(random);
    arguments.push("app:app".to_owned());
    if random.u8(0..4) == 0 {
        random.shuffle(&mut arguments);
    }
    let mut environment = BTreeMap::new();
    if random.bool() {
        let quoted = |word: String| format!("'{}'", word.replace('\'', r"'\''"));
        let line: Vec<String> = words(random).into_iter().map(quoted).collect();
        let broken = ["\"a", "a\\", "x'y"];
        let line = if random.u8(0..10) == 0 {
            (*pick(random, &broken)).to_owned()
        } else {
            line.join(" ")
        };
        environment.insert("GUNICORN_CMD_ARGS", line);
    }
    if random.u8(0..4) == 0 {
        environment.insert("PORT", (*pick(random, &["80", "90", "abc", ""])).to_owned());
    }
    if random.u8(0..4) == 0 {
        let values = ["2", "0", "abc", "-1", "", " 3 "];
        environment.insert("WEB_CONCURRENCY", (*pick(random, &values)).to_owned());
    }
    Case {
        arguments,
        environment,
    }
}

fn gunicorn(cases: &[Case]) -> Vec<Outcome> {
    let folder = tempfile::tempdir().unwrap();
    let mut python = Command::new(root().join("target/oracle/bin/python"))
        .arg(root().join("tests/oracle/settings.py"))
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = python.stdin.take().unwrap();
    input
        .write_all(&serde_json::to_vec(cases).unwrap())
        .unwrap();
    drop(input);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn labrat(case: &Case) -> Outcome {
    let mut environment = Variables::default().with("HOME", "/root");
    for (name, value) in &case.environment {
        environment = environment.with(name, value.as_str());
    }
    match resolve_in(&environment, &case.arguments) {
        Err(error) => {
            let text = error.text().replace("labrat: error", "gunicorn: error");
            let last = text
                .lines()
                .rfind(|line| !line.is_empty())
                .unwrap_or_default();
            Outcome {
                code: error.exit_code(),
                last_line: last.to_owned(),
                settings: None,
            }
        }
        Ok(resolved) => {
            let lines = config_lines(&resolved);
            let pairs = lines.lines().filter_map(|line| line.split_once(" = "));
            let settings =
                pairs.map(|(name, value)| (name.trim_end().to_owned(), value.to_owned()));
            Outcome {
                code: 0,
                last_line: String::new(),
                settings: Some(settings.collect()),
            }
        }
    }
}

/// Settings whose printed form differs on purpose: the socket has another name, and the working
/// folder of this process is not that of the other.
const INCOMPARABLE: [&str; 2] = ["control_socket", "chdir"];

fn difference(case: &Case, expected: &Outcome, actual: &Outcome) -> Option<String> {
    // Gunicorn appends a traceback of several lines; what exists here is another list anyway.
    if actual.last_line.starts_with("Error: class uri ") && expected.last_line == "]" {
        return None;
    }
    if (expected.code, &expected.last_line) != (actual.code, &actual.last_line) {
        return Some(format!(
            "{case:?}\n    gunicorn {expected:?}\n    labrat   {actual:?}"
        ));
    }
    let (Some(expected), Some(actual)) = (&expected.settings, &actual.settings) else {
        return None;
    };
    let different = actual.iter().find(|(name, value)| {
        // Here what is meant is shown, there what was written: the class that runs, the attribute
        // of a bare module, the port that was left out, info for a level that does not exist.
        let threaded = name.as_str() == "worker_class" && value.as_str() == "gthread";
        let module = name.as_str() == "default_proc_name" && value.ends_with(":application");
        let unknown_level = name.as_str() == "loglevel" && value.as_str() == "info";
        let padded = name.as_str() == "bind" && value.contains(":8000");
        !threaded
            && !module
            && !unknown_level
            && !padded
            && !INCOMPARABLE.contains(&name.as_str())
            && expected.get(*name) != Some(value)
    });
    different.map(|(name, value)| {
        format!(
            "{case:?}\n    {name}: gunicorn {:?}, labrat {value:?}",
            expected.get(name)
        )
    })
}

#[test]
fn random_command_lines_come_out_as_in_the_real_gunicorn() {
    if skip_unless(oracle()) {
        return;
    }
    let seed = std::env::var("LABRAT_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(7);
    let mut random = Rng::with_seed(seed);
    let cases: Vec<Case> = (0..CASES).map(|_| case(&mut random)).collect();
    let expected = gunicorn(&cases);
    let refused = expected.iter().filter(|outcome| outcome.code != 0).count();
    assert!(
        (CASES / 5..CASES * 4 / 5).contains(&refused),
        "{refused} of {CASES} are refused: a poor mix"
    );
    let differences: Vec<String> = cases
        .iter()
        .zip(&expected)
        .filter_map(|(case, expected)| difference(case, expected, &labrat(case)))
        .collect();
    assert!(
        differences.is_empty(),
        "{} of {CASES} command lines differ (LABRAT_SEED={seed}):\n{}",
        differences.len(),
        differences.join("\n")
    );
}
