//! What the emulator says to whoever runs it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Shortage;

/// Between two lines about a shortage, however often and wherever it is met.
const BETWEEN_SHORTAGES: Duration = Duration::from_secs(1);

/// Takes what the emulator has to say to whoever runs it; the room itself prints nothing. Clones
/// share when a shortage was last told.
#[derive(Clone)]
pub struct Notify(Arc<Inner<Take>>);

type Take = dyn Fn(&str) + Send + Sync;

struct Inner<F: ?Sized> {
    shortage_told: Mutex<Option<Instant>>,
    take: F,
}

impl Notify {
    /// Hand each message to `take`.
    pub fn new(take: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            shortage_told: Mutex::new(None),
            take,
        }))
    }

    /// Say nothing.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// Say in one line, at most once a second, that the emulator itself lacks something and so
    /// cannot do `what`.
    pub(super) fn lacks(&self, shortage: Shortage, what: &str) {
        {
            let mut told = self.0.shortage_told.lock();
            if told.is_some_and(|last| last.elapsed() < BETWEEN_SHORTAGES) {
                return;
            }
            *told = Some(Instant::now());
        }
        let lacking = shortage.describe();
        self(&format!(
            "the emulator itself, not the site, cannot {what}: it lacks {lacking}"
        ));
    }
}

impl std::ops::Deref for Notify {
    type Target = Take;

    fn deref(&self) -> &Self::Target {
        &self.0.take
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Notify")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_told_once_a_second_whoever_meets_it() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        let notify = Notify::new(move |text| heard.lock().push(text.to_owned()));
        let another = notify.clone();
        let begun = Instant::now();
        for _ in 0..1_000 {
            notify.lacks(Shortage::Descriptors, "accept a connection");
            another.lacks(Shortage::Descriptors, "ask the container");
        }
        let most = 1 + begun.elapsed().as_secs() as usize;
        let said = said.lock();
        assert!((1..=most).contains(&said.len()), "{said:?}");
        for words in [
            "the emulator itself",
            "accept a connection",
            "ulimit -n",
            "limit ",
        ] {
            assert!(said[0].contains(words), "{words}: {}", said[0]);
        }
    }
}
