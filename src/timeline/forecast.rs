//! What a queue means for a client that comes now, by the work that lies before it.
//!
//! The work is what the requests in the workers' hands still need and what everybody in the queue
//! will need, at the average of the last requests. Those whose clients have left count: a worker
//! cannot know. All places together do it.

use serde::Serialize;

use super::Load;

/// Threads of the worker that the page offers instead of sync.
pub const THREADS: usize = 4;

/// What a responder may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// One worker more (TTIN).
    OneWorkerMore,
    /// One worker fewer (TTOU).
    OneWorkerFewer,
    /// [`THREADS`] threads in each worker.
    Threads,
    /// Workers that serve one connection at a time.
    Sync,
    /// Workers that do not block.
    Async,
    /// Every worker replaced (HUP).
    Reload,
    /// Every fault undone.
    Reset,
    /// Another container of the same site.
    Restart,
    /// An app setting.
    Setting,
    /// The slots swapped.
    Swap,
}

/// What can be said beforehand of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// The figure of a look that predicts it: `wait_with_one_more`.
    pub forecast: Option<&'static str>,
    /// Under which condition it holds.
    pub provided: Option<&'static str>,
    /// Why there is no figure, or none at the moment.
    pub without: &'static str,
}

/// Why a wait cannot be predicted that mostly can.
const NOT_COUNTED: &str = "no worker is there, or the kernel does not count this queue";

impl Change {
    /// What can be said of it.
    #[must_use]
    pub const fn outlook(self) -> Outlook {
        let (forecast, provided, without) = match self {
            Self::OneWorkerMore => (Some("wait_with_one_more"), None, NOT_COUNTED),
            Self::OneWorkerFewer => (
                Some("wait_with_one_fewer"),
                None,
                "the last worker stays, or the kernel does not count this queue",
            ),
            Self::Threads => (
                Some("wait_with_threads"),
                Some("if the handlers wait rather than compute"),
                NOT_COUNTED,
            ),
            Self::Sync => (Some("wait_with_sync"), None, NOT_COUNTED),
            Self::Async => (
                None,
                None,
                "it helps handlers that wait and not those that compute, and the queue does not tell \
                 which these are",
            ),
            Self::Reload => (None, None, "as many workers serve afterwards as before"),
            Self::Reset => (None, None, "the queue does not tell which faults make it"),
            Self::Restart => (
                None,
                None,
                "as many workers serve afterwards as before; only the queue begins empty",
            ),
            Self::Setting => (
                None,
                None,
                "what the application makes of a setting is not known here",
            ),
            Self::Swap => (None, None, "a swap does not change the number of workers"),
        };
        Outlook {
            forecast,
            provided,
            without,
        }
    }

    /// Seconds that a new client would wait after it, as of this look.
    ///
    /// # Errors
    /// When nothing can be predicted; why, in a few words.
    pub fn forecast(self, look: Option<&Load>) -> Result<f64, &'static str> {
        let outlook = self.outlook();
        let look = match (outlook.forecast, look) {
            (None, _) => return Err(outlook.without),
            (Some(_), None) => return Err("nobody has looked at the pool yet"),
            (Some(_), Some(look)) => look,
        };
        let wait = match self {
            Self::OneWorkerMore => look.wait_with_one_more,
            Self::OneWorkerFewer => look.wait_with_one_fewer,
            Self::Threads => look.wait_with_threads,
            Self::Sync => look.wait_with_sync,
            _ => None,
        };
        wait.ok_or(outlook.without)
    }
}

/// Fill in what follows from the figures: the waits and the sentence. `ages` are the seconds that
/// the requests in the workers' hands have taken so far.
pub fn complete(load: &mut Load, ages: &[f64]) {
    let places = load.alive * load.at_once;
    load.wait = wait(load, ages, places);
    load.wait_with_one_more = wait(load, ages, places + load.at_once);
    // Gunicorn ignores TTOU where one worker is wanted.
    load.wait_with_one_fewer = match load.wanted > 1 {
        true => wait(load, ages, places.saturating_sub(load.at_once)),
        false => None,
    };
    load.wait_with_threads = wait(load, ages, load.alive * THREADS.max(load.at_once));
    load.wait_with_sync = wait(load, ages, load.alive);
    let (_, is_least) = service(load, ages);
    load.sentence = sentence(load, is_least);
}

/// Seconds until so many places have done what lies before a new client; nothing where there is no
/// place, or nobody knows who waits.
fn wait(load: &Load, ages: &[f64], places: usize) -> Option<f64> {
    let waiting = load.waiting.unwrap_or(0) as usize;
    if places == 0 {
        return None;
    }
    if waiting + load.in_flight < places {
        return Some(0.0);
    }
    load.waiting?;
    let (service, _) = service(load, ages);
    let rest: f64 = ages.iter().map(|age| (service - age).max(0.0)).sum();
    let seconds = (rest + service * waiting as f64) / places as f64;
    Some((seconds * 100.0).round() / 100.0)
}

/// Seconds that a request takes, and whether it may be more: those that run may take longer than
/// those that have ended, and then they take at least as long as they have so far.
fn service(load: &Load, ages: &[f64]) -> (f64, bool) {
    let running = ages.iter().sum::<f64>() / ages.len().max(1) as f64;
    match load.service {
        Some(ended) if ended >= running => (ended, false),
        _ => (running, true),
    }
}

fn sentence(load: &Load, is_least: bool) -> String {
    let Load {
        alive,
        busy,
        in_flight,
        at_once,
        ..
    } = load;
    let workers = match at_once {
        1 => format!("{busy} of {alive} workers busy"),
        _ => format!(
            "{in_flight} requests in {alive} {}",
            plural(*alive, "worker")
        ),
    };
    let waiting = match load.waiting {
        None => return format!("{workers}; the kernel does not count who waits here"),
        Some(0) => "nobody waiting".to_owned(),
        Some(waiting) => match load.left {
            0 => format!("{waiting} waiting"),
            left => format!("{waiting} waiting ({left} of them gone)"),
        },
    };
    let client = match load.wait {
        None => "a new client waits for a worker to be there".to_owned(),
        Some(seconds) if seconds < 0.05 => "a new client is served at once".to_owned(),
        Some(seconds) if is_least => {
            format!("a new client waits {} or longer", about(seconds))
        }
        Some(seconds) => format!("a new client waits about {}", about(seconds)),
    };
    format!("{workers}, {waiting}: {client}")
}

fn plural(count: usize, word: &str) -> String {
    match count {
        1 => word.to_owned(),
        _ => format!("{word}s"),
    }
}

fn about(seconds: f64) -> String {
    match seconds < 9.95 {
        true => format!("{seconds:.1} s"),
        false => format!("{seconds:.0} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(alive: usize, in_flight: usize, waiting: u32, service: f64) -> Load {
        Load {
            wanted: alive,
            alive,
            busy: in_flight.min(alive),
            in_flight,
            at_once: 1,
            waiting: Some(waiting),
            service: Some(service),
            ..Load::default()
        }
    }

    fn completed(mut load: Load, ages: &[f64]) -> Load {
        complete(&mut load, ages);
        load
    }

    #[test]
    fn a_client_waits_for_the_work_before_it_shared_by_all_workers() {
        let load = completed(pool(2, 2, 23, 1.7), &[0.5, 1.0]);
        assert_eq!(load.wait, Some(20.5));
        assert_eq!(load.wait_with_one_more, Some(13.67));
        assert_eq!(load.wait_with_threads, Some(5.13));
        assert_eq!(
            load.sentence,
            "2 of 2 workers busy, 23 waiting: a new client waits about 20 s"
        );
    }

    #[test]
    fn where_a_worker_is_free_nobody_waits() {
        let load = completed(pool(2, 1, 0, 2.0), &[0.1]);
        assert_eq!(load.wait, Some(0.0));
        assert_eq!(
            load.sentence,
            "1 of 2 workers busy, nobody waiting: a new client is served at once"
        );
    }

    #[test]
    fn who_has_left_is_named_and_counts_as_work() {
        let load = Load {
            left: 3,
            ..pool(1, 1, 4, 2.0)
        };
        let load = completed(load, &[2.0]);
        assert_eq!(load.wait, Some(8.0));
        assert!(load.sentence.contains("4 waiting (3 of them gone)"));
    }

    #[test]
    fn what_is_not_known_is_not_claimed() {
        let mut load = pool(1, 1, 1, 0.0);
        load.service = None;
        let load = completed(load, &[3.0]);
        assert!(load.sentence.ends_with("waits 3.0 s or longer"));
        let quick_before = completed(pool(2, 2, 28, 0.005), &[0.9, 0.7]);
        assert!(quick_before.sentence.ends_with("waits 11 s or longer"));
        let nobody = completed(pool(0, 0, 5, 1.0), &[]);
        assert_eq!(nobody.wait, None);
        let mut local = pool(1, 1, 0, 1.0);
        local.waiting = None;
        assert!(completed(local, &[]).sentence.contains("does not count"));
    }

    const ALL: [Change; 10] = [
        Change::OneWorkerMore,
        Change::OneWorkerFewer,
        Change::Threads,
        Change::Sync,
        Change::Async,
        Change::Reload,
        Change::Reset,
        Change::Restart,
        Change::Setting,
        Change::Swap,
    ];

    #[test]
    fn each_change_has_a_wait_or_the_reason_why_there_is_none() {
        let saturated = completed(pool(2, 2, 23, 1.7), &[0.5, 1.0]);
        let threads = Load {
            at_once: 4,
            ..pool(2, 8, 12, 2.0)
        };
        let threads = completed(threads, &[2.0; 8]);
        let one = completed(pool(1, 1, 4, 2.0), &[2.0]);
        let idle = completed(pool(3, 0, 0, 2.0), &[]);
        let uncounted = Load {
            waiting: None,
            ..pool(2, 2, 0, 1.0)
        };
        let uncounted = completed(uncounted, &[0.5, 0.5]);
        let nobody = completed(pool(0, 0, 5, 1.0), &[]);
        for (look, more, fewer, threads, sync) in [
            (&saturated, Some(13.67), Some(41.0), Some(5.13), Some(20.5)),
            (&threads, Some(2.0), Some(6.0), Some(3.0), Some(12.0)),
            (&one, Some(4.0), None, Some(2.0), Some(8.0)),
            (&idle, Some(0.0), Some(0.0), Some(0.0), Some(0.0)),
            (&uncounted, Some(0.0), None, Some(0.0), None),
            (&nobody, Some(5.0), None, None, None),
        ] {
            let told = ALL.map(|change| change.forecast(Some(look)));
            let waits = told.map(Result::ok);
            let expected = [more, fewer, threads, sync];
            assert_eq!(waits[..4], expected, "{}", look.sentence);
            assert_eq!(waits[4..], [None; 6], "{}", look.sentence);
            for (change, told) in ALL.into_iter().zip(told) {
                let reason = told.err().unwrap_or(change.outlook().without);
                assert!(!reason.is_empty() && !reason.ends_with('.'), "{change:?}");
            }
        }
        assert_eq!(
            Change::Swap.forecast(Some(&saturated)),
            Err("a swap does not change the number of workers")
        );
        let unseen = Err("nobody has looked at the pool yet");
        assert_eq!(Change::OneWorkerMore.forecast(None), unseen);
        assert_eq!(
            Change::Swap.forecast(None),
            Err(Change::Swap.outlook().without)
        );
    }

    #[test]
    fn the_figure_that_a_page_shows_is_the_one_that_is_recorded() {
        let look = completed(pool(2, 2, 23, 1.7), &[0.5, 1.0]);
        let told = serde_json::to_value(&look).unwrap();
        for change in ALL {
            let shown = change
                .outlook()
                .forecast
                .and_then(|name| told[name].as_f64());
            assert_eq!(shown, change.forecast(Some(&look)).ok(), "{change:?}");
        }
    }
}
