//! A pool in a memory box: limit, usage, swap, headroom and stalls.

use labrat::machine::memory_box::{CgroupBox, SwapWish};
use labrat::metrics::{Metric, declared};

use super::Figures;
use crate::harness::{Kind, Launch, PATIENCE, get_many, poll, with_probe_server};
use crate::memory_box::{folder, or_skip, words};

/// What the test of this file sees moving.
pub(super) static MOVED: &[&Metric] = &[
    &declared::MEMORY_AVAILABLE,
    &declared::MEMORY_LIMIT,
    &declared::MEMORY_USED,
    &declared::SWAP_USED,
    &declared::MEMORY_STALLED,
];

const MEGABYTE: u64 = 1 << 20;

#[test]
fn a_leak_in_a_box_uses_up_its_room_and_then_its_swap() {
    let folder = folder();
    let wish = SwapWish::Bytes(512 * MEGABYTE);
    let prepared = CgroupBox::prepare(folder.path(), 160 * MEGABYTE, wish);
    let Some(memory_box) = or_skip(prepared) else {
        return;
    };
    let launch = Launch::new(Kind::Labrat, "--workers 2").started_by(words(&memory_box));
    let (server, probes) = with_probe_server(launch);
    let before = Figures::of(&probes);
    let limit = (160 * MEGABYTE) as f64;
    assert_eq!(before.get(&declared::MEMORY_LIMIT, &[]), limit);
    for _ in 0..14 {
        assert_eq!(server.get("/leak").status(), Some(200));
    }
    let after = Figures::of(&probes);
    let grown = |metric| after.get(metric, &[]) - before.get(metric, &[]);
    let megabyte = MEGABYTE as f64;
    assert!(
        grown(&declared::MEMORY_USED) > 80.0 * megabyte,
        "{}",
        after.0
    );
    assert!(grown(&declared::SWAP_USED) > 50.0 * megabyte, "{}", after.0);
    assert!(
        grown(&declared::MEMORY_AVAILABLE) < -80.0 * megabyte,
        "{}",
        after.0
    );
    // Who computes while others' pages are written to swap waits.
    let heavy = vec!["/heavy".to_owned(); 4];
    let stalled = poll(PATIENCE, || {
        for answer in get_many(server.address(), &heavy, 2 * PATIENCE) {
            assert_eq!(answer.status(), Some(200), "{answer}");
        }
        let labels = ["kind=\"some\""];
        let now = Figures::of(&probes).value(declared::MEMORY_STALLED.name, &labels)?;
        (now > before.get(&declared::MEMORY_STALLED, &labels)).then_some(())
    });
    let is_measured = before.value(declared::MEMORY_STALLED.name, &[]).is_some();
    assert_eq!(stalled.is_some(), is_measured);
}
