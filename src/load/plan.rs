//! What to send: phases, and the groups of requests in them.

use std::time::Duration;

use http::Method;

/// Requests of one kind: a closed loop of `concurrency` clients that send `count` requests in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What the samples of this group are called, for instance `slow`.
    pub name: String,
    /// The method.
    pub method: Method,
    /// The path and query.
    pub path: String,
    /// Exactly how many requests are sent; the most, where `until_status` ends them earlier.
    pub count: u32,
    /// The most requests of this group that are in flight at any moment; 1 is one after another.
    pub concurrency: u32,
    /// How long a client waits for the whole answer, from before it connects, until it gives up.
    pub limit: Duration,
    /// How long after the phase's beginning the first request is sent.
    pub delay: Duration,
    /// How long a client waits between the end of one request and the next.
    pub interval: Duration,
    /// By how much longer it waits each time.
    pub interval_grows: Duration,
    /// Whether the clients go in step: all send at once, and the next time when the last of them has its
    /// answer and the interval has passed.
    pub in_step: bool,
    /// Send no more once this status was answered.
    pub until_status: Option<u16>,
}

/// Groups that run at the same time; the phase ends when all of them have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// The name, for instance `burst`.
    pub name: String,
    /// The groups.
    pub groups: Vec<Group>,
}

impl Group {
    /// `count` requests `GET path`, `concurrency` at a time, with a client limit.
    #[must_use]
    pub fn get(name: &str, path: &str, count: u32, concurrency: u32, limit: Duration) -> Self {
        Self {
            name: name.to_owned(),
            method: Method::GET,
            path: path.to_owned(),
            count,
            concurrency,
            limit,
            delay: Duration::ZERO,
            interval: Duration::ZERO,
            interval_grows: Duration::ZERO,
            in_step: false,
            until_status: None,
        }
    }

    /// The same group with every duration multiplied by `pace`.
    #[must_use]
    pub fn paced(&self, pace: f64) -> Self {
        Self {
            limit: scaled(self.limit, pace),
            delay: scaled(self.delay, pace),
            interval: scaled(self.interval, pace),
            interval_grows: scaled(self.interval_grows, pace),
            ..self.clone()
        }
    }
}

impl Phase {
    /// The most requests that the phase sends.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.groups.iter().map(|group| group.count).sum()
    }

    /// The same phase with every duration of the clients multiplied by `pace`; counts and
    /// concurrency stay, because they are what the incident is made of.
    #[must_use]
    pub fn paced(&self, pace: f64) -> Self {
        Self {
            name: self.name.clone(),
            groups: self.groups.iter().map(|group| group.paced(pace)).collect(),
        }
    }
}

/// `duration` times `pace`; a pace that is no positive number leaves it as it is.
fn scaled(duration: Duration, pace: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * pace).unwrap_or(duration)
}
