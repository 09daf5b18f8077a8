//! deploy/Dockerfile. No container engine is at hand, so the image's layout is made by hand from
//! what the file says, and its program runs in it as a container engine would run it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{network, python, text, tools};
use crate::harness::{root, skip_unless, static_labrat};

/// A Dockerfile, instruction by instruction.
struct Image(Vec<(String, String)>);

impl Image {
    fn read(path: &str) -> Self {
        let output = python(&["tests/deploy/dockerfile.py", path]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        Self(serde_json::from_slice(&output.stdout).unwrap())
    }

    fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The value of the only instruction of that name.
    fn value(&self, name: &str) -> &str {
        let mut found = self.0.iter().filter(|(other, _)| other == name);
        let (_, value) = found.next().unwrap_or_else(|| panic!("no {name}"));
        assert!(found.next().is_none(), "more than one {name}");
        value
    }

    /// The words of an instruction in its JSON form: the other form needs a shell.
    fn words(&self, name: &str) -> Vec<String> {
        let value = self.value(name);
        let list = &value[value.find('[').expect("the JSON form")..];
        serde_json::from_str(list).expect("a JSON list of texts")
    }

    /// Each word quoted for a shell.
    fn command(&self, name: &str) -> String {
        let quoted = self.words(name).into_iter().map(|word| format!("'{word}'"));
        quoted.collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn the_image_is_empty_but_for_one_program_that_runs_without_privileges() {
    if skip_unless(tools()) {
        return;
    }
    let image = Image::read("deploy/Dockerfile");
    assert_eq!(
        image.names(),
        [
            "FROM",
            "LABEL",
            "COPY",
            "ENV",
            "USER",
            "EXPOSE",
            "HEALTHCHECK",
            "CMD"
        ]
    );
    assert_eq!(image.value("FROM"), "scratch");
    let user: Vec<u32> = image
        .value("USER")
        .split(':')
        .map(|id| id.parse().expect("a number: an empty image knows no names"))
        .collect();
    assert!(user.len() == 2 && user.iter().all(|id| *id > 0), "{user:?}");
    assert_eq!(
        image.words("CMD").join(" "),
        "labrat serve --bind=0.0.0.0:8000 --timeout=120 --workers=4 app:app"
    );
    assert_eq!(image.words("HEALTHCHECK")[1], "probe");
    assert_eq!(image.value("EXPOSE"), "8000");
}

/// The file tree that the image would have.
fn lay_out(image: &Image, root: &Path) {
    let copy: Vec<&str> = image.value("COPY").split_whitespace().collect();
    assert_eq!(copy[copy.len() - 2], "labrat", "what is copied");
    let program = root.join(copy[copy.len() - 1].trim_start_matches('/'));
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    std::fs::copy(static_labrat().unwrap(), &program).unwrap();
    let mode = copy.iter().find_map(|word| word.strip_prefix("--chmod="));
    let mode = u32::from_str_radix(mode.expect("a mode"), 8).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(mode)).unwrap();
    std::fs::set_permissions(root, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn the_program_runs_in_the_image_s_empty_read_only_root_as_its_user_and_passes_its_health_check() {
    if skip_unless(tools().and_then(|()| network::available())) {
        return;
    }
    let image = Image::read("deploy/Dockerfile");
    let folder = tempfile::tempdir().unwrap();
    lay_out(&image, folder.path());
    let root = folder.path().display();
    let chroot = format!(
        "env -i {} /usr/sbin/chroot --userspec={} --groups= {root}",
        image.value("ENV"),
        image.value("USER")
    );
    let script = network::serve_and_probe(
        &format!("{chroot} {}", image.command("CMD")),
        &format!("{chroot} {}", image.command("HEALTHCHECK")),
        "grep -E '^(Uid|CapEff|NoNewPrivs):' /proc/$server/status",
    );
    let (code, said) = network::run(&format!(
        "mount --bind {root} {root}
        mount -o remount,bind,ro {root}
        ! touch {root}/file
        {script}"
    ));
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "Read-only file system",
        "Listening at: http://0.0.0.0:8000",
        "http://127.0.0.1:8000/health answered 200",
        "Uid:\t65532\t65532\t65532\t65532",
        "CapEff:\t0000000000000000",
        "the server's exit code: 0",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert_eq!(said.matches("Booting worker").count(), 4, "{said}");
}

#[test]
fn a_health_check_on_the_wrong_port_would_be_seen() {
    if skip_unless(tools().and_then(|()| network::available())) {
        return;
    }
    let image = Image::read("deploy/Dockerfile");
    let probe = image.command("HEALTHCHECK").replace(":8000", ":8001");
    let program = static_labrat().unwrap();
    let probe = probe.replace("/usr/local/bin/labrat", &program.display().to_string());
    let (code, said) = network::run(&probe);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("connecting to 127.0.0.1:8001"), "{said}");
}

#[test]
fn the_words_of_the_image_are_of_the_project_s_licence_and_name() {
    if skip_unless(tools()) {
        return;
    }
    let label = Image::read("deploy/Dockerfile").value("LABEL").to_owned();
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for (key, field) in [("title", "name"), ("licenses", "license")] {
        let line = manifest
            .lines()
            .find(|line| line.starts_with(&format!("{field} = ")))
            .unwrap();
        let value = line.split('"').nth(1).unwrap();
        let wanted = format!("org.opencontainers.image.{key}=\"{value}\"");
        assert!(label.contains(&wanted), "{wanted}\n{label}");
    }
}
