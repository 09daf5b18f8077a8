//! Pictures: each scenario's own follows from what its proof measures, and shows what the evidence
//! holds; one of them is printed for a slide.

use std::process::{Command, Output};

use labrat::evidence::criteria::Picture;
use labrat::report;
use labrat::scenario::catalogue;
use serde_json::{Value, json};

use super::builder::Builder;
use super::incidents;
use super::reports::timed;

/// A saturated pool of two places.
pub(super) fn saturated() -> Builder {
    let pool = json!({
        "accept_queues": [{"listener": "http://0.0.0.0:8000", "waiting": 0}],
        "requests_at_once": 1,
        "workers": [{"pid": 11, "state": "idle"}, {"pid": 12, "state": "idle"}],
    });
    timed(incidents::intermittent_5xx().json("baseline/diag-workers.json", pool))
}

fn picture(bundle: &Builder, picture: Picture) -> Option<String> {
    report::picture(picture, &bundle.judge(), &bundle.read())
}

#[test]
fn each_scenario_is_shown_by_what_its_proof_measures() {
    let of = |name: &str| catalogue::rules_of(name).unwrap().picture();
    assert_eq!(of("intermittent-5xx"), Picture::Queue);
    assert_eq!(of("memory-pressure"), Picture::Memory);
    for name in ["slot-swap-drift", "swap-restart", "dependency-context"] {
        assert_eq!(of(name), Picture::Settings, "{name}");
    }
    for name in [
        "startup-failed",
        "wrong-port",
        "slow-start",
        "probe-restart",
        "worker-formula",
    ] {
        assert_eq!(of(name), Picture::Starts, "{name}");
    }
    for name in ["dependency-latency", "outbound-pressure"] {
        assert_eq!(of(name), Picture::Requests, "{name}");
    }
}

#[test]
fn a_saturated_pool_is_shown_with_waits_services_and_its_queue() {
    let bundle = saturated();
    let svg = picture(&bundle, Picture::Queue).expect("a picture");
    // 30 requests, each once among the workers and once in the order of arrival.
    assert_eq!(
        svg.matches("class=\"service route-").count(),
        2 * 30 + 2,
        "and a legend"
    );
    assert!(svg.contains("class=\"mark gave-up\""));
    assert!(svg.contains("The kernel had at most 17."), "{svg}");
    assert!(svg.contains("were begun when their client had left already."));
    let page = report::page(&bundle.judge(), &bundle.read());
    let place = |id: &str| page.find(id).unwrap_or_else(|| panic!("no {id}"));
    assert!(
        place("queue-title") < place("requests-title"),
        "its own comes first"
    );
}

#[test]
fn a_swap_is_shown_by_the_settings_that_it_changed() {
    let svg = picture(&timed(incidents::slot_swap_drift()), Picture::Settings);
    let svg = svg.expect("a picture");
    assert!(svg.contains("class=\"changed\""), "{svg}");
    assert!(svg.contains("→ "));
    let fixed = picture(&timed(incidents::slot_swap_fixed()), Picture::Settings);
    let fixed = fixed.expect("a picture");
    assert!(fixed.contains("Changed in production: nothing"), "{fixed}");
    let changed = |svg: &str| svg.matches("class=\"changed\"").count();
    assert!(changed(&svg) > changed(&fixed));
}

#[test]
fn a_failed_start_is_shown_by_the_lines_that_decided() {
    let svg = picture(&incidents::startup_failed(), Picture::Starts).expect("a picture");
    assert!(svg.contains("class=\"told decided\""), "{svg}");
    assert!(svg.contains("wrong_module"));
}

#[test]
fn where_nothing_moves_there_is_no_picture() {
    let control = timed(incidents::intermittent_control());
    assert_eq!(picture(&control, Picture::Memory), None);
    assert_eq!(picture(&incidents::memory_pressure(), Picture::Queue), None);
    assert_eq!(
        picture(&incidents::memory_pressure(), Picture::Settings),
        None
    );
}

/// Rows of two workers of which one grows as `figures` say, a look every second of the load.
fn processes(figures: impl Fn(u32) -> (u64, i64, u64)) -> Builder {
    let header = "taken,slot,pid,role,resident_kb,threads,descriptors,processor_seconds";
    let mut text = vec![header.to_owned()];
    for number in 0..20_u32 {
        let taken = super::builder::at(f64::from(30 + number));
        let (resident, threads, descriptors) = figures(number);
        text.push(format!(
            "{taken},production,10,arbiter,{},1,9,0.0",
            90_000 + number * 1_000
        ));
        text.push(format!(
            "{taken},production,11,worker,{resident},{threads},{descriptors},0.5"
        ));
        text.push(format!("{taken},production,12,worker,25000,2,15,0.5"));
    }
    let text = text.join("\n") + "\n";
    timed(incidents::intermittent_control()).text("timeline/processes.csv", &text)
}

#[test]
fn what_workers_took_is_shown_by_the_figures_that_move() {
    let leaking = processes(|number| (25_000 + u64::from(number) * 2_000, 2, 15));
    let svg = picture(&leaking, Picture::Processes).expect("a picture");
    well_formed(&svg);
    assert!(svg.contains("resident memory of each worker, MB"), "{svg}");
    assert!(svg.contains("2 workers seen"), "{svg}");
    assert!(svg.contains("24 at first, 62 at last"), "{svg}");
    // Neither what is flat nor the arbiter is drawn.
    assert!(
        !svg.contains("threads of") && !svg.contains("descriptors of"),
        "{svg}"
    );
    assert_eq!(svg.matches("<path class=\"line thin").count(), 2);
    let opening = processes(|number| (25_000, 2 + i64::from(number), 15 + u64::from(number)));
    let svg = picture(&opening, Picture::Processes).expect("a picture");
    assert!(
        svg.contains("threads of") && svg.contains("descriptors of"),
        "{svg}"
    );
    assert!(!svg.contains("resident memory"), "{svg}");
    let flat = processes(|number| (25_000 + u64::from(number % 2) * 500, 2, 15));
    assert_eq!(picture(&flat, Picture::Processes), None);
    let garbage = flat.text("timeline/processes.csv", "taken,slot\nnever,here\n");
    assert_eq!(picture(&garbage, Picture::Processes), None);
}

fn labrat(bundle: &Builder, more: &[&str]) -> Output {
    let folder = bundle.folder();
    Command::new(env!("CARGO_BIN_EXE_labrat"))
        .arg("report")
        .arg(folder.path())
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn one_picture_is_printed_and_nothing_else() {
    let bundle = saturated();
    let printed = labrat(&bundle, &["--picture", "queue"]);
    assert_eq!(printed.status.code(), Some(0), "{printed:?}");
    let svg = String::from_utf8(printed.stdout).unwrap();
    assert!(
        svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" "),
        "{svg}"
    );
    assert_eq!(svg.trim_end().rmatches("</svg>").count(), 1);
    for forbidden in ["<script", "href=", "url(", "@import"] {
        assert!(!svg.contains(forbidden), "{forbidden}");
    }
    well_formed(&svg);
    let own = labrat(&bundle, &[]);
    assert_eq!(
        String::from_utf8(own.stdout).unwrap(),
        svg,
        "it is the scenario's own"
    );
}

#[test]
fn pictures_are_listed_and_one_that_is_not_there_is_said_to_be_missing() {
    let bundle = saturated();
    let listed = labrat(&bundle, &["--list", "--json"]);
    let rows: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(
        rows[0],
        json!({"picture": "queue", "tells_the_story": true})
    );
    let missing = labrat(&bundle, &["--picture", "settings"]);
    assert_eq!(missing.status.code(), Some(1));
    let said = String::from_utf8(missing.stderr).unwrap();
    assert!(
        said.contains("holds no picture `settings`") && said.contains("hint:"),
        "{said}"
    );
    let unknown = labrat(&bundle, &["--picture", "pie"]);
    assert_eq!(unknown.status.code(), Some(2));
    let said = String::from_utf8(unknown.stderr).unwrap();
    assert!(said.contains("queue, memory, starts"), "{said}");
}

/// Every element is closed, in order: XML forgives less than HTML does.
fn well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a closed tag");
        let name = tag.split([' ', '\n']).next().unwrap_or_default();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if tag.ends_with('/') => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, [""; 0]);
}
