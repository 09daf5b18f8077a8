//! Whatever a file holds, reading and judging end with a verdict, and not with a false one.

use labrat::report;
use labrat::verdict::{Outcome, judge};
use proptest::prelude::*;

use super::incidents;

/// What a broken disk, a wrong export or a hostile hand might leave.
fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        Just(b"null".to_vec()),
        Just(b"[[[[[[[[".to_vec()),
        Just(b"{\"tables\":[{\"columns\":[],\"rows\":[[1,2,3]]}]}".to_vec()),
        Just(b"1,200,NaN\n2,200,inf\n3,200,-5\n".to_vec()),
        Just(b"4294967296,99999,1e400\n".to_vec()),
        Just(b"{\"TimeGenerated\":\"9999-12-30T00:00:00Z\",\"TimeTaken\":9223372036854775807}".to_vec()),
        Just(b"index,start,route,status,error,ttfb_seconds,total_seconds,client_limit_seconds\n1,9999-12-30T00:00:00Z,/fast,200,,NaN,1e300,-1\n".to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_file_of_any_content_ends_in_a_verdict(which in any::<prop::sample::Index>(), scenario in 0_usize..4, content in content()) {
        let mut bundle = incidents::symptoms()[scenario].clone();
        let path = which.get(&bundle.files.keys().cloned().collect::<Vec<_>>()).clone();
        bundle.files.insert(path, content);
        let evidence = bundle.read();
        let verdict = judge(bundle.rules(), &evidence);
        prop_assert!(!report::page(&verdict, &evidence).is_empty());
        prop_assert!(report::json(&verdict).is_ok());
    }

    #[test]
    fn a_proof_cut_anywhere_is_no_better_than_it_was(share in 0.0_f64..1.0) {
        let mut bundle = incidents::memory_pressure();
        let whole = bundle.files["trigger/samples-leak.csv"].clone();
        let end = (whole.len() as f64 * share) as usize;
        bundle.files.insert("trigger/samples-leak.csv".to_owned(), whole[..end].to_vec());
        let complete = end + 1 >= whole.len();
        let verdict = bundle.judge();
        prop_assert!(complete || verdict.outcome != Outcome::Reproduced, "cut at {}", end);
    }
}
