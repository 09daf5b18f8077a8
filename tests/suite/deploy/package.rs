//! scripts/package.sh: one static binary, and a ZIP of it that is the same whenever it is made.

use std::path::Path;
use std::process::{Command, Output};

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

fn made(out: &Path) -> String {
    let binary = static_labrat().unwrap();
    let output = package(&binary, out, "UTC", "022");
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn digest(path: &Path) -> String {
    let digest = Sha256::digest(std::fs::read(path).unwrap());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_zip_is_the_same_bytes_whenever_and_by_whomever_it_is_made() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let said = made(first.path());
    let binary = static_labrat().unwrap();
    let output = package(&binary, second.path(), "Pacific/Auckland", "077");
    assert!(output.status.success(), "{}", text(&output.stderr));
    for name in ["labrat", "labrat.zip"] {
        let (first, second) = (first.path().join(name), second.path().join(name));
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
        digest(&first.path().join("labrat")),
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
    let folder = tempfile::tempdir().unwrap();
    made(folder.path());
    assert_eq!(
        entries(&folder.path().join("labrat.zip")),
        "LICENSE 0o100644 3 (1980, 1, 1, 0, 0, 0)\nlabrat 0o100755 3 (1980, 1, 1, 0, 0, 0)\n"
    );
}

#[test]
fn the_binary_is_stripped_and_names_no_folder_of_the_machine_that_built_it() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path());
    let binary = std::fs::read(folder.path().join("labrat")).unwrap();
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

#[test]
fn the_zip_runs_where_a_built_in_image_unpacks_it_by_the_command_that_the_labs_type() {
    if skip_unless(network::available().and_then(|()| unzip())) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    made(folder.path());
    let site = folder.path().join(SITE);
    let unpacked = Command::new("unzip")
        .arg("-q")
        .arg(folder.path().join("labrat.zip"))
        .arg("-d")
        .arg(&site)
        .status()
        .unwrap();
    assert!(unpacked.success());
    // The script that a built-in image writes around the startup command: it enters the site's
    // folder, and puts it last into the PATH of the command.
    let site = site.display();
    let start = folder.path().join("startup.sh");
    std::fs::write(
        &start,
        format!(
            "#!/bin/sh\ncd {site}\nexport PORT=8000\nPATH=\"$PATH:{site}\" labrat serve \
             --bind=0.0.0.0:8000 --timeout=120 --workers=4 app:app\n"
        ),
    )
    .unwrap();
    // The script's shell waits for the program, so the program is who gets the signal.
    let server = format!("sh {}", start.display());
    let probe = format!("{site}/labrat probe http://127.0.0.1:8000/health");
    let (code, said) = network::run(&format!(
        "{server} &
        tries=0
        until {probe}; do tries=$((tries + 1)); test $tries -lt 300; sleep 0.1; done"
    ));
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "Listening at: http://0.0.0.0:8000",
        "Using worker: sync",
        "http://127.0.0.1:8000/health answered 200",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert_eq!(said.matches("Booting worker").count(), 4, "{said}");
}

fn unzip() -> Result<(), String> {
    Command::new("unzip")
        .arg("-v")
        .output()
        .map(|_| ())
        .map_err(|error| format!("unzip cannot run (hint: apt-get install unzip): {error}"))
}
