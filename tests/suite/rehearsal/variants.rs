//! Every scenario of the catalogue whose variants are played alike: the symptom is reproduced, and
//! each fix and the control are not.

use std::process::Command;

use labrat::scenario::catalogue;
use labrat::scenario::shape::Change;

use serde_json::Value;

use super::{HEALTHY, REPRODUCED, criterion, expect_at, met, rehearse_at};
use crate::harness::skip_unless;
use crate::readiness::servers;

const INCONCLUSIVE: Option<i32> = Some(11);

/// Play symptom, fixes and control of one scenario at its quickest pace.
fn every_variant(name: &str) {
    let scenario = catalogue::find(name).unwrap();
    let pace = scenario.quickest_pace.to_string();
    expect_at(&pace, name, REPRODUCED);
    for fix in &scenario.fixes {
        let here =
            |change: &Change| !matches!(change, Change::Described { .. } | Change::Plan { .. });
        if fix.changes.iter().all(here) {
            expect_at(&pace, &format!("{name} --fix {}", fix.name), HEALTHY);
        }
    }
    expect_at(&pace, &format!("{name} --control"), HEALTHY);
}

#[test]
fn an_application_that_listens_on_its_loopback_is_not_found_until_it_binds_every_address() {
    every_variant("wrong-port");
    expect_at("0.05", "wrong-port --fix other-port", REPRODUCED);
}

#[test]
fn a_start_past_the_limit_is_ended_until_the_limit_or_the_start_is_changed() {
    every_variant("slow-start");
}

#[test]
fn an_exception_at_boot_keeps_the_site_down_until_its_cause_is_removed() {
    every_variant("crash-at-boot");
}

#[test]
fn a_missing_setting_is_named_and_keeps_the_site_down_until_it_is_there() {
    every_variant("missing-setting");
}

#[test]
fn a_slow_dependency_is_multiplied_by_retries_until_a_budget_a_cap_or_a_breaker_is_there() {
    every_variant("dependency-latency");
}

#[test]
fn a_connection_for_every_call_runs_out_of_ports_until_connections_are_used_again() {
    every_variant("outbound-pressure");
}

#[test]
fn a_startup_command_that_replaces_the_entry_point_runs_and_is_not_ready() {
    every_variant("start-command-override");
}

#[test]
fn a_liveness_probe_behind_the_work_restarts_a_busy_pool_until_it_is_patient_or_the_worker_is() {
    every_variant("probe-restart");
}

#[test]
fn a_container_whose_readiness_fails_answers_its_liveness_path_and_nothing_else() {
    every_variant("crashed-but-healthy");
    for variant in ["readiness-absent", "probe-wrong-port"] {
        let words = format!("crashed-but-healthy --fix {variant}");
        expect_at("0.1", &words, REPRODUCED);
    }
}

#[test]
fn a_request_on_a_connection_that_is_being_closed_is_lost_until_connections_are_kept_longer() {
    every_variant("keep-alive-race");
}

#[test]
fn a_request_that_outlives_the_front_end_is_cut_and_worked_on_until_it_is_short_or_asked_about() {
    every_variant("front-end-limit");
}

#[test]
fn a_site_that_nobody_asks_for_is_unloaded_and_its_next_visitor_waits_unless_it_is_always_on() {
    every_variant("idle-cold-start");
}

#[test]
fn a_reference_that_is_not_resolved_is_the_value_that_the_application_gets_until_it_names_a_secret()
{
    every_variant("unresolved-reference");
}

#[test]
fn a_full_home_fails_every_write_through_a_restart_until_files_go_or_there_is_more_room() {
    every_variant("home-full");
}

#[test]
fn without_a_home_of_its_own_size_nothing_is_played_and_nothing_is_claimed() {
    let nowhere = tempfile::tempdir().unwrap();
    let out = nowhere.path().join("run");
    // In a user namespace of its own that may make no mount namespace.
    let script = "echo 0 > /proc/sys/user/max_mnt_namespaces && exec \"$0\" \"$@\"";
    let within = |command: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "sh", "-c", script, command]);
        unshare
    };
    let may = within("true").output().map_err(|error| error.to_string());
    let lacking = "this needs a user namespace (unshare)".to_owned();
    if skip_unless(may.and_then(|may| may.status.success().then_some(()).ok_or(lacking))) {
        return;
    }
    let output = within(env!("CARGO_BIN_EXE_labrat"))
        .args(["rehearse", "home-full", "--pace", "0.05", "--json", "--out"])
        .arg(&out)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), INCONCLUSIVE, "{said}");
    assert!(said.contains("no home of a size of its own"), "{said}");
    assert!(!out.join("trigger").exists(), "no request was sent");
}

#[test]
fn a_rule_that_recycles_a_cold_container_never_lets_it_get_warm_until_it_leaves_it_its_time() {
    every_variant("auto-heal-loop");
}

#[test]
fn a_setting_put_back_after_a_swap_restarts_production() {
    every_variant("swap-restart");
}

#[test]
fn traffic_before_a_slot_is_warm_waits_until_the_swap_asks_for_readiness() {
    every_variant("warmup-race");
}

#[test]
fn a_database_that_moved_with_the_swap_is_named_by_readiness_while_liveness_is_well() {
    let symptom = expect_at("0.05", "dependency-context", REPRODUCED);
    assert!(met(&symptom, "schema-behind"), "{symptom:#}");
    for (variant, code) in [("--fix sticky", HEALTHY), ("--control", HEALTHY)] {
        expect_at("0.05", &format!("dependency-context {variant}"), code);
    }
    let words = "dependency-context --fix wrong-database";
    let symptom = expect_at("0.05", words, REPRODUCED);
    assert!(met(&symptom, "another-database"), "{symptom:#}");
    assert!(!met(&symptom, "schema-behind"), "{symptom:#}");
}

/// What /ready said of one check of production at the end, in the verdict on a rehearsal.
fn word_of(verdict: &Value, id: &str) -> String {
    let found = criterion(verdict, id).unwrap();
    format!("{} {}", found["finding"], found["observed"])
}

#[test]
fn a_database_that_refuses_the_identity_that_moved_with_the_swap_is_named_by_readiness() {
    let programs = servers::program("initdb").and_then(|_| servers::program("postgres"));
    if skip_unless(programs.map(drop)) {
        return;
    }
    let identity = |variant: &str, code| {
        expect_at("0.05", &format!("dependency-context --fix {variant}"), code)
    };
    let symptom = identity("refused-identity", REPRODUCED);
    let word = word_of(&symptom, "refused-identity");
    assert_eq!(word, r#""met" "`database` fails: refused_identity""#);
    for other in ["schema-behind", "another-database"] {
        assert!(!met(&symptom, other), "{other}: {symptom:#}");
    }
    for variant in ["sticky-identity", "one-identity"] {
        let verdict = identity(variant, HEALTHY);
        let word = word_of(&verdict, "refused-identity");
        assert_eq!(word, r#""not-met" "`database` passes""#, "{variant}");
    }
}

#[test]
fn without_a_server_that_can_refuse_nothing_is_played_and_nothing_is_claimed() {
    let nowhere = tempfile::tempdir().unwrap();
    let out = nowhere.path().join("run");
    let words = format!(
        "dependency-context --fix refused-identity --postgres {}",
        nowhere.path().display()
    );
    let output = rehearse_at("0.05", &words, &out);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), INCONCLUSIVE, "{said}");
    assert!(said.contains("there is no initdb here"), "{said}");
    let manifest = std::fs::read_to_string(out.join("manifest.json")).unwrap();
    assert!(
        manifest.contains("nothing was played: no database server"),
        "{manifest}"
    );
    assert!(!out.join("trigger").exists(), "no request was sent");
}

#[test]
fn workers_by_formula_are_killed_for_memory_until_their_number_is_capped() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let output = rehearse_at("0.1", "worker-formula", &run);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == INCONCLUSIVE {
        // Without a box there is nothing to say, and it says that.
        assert!(!skip_unless(Err(said)));
        return;
    }
    let verdict = Command::new(env!("CARGO_BIN_EXE_labrat"))
        .arg("verdict")
        .arg(&run)
        .output()
        .unwrap();
    let text = String::from_utf8(verdict.stdout).unwrap();
    assert!(text.lines().count() <= 80, "{text}");
    every_variant("worker-formula");
}
