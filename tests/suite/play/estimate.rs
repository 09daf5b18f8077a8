//! What is expected of a run before it is made.

use labrat::scenario::estimate::{Leak, Saturation};
use proptest::prelude::*;

const LAB: Saturation = Saturation {
    lanes: Some(2),
    workers: 2,
    shortest_seconds: 5.0,
    longest_seconds: 15.0,
    slow_clients: 20,
    slow_limit_seconds: 45.0,
    fast_requests: 10,
    fast_limit_seconds: 15.0,
    worker_timeout_seconds: Some(30.0),
};

#[test]
fn the_labs_topology_gives_what_was_measured_and_recorded() {
    let outcome = LAB.outcome();
    // Measured on two sync workers: 7 to 9 of 20 answered, the queue empty after about 100 s;
    // recorded in the lab: 6 of 10 quick clients gave up, no worker timeout.
    assert_eq!(outcome.slow_answered, 8);
    assert_eq!(outcome.slow_give_ups, 12);
    assert_eq!(outcome.fast_give_ups, 6);
    assert_eq!(outcome.drain_seconds, 100);
    assert!(!outcome.worker_timeout);
}

#[test]
fn scaling_every_duration_alike_changes_no_count() {
    let scaled = Saturation {
        shortest_seconds: 0.25,
        longest_seconds: 0.75,
        slow_limit_seconds: 2.25,
        fast_limit_seconds: 0.75,
        worker_timeout_seconds: Some(30.0),
        ..LAB
    };
    let (lab, scaled) = (LAB.outcome(), scaled.outcome());
    assert_eq!(lab.slow_answered, scaled.slow_answered);
    assert_eq!(lab.fast_give_ups, scaled.fast_give_ups);
    assert_eq!(scaled.drain_seconds, 5);
}

#[test]
fn more_workers_than_slow_clients_leave_nobody_waiting() {
    for lanes in [Some(24), None] {
        let outcome = Saturation { lanes, ..LAB }.outcome();
        assert_eq!(outcome.slow_answered, 20);
        assert_eq!((outcome.slow_give_ups, outcome.fast_give_ups), (0, 0));
    }
}

#[test]
fn three_workers_answer_more_and_lose_fewer() {
    let outcome = Saturation {
        lanes: Some(3),
        workers: 3,
        ..LAB
    }
    .outcome();
    assert_eq!(outcome.slow_answered, 12);
    assert_eq!(outcome.fast_give_ups, 4);
    assert_eq!(outcome.drain_seconds, 67);
}

#[test]
fn a_timeout_is_expected_only_when_one_request_outlasts_it() {
    let at = |seconds| Saturation {
        worker_timeout_seconds: seconds,
        ..LAB
    };
    assert!(at(Some(8.0)).outcome().worker_timeout);
    assert!(!at(Some(15.0)).outcome().worker_timeout);
    assert!(!at(None).outcome().worker_timeout);
}

#[test]
fn clients_more_impatient_than_any_answer_all_give_up() {
    let outcome = Saturation {
        lanes: Some(24),
        slow_limit_seconds: 4.0,
        ..LAB
    }
    .outcome();
    assert_eq!((outcome.slow_answered, outcome.slow_give_ups), (0, 20));
}

#[test]
fn no_slow_clients_at_all_are_reckoned_too() {
    let outcome = Saturation {
        slow_clients: 0,
        ..LAB
    }
    .outcome();
    assert_eq!((outcome.slow_answered, outcome.slow_give_ups), (0, 0));
    assert_eq!(outcome.fast_give_ups, 0);
}

#[test]
fn the_sentences_say_the_reckoning() {
    let sentences = LAB.sentences();
    assert_eq!(
        sentences[0],
        "2 workers x 10 s, 20 clients, 45 s limit: expect about 8 answers, 12 clients giving up, \
         no worker timeout."
    );
    assert_eq!(
        sentences[1],
        "10 quick requests one after another, 15 s limit: expect about 6 giving up; the queue is \
         worked off after about 100 s."
    );
}

const MEMORY: Leak = Leak {
    workers: 4,
    requests: 100,
    block_kilobytes: 17_644,
    most_blocks: None,
    heavy_at_a_time: 10,
    heavy_kilobytes: 21_400,
    available_kilobytes: Some(523_896),
};

#[test]
fn the_leak_is_reckoned_in_megabytes_and_against_what_is_there() {
    assert_eq!(
        MEMORY.sentences(),
        [
            "100 leaks x 17644 kB over 4 workers: expect about 1723 MB retained, 83 MB more while \
             heavy requests run.",
            "511 MB are available: about 1295 MB must come out of reclaim and swap.",
        ]
    );
}

#[test]
fn a_bound_on_blocks_bounds_the_leak() {
    let bounded = Leak {
        most_blocks: Some(2),
        ..MEMORY
    };
    assert_eq!(bounded.retained_kilobytes(), 8 * 17_644);
    assert!(bounded.sentences()[1].ends_with("no pressure is to be expected."));
}

fn any_saturation() -> impl Strategy<Value = Saturation> {
    let service = (0.01..20.0_f64, 0.0..20.0_f64);
    let slow = (1..200_u32, 0.1..100.0_f64);
    let fast = (0..100_u32, 0.1..30.0_f64);
    (1..64_u32, service, slow, fast).prop_map(|(lanes, service, slow, fast)| Saturation {
        lanes: Some(lanes),
        workers: lanes,
        shortest_seconds: service.0,
        longest_seconds: service.0 + service.1,
        slow_clients: slow.0,
        slow_limit_seconds: slow.1,
        fast_requests: fast.0,
        fast_limit_seconds: fast.1,
        worker_timeout_seconds: Some(30.0),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_client_is_either_answered_or_gives_up(model in any_saturation()) {
        let outcome = model.outcome();
        prop_assert_eq!(outcome.slow_answered + outcome.slow_give_ups, model.slow_clients);
        prop_assert!(outcome.fast_give_ups <= model.fast_requests);
    }

    #[test]
    fn one_more_worker_never_makes_it_worse(model in any_saturation()) {
        let more = Saturation { lanes: model.lanes.map(|lanes| lanes + 1), ..model };
        let (before, after) = (model.outcome(), more.outcome());
        prop_assert!(after.slow_answered >= before.slow_answered);
        prop_assert!(after.fast_give_ups <= before.fast_give_ups);
        prop_assert!(after.drain_seconds <= before.drain_seconds);
    }

    #[test]
    fn patience_is_never_answered_less(model in any_saturation()) {
        let patient = Saturation { slow_limit_seconds: model.slow_limit_seconds * 1.5, ..model };
        // The grid of time is another one: one answer more or less is the reckoning's own error.
        prop_assert!(patient.outcome().slow_answered + 1 >= model.outcome().slow_answered);
    }
}

/// Play the queue with a generator of random numbers and compare.
#[test]
fn the_reckoning_agrees_with_a_played_queue() {
    let mut random = fastrand::Rng::with_seed(7);
    for (lanes, limit) in [(2, 45.0), (3, 45.0), (2, 20.0), (5, 12.0), (19, 14.0)] {
        let model = Saturation {
            lanes: Some(lanes),
            workers: lanes,
            slow_limit_seconds: limit,
            ..LAB
        };
        let runs = 2_000;
        let mut answered = 0;
        for _ in 0..runs {
            let mut free = vec![0.0_f64; lanes as usize];
            for _ in 0..model.slow_clients {
                free.sort_by(f64::total_cmp);
                free[0] += 5.0 + 10.0 * random.f64();
                answered += u32::from(free[0] <= limit);
            }
        }
        let played = f64::from(answered) / f64::from(runs);
        let reckoned = f64::from(model.outcome().slow_answered);
        assert!(
            (played - reckoned).abs() <= 1.0,
            "{lanes} {limit}: {played} {reckoned}"
        );
    }
}
