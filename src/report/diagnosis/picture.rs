//! The timeline as lines of text: one axis for requests, waits, failures and events.

use crate::diagnosis::Timeline;

/// Steps of a bar, from nothing to full.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What the letters of events mean.
pub(super) const LEGEND: &str =
    "S start  R ready  T stop  F failed start  W swap  U health check failed  E first error";

/// The picture; empty where nothing has a time.
pub(super) fn picture(timeline: &Timeline) -> Vec<String> {
    if timeline.in_flight.is_empty() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    let in_flight: Vec<f64> = timeline.in_flight.iter().copied().map(f64::from).collect();
    let failures: Vec<f64> = timeline.failures.iter().copied().map(f64::from).collect();
    for (label, values, unit) in [
        ("in flight", &in_flight, ""),
        ("wait", &timeline.longest_wait, " s"),
        ("failures", &failures, ""),
    ] {
        let most = values.iter().copied().fold(0.0, f64::max);
        if most > 0.0 {
            let bars: String = values.iter().map(|value| bar(*value, most)).collect();
            let most = (most * 100.0).round() / 100.0;
            lines.push(format!("{label:<9} {bars} {most}{unit}"));
        }
    }
    let mut events = vec![' '; timeline.in_flight.len()];
    for event in &timeline.events {
        if let Some(place) = events.get_mut(event.step) {
            *place = event.sign;
        }
    }
    if !timeline.events.is_empty() {
        let events: String = events.into_iter().collect();
        lines.push(format!("{:<9} {}", "events", events.trim_end()));
    }
    if !lines.is_empty() {
        let steps = timeline.in_flight.len() as f64;
        let span = steps * timeline.step_seconds;
        lines.push(format!("{:<9} from {}, {span:.1} s", "axis", timeline.from));
    }
    lines
}

fn bar(value: f64, most: f64) -> char {
    let share = value / most;
    let at = match share {
        share if share <= 0.0 => 0,
        share => ((share * 8.0).ceil() as usize).clamp(1, 8),
    };
    BARS[at]
}
