//! The report in a real browser: it opens from disk without an error, and its charts are there.

use labrat::report;
use serde_json::json;

use super::builder::answered;
use super::incidents;
use super::pictures::saturated;
use super::reports::timed;
use crate::harness::{Page, Profile, chromium, headless, skip_unless};

#[test]
fn the_report_opens_without_errors_and_shows_its_charts() {
    if skip_unless(chromium().map(drop)) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bundle = timed(incidents::intermittent_5xx());
    let page = folder.path().join("report.html");
    std::fs::write(&page, report::page(&bundle.judge(), &bundle.read())).unwrap();
    // Whatever the page might ask of another host would fail, and say so.
    let output = headless(&Profile::new(), "MAP * ~NOTFOUND")
        .args(["--enable-logging=stderr", "--dump-dom"])
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<&str> = said
        .lines()
        .filter(|line| line.contains(":CONSOLE"))
        .collect();
    assert_eq!(complaints, [""; 0]);
    let dom = String::from_utf8_lossy(&output.stdout);
    for id in ["requests-title", "mix-title", "workers-title"] {
        assert!(
            dom.contains(&format!("aria-labelledby=\"{}", id)),
            "{id} is not in the page\n{said}"
        );
    }
}

/// A telephone that is held upright, and a small window on a desk.
const SCREENS: [(u32, u32); 2] = [(390, 844), (1280, 800)];

/// Words of the drawings that are cut, lie over others, or are too small to read.
const UNREADABLE: &str = "(() => {
    const found = [];
    for (const drawing of document.querySelectorAll('figure.chart svg')) {
        const canvas = drawing.getBoundingClientRect();
        const scale = canvas.width / drawing.viewBox.baseVal.width;
        const seen = (one) => one.getBoundingClientRect().width > 0;
        const texts = [...drawing.querySelectorAll('text')].filter(seen);
        for (const [number, one] of texts.entries()) {
            const place = one.getBoundingClientRect();
            const size = parseFloat(getComputedStyle(one).fontSize) * scale;
            if (size < 9) found.push(`${one.textContent} has ${size} px`);
            const isAcross = place.left < canvas.left - 1 || place.right > canvas.right + 1;
            if (isAcross || place.top < canvas.top - 1 || place.bottom > canvas.bottom + 1)
                found.push(`${one.textContent} is cut`);
            for (const other of texts.slice(0, number)) {
                const { left, right, top, bottom } = other.getBoundingClientRect();
                const across = Math.min(place.right, right) - Math.max(place.left, left);
                const down = Math.min(place.bottom, bottom) - Math.max(place.top, top);
                if (across > 1 && down > place.height / 3)
                    found.push(`${one.textContent} lies over ${other.textContent}`);
            }
        }
    }
    return found;
})()";

#[test]
fn each_storys_report_fits_a_telephone_and_a_desk_and_shows_every_picture_whole() {
    if skip_unless(chromium().map(drop)) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let long = answered(1, "/api/orders/checkout/confirm", 30.0, 200, 0.2, 15.0);
    for (story, bundle) in [
        ("queue", saturated()),
        ("a long route", saturated().samples("other", &[long])),
        ("memory", timed(incidents::memory_pressure())),
        ("settings", timed(incidents::slot_swap_drift())),
        ("starts", incidents::startup_failed()),
    ] {
        let file = folder.path().join(format!("{story}.html"));
        std::fs::write(&file, report::page(&bundle.judge(), &bundle.read())).unwrap();
        for (width, height) in SCREENS {
            let mut page = Page::open(&format!("file://{}", file.display()), (width, height));
            page.wait_for(
                "document.readyState === 'complete' && document.querySelector('footer') !== null",
            );
            let across = page.value("document.documentElement.scrollWidth");
            assert!(
                across.as_u64().is_some_and(|across| across <= width.into()),
                "{story} at {width}: {across}"
            );
            let unreadable = page.value(UNREADABLE);
            assert_eq!(unreadable, json!([]), "{story} at {width}");
            // Of each chart one drawing is seen, and nothing of it lies outside.
            let drawings = "[...document.querySelectorAll('figure.chart')].map(chart => \
                 [...chart.querySelectorAll('svg')].map(one => one.getBoundingClientRect()).filter( \
                 one => one.height > 20 && one.left >= 0 && one.right <= innerWidth).length)";
            let seen = page.value(drawings);
            let seen = seen.as_array().unwrap();
            assert!(
                !seen.is_empty() && seen.iter().all(|count| *count == 1),
                "{story} at {width}: {seen:?}"
            );
        }
    }
}
