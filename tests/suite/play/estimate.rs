//! What is expected of a run before it is made.

use labrat::scenario::estimate::{Leak, Saturation};

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
