//! scripts/release.py: the files of a release, the same whenever they are made, and what is in them.
//! The program in it is a small script here; `package` shows the real one.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::text;
use crate::harness::root;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A command that has to succeed; what it printed.
fn run(command: &mut Command) -> String {
    let output = command.current_dir(root()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

fn labrat(words: &[&str]) -> String {
    run(Command::new(env!("CARGO_BIN_EXE_labrat")).args(words))
}

/// What goes into a release, in a folder.
fn ingredients(folder: &Path) {
    let man = folder.join("man").display().to_string();
    labrat(&["man", &man]);
    fs::create_dir(folder.join("completions")).unwrap();
    for (shell, name) in [
        ("bash", "labrat.bash"),
        ("zsh", "_labrat"),
        ("fish", "labrat.fish"),
    ] {
        let script = labrat(&["completions", shell]);
        fs::write(folder.join("completions").join(name), script).unwrap();
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let metadata = run(Command::new(cargo).args([
        "metadata",
        "--format-version=1",
        "--offline",
        "--locked",
        "--filter-platform=x86_64-unknown-linux-gnu",
    ]));
    fs::write(folder.join("metadata.json"), metadata).unwrap();
    fs::write(folder.join("labrat"), "#!/bin/sh\necho released $*\n").unwrap();
}

/// The release of these ingredients, in another time zone and under another mask if `elsewhere`.
fn release(folder: &Path, out: &Path, elsewhere: bool) {
    let (zone, mask) = if elsewhere {
        ("Pacific/Auckland", "077")
    } else {
        ("UTC", "022")
    };
    let words = ["program", "man", "completions", "metadata"].map(|name| {
        let file = match name {
            "program" => "labrat",
            "metadata" => "metadata.json",
            name => name,
        };
        format!("--{name}={}", folder.join(file).display())
    });
    run(Command::new("sh")
        .args([
            "-c",
            "umask \"$1\"; shift; exec python3 scripts/release.py --root . \"$@\"",
            "sh",
            mask,
        ])
        .args(words)
        .arg(format!("--out={}", out.display()))
        .env("TZ", zone));
}

#[test]
fn a_release_is_the_same_bytes_again_and_holds_what_a_user_and_a_lawyer_look_for() {
    let folder = tempfile::tempdir().unwrap();
    ingredients(folder.path());
    let (out, again) = (folder.path().join("out"), folder.path().join("again"));
    release(folder.path(), &out, false);
    release(folder.path(), &again, true);
    let name = format!("labrat-{VERSION}-x86_64-linux");
    let deb = format!("labrat_{VERSION}_amd64.deb");
    let files = [
        format!("{name}.tar.gz"),
        deb.clone(),
        format!("{name}.cdx.json"),
        "SHA256SUMS".to_owned(),
    ];
    for file in &files {
        assert_eq!(
            fs::read(out.join(file)).unwrap(),
            fs::read(again.join(file)).unwrap(),
            "{file}"
        );
    }
    let checked = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(&out)
        .output()
        .unwrap();
    assert_eq!(
        text(&checked.stdout).matches(": OK").count(),
        3,
        "{checked:?}"
    );

    an_archive_unpacks_to_a_program_that_runs(&out.join(&files[0]), &name);
    a_debian_package_puts_everything_in_its_place(&out.join(deb));
    the_list_of_packages_is_that_of_the_binary(&out.join(&files[2]));
}

fn an_archive_unpacks_to_a_program_that_runs(archive: &Path, name: &str) {
    // Two releases of one second would hide a time: there is none in the gzip's head or in the tar.
    assert_eq!(
        fs::read(archive).unwrap()[4..8],
        [0; 4],
        "the gzip has a time"
    );
    let list = run(Command::new("tar")
        .arg("tzvf")
        .arg(archive)
        .env("TZ", "UTC"));
    assert!(
        list.lines().all(|line| line.contains(" 1970-01-01 00:00 ")),
        "{list}"
    );
    let folder = tempfile::tempdir().unwrap();
    run(Command::new("tar")
        .arg("xzf")
        .arg(archive)
        .arg("-C")
        .arg(folder.path()));
    let inside = folder.path().join(name);
    assert_eq!(
        run(Command::new(inside.join("labrat")).arg("x")),
        "released x\n"
    );
    for file in [
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "man/man1/labrat-rehearse.1",
        "completions/_labrat",
    ] {
        assert!(inside.join(file).metadata().unwrap().len() > 100, "{file}");
    }
    let terms = fs::read_to_string(inside.join("THIRD-PARTY.txt")).unwrap();
    for package in ["tokio ", "ring ", "webpki-roots "] {
        assert!(terms.contains(&format!("\n{package}")), "{package}");
    }
    assert!(
        !terms.contains("\ninsta "),
        "a tool of the tests is not in the binary"
    );
}

fn a_debian_package_puts_everything_in_its_place(package: &Path) {
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        return;
    }
    let field = |name: &str| {
        run(Command::new("dpkg-deb")
            .arg("--field")
            .arg(package)
            .arg(name))
    };
    assert_eq!(field("Version").trim(), VERSION);
    assert_eq!(field("Architecture").trim(), "amd64");
    assert_eq!(
        field("Depends").trim(),
        "",
        "a static binary depends on nothing"
    );
    let folder = tempfile::tempdir().unwrap();
    run(Command::new("dpkg-deb")
        .arg("--extract")
        .arg(package)
        .arg(folder.path()));
    let program = folder.path().join("usr/bin/labrat");
    assert_eq!(
        program.metadata().unwrap().permissions().mode() & 0o777,
        0o755
    );
    for file in [
        "man/man1/labrat.1.gz",
        "man/man1/labrat-host-settings-diff.1.gz",
        "bash-completion/completions/labrat",
        "zsh/vendor-completions/_labrat",
        "fish/vendor_completions.d/labrat.fish",
        "doc/labrat/copyright",
        "doc/labrat/changelog.gz",
    ] {
        assert!(
            folder.path().join("usr/share").join(file).is_file(),
            "{file}"
        );
    }
}

fn the_list_of_packages_is_that_of_the_binary(list: &Path) {
    let list: Value = serde_json::from_slice(&fs::read(list).unwrap()).unwrap();
    assert_eq!(
        (&list["bomFormat"], &list["specVersion"]),
        (&Value::from("CycloneDX"), &Value::from("1.5"))
    );
    assert_eq!(list["metadata"]["component"]["version"], VERSION);
    let lock: toml::Table =
        toml::from_str(&fs::read_to_string(root().join("Cargo.lock")).unwrap()).unwrap();
    let locked: BTreeSet<(&str, &str, &str)> = lock["package"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| {
            let text = |key: &str| one.get(key)?.as_str();
            Some((text("name")?, text("version")?, text("checksum")?))
        })
        .collect();
    let components = list["components"].as_array().unwrap();
    for component in components {
        let text = |value: &'static str| component[value].as_str().unwrap();
        let digest = component["hashes"][0]["content"].as_str().unwrap();
        assert!(
            locked.contains(&(text("name"), text("version"), digest)),
            "{component}"
        );
        assert!(
            component["licenses"][0]["expression"].is_string(),
            "{component}"
        );
    }
    let named = |name: &str| components.iter().any(|one| one["name"] == name);
    assert!(named("tokio") && named("rusqlite") && !named("insta"));
}
