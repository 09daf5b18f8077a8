//! Figures over time: CSV with a time and numbers in every row, or the answer of
//! `az monitor metrics list`.

use serde_json::Value;

use crate::evidence::bundle::MetricCapture;
use crate::tables::LogTime;

/// Names of the column that holds the time, in lower case.
const TIMES: [&str; 4] = ["timestamp", "timegenerated", "time", "date"];

/// Rows of one file that are kept.
const ROWS_KEPT: usize = 200_000;

/// The figures in a text; none if it is something else.
pub(super) fn read(text: &str, file: &str) -> Vec<MetricCapture> {
    let delimiter = match text.lines().next() {
        Some(header) if header.contains(';') => b';',
        Some(header) if header.contains('\t') => b'\t',
        _ => b',',
    };
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let Ok(header) = reader.headers().cloned() else {
        return Vec::new();
    };
    let is_time = |name: &str| TIMES.contains(&name.trim().to_ascii_lowercase().as_str());
    let Some(time) = header.iter().position(is_time) else {
        return Vec::new();
    };
    let mut metrics: Vec<MetricCapture> = header
        .iter()
        .map(|name| MetricCapture {
            name: name.trim().to_owned(),
            values: Vec::new(),
            file: file.to_owned(),
        })
        .collect();
    for record in reader.records().take(ROWS_KEPT).flatten() {
        let Some(moment) = record
            .get(time)
            .and_then(|text| text.parse::<LogTime>().ok())
        else {
            continue;
        };
        for (metric, text) in metrics.iter_mut().zip(record.iter()) {
            if let Ok(value) = text.trim().parse::<f64>()
                && value.is_finite()
            {
                metric.values.push((moment, value));
            }
        }
    }
    metrics.retain(|metric| !metric.values.is_empty());
    metrics
}

/// The figures in an answer of `az monitor metrics list`: of each the aggregation that is there.
pub(super) fn read_answer(answer: &Value, file: &str) -> Vec<MetricCapture> {
    const AGGREGATIONS: [&str; 4] = ["maximum", "average", "total", "count"];
    let listed = |value: &Value, key: &str| {
        let list = value.get(key).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let mut metrics = Vec::new();
    for metric in listed(answer, "value") {
        let name = metric.pointer("/name/value").and_then(Value::as_str);
        let points = listed(&metric, "timeseries");
        let points = points.iter().flat_map(|series| listed(series, "data"));
        let values = points.filter_map(|point| {
            let moment = point.get("timeStamp")?.as_str()?.parse::<LogTime>().ok()?;
            let value = AGGREGATIONS
                .iter()
                .find_map(|aggregation| point.get(*aggregation)?.as_f64())?;
            Some((moment, value))
        });
        let values: Vec<(LogTime, f64)> = values.take(ROWS_KEPT).collect();
        if let (Some(name), false) = (name, values.is_empty()) {
            metrics.push(MetricCapture {
                name: name.to_owned(),
                values,
                file: file.to_owned(),
            });
        }
    }
    metrics
}
