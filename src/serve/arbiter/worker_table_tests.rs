//! The arbiter's decisions over a made-up clock and process table.

use super::*;
use crate::machine::child::SignalNumber;

const SECOND: Duration = Duration::from_secs(1);

/// A table whose spawn actions are applied at once with made-up pids.
struct World {
    workers: WorkerTable,
    now: Duration,
    next_pid: i32,
    beats: BTreeMap<usize, Option<Duration>>,
    said: Vec<String>,
    signals: Vec<(i32, Signal)>,
    left: Option<u8>,
    listening: bool,
    draining: bool,
    /// Whether a worker that ends has taken a request.
    has_served: bool,
}

impl World {
    fn new(workers: usize) -> Self {
        let mut world = Self {
            workers: WorkerTable::new(workers, 30 * SECOND, 30 * SECOND),
            now: Duration::ZERO,
            next_pid: 100,
            beats: BTreeMap::new(),
            said: Vec::new(),
            signals: Vec::new(),
            left: None,
            listening: true,
            draining: false,
            has_served: true,
        };
        world.pass(Duration::ZERO);
        world
    }

    fn apply(&mut self, actions: Vec<Action>) {
        for order in actions {
            match order {
                Action::Log(event) => self.said.push(event.to_string()),
                Action::Spawn { age } => {
                    let slot = self.workers.free_slot(256).expect("a free slot");
                    self.workers.on_spawn(self.next_pid, age, slot, self.now);
                    self.beats.insert(slot, Some(self.now));
                    self.next_pid += 1;
                }
                Action::Signal { pid, signal } => self.signals.push((pid, signal)),
                Action::BeginDraining => self.draining = true,
                Action::CloseListeners => self.listening = false,
                Action::Leave { code } => self.left = Some(code),
                Action::LookForOutOfMemory { .. } => self.said.push("look for oom".into()),
                Action::CountExit(_) | Action::ReopenLogs | Action::RewritePidfile => {}
            }
        }
    }

    fn pass(&mut self, later: Duration) {
        self.now += later;
        let (beats, now) = (self.beats.clone(), self.now);
        let actions = self.workers.on_pass(now, &|slot| {
            beats.get(&slot).copied().flatten().map(|beat| now - beat)
        });
        self.apply(actions);
        while let Some(signal) = self.workers.next_waiting_signal() {
            self.signal(signal);
        }
    }

    fn signal(&mut self, signal: Signal) {
        let actions = self.workers.on_signal(signal, self.now);
        self.apply(actions);
    }

    fn exit(&mut self, pid: i32, ending: Ending) {
        let actions = self.workers.on_exit(pid, ending, self.has_served, self.now);
        self.apply(actions);
    }

    fn beat_all(&mut self) {
        for beat in self.beats.values_mut() {
            *beat = Some(self.now);
        }
    }
}

#[test]
fn a_dead_worker_is_replaced_by_a_new_one() {
    let mut world = World::new(2);
    assert_eq!(world.workers.pids(), [100, 101]);
    world.exit(100, Ending::Exited(0));
    world.pass(SECOND);
    assert_eq!(world.workers.pids(), [101, 102]);
    assert!(world.said.is_empty());
}

#[test]
fn a_silent_worker_is_aborted_then_killed_and_the_kill_is_owned_up_to() {
    let mut world = World::new(1);
    world.pass(30 * SECOND);
    assert!(
        world.signals.is_empty(),
        "exactly the timeout is not yet silence"
    );
    world.pass(SECOND);
    assert_eq!(world.said, ["WORKER TIMEOUT (pid:100)"]);
    assert_eq!(world.signals, [(100, Signal::SIGABRT)]);
    world.pass(SECOND / 2);
    assert_eq!(world.signals.len(), 1, "it has a second to react");
    world.pass(SECOND / 2);
    assert_eq!(world.signals[1], (100, Signal::SIGKILL));
    world.exit(100, Ending::Signalled(Signal::SIGKILL.into()));
    assert_eq!(
        world.said[1],
        "Worker (pid:100) was sent SIGKILL! Perhaps out of memory?"
    );
    assert!(world.said[2].contains("by the arbiter, not by the kernel"));
}

#[test]
fn a_worker_that_never_beat_is_never_timed_out() {
    let mut world = World::new(1);
    world.beats.insert(0, None);
    world.pass(3600 * SECOND);
    assert!(world.signals.is_empty());
}

#[test]
fn somebody_elses_kill_is_looked_into() {
    let mut world = World::new(1);
    world.exit(100, Ending::Signalled(Signal::SIGKILL.into()));
    assert_eq!(world.said[1], "look for oom");
}

#[test]
fn term_closes_the_listeners_waits_and_leaves_with_zero() {
    let mut world = World::new(2);
    world.signal(Signal::SIGTERM);
    assert!(!world.listening);
    assert_eq!(
        world.signals,
        [(100, Signal::SIGTERM), (101, Signal::SIGTERM)]
    );
    world.exit(100, Ending::Exited(0));
    world.pass(SECOND);
    assert_eq!(
        (world.left, world.workers.alive()),
        (None, 1),
        "not replaced, not over"
    );
    world.exit(101, Ending::Exited(0));
    world.pass(SECOND);
    assert_eq!(world.left, Some(0));
    assert_eq!(
        world.said,
        ["Handling signal: term", "Shutting down: Master"]
    );
}

#[test]
fn the_graceful_timeout_ends_in_a_kill_without_a_word() {
    let mut world = World::new(1);
    world.signal(Signal::SIGTERM);
    world.pass(31 * SECOND);
    assert_eq!(world.signals.last(), Some(&(100, Signal::SIGKILL)));
    world.exit(100, Ending::Signalled(Signal::SIGKILL.into()));
    world.pass(Duration::ZERO);
    assert_eq!(
        world.said,
        ["Handling signal: term", "Shutting down: Master"]
    );
    assert_eq!(world.left, Some(0));
}

#[test]
fn an_impatient_signal_hurries_a_graceful_stop_once() {
    let mut world = World::new(1);
    world.signal(Signal::SIGTERM);
    world.signal(Signal::SIGINT);
    world.signal(Signal::SIGINT);
    assert_eq!(
        world.said,
        ["Handling signal: term", "Quick shutdown requested"]
    );
    world.pass(2 * SECOND);
    assert_eq!(world.signals.last(), Some(&(100, Signal::SIGKILL)));
}

#[test]
fn a_failed_boot_ends_in_its_reason_and_code_however_many_workers_fail() {
    for (code, reason) in [(3, "Worker failed to boot."), (4, "App failed to load.")] {
        let mut world = World::new(4);
        for pid in 100..104 {
            world.exit(pid, Ending::Exited(code));
        }
        world.pass(SECOND);
        assert_eq!(world.left, Some(code));
        assert_eq!(world.said.last().unwrap(), &format!("Reason: {reason}"));
        assert_eq!(
            world.said.len(),
            6,
            "one line a worker, then two: {:?}",
            world.said
        );
    }
}

#[test]
fn hup_replaces_every_worker_and_times_nobody_out_meanwhile() {
    let mut world = World::new(2);
    world.signal(Signal::SIGHUP);
    assert_eq!(world.workers.pids(), [100, 101, 102, 103]);
    assert_eq!(
        world.signals,
        [(100, Signal::SIGTERM), (101, Signal::SIGTERM)]
    );
    world.pass(29 * SECOND);
    world.exit(100, Ending::Exited(0));
    world.pass(SECOND / 2);
    assert_eq!(world.signals.len(), 2);
    world.exit(101, Ending::Exited(0));
    world.pass(Duration::ZERO);
    world.beat_all();
    world.pass(Duration::ZERO);
    assert_eq!(world.workers.pids(), [102, 103]);
}

#[test]
fn a_worker_that_is_stopped_is_timed_out_between_reloads_that_follow_each_other() {
    let mut world = World::new(1);
    world.signal(Signal::SIGHUP);
    let mut killed_after = 0;
    while !world.signals.contains(&(100, Signal::SIGKILL)) {
        assert!(killed_after < 3, "{:?}", world.signals);
        killed_after += 1;
        // Another is always waiting when one ends.
        world.signal(Signal::SIGHUP);
        world.pass(31 * SECOND);
    }
    let of_it: Vec<Signal> = world
        .signals
        .iter()
        .filter_map(|(pid, signal)| (*pid == 100).then_some(*signal))
        .filter(|signal| *signal != Signal::SIGTERM)
        .collect();
    assert_eq!(of_it, [Signal::SIGABRT, Signal::SIGKILL]);
}

#[test]
fn what_waited_for_a_reload_is_done_one_after_another() {
    let mut world = World::new(1);
    world.signal(Signal::SIGHUP);
    for signal in [Signal::SIGTTIN, Signal::SIGTTIN, Signal::SIGHUP] {
        world.signal(signal);
    }
    world.exit(100, Ending::Exited(0));
    world.signals.clear();
    world.pass(SECOND);
    // Two more were forked, no third, and the reload replaces those as well.
    let told: Vec<i32> = world.signals.iter().map(|(pid, _)| *pid).collect();
    assert_eq!(told, [101, 102, 103]);
    assert_eq!(world.workers.pids(), [101, 102, 103, 104]);
}

#[test]
fn signals_wait_for_the_end_of_a_reload_but_a_stop_does_not() {
    let mut world = World::new(1);
    world.signal(Signal::SIGHUP);
    world.signal(Signal::SIGTTIN);
    assert_eq!(world.workers.target(), 1);
    world.exit(100, Ending::Exited(0));
    world.pass(SECOND);
    assert_eq!(world.workers.target(), 2);
    world.signal(Signal::SIGHUP);
    world.signal(Signal::SIGTERM);
    assert!(!world.listening);
}

#[test]
fn ttin_adds_a_worker_ttou_retires_the_oldest_and_never_the_last() {
    let mut world = World::new(1);
    world.signal(Signal::SIGTTIN);
    assert_eq!(world.workers.alive(), 2);
    world.signal(Signal::SIGTTOU);
    assert_eq!(world.signals, [(100, Signal::SIGTERM)]);
    world.pass(SECOND);
    assert_eq!(world.signals.len(), 1, "asked once");
    world.exit(100, Ending::Exited(0));
    world.signal(Signal::SIGTTOU);
    assert_eq!((world.workers.target(), world.signals.len()), (1, 1));
}

#[test]
fn strangers_are_buried_in_silence() {
    let mut world = World::new(1);
    world.exit(4242, Ending::Exited(3));
    world.pass(SECOND);
    assert_eq!((world.left, world.said.len()), (None, 0));
}

#[derive(Debug, Clone)]
enum Event {
    Signal(usize),
    Exit(usize, u8),
    Killed(usize),
    Pass(u64),
    Beat,
}

proptest::proptest! {
    /// Whatever happens, a running pool has its target again after the workers that were asked to
    /// leave have left, and a stopped one always ends.
    #[test]
    fn any_history_ends_whole_or_ended(events in proptest::collection::vec(event(), 0..60)) {
        const SIGNALS: [Signal; 8] = [
            Signal::SIGHUP, Signal::SIGTTIN, Signal::SIGTTOU, Signal::SIGUSR1,
            Signal::SIGUSR2, Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT,
        ];
        let mut world = World::new(3);
        for event in events {
            let pick = |index: usize, world: &World| {
                let pids = world.workers.pids();
                (!pids.is_empty()).then(|| pids[index % pids.len()])
            };
            match event {
                Event::Signal(index) => world.signal(SIGNALS[index % SIGNALS.len()]),
                Event::Exit(index, code) => if let Some(pid) = pick(index, &world) {
                    world.exit(pid, Ending::Exited(code));
                },
                Event::Killed(index) => if let Some(pid) = pick(index, &world) {
                    world.exit(pid, Ending::Signalled(Signal::SIGKILL.into()));
                },
                Event::Pass(seconds) => world.pass(SECOND * u32::try_from(seconds).unwrap_or(1)),
                Event::Beat => world.beat_all(),
            }
            if world.left.is_some() {
                break;
            }
        }
        // From here on every worker does as it is told.
        for _ in 0..300 {
            if world.left.is_some() {
                break;
            }
            for (pid, signal) in std::mem::take(&mut world.signals) {
                if signal != Signal::SIGUSR1 {
                    world.exit(pid, Ending::Exited(0));
                }
            }
            world.beat_all();
            world.pass(SECOND / 2);
        }
        let ended = world.left.is_some();
        let whole = world.workers.alive() == world.workers.target() && world.listening;
        proptest::prop_assert!(ended || whole, "{:?}", world.workers);
    }
}

fn event() -> impl proptest::strategy::Strategy<Value = Event> {
    use proptest::prelude::*;
    prop_oneof![
        (0usize..8).prop_map(Event::Signal),
        (any::<usize>(), 0u8..9).prop_map(|(index, code)| Event::Exit(index, code)),
        any::<usize>().prop_map(Event::Killed),
        (0u64..40).prop_map(Event::Pass),
        Just(Event::Beat),
    ]
}

#[test]
fn a_pool_that_drains_keeps_listening_and_replacing_until_the_pause_is_over() {
    let mut world = World::new(2);
    world.workers = world.workers.draining_for(3 * SECOND);
    world.signal(Signal::SIGTERM);
    assert!(world.draining && world.listening);
    assert!(world.signals.is_empty());
    world.exit(100, Ending::Exited(0));
    world.pass(2 * SECOND);
    assert_eq!(world.workers.pids(), [101, 102], "work goes on");
    assert!(world.listening);
    world.pass(SECOND);
    assert!(!world.listening);
    assert_eq!(
        world.signals,
        [(101, Signal::SIGTERM), (102, Signal::SIGTERM)]
    );
}

#[test]
fn whoever_is_told_twice_or_told_to_hurry_does_not_wait_for_the_pause() {
    for (second, expected) in [
        (Signal::SIGTERM, Signal::SIGTERM),
        (Signal::SIGINT, Signal::SIGQUIT),
    ] {
        let mut world = World::new(1);
        world.workers = world.workers.draining_for(60 * SECOND);
        world.signal(Signal::SIGTERM);
        world.signal(second);
        assert!(!world.listening);
        assert_eq!(world.signals, [(100, expected)]);
    }
    let mut world = World::new(1);
    world.workers = world.workers.draining_for(60 * SECOND);
    world.signal(Signal::SIGINT);
    assert!(!world.listening, "a quick shutdown has no pause");
}

#[test]
fn workers_that_die_at_once_are_replaced_after_growing_pauses() {
    let mut world = World::new(2);
    world.has_served = false;
    let mut spawned = Vec::new();
    for _ in 0..300 {
        for pid in world.workers.pids() {
            world.exit(pid, Ending::Exited(255));
        }
        let pause = world.workers.pause(world.now);
        assert!(pause <= SECOND);
        world.pass(pause.min(SECOND / 100));
        spawned.push(world.workers.spawned());
    }
    // Three seconds of a worker that ends with every look at it.
    assert!(spawned[299] <= 16, "{spawned:?}");
    world.now += 10 * SECOND;
    world.pass(SECOND);
    assert_eq!(world.workers.alive(), 2, "it never gives up");
}

#[test]
fn a_worker_that_has_served_or_was_asked_to_stop_is_replaced_at_once() {
    let mut world = World::new(1);
    for _ in 0..5 {
        let pid = world.workers.pids()[0];
        world.exit(pid, Ending::Signalled(Signal::SIGKILL.into()));
        world.pass(Duration::ZERO);
        assert_eq!(world.workers.alive(), 1);
    }
    world.has_served = false;
    world.signal(Signal::SIGTTIN);
    world.signal(Signal::SIGTTOU);
    let asked = world.workers.pids()[0];
    world.exit(asked, Ending::Exited(0));
    world.signal(Signal::SIGTTIN);
    assert_eq!(world.workers.alive(), 2);
}

#[test]
fn a_fork_that_fails_is_not_tried_again_at_once() {
    let mut world = World::new(1);
    let pid = world.workers.pids()[0];
    world.workers.on_failed_spawn(world.now);
    world.exit(pid, Ending::Exited(1));
    world.pass(Duration::ZERO);
    assert_eq!(world.workers.alive(), 0);
    world.pass(world.workers.pause(world.now));
    assert_eq!(world.workers.alive(), 1);
}

#[test]
fn every_way_to_end_is_an_end_and_logged_as_gunicorn_logs_it() {
    for code in 1..=255 {
        let mut world = World::new(1);
        world.exit(100, Ending::Exited(code));
        assert_eq!(world.workers.alive(), 0);
        let expected = format!("Worker (pid:100) exited with code {code}.");
        assert_eq!(world.said[0], expected);
    }
    for number in 1..=64 {
        let mut world = World::new(1);
        let signal = SignalNumber(number);
        world.exit(100, Ending::Signalled(signal));
        assert_eq!(world.workers.alive(), 0);
        let expected = format!("Worker (pid:100) was sent {signal}!");
        assert!(world.said[0].starts_with(&expected), "{:?}", world.said);
        world.pass(SECOND);
        assert_eq!(world.workers.pids(), [101]);
    }
}

#[test]
fn a_pool_has_at_most_as_many_workers_as_the_scoreboard_has_room_for_in_a_reload() {
    let mut world = World::new(MOST_WORKERS);
    world.signal(Signal::SIGTTIN);
    assert_eq!(world.workers.alive(), MOST_WORKERS);
    assert_eq!(world.said[1], "A pool has at most 128 workers");
    world.signal(Signal::SIGHUP);
    assert_eq!(world.workers.alive(), 2 * MOST_WORKERS);
}
