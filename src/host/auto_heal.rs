//! Auto-heal: rules by which the platform recycles a container that answers badly or slowly.
//!
//! On Linux there are three triggers (how many requests, how many of a status, how many slow ones,
//! each within a time) and one action: recycle. A rule counts what it sees and knows no reason: an
//! application that is only warming up is recycled as well, unless it is given its time.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify as Wakeup;
use tokio::time::Instant;

use super::Pace;
use super::auto_heal_rules::{AutoHealRules, Within};

/// What the rules have seen of one slot.
#[derive(Debug)]
pub struct AutoHeal {
    rules: AutoHealRules,
    pace: Pace,
    /// When the last requests of each trigger ended, the oldest first.
    seen: Mutex<Vec<VecDeque<Instant>>>,
    /// What set it off.
    reason: Mutex<Option<String>>,
    set_off: Wakeup,
}

/// A request that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// Its path.
    pub path: &'a str,
    /// With which status.
    pub status: u16,
    /// After how long.
    pub taken: Duration,
}

impl AutoHeal {
    /// Nothing yet.
    #[must_use]
    pub fn new(rules: AutoHealRules, pace: Pace) -> Self {
        let seen = rules.triggers().map(|_| VecDeque::new()).collect();
        Self {
            rules,
            pace,
            seen: Mutex::new(seen),
            reason: Mutex::default(),
            set_off: Wakeup::new(),
        }
    }

    /// Count a request that the container had.
    pub fn note(&self, ended: Ended<'_>) {
        let now = Instant::now();
        let mut seen = self.seen.lock();
        for (trigger, times) in self.rules.triggers().zip(seen.iter_mut()) {
            if !self.counts(trigger, ended) {
                continue;
            }
            times.push_back(now);
            if times.len() > trigger.count {
                times.pop_front();
            }
            let interval = self.pace.of(trigger.time_interval);
            let since = times.front().map_or(Duration::ZERO, |first| now - *first);
            if times.len() == trigger.count && since <= interval {
                *self.reason.lock() = Some(in_words(trigger));
                self.set_off.notify_one();
            }
        }
    }

    fn counts(&self, trigger: &Within, ended: Ended<'_>) -> bool {
        let slow = trigger.time_taken.map(|limit| self.pace.of(limit));
        trigger.status.is_none_or(|status| status == ended.status)
            && slow.is_none_or(|limit| ended.taken >= limit)
            && trigger
                .path
                .as_deref()
                .is_none_or(|path| path == ended.path)
    }

    /// Wait until a rule wants the container recycled; its reason.
    pub async fn set_off(&self) -> String {
        loop {
            self.set_off.notified().await;
            if let Some(reason) = self.reason.lock().take() {
                return reason;
            }
        }
    }

    /// Whether a container of this age is still left alone.
    #[must_use]
    pub fn spares(&self, age: Duration) -> bool {
        self.rules
            .least_age()
            .is_some_and(|least| age < self.pace.of(least))
    }

    /// Begin to count anew.
    pub fn forget(&self) {
        self.seen.lock().iter_mut().for_each(VecDeque::clear);
        *self.reason.lock() = None;
    }
}

fn in_words(trigger: &Within) -> String {
    let seconds = |span: Duration| span.as_secs();
    let kind = match (trigger.status, trigger.time_taken) {
        (Some(status), _) => format!("requests with {status}"),
        (None, Some(taken)) => format!("requests of {} s or longer", seconds(taken)),
        (None, None) => "requests".to_owned(),
    };
    let (count, interval) = (trigger.count, seconds(trigger.time_interval));
    format!("{count} {kind} within {interval} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: &str = r#"{"triggers": {"slowRequests":
        {"timeTaken": "00:00:10", "count": 3, "timeInterval": "00:02:00"}},
        "actions": {"actionType": "Recycle", "minProcessExecutionTime": "00:01:00"}}"#;

    fn is_set_off(heal: &AutoHeal) -> bool {
        heal.reason.lock().is_some()
    }

    #[test]
    fn so_many_of_a_kind_within_the_time_set_it_off_and_others_do_not() {
        let heal = AutoHeal::new(AutoHealRules::parse(SLOW).unwrap(), Pace(0.1));
        let ended = |taken| Ended {
            path: "/fast",
            status: 200,
            taken: Duration::from_millis(taken),
        };
        for taken in [1_000, 999, 1_500, 20] {
            heal.note(ended(taken));
            assert!(!is_set_off(&heal), "{taken}");
        }
        heal.note(ended(1_001));
        assert!(is_set_off(&heal));
        heal.forget();
        heal.note(ended(1_001));
        assert!(!is_set_off(&heal), "it counts anew");
        assert!(heal.spares(Duration::from_secs(5)) && !heal.spares(Duration::from_secs(6)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_spread_over_a_longer_time_does_not_set_it_off() {
        let rules = r#"{"triggers": {"statusCodes": [
            {"status": 502, "count": 2, "timeInterval": "00:00:30", "path": "/orders"}]}}"#;
        let heal = AutoHeal::new(AutoHealRules::parse(rules).unwrap(), Pace(1.0));
        let ended = |path, status| Ended {
            path,
            status,
            taken: Duration::ZERO,
        };
        for (pause, path, status, sets_off) in [
            (0, "/orders", 502, false),
            (31, "/orders", 502, false),
            (10, "/other", 502, false),
            (10, "/orders", 500, false),
            (10, "/orders", 502, true),
        ] {
            tokio::time::advance(Duration::from_secs(pause)).await;
            heal.note(ended(path, status));
            assert_eq!(is_set_off(&heal), sets_off, "{pause} {path} {status}");
        }
        assert_eq!(heal.set_off().await, "2 requests with 502 within 30 s");
    }
}
