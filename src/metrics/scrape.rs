//! One scrape: the figures of a moment, and their text.

use std::fmt;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, header};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::declared::{Metric, MetricKind};
use super::{BUCKETS, bucket_of};

const OPEN_METRICS: &str = "application/openmetrics-text";
const OPEN_METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Counts by bucket, the last one without a bound, and the sum of the values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// Values in each bucket of [`BUCKETS`], and those above.
    pub counts: [u64; BUCKETS.len() + 1],
    /// All values added up, in seconds.
    pub sum: f64,
}

impl Histogram {
    /// One more value.
    pub fn count(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.counts[bucket_of(seconds)] += 1;
        self.sum += seconds;
    }
}

/// What was measured.
#[derive(Debug, Clone)]
pub enum Value {
    /// Of a counter or gauge.
    Number(f64),
    /// Of a histogram.
    Histogram(Histogram),
}

/// One series of a metric.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Names and values of its labels.
    pub labels: Vec<(&'static str, String)>,
    /// Its value.
    pub value: Value,
}

/// The figures of one moment. What is not set is not there: Prometheus knows the difference
/// between 0 and nothing.
#[derive(Debug, Clone, Default)]
pub struct Scrape {
    families: Vec<(&'static Metric, Vec<Sample>)>,
}

impl Scrape {
    /// The value of a counter or gauge, with the values of its labels in their order.
    pub fn set(&mut self, metric: &'static Metric, labels: &[&str], value: f64) {
        self.add(metric, labels, Value::Number(value));
    }

    /// The same for a histogram.
    pub fn set_histogram(&mut self, metric: &'static Metric, labels: &[&str], value: Histogram) {
        self.add(metric, labels, Value::Histogram(value));
    }

    fn add(&mut self, metric: &'static Metric, labels: &[&str], value: Value) {
        let names = metric.labels.iter().map(|label| label.name);
        let values = labels.iter().map(|value| (*value).to_owned());
        let sample = Sample {
            labels: names.zip(values).collect(),
            value,
        };
        let known = self.families.iter_mut().find(|(other, _)| *other == metric);
        match known {
            Some((_, samples)) => samples.push(sample),
            None => self.families.push((metric, vec![sample])),
        }
    }

    /// Every metric that was set, with its series.
    pub fn families(&self) -> impl Iterator<Item = (&'static Metric, &[Sample])> {
        let families = self.families.iter();
        families.map(|(metric, samples)| (*metric, samples.as_slice()))
    }

    /// The text of OpenMetrics 1.0.
    #[must_use]
    pub fn open_metrics(&self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.clone()));
        let mut out = String::new();
        // Writing into memory cannot fail.
        let _ = text::encode(&mut out, &registry);
        out
    }

    /// The older text of Prometheus, version 0.0.4: a counter is called by its full name, and
    /// neither units nor an end are said.
    #[must_use]
    pub fn plain_text(&self) -> String {
        let is_counter = |name: &str| {
            let mut counters = self
                .families
                .iter()
                .filter_map(|(metric, _)| match metric.kind {
                    MetricKind::Counter => metric.name.strip_suffix("_total"),
                    MetricKind::Gauge | MetricKind::Histogram => None,
                });
            counters.any(|counter| counter == name)
        };
        let mut out = String::new();
        for line in self.open_metrics().lines() {
            match line.splitn(4, ' ').collect::<Vec<_>>()[..] {
                ["#", "UNIT" | "EOF", ..] => continue,
                ["#", word, name, rest] if is_counter(name) => {
                    out.push_str(&format!("# {word} {name}_total {rest}"));
                }
                _ => out.push_str(line),
            }
            out.push('\n');
        }
        out
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (metric, samples) in &self.families {
            let name = metric.name.strip_suffix("_total").unwrap_or(metric.name);
            let unit = metric.unit.map(unit);
            let name = match &unit {
                Some(unit) => name
                    .strip_suffix(unit.as_str())
                    .map_or(name, |name| name.trim_end_matches('_')),
                None => name,
            };
            let kind = match metric.kind {
                MetricKind::Counter => MetricType::Counter,
                MetricKind::Gauge => MetricType::Gauge,
                MetricKind::Histogram => MetricType::Histogram,
            };
            let help = format!("{}.", metric.help);
            let mut family = encoder.encode_descriptor(name, &help, unit.as_ref(), kind)?;
            for sample in samples {
                match sample.labels.is_empty() {
                    true => encode(metric.kind, &sample.value, &mut family)?,
                    false => {
                        let mut labelled = family.encode_family(&sample.labels)?;
                        encode(metric.kind, &sample.value, &mut labelled)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn encode(kind: MetricKind, value: &Value, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
    match (kind, value) {
        (_, Value::Histogram(histogram)) => {
            let bounds = BUCKETS.into_iter().chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = bounds.zip(histogram.counts).collect();
            let count = histogram.counts.iter().sum();
            encoder.encode_histogram::<NoLabelSet>(histogram.sum, count, &buckets, None)
        }
        (MetricKind::Counter, Value::Number(value)) => {
            encoder.encode_counter::<NoLabelSet, _, f64>(value, None)
        }
        (_, Value::Number(value)) => encoder.encode_gauge(value),
    }
}

fn unit(name: &'static str) -> Unit {
    match name {
        "seconds" => Unit::Seconds,
        "bytes" => Unit::Bytes,
        other => Unit::Other(other.to_owned()),
    }
}

/// The answer to a scrape, in the format that whoever asks can read.
#[must_use]
pub fn answer(asked: &HeaderMap, scrape: &Scrape) -> Response<Body> {
    let accepts = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        text.to_ascii_lowercase().contains(OPEN_METRICS)
    };
    let (kind, body) = match asked.get_all(header::ACCEPT).iter().any(accepts) {
        true => (OPEN_METRICS_TYPE, scrape.open_metrics()),
        false => (TEXT_TYPE, scrape.plain_text()),
    };
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::super::declared;
    use super::*;

    fn scrape() -> Scrape {
        let mut scrape = Scrape::default();
        let mut histogram = Histogram::default();
        for seconds in [0.25, 0.25, 1000.0] {
            histogram.count(Duration::from_secs_f64(seconds));
        }
        let labels = ["GET", "/slow", "200"];
        scrape.set_histogram(&declared::REQUEST_DURATION, &labels, histogram);
        scrape.set(&declared::MEMORY_STALLED, &["some"], 1.5);
        scrape.set(&declared::MEMORY_STALLED, &["full"], 0.0);
        scrape.set(&declared::LISTENER_QUEUED, &["a\"b\\c\nd"], 3.0);
        scrape.set(&declared::LEAKED_BYTES, &[], 17_000_000.0);
        scrape
    }

    #[test]
    fn a_value_at_a_bound_is_in_the_bucket_below_it() {
        assert_eq!(bucket_of(0.0), 0);
        assert_eq!(bucket_of(0.005), 0);
        assert_eq!(bucket_of(0.0051), 1);
        assert_eq!(bucket_of(240.1), BUCKETS.len());
    }

    #[test]
    fn both_formats_say_the_same_each_in_its_own_way() {
        let (open, plain) = (scrape().open_metrics(), scrape().plain_text());
        for line in [
            "# TYPE http_server_request_duration_seconds histogram",
            "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_route=\"/slow\",http_response_status_code=\"200\"} 3",
            "http_server_request_duration_seconds_sum{http_request_method=\"GET\",http_route=\"/slow\",http_response_status_code=\"200\"} 1000.5",
            "labrat_memory_stalled_seconds_total{kind=\"some\"} 1.5",
            "labrat_listener_queued{listener=\"a\\\"b\\\\c\\nd\"} 3.0",
            "labrat_leaked_bytes 17000000.0",
        ] {
            for text in [&open, &plain] {
                assert!(text.lines().any(|found| found == line), "{line}\n{text}");
            }
        }
        assert!(open.contains("# UNIT labrat_leaked_bytes bytes\n"));
        assert!(open.ends_with("# EOF\n"));
        assert!(open.contains("# TYPE labrat_memory_stalled_seconds counter\n"));
        assert!(plain.contains("# TYPE labrat_memory_stalled_seconds_total counter\n"));
        assert!(!plain.contains("# UNIT") && !plain.contains("# EOF"));
        let bucket = |bound: &str| {
            let line = plain
                .lines()
                .find(|line| line.contains(&format!("le=\"{bound}\"")));
            line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        };
        assert_eq!(
            [
                bucket("0.1"),
                bucket("0.25"),
                bucket("240.0"),
                bucket("+Inf")
            ],
            [Some(0), Some(2), Some(2), Some(3)],
            "buckets add up"
        );
    }

    #[test]
    fn who_asks_for_open_metrics_gets_it_and_everybody_else_plain_text() {
        let kind_for = |accept: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.extend(accept.map(|accept| (header::ACCEPT, HeaderValue::from_static(accept))));
            answer(&headers, &Scrape::default()).headers()[header::CONTENT_TYPE].clone()
        };
        assert_eq!(kind_for(None), TEXT_TYPE);
        assert_eq!(kind_for(Some("*/*")), TEXT_TYPE);
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
        assert_eq!(kind_for(Some(prometheus)), OPEN_METRICS_TYPE);
    }
}
