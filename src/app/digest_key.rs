//! The key of the digests of settings that hold a credential.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::identifiers::random_bytes;

/// The variable in which an emulator gives all targets of a run the same key.
const RUN_KEY: &str = "LABRAT_RUN_KEY";

/// The key of a process that is given none: nobody else knows it.
static OWN_KEY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let guessable = |_| fastrand::u128(..).to_le_bytes().to_vec();
    random_bytes::<32>().map_or_else(guessable, Vec::from)
});

/// Choose the key of this process, which the processes that it forks then have as well.
pub fn choose_digest_key() {
    LazyLock::force(&OWN_KEY);
}

/// Take the key out of the environment, where nobody is to see it; without one, this process's.
pub(super) fn take_digest_key(environment: &mut BTreeMap<String, String>) -> Vec<u8> {
    match environment.remove(RUN_KEY).filter(|key| !key.is_empty()) {
        Some(key) => key.into_bytes(),
        None => OWN_KEY.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_run_is_taken_out_of_the_environment_and_without_one_it_is_the_processs_own() {
        let mut given = BTreeMap::from([(RUN_KEY.to_owned(), "k".to_owned())]);
        assert_eq!(take_digest_key(&mut given), b"k");
        assert!(given.is_empty(), "nobody is to see it");
        let own = take_digest_key(&mut given);
        assert_eq!((own.len(), &own), (32, &take_digest_key(&mut given)));
    }
}
