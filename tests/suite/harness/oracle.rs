//! The two servers that are compared, and what the oracle needs of this machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Which server a case runs against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The real Gunicorn with the oracle application.
    Gunicorn,
    /// `labrat serve`.
    Labrat,
}

/// The server that is compared with Gunicorn: labrat, or Gunicorn again when
/// `LABRAT_SUITE_PEER=gunicorn` asks whether the harness agrees with itself.
pub fn peer() -> Kind {
    match std::env::var("LABRAT_SUITE_PEER").as_deref() {
        Ok("gunicorn") => Kind::Gunicorn,
        _ => Kind::Labrat,
    }
}

/// Run the same case against Gunicorn and its peer, at the same time.
pub fn both<T: Send>(case: impl Fn(Kind) -> T + Sync) -> (T, T) {
    std::thread::scope(|scope| {
        let expected = scope.spawn(|| case(Kind::Gunicorn));
        let actual = scope.spawn(|| case(peer()));
        match (expected.join(), actual.join()) {
            (Ok(expected), Ok(actual)) => (expected, actual),
            (Err(panic), _) | (_, Err(panic)) => std::panic::resume_unwind(panic),
        }
    })
}

/// Run `case` for all items at the same time; the outcomes in the order of the items.
pub fn in_parallel<I: Sync, T: Send>(items: &[I], case: impl Fn(&I) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let case = &case;
        let running: Vec<_> = items
            .iter()
            .map(|item| scope.spawn(move || case(item)))
            .collect();
        running
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(outcome) => outcome,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// Root of the package.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Make the oracle if it is not there; why it cannot run here, when it cannot.
pub fn oracle() -> Result<(), String> {
    static MADE: OnceLock<Result<(), String>> = OnceLock::new();
    MADE.get_or_init(make_oracle).clone()
}

fn make_oracle() -> Result<(), String> {
    let output = Command::new(root().join("tests/oracle/setup.sh"))
        .output()
        .map_err(|error| format!("tests/oracle/setup.sh cannot run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "no oracle: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

/// Whether the case must be skipped because this machine lacks something. Says so, and with
/// `CI=true` fails instead, because a check that never runs shows nothing.
#[must_use]
#[expect(clippy::print_stderr, reason = "a skipped check must be seen")]
pub fn skip_unless(available: Result<(), String>) -> bool {
    let Err(why) = available else {
        return false;
    };
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "cannot be skipped with CI=true: {why}"
    );
    eprintln!("skipped: {why}");
    true
}

/// The program of `kind` and the words that come before Gunicorn's own arguments.
pub fn program(kind: Kind) -> (PathBuf, &'static [&'static str]) {
    match kind {
        Kind::Gunicorn => (root().join("target/oracle/bin/gunicorn"), &[]),
        Kind::Labrat => (PathBuf::from(env!("CARGO_BIN_EXE_labrat")), &["serve"]),
    }
}

/// labrat as it is released: a debug build's speed and memory say nothing. The program under test
/// when that is a release build, or `LABRAT_RELEASE_PROGRAM`, or built now, which takes minutes.
pub fn release_labrat() -> Result<PathBuf, String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT.get_or_init(build_release).clone()
}

fn build_release() -> Result<PathBuf, String> {
    if !cfg!(debug_assertions) {
        return Ok(PathBuf::from(env!("CARGO_BIN_EXE_labrat")));
    }
    static_labrat()
}

/// The static release that scripts/build.sh makes, which takes minutes where it is not there yet.
pub fn static_labrat() -> Result<PathBuf, String> {
    if let Some(built) = std::env::var_os("LABRAT_RELEASE_PROGRAM") {
        return Ok(PathBuf::from(built));
    }
    let output = Command::new(root().join("scripts/build.sh"))
        .output()
        .map_err(|error| format!("scripts/build.sh cannot run: {error}"))?;
    if output.status.success() {
        let path = String::from_utf8_lossy(&output.stdout);
        return Ok(PathBuf::from(path.trim_end()));
    }
    Err(format!(
        "scripts/build.sh: {}",
        String::from_utf8_lossy(&output.stderr)
    ))
}
