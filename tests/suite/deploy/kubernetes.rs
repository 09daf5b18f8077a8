//! deploy/kubernetes: valid by Kubernetes' own schemas, without privileges, with probes that ask
//! different things, and overlays that break one probe each and nothing else.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{python, text, tools};
use crate::harness::{root, skip_unless};

pub(super) const BASE: &str = "deploy/kubernetes/base";
pub(super) const OVERLAYS: &str = "deploy/kubernetes/overlays";

/// Every resource of a folder, rendered and validated; else what is wrong.
fn rendered(folder: &str) -> Result<Vec<Value>, String> {
    let output = python(&["tests/deploy/kubernetes.py", folder]);
    if !output.status.success() {
        return Err(text(&output.stderr));
    }
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    Ok(all[folder].as_array().unwrap().clone())
}

pub(super) fn deployment(folder: &str) -> Value {
    let resources = rendered(folder).unwrap();
    let mut found = resources
        .into_iter()
        .filter(|item| item["kind"] == "Deployment");
    found.next().unwrap()
}

fn pod(deployment: &Value) -> &Value {
    &deployment["spec"]["template"]["spec"]
}

pub(super) fn container(deployment: &Value) -> &Value {
    &pod(deployment)["containers"][0]
}

/// Where two values differ, as pointers.
fn differences(left: &Value, right: &Value, path: &str, found: &mut BTreeSet<String>) {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            for key in left.keys().chain(right.keys()).collect::<BTreeSet<_>>() {
                let (left, right) = (left.get(key), right.get(key));
                let (left, right) = (left.unwrap_or(&Value::Null), right.unwrap_or(&Value::Null));
                differences(left, right, &format!("{path}/{key}"), found);
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            for at in 0..left.len().max(right.len()) {
                let (left, right) = (left.get(at), right.get(at));
                let (left, right) = (left.unwrap_or(&Value::Null), right.unwrap_or(&Value::Null));
                differences(left, right, &format!("{path}/{at}"), found);
            }
        }
        _ if left == right => {}
        _ => {
            found.insert(path.to_owned());
        }
    }
}

#[test]
fn the_base_holds_a_deployment_and_a_service_that_finds_it() {
    if skip_unless(tools()) {
        return;
    }
    let resources = rendered(BASE).unwrap();
    let kinds: Vec<&str> = resources
        .iter()
        .filter_map(|item| item["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["Deployment", "Service"]);
    let (deployment, service) = (&resources[0], &resources[1]);
    assert_eq!(
        service["spec"]["selector"],
        deployment["spec"]["template"]["metadata"]["labels"]
    );
    assert_eq!(service["spec"]["type"], "ClusterIP");
    let wanted = &service["spec"]["ports"][0]["targetPort"];
    let ports = container(deployment)["ports"].as_array().unwrap();
    assert!(ports.iter().any(|port| port["name"] == *wanted), "{wanted}");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(container(deployment)["image"], format!("labrat:{version}"));
}

#[test]
fn the_pod_has_no_privileges_a_read_only_root_and_the_size_of_a_b1() {
    if skip_unless(tools()) {
        return;
    }
    let deployment = deployment(BASE);
    let pod = pod(&deployment);
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    for absent in ["hostNetwork", "hostPID", "hostIPC"] {
        assert_eq!(pod[absent], Value::Null, "{absent}");
    }
    assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
    let container = container(&deployment);
    assert_eq!(
        container["securityContext"],
        json!({
            "allowPrivilegeEscalation": false,
            "privileged": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        })
    );
    assert_eq!(
        container["resources"]["limits"],
        json!({ "cpu": "1", "memory": "1792Mi" })
    );
    let key = &container["env"][0];
    assert_eq!(key["name"], "LAB_KEY");
    assert!(key["valueFrom"]["secretKeyRef"].is_object(), "{key}");
    // 30 seconds are the program's own patience with work in flight.
    let arguments = container["args"].as_array().unwrap();
    let mut pauses = arguments
        .iter()
        .filter_map(|word| word.as_str()?.strip_prefix("--drain-pause="));
    let pause: u64 = pauses.next().unwrap().parse().unwrap();
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > pause + 30);
}

#[test]
fn the_three_probes_ask_different_things_beside_the_pool() {
    if skip_unless(tools()) {
        return;
    }
    let deployment = deployment(BASE);
    let container = container(&deployment);
    let mut budgets = BTreeSet::new();
    for (probe, path) in [
        ("startupProbe", "/startup"),
        ("livenessProbe", "/health"),
        ("readinessProbe", "/ready"),
    ] {
        let probe = &container[probe];
        assert_eq!(probe["httpGet"], json!({ "path": path, "port": "probes" }));
        let seconds = |key: &str| probe[key].as_u64().unwrap();
        assert!(seconds("timeoutSeconds") <= seconds("periodSeconds"));
        budgets.insert(seconds("periodSeconds") * seconds("failureThreshold"));
    }
    assert_eq!(
        budgets.len(),
        3,
        "each has a patience of its own: {budgets:?}"
    );
    let arguments = container["args"].as_array().unwrap();
    for (name, flag) in [("http", "--bind"), ("probes", "--probe-bind")] {
        let ports = container["ports"].as_array().unwrap();
        let port = ports.iter().find(|port| port["name"] == name).unwrap();
        let bind = format!("{flag}=0.0.0.0:{}", port["containerPort"]);
        assert!(arguments.contains(&json!(bind)), "{bind}");
    }
}

#[test]
fn the_container_s_command_is_one_that_the_program_reads() {
    if skip_unless(tools()) {
        return;
    }
    for folder in folders() {
        let deployment = deployment(&folder);
        let arguments = container(&deployment)["args"].as_array().unwrap();
        let words: Vec<&str> = arguments.iter().filter_map(Value::as_str).collect();
        assert_eq!(words[..2], ["labrat", "serve"], "{folder}");
        let output = Command::new(env!("CARGO_BIN_EXE_labrat"))
            .args(["serve", "--check-config"])
            .args(&words[2..])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{folder}: {}",
            text(&output.stderr)
        );
    }
}

/// The base and every overlay.
fn folders() -> Vec<String> {
    let entries = std::fs::read_dir(root().join(OVERLAYS)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut folders: Vec<String> = names.map(|name| format!("{OVERLAYS}/{name}")).collect();
    folders.push(BASE.to_owned());
    folders.sort();
    folders
}

#[test]
fn each_overlay_changes_what_it_is_named_after_and_nothing_else() {
    if skip_unless(tools()) {
        return;
    }
    let base = rendered(BASE).unwrap();
    let expected = [
        (
            "liveness-through-the-pool",
            vec!["livenessProbe/httpGet/port"],
        ),
        (
            "readiness-absent",
            vec!["env/1", "readinessProbe", "startupProbe/httpGet/path"],
        ),
        (
            "readiness-failing",
            vec!["env/1", "startupProbe/httpGet/path"],
        ),
        (
            "readiness-on-the-wrong-port",
            vec!["readinessProbe/httpGet/port"],
        ),
        (
            "stale-selector",
            vec!["/1/spec/selector/app.kubernetes.io/name"],
        ),
        (
            "startup-on-the-wrong-port",
            vec!["startupProbe/httpGet/port"],
        ),
    ];
    let names: Vec<String> = expected
        .iter()
        .map(|(name, _)| format!("{OVERLAYS}/{name}"))
        .collect();
    assert_eq!(folders()[1..], names, "an overlay is not described here");
    for (name, wanted) in expected {
        let overlay = rendered(&format!("{OVERLAYS}/{name}")).unwrap();
        let mut found = BTreeSet::new();
        differences(&json!(base), &json!(overlay), "", &mut found);
        let wanted: BTreeSet<String> = wanted
            .iter()
            .map(|path| match path.starts_with('/') {
                true => (*path).to_owned(),
                false => format!("/0/spec/template/spec/containers/0/{path}"),
            })
            .collect();
        assert_eq!(found, wanted, "{name}");
    }
}

#[test]
fn what_an_overlay_breaks_is_broken() {
    if skip_unless(tools()) {
        return;
    }
    let broken = |name: &str| deployment(&format!("{OVERLAYS}/{name}"));
    let liveness = broken("liveness-through-the-pool");
    assert_eq!(
        container(&liveness)["livenessProbe"]["httpGet"]["port"],
        "http"
    );
    let stale = rendered(&format!("{OVERLAYS}/stale-selector")).unwrap();
    let (selector, labels) = (
        &stale[1]["spec"]["selector"],
        &stale[0]["spec"]["template"]["metadata"]["labels"],
    );
    assert_ne!(selector, labels, "the service finds the pods");
    assert_eq!(
        stale[0],
        rendered(BASE).unwrap()[0],
        "the pods are as they were"
    );
    let startup = broken("startup-on-the-wrong-port");
    let port = &container(&startup)["startupProbe"]["httpGet"]["port"];
    let ports = container(&startup)["ports"].as_array().unwrap();
    assert!(
        ports.iter().all(|open| open["containerPort"] != *port),
        "{port}"
    );
    let failing = broken("readiness-failing");
    let database = &container(&failing)["env"][1];
    assert_eq!(database["name"], "DATABASE_URL");
    // A name that never resolves, by RFC 2606.
    assert!(
        database["value"]
            .as_str()
            .unwrap()
            .contains("@database.invalid/")
    );
    assert_eq!(
        container(&broken("readiness-absent"))["readinessProbe"],
        Value::Null
    );
}

#[test]
fn what_is_wrong_in_a_folder_is_named() {
    if skip_unless(tools()) {
        return;
    }
    let copy = |to: &Path| {
        for name in ["deployment.yaml", "service.yaml", "kustomization.yaml"] {
            std::fs::copy(root().join(BASE).join(name), to.join(name)).unwrap();
        }
    };
    let patch = |path: &str| {
        format!(
            "patches: [{{target: {{kind: Deployment, name: labrat}}, patch: '[{{op: remove, path: {path}}}]'}}]\n"
        )
    };
    for (file, good, bad, why) in [
        (
            "deployment.yaml",
            "replicas: 1",
            "replicas: one",
            "spec.replicas",
        ),
        (
            "deployment.yaml",
            "imagePullPolicy:",
            "imagePullPolcy:",
            "imagePullPolcy",
        ),
        (
            "deployment.yaml",
            "cpu: 100m",
            "cpu: 100m\n              cpu: 200m",
            "cpu is there twice",
        ),
        (
            "service.yaml",
            "targetPort: http",
            "targetPort: [http]",
            "targetPort",
        ),
        (
            "kustomization.yaml",
            "kind: Kustomization",
            "kind: Kustomization\nnameprefix: x",
            "nameprefix",
        ),
        (
            "kustomization.yaml",
            "- service.yaml",
            "- servce.yaml",
            "servce.yaml",
        ),
        (
            "kustomization.yaml",
            "resources:",
            &format!("{}resources:", patch("/spec/no")),
            "can't remove",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        copy(folder.path());
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(good), "{good}");
        std::fs::write(&path, text.replace(good, bad)).unwrap();
        let said = rendered(&folder.path().display().to_string()).unwrap_err();
        assert!(said.contains(why), "{why}\n{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
