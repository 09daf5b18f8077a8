//! Metrics: each one that is declared is seen to move, none goes down with a worker, and what is
//! made of them for Prometheus and Grafana names no other.

mod boxed;
mod emulator;
mod otlp;
mod otlp_tls;
mod page;
mod pool;
mod rules;

use labrat::metrics::Metric;

use crate::harness::{Address, Connection, PATIENCE, exchange, get, request};

/// One scrape, in the plain text format.
#[derive(Debug, Clone)]
struct Figures(String);

impl Figures {
    /// What the probe server shows now.
    fn of(probes: &Address) -> Self {
        let answer = get(probes, "/metrics");
        let response = answer.response().expect("an answer");
        assert_eq!(response.status, 200, "{answer}");
        Self(response.text())
    }

    /// The sum of the series of this name with these labels, each as `name="value"`; `None` where
    /// there is none.
    fn value(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let values = self.0.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (found, rest) = series.split_once('{').unwrap_or((series, ""));
            let fits = labels.iter().all(|label| rest.contains(label));
            (found == name && fits).then(|| value.parse::<f64>().expect("a number"))
        });
        values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
    }

    /// The same, where it must be there.
    fn get(&self, metric: &Metric, labels: &[&str]) -> f64 {
        let value = self.value(metric.name, labels);
        value.unwrap_or_else(|| panic!("no {} {labels:?} in\n{}", metric.name, self.0))
    }

    /// How many requests a histogram counts.
    fn count(&self, metric: &Metric, labels: &[&str]) -> f64 {
        let name = format!("{}_count", metric.name);
        self.value(&name, labels).unwrap_or(0.0)
    }
}

/// The counters of `before` that are lower in `after`.
fn lower(before: &Figures, after: &Figures) -> Vec<String> {
    let is_counter = |series: &str| {
        let name = series.split('{').next().unwrap_or_default();
        ["_total", "_count", "_sum", "_bucket"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    let series = |figures: &Figures| -> Vec<(String, f64)> {
        let lines = figures.0.lines().filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.rsplit_once(' '));
        pairs
            .map(|(series, value)| (series.to_owned(), value.parse().expect("a number")))
            .collect()
    };
    let after = series(after);
    let now = |name: &str| after.iter().find(|(other, _)| other == name);
    series(before)
        .into_iter()
        .filter(|(name, before)| {
            is_counter(name) && now(name).is_none_or(|(_, after)| after < before)
        })
        .map(|(name, before)| format!("{name} was {before}, is {:?}", now(&name)))
        .collect()
}

/// A connection on which these bytes were sent.
fn sent(address: &Address, bytes: &[u8]) -> Connection {
    let mut connection = Connection::open(address);
    connection.send(bytes);
    connection
}

fn post(address: &Address, path: &str) -> Option<u16> {
    exchange(address, &request("POST", path), PATIENCE).status()
}
