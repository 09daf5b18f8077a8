//! What the faults cost: resident memory of a leaked block, processor time and transient memory
//! of the heavy computation. Time is compared with the release build, because a debug build's says
//! nothing.

use crate::harness::{
    Kind, Launch, Server, oracle, peer, processor_seconds, release_labrat, resident_kilobytes,
    skip_unless, status_kilobytes,
};

/// The server with one worker.
fn start(kind: Kind) -> Server {
    Launch::new(kind, "--workers 1").start().ready()
}

/// The same in the build that is released.
fn start_release(kind: Kind) -> Server {
    let mut launch = Launch::new(kind, "--workers 1");
    if kind == Kind::Labrat {
        launch = launch.program(release_labrat().unwrap());
    }
    launch.start().ready()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Kilobytes that one `/leak` adds, for each of so many after a first one, which brings its code into
/// memory as well.
fn leaks(server: &Server, count: usize) -> Vec<f64> {
    let worker = server.booted()[0];
    assert_eq!(server.get("/leak").status(), Some(200));
    let mut before = resident_kilobytes(worker).expect("a resident size");
    let mut grown = Vec::new();
    for _ in 0..count {
        assert_eq!(server.get("/leak").status(), Some(200));
        let after = resident_kilobytes(worker).expect("a resident size");
        grown.push(after.saturating_sub(before) as f64);
        before = after;
    }
    grown
}

#[test]
fn a_leaked_block_costs_what_cpythons_does() {
    if skip_unless(oracle()) {
        return;
    }
    let gunicorn = leaks(&start(Kind::Gunicorn), 8);
    let labrat = leaks(&start(peer()), 8);
    let (expected, actual) = (median(gunicorn.clone()), median(labrat.clone()));
    let figures = format!("Gunicorn {gunicorn:?} kB, labrat {labrat:?} kB");
    eprintln!("a block: {figures}");
    assert!((actual / expected - 1.0).abs() < 0.03, "{figures}");
    for block in &labrat {
        assert!(
            (block / expected - 1.0).abs() < 0.05,
            "every block alike: {figures}"
        );
    }
}

#[test]
fn freed_leaks_leave_the_worker_as_small_as_before() {
    if peer() == Kind::Gunicorn {
        return;
    }
    let server = start(Kind::Labrat);
    let worker = server.booted()[0];
    let before = resident_kilobytes(worker).expect("a resident size");
    leaks(&server, 4);
    let full = resident_kilobytes(worker).expect("a resident size");
    let answer = crate::harness::exchange(
        server.address(),
        &crate::harness::request("DELETE", "/leak"),
        crate::harness::PATIENCE,
    );
    assert_eq!(answer.status(), Some(200));
    let after = resident_kilobytes(worker).expect("a resident size");
    assert!(full > before + 60_000, "{before} kB, then {full} kB");
    assert!(
        after < before + 4_000,
        "{before} kB, {full} kB, after all {after} kB"
    );
}

/// Processor seconds of one `/heavy` and kilobytes above the resting size at its peak.
fn heavy(server: &Server) -> (f64, f64) {
    let worker = server.booted()[0];
    let seconds = |worker| processor_seconds(worker).expect("processor time");
    // The first call warms caches and arenas.
    for _ in 0..3 {
        assert_eq!(server.get("/heavy").status(), Some(200));
    }
    let mut spent = Vec::new();
    for _ in 0..15 {
        let before = seconds(worker);
        assert_eq!(server.get("/heavy").status(), Some(200));
        spent.push(seconds(worker) - before);
    }
    // The high-water mark is reset through clear_refs (5), so it is this computation's own.
    let rest = resident_kilobytes(worker).expect("a resident size");
    std::fs::write(format!("/proc/{worker}/clear_refs"), "5").expect("the mark can be reset");
    assert_eq!(server.get("/heavy").status(), Some(200));
    let peak = status_kilobytes(worker, "VmHWM:").expect("a high-water mark");
    (median(spent), peak as f64 - rest.min(peak) as f64)
}

/// Peak of a fresh worker: what the first computation adds to what the worker was before.
fn first_peak(server: &Server) -> f64 {
    let worker = server.booted()[0];
    let rest = resident_kilobytes(worker).expect("a resident size");
    assert_eq!(server.get("/heavy").status(), Some(200));
    let peak = status_kilobytes(worker, "VmHWM:").expect("a high-water mark");
    peak as f64 - rest as f64
}

#[test]
fn the_heavy_computation_costs_what_cpythons_does() {
    if skip_unless(oracle()) {
        return;
    }
    let peaks = (
        first_peak(&start_release(Kind::Gunicorn)),
        first_peak(&start_release(peer())),
    );
    let (gunicorn, labrat) = (start_release(Kind::Gunicorn), start_release(peer()));
    // Interleaved, so that a machine that slows down slows both; the best of each pair counts.
    let mut ratios = Vec::new();
    let mut figures = String::new();
    for _ in 0..3 {
        let (expected, actual) = (heavy(&gunicorn), heavy(&labrat));
        ratios.push(actual.0 / expected.0);
        figures.push_str(&format!(
            "Gunicorn {expected:.4?}, labrat {actual:.4?} (s, kB)\n"
        ));
    }
    figures.push_str(&format!("first peaks {peaks:?} kB"));
    eprintln!("heavy: {figures}");
    let ratio = median(ratios);
    assert!(
        (0.85..1.15).contains(&ratio),
        "processor ratio {ratio:.3}: {figures}"
    );
    let memory = peaks.1 / peaks.0;
    assert!(
        (0.8..1.2).contains(&memory),
        "memory ratio {memory:.3}: {figures}"
    );
}
