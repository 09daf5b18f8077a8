//! deny.toml, enforced without cargo-deny: licences, sources and what is banned, over what cargo says
//! of every dependency.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{expect_none, read, root};

struct Policy {
    allow: Vec<String>,
    banned: Vec<String>,
    registries: Vec<String>,
    target: String,
}

fn texts(list: &toml::Value) -> Vec<String> {
    let all = list.as_array().unwrap().iter();
    all.map(|one| one.as_str().unwrap().to_owned()).collect()
}

fn policy() -> Policy {
    let file: toml::Table = toml::from_str(&read(Path::new("deny.toml"))).unwrap();
    let banned = file["bans"]["deny"].as_array().unwrap().iter();
    Policy {
        allow: texts(&file["licenses"]["allow"]),
        banned: banned
            .map(|one| one["crate"].as_str().unwrap().to_owned())
            .collect(),
        registries: texts(&file["sources"]["allow-registry"]),
        target: texts(&file["graph"]["targets"]).remove(0),
    }
}

/// Every package of the tree: this one, its dependencies, and those of its tests.
fn packages(target: &str) -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--offline", "--locked"])
        .args(["--filter-platform", target])
        .current_dir(root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    all["packages"].as_array().unwrap().clone()
}

/// The licences of an SPDX expression that the policy takes, as few as it takes; `None` if it does not
/// take the expression. `/` stands for OR in older manifests.
fn taken(expression: &str, allow: &[String]) -> Option<BTreeSet<String>> {
    let spaced = expression.replace('/', " OR ");
    let spaced = spaced.replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let found = either(&mut words, allow);
    if words.next().is_some() { None } else { found }
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn either(words: &mut Words<'_>, allow: &[String]) -> Option<BTreeSet<String>> {
    let mut best = both(words, allow);
    while words.next_if_eq(&"OR").is_some() {
        let other = both(words, allow);
        best = match (best, other) {
            (Some(one), Some(other)) if other.len() < one.len() => Some(other),
            (Some(one), _) => Some(one),
            (None, other) => other,
        };
    }
    best
}

fn both(words: &mut Words<'_>, allow: &[String]) -> Option<BTreeSet<String>> {
    let mut found = one(words, allow);
    while words.next_if_eq(&"AND").is_some() {
        let more = one(words, allow);
        found = found.zip(more).map(|(found, more)| &found | &more);
    }
    found
}

fn one(words: &mut Words<'_>, allow: &[String]) -> Option<BTreeSet<String>> {
    let word = words.next()?;
    if word == "(" {
        let inside = either(words, allow);
        return words.next_if_eq(&")").and(inside);
    }
    // An exception grants more than the licence.
    if words.next_if_eq(&"WITH").is_some() {
        words.next()?;
    }
    let is_allowed = allow.iter().any(|licence| licence == word);
    is_allowed.then(|| BTreeSet::from([word.to_owned()]))
}

/// What is wrong with a package.
fn faults(package: &Value, policy: &Policy) -> Vec<String> {
    let name = package["name"].as_str().unwrap();
    let mut found = Vec::new();
    let licence = package["license"].as_str().unwrap_or("none");
    if taken(licence, &policy.allow).is_none() {
        found.push(format!("{name}: licence {licence}"));
    }
    if policy.banned.iter().any(|banned| banned == name) {
        found.push(format!("{name}: banned"));
    }
    let source = package["source"].as_str();
    let known = |source: &str| {
        let registry = source.strip_prefix("registry+");
        policy
            .registries
            .iter()
            .any(|known| registry == Some(known))
    };
    if source.is_some_and(|source| !known(source)) {
        found.push(format!("{name}: comes from {}", source.unwrap()));
    }
    found
}

#[test]
fn every_dependency_keeps_the_policy_of_deny_toml() {
    let policy = policy();
    let packages = packages(&policy.target);
    assert!(packages.len() > 100, "only {} packages", packages.len());
    let found: Vec<String> = packages
        .iter()
        .flat_map(|package| faults(package, &policy))
        .collect();
    expect_none("dependencies that deny.toml does not take", &found);
    let used: BTreeSet<String> = packages
        .iter()
        .filter_map(|package| taken(package["license"].as_str()?, &policy.allow))
        .flatten()
        .collect();
    let unused: Vec<&String> = policy
        .allow
        .iter()
        .filter(|one| !used.contains(*one))
        .collect();
    assert_eq!(unused, [""; 0], "licences that no dependency has");
}

#[test]
fn a_licence_a_ban_and_a_source_against_the_policy_are_found() {
    let policy = policy();
    let package = |name: &str, licence: &str, source: &str| {
        let package = serde_json::json!({"name": name, "license": licence, "source": source});
        faults(&package, &policy).join("; ")
    };
    let index = "registry+https://github.com/rust-lang/crates.io-index";
    for good in [
        "MIT",
        "GPL-3.0 OR MIT",
        "MIT/GPL-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "(GPL-3.0 OR MIT) AND ISC",
    ] {
        assert_eq!(package("a", good, index), "", "{good}");
    }
    for bad in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR ISC) AND (GPL-3.0)",
        "none",
        "MIT ISC",
    ] {
        assert_eq!(package("a", bad, index), format!("a: licence {bad}"));
    }
    assert_eq!(package("openssl-sys", "MIT", index), "openssl-sys: banned");
    assert_eq!(
        package("a", "MIT", "git+https://example.org/a"),
        "a: comes from git+https://example.org/a"
    );
}
