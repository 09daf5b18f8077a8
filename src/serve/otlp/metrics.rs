//! A scrape as metrics of OTLP, under the names that OpenTelemetry would give them: a collector that
//! writes them for Prometheus makes the declared names of them again.

use jiff::Timestamp;

use super::messages::{
    CUMULATIVE, Data, Gauge, Histogram, HistogramPoint, KeyValue, Metric, MetricsRequest,
    NumberPoint, Resource, ResourceMetrics, ScopeMetrics, Sum, number, scope, text,
};
use crate::metrics::{self, BUCKETS, MetricKind, Sample, Scrape, Value, declared};

/// A request to a collector with these figures, of a pool that began then, in nanoseconds since 1970.
pub(super) fn request(resource: Resource, scrape: &Scrape, began: u64) -> MetricsRequest {
    let now = Timestamp::now().as_nanosecond();
    let now = u64::try_from(now).unwrap_or_default();
    let metrics = scrape.families().map(|(metric, samples)| Metric {
        name: name(metric),
        description: metric.help.to_owned(),
        unit: unit(metric).to_owned(),
        data: Some(data(metric, samples, (since(metric, began), now))),
    });
    MetricsRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope()),
                metrics: metrics.collect(),
            }],
        }],
    }
}

/// What the kernel counts began with the machine, not with the pool: 0 is an unknown beginning.
fn since(metric: &metrics::Metric, began: u64) -> u64 {
    let is_the_kernels = [&declared::MEMORY_STALLED, &declared::LISTEN_OVERFLOWS].contains(&metric);
    if is_the_kernels { 0 } else { began }
}

/// The declared name without what Prometheus adds to one: unit and `_total`.
fn name(metric: &metrics::Metric) -> String {
    let name = metric.name;
    let name = name.strip_suffix("_total").unwrap_or(name);
    let unit = metric
        .unit
        .map(|unit| format!("_{unit}"))
        .unwrap_or_default();
    let name = name.strip_suffix(&unit).unwrap_or(name);
    match name.strip_prefix("labrat_") {
        Some(own) => format!("labrat.{own}"),
        // OpenTelemetry's own name of it.
        None => name.replace('_', "."),
    }
}

fn unit(metric: &metrics::Metric) -> &'static str {
    match metric.unit {
        Some("seconds") => "s",
        Some("bytes") => "By",
        Some(other) => other,
        None => "",
    }
}

fn data(metric: &metrics::Metric, samples: &[Sample], times: (u64, u64)) -> Data {
    let numbers = || {
        samples
            .iter()
            .filter_map(|sample| number_point(sample, times))
    };
    match metric.kind {
        MetricKind::Gauge => Data::Gauge(Gauge {
            data_points: numbers()
                .map(|point| NumberPoint {
                    start_time_unix_nano: 0,
                    ..point
                })
                .collect(),
        }),
        MetricKind::Counter => Data::Sum(Sum {
            data_points: numbers().collect(),
            aggregation_temporality: CUMULATIVE,
            is_monotonic: true,
        }),
        MetricKind::Histogram => Data::Histogram(Histogram {
            data_points: samples
                .iter()
                .filter_map(|sample| histogram_point(sample, times))
                .collect(),
            aggregation_temporality: CUMULATIVE,
        }),
    }
}

fn number_point(sample: &Sample, (began, now): (u64, u64)) -> Option<NumberPoint> {
    let Value::Number(value) = sample.value else {
        return None;
    };
    Some(NumberPoint {
        start_time_unix_nano: began,
        time_unix_nano: now,
        as_double: Some(value),
        attributes: attributes(sample),
    })
}

fn histogram_point(sample: &Sample, (began, now): (u64, u64)) -> Option<HistogramPoint> {
    let Value::Histogram(histogram) = &sample.value else {
        return None;
    };
    Some(HistogramPoint {
        start_time_unix_nano: began,
        time_unix_nano: now,
        count: histogram.counts.iter().sum(),
        sum: Some(histogram.sum),
        bucket_counts: histogram.counts.to_vec(),
        explicit_bounds: BUCKETS.to_vec(),
        attributes: attributes(sample),
    })
}

fn attributes(sample: &Sample) -> Vec<KeyValue> {
    let attributes = sample.labels.iter().map(|(name, value)| {
        let dotted = match name.starts_with("http_") {
            // `http.response.status_code` keeps its last one.
            true => name.replacen('_', ".", 2),
            false => (*name).to_owned(),
        };
        match value.parse::<i64>() {
            Ok(status) if *name == "http_response_status_code" => number(&dotted, status),
            _ => text(&dotted, value),
        }
    });
    attributes.collect()
}
