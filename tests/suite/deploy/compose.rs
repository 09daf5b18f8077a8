//! deploy/compose.yaml, read by docker-compose itself; its commands run here.

use std::process::Command;

use serde_json::Value;

use super::{network, python, text, tools};
use crate::harness::{root, skip_unless, static_labrat};

const FILE: &str = "deploy/compose.yaml";

fn composer() -> Result<(), String> {
    Command::new("docker-compose")
        .arg("version")
        .output()
        .map(|_| ())
        .map_err(|error| {
            format!("docker-compose cannot run (hint: apt-get install docker-compose): {error}")
        })
}

/// What docker-compose says of a file with these words; it needs no engine for that.
fn config(file: &std::path::Path, words: &[&str]) -> Result<String, String> {
    // The image is built from the package, whose folder has to be there.
    std::fs::create_dir_all(root().join("target/package")).unwrap();
    let output = Command::new("docker-compose")
        .arg("--file")
        .arg(file)
        .args(["--profile", "bare", "config"])
        .args(words)
        .current_dir(root())
        .env_remove("LAB_KEY")
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

/// The services as docker-compose understands them.
fn services() -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resolved.yaml");
    std::fs::write(&file, config(&root().join(FILE), &[]).unwrap()).unwrap();
    let convert = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let output = python(&["-c", convert, &file.display().to_string()]);
    let resolved: Value = serde_json::from_slice(&output.stdout).expect("YAML");
    resolved["services"].clone()
}

#[test]
fn docker_compose_accepts_the_file_and_refuses_a_word_that_it_does_not_know() {
    if skip_unless(composer()) {
        return;
    }
    assert_eq!(config(&root().join(FILE), &["--quiet"]), Ok(String::new()));
    let text = std::fs::read_to_string(root().join(FILE)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (good, bad) in [("mem_limit:", "mem_limt:"), ("cpus: 1", "cpus: one")] {
        let file = folder.path().join("compose.yaml");
        assert!(text.contains(good), "{good}");
        std::fs::write(&file, text.replace(good, bad)).unwrap();
        let refused = config(&file, &["--quiet"]).unwrap_err();
        assert!(
            refused.contains(bad.split(':').next().unwrap()),
            "{refused}"
        );
    }
}

#[test]
fn every_service_is_a_box_of_a_b1_s_size_without_privileges_that_answers_this_machine_only() {
    if skip_unless(composer().and_then(|()| tools())) {
        return;
    }
    let services = services();
    let services = services.as_object().unwrap();
    assert_eq!(services.keys().collect::<Vec<_>>(), ["bare", "emulator"]);
    for (name, service) in services {
        let megabytes = |key: &str| -> u64 {
            let size = service[key].as_str().unwrap();
            size.strip_suffix('m').unwrap().parse().unwrap()
        };
        assert_eq!(megabytes("mem_limit"), 1792, "{name}");
        assert_eq!(
            megabytes("memswap_limit") - megabytes("mem_limit"),
            4096,
            "{name}: the swap"
        );
        assert_eq!(service["cpus"], 1, "{name}");
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        assert_eq!(
            service["security_opt"],
            serde_json::json!(["no-new-privileges:true"]),
            "{name}"
        );
        let published = service["ports"].as_array().into_iter().flatten();
        for port in published {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}");
        }
    }
}

#[test]
fn the_emulator_of_the_file_starts_the_site_and_passes_its_health_check() {
    if skip_unless(
        composer()
            .and_then(|()| tools())
            .and_then(|()| network::available()),
    ) {
        return;
    }
    let services = services();
    let words = |list: &Value| -> Vec<String> {
        let words = list.as_array().unwrap().iter();
        words
            .map(|word| word.as_str().unwrap().to_owned())
            .collect()
    };
    let folder = tempfile::tempdir().unwrap();
    let program = static_labrat().unwrap();
    let quoted = |words: &[String]| -> String {
        let words = words.iter().map(|word| {
            let word = word.replace("/var/lib/labrat", &folder.path().display().to_string());
            format!("'{word}'")
        });
        words.collect::<Vec<_>>().join(" ")
    };
    let emulator = &services["emulator"];
    let health = words(&emulator["healthcheck"]["test"]);
    assert_eq!(health[..2], ["CMD", "labrat"]);
    // The name of the program is found through PATH, as it is in the container.
    let path = format!("export PATH={}:$PATH", program.parent().unwrap().display());
    let script = network::serve_and_probe(
        &quoted(&words(&emulator["command"])),
        &quoted(&health[1..]),
        "",
    );
    let (code, said) = network::run(&format!("{path}\n{script}"));
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("http://127.0.0.1:8080/health answered 200"),
        "{said}"
    );
    let tables = folder.path().join("host");
    assert!(
        tables.is_dir(),
        "the log tables are where they can be written"
    );
}
