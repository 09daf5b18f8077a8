//! scripts/package.sh: one static binary, and a ZIP of it that is the same whenever it is made.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};

use super::{network, text};
use crate::harness::{root, skip_unless, static_labrat};

/// Where a built-in image unpacks a ZIP.
const SITE: &str = "wwwroot";

fn package(binary: &Path, out: &Path, time_zone: &str, mask: &str) -> Output {
    Command::new("sh")
        .args([
            "-c",
            "umask \"$1\"; exec scripts/package.sh --out \"$2\"",
            "sh",
            mask,
        ])
        .arg(out)
        .current_dir(root())
        .env("LABRAT", binary)
        .env("TZ", time_zone)
        .output()
        .unwrap()
}

/// The package, made once for all tests: its folder, and what was said of it.
fn made() -> &'static (PathBuf, String) {
    static MADE: OnceLock<(PathBuf, String)> = OnceLock::new();
    MADE.get_or_init(|| {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package");
        let output = package(&static_labrat().unwrap(), &out, "UTC", "022");
        assert!(output.status.success(), "{}", text(&output.stderr));
        (out, text(&output.stdout))
    })
}

fn digest(path: &Path) -> String {
    let digest = Sha256::digest(std::fs::read(path).unwrap());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_zip_is_the_same_bytes_whenever_and_by_whomever_it_is_made() {
    let (first, said) = made();
    let second = tempfile::tempdir().unwrap();
    let binary = static_labrat().unwrap();
    let output = package(&binary, second.path(), "Pacific/Auckland", "077");
    assert!(output.status.success(), "{}", text(&output.stderr));
    for name in ["labrat", "labrat.zip"] {
        let (first, second) = (first.join(name), second.path().join(name));
        assert_eq!(digest(&first), digest(&second), "{name}");
        let line = format!(
            "{} {} {}\n",
            first.display(),
            first.metadata().unwrap().len(),
            digest(&first)
        );
        assert!(said.contains(&line), "{line}\n{said}");
    }
    assert_eq!(said.lines().count(), 2, "{said}");
    assert_eq!(
        digest(&first.join("labrat")),
        digest(&binary),
        "the binary is taken as it is"
    );
}

/// Name, permission bits and time of each file in the archive.
fn entries(archive: &Path) -> String {
    let list = "import sys, zipfile
for entry in zipfile.ZipFile(sys.argv[1]).infolist():
    print(entry.filename, oct(entry.external_attr >> 16), entry.create_system, entry.date_time)";
    let output = Command::new("python3")
        .args(["-c", list])
        .arg(archive)
        .output()
        .unwrap();
    text(&output.stdout)
}

#[test]
fn the_zip_holds_the_binary_with_its_run_bit_and_the_licence() {
    assert_eq!(
        entries(&made().0.join("labrat.zip")),
        "LICENSE 0o100644 3 (1980, 1, 1, 0, 0, 0)\nlabrat 0o100755 3 (1980, 1, 1, 0, 0, 0)\n"
    );
}

#[test]
fn the_binary_is_stripped_and_names_no_folder_of_the_machine_that_built_it() {
    let binary = std::fs::read(made().0.join("labrat")).unwrap();
    let holds = |what: &str| {
        binary
            .windows(what.len())
            .any(|bytes| bytes == what.as_bytes())
    };
    assert!(holds("/cargo/registry"), "paths are not remapped");
    for machine in [
        root().display().to_string(),
        format!("{}/.cargo", std::env::var("HOME").unwrap()),
    ] {
        assert!(!holds(&machine), "{machine} is in the binary");
    }
    assert!(!holds(".symtab"), "the binary is not stripped");
}

#[test]
fn a_program_that_needs_a_loader_or_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dynamic = Path::new(env!("CARGO_BIN_EXE_labrat"));
    let licence = root().join("LICENSE");
    for (program, why) in [
        (dynamic, "is not static"),
        (&licence, "no x86_64 Linux program"),
    ] {
        let output = package(program, folder.path(), "UTC", "022");
        assert_eq!(output.status.code(), Some(1));
        assert!(
            text(&output.stderr).contains(why),
            "{}",
            text(&output.stderr)
        );
        assert!(text(&output.stderr).contains("hint:"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

/// Unpack the ZIP into a folder as a built-in image does, and start `command` by the script that the
/// image writes around it: it enters that folder, and puts it last into the PATH of the command.
fn start_as_a_built_in_image(command: &str, keep_the_run_bit: bool) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join(SITE);
    let unpacked = Command::new("unzip")
        .arg("-q")
        .arg(made().0.join("labrat.zip"))
        .arg("-d")
        .arg(&site)
        .status()
        .unwrap();
    assert!(unpacked.success());
    if !keep_the_run_bit {
        let mode = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(site.join("labrat"), mode).unwrap();
    }
    let script = format!(
        "#!/bin/sh\ncd {site}\nexport PORT=8000\nPATH=\"$PATH:{site}\" {command}\n",
        site = site.display()
    );
    let start = folder.path().join("startup.sh");
    std::fs::write(&start, script).unwrap();
    let probe = format!(
        "{} probe http://127.0.0.1:8000/health",
        static_labrat().unwrap().display()
    );
    network::run(&format!(
        "sh {} &
        started=$!
        tries=0
        until {probe}; do
            kill -0 $started || exit 9
            tries=$((tries + 1))
            test $tries -lt 300
            sleep 0.1
        done",
        start.display()
    ))
}

const LAB_WORDS: &str = "serve --bind=0.0.0.0:8000 --timeout=120 --workers=4 app:app";

#[test]
fn the_zip_runs_where_a_built_in_image_unpacks_it_by_the_words_that_the_labs_type() {
    if skip_unless(network::available().and_then(|()| unzip())) {
        return;
    }
    for (program, keep_the_run_bit) in [
        ("labrat", true),
        (
            "cp ./labrat /tmp/labrat && chmod +x /tmp/labrat && exec /tmp/labrat",
            true,
        ),
        (
            "cp ./labrat /tmp/labrat && chmod +x /tmp/labrat && exec /tmp/labrat",
            false,
        ),
    ] {
        let command = format!("{program} {LAB_WORDS}");
        let (code, said) = start_as_a_built_in_image(&command, keep_the_run_bit);
        assert_eq!(code, Some(0), "{command}\n{said}");
        for line in [
            "Listening at: http://0.0.0.0:8000",
            "Using worker: sync",
            "http://127.0.0.1:8000/health answered 200",
        ] {
            assert!(said.contains(line), "{line}\n{said}");
        }
        assert_eq!(said.matches("Booting worker").count(), 4, "{said}");
    }
}

#[test]
fn without_its_run_bit_the_program_is_not_found_by_its_name() {
    if skip_unless(network::available().and_then(|()| unzip())) {
        return;
    }
    let (code, said) = start_as_a_built_in_image(&format!("labrat {LAB_WORDS}"), false);
    assert_eq!(code, Some(9), "{said}");
    assert!(said.contains("labrat: "), "{said}");
}

fn unzip() -> Result<(), String> {
    Command::new("unzip")
        .arg("-v")
        .output()
        .map(|_| ())
        .map_err(|error| format!("unzip cannot run (hint: apt-get install unzip): {error}"))
}
