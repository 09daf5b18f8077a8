//! Reports: what they must hold, and what they must never load.

use labrat::evidence::manifest::{Capture, PhaseKind};
use labrat::report::{self, Style};

use super::builder::{Builder, at};
use super::incidents;

fn page(bundle: &Builder) -> String {
    report::page(&bundle.judge(), &bundle.read())
}

/// The same bundle with the time at which each of its snapshots was answered.
pub fn timed(bundle: Builder) -> Builder {
    let paths: Vec<String> = bundle
        .files
        .keys()
        .filter(|path| path.contains("diag-"))
        .cloned()
        .collect();
    bundle.amend(|manifest| {
        for (number, file) in (0_u32..).zip(paths) {
            let phase = match file.split('/').next() {
                Some("baseline") => PhaseKind::Baseline,
                Some("post") => PhaseKind::Post,
                _ => PhaseKind::Trigger,
            };
            let seconds = match phase {
                PhaseKind::Baseline => 5.0,
                PhaseKind::Post => 160.0,
                _ => 40.0 + f64::from(number) * 20.0,
            };
            manifest.captures.push(Capture {
                file,
                phase,
                requested: at(seconds),
                seconds: 0.01,
                pid: None,
            });
        }
    })
}

#[test]
fn the_page_loads_nothing_and_runs_nothing() {
    for bundle in incidents::symptoms() {
        let page = page(&timed(bundle)).replace("http-equiv", "");
        for forbidden in [
            "<script", " src=", " href=", "url(", "@import", "<link", "<iframe", " on",
        ] {
            let found = page.match_indices(forbidden).find(|(at, _)| {
                // Words in sentences are no attributes.
                forbidden != " on"
                    || page[at + 3..].split('=').next().is_some_and(|name| {
                        !name.is_empty()
                            && name.len() < 14
                            && name.bytes().all(|byte| byte.is_ascii_lowercase())
                    })
            });
            assert_eq!(found, None, "{forbidden}");
        }
        assert!(page.contains("default-src 'none'"));
    }
}

#[test]
fn every_chart_has_a_title_and_a_description() {
    let mut charts = 0;
    for bundle in incidents::symptoms() {
        let page = page(&timed(bundle));
        for svg in page.split("<svg ").skip(1) {
            let svg = svg.split("</svg>").next().unwrap();
            assert!(svg.contains("role=\"img\""), "{svg}");
            for part in ["title", "desc"] {
                let text = svg.split(&format!("<{part} id=")).nth(1).unwrap();
                let text = text.split('>').nth(1).unwrap();
                assert!(text.len() > 10, "an empty {part}");
            }
            charts += 1;
        }
    }
    assert!(charts >= 10, "only {charts} charts in four reports");
}

#[test]
fn each_kind_of_evidence_has_its_chart() {
    let memory = page(&timed(incidents::memory_pressure()));
    for name in ["requests-title", "mix-title", "memory-title"] {
        assert!(memory.contains(name), "{name}");
    }
    let saturation = page(&timed(incidents::intermittent_5xx()));
    assert!(saturation.contains("workers-title"));
    assert!(saturation.contains("At most 17 connections waited in the accept queue."));
    assert!(saturation.contains("class=\"mark gave-up\""));
}

#[test]
fn without_times_or_snapshots_there_is_no_chart_of_them() {
    let page = page(&incidents::intermittent_5xx());
    assert!(!page.contains("workers-title"));
    assert!(!page.contains("memory-title"));
}

#[test]
fn verdict_and_criteria_come_before_everything_else() {
    let page = page(&timed(incidents::memory_pressure()));
    let place = |text: &str| {
        page.find(text)
            .unwrap_or_else(|| panic!("{text} is not in the page"))
    };
    assert!(place(">reproduced<") < place("<h2>Criteria</h2>"));
    assert!(place("<h2>Criteria</h2>") < place("<svg "));
    assert!(place("<svg ") < place("<h2>The rows that decided</h2>"));
    assert!(place("<h2>The rows that decided</h2>") < place("<h2>Run it again</h2>"));
}

#[test]
fn texts_of_the_evidence_cannot_become_markup() {
    let line = "No module named 'wrong_module' <script>alert(1)</script> | <b>";
    let bundle =
        incidents::startup_failed().table("console", &[incidents::console_row(25.0, line)]);
    let page = page(&bundle);
    assert!(page.contains("&lt;script&gt;alert(1)"));
    assert!(!page.contains("<script"));
    let markdown = report::markdown(&bundle.judge(), &bundle.read());
    assert!(!markdown.contains("<script"));
    assert!(markdown.contains("\\| &lt;b&gt;"), "{markdown}");
}

#[test]
fn missing_evidence_and_doubts_are_in_every_report() {
    let bundle = incidents::startup_failed()
        .without("tables/console.jsonl")
        .amend(|manifest| manifest.clock.wall_minus_monotonic_seconds = Some(7.0));
    let (verdict, evidence) = (bundle.judge(), bundle.read());
    for report in [
        report::text(&verdict, Style::Plain),
        report::markdown(&verdict, &evidence),
        report::page(&verdict, &evidence),
        report::json(&verdict).unwrap(),
    ] {
        assert!(
            report.contains("az monitor log-analytics query"),
            "{report}"
        );
        assert!(report.contains("the wall clock moved +7.000 s"), "{report}");
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    let verdict = incidents::intermittent_5xx().judge();
    let coloured = report::text(&verdict, Style::Coloured);
    let mut stripped = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        stripped.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    stripped.push_str(rest);
    assert_ne!(coloured, stripped);
    assert_eq!(stripped, report::text(&verdict, Style::Plain));
}

#[test]
fn a_page_of_a_large_run_stays_small() {
    let samples: Vec<_> = (1..=60_000_u32)
        .map(|index| {
            super::builder::answered(
                index,
                "/leak",
                20.0 + f64::from(index) * 0.002,
                200,
                0.8,
                60.0,
            )
        })
        .collect();
    let page = page(&incidents::memory_pressure().samples("leak", &samples));
    assert!(page.len() < 600_000, "{} bytes", page.len());
    assert!(page.contains("of 60050; plain answers are thinned"));
}

#[test]
fn three_hundred_workers_that_ended_alike_are_one_line_with_a_count() {
    let bundle = incidents::worker_formula(300);
    let (verdict, evidence) = (bundle.judge(), bundle.read());
    let text = report::text(&verdict, Style::Plain);
    assert!(text.contains("300 workers, pid 10 to 309"), "{text}");
    assert!(text.lines().count() <= 80, "{text}");
    let markdown = report::markdown(&verdict, &evidence);
    assert!(markdown.len() < 30_000, "{} bytes", markdown.len());
}
