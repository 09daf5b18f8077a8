//! From a number to a place, and the numbers worth a tick.

/// A linear or logarithmic scale of one axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// From, to.
    Linear(f64, f64),
    /// From, to, both above zero.
    Logarithmic(f64, f64),
}

impl Scale {
    /// A linear scale from zero that holds every value.
    pub(super) fn from_zero(most: f64) -> Scale {
        Scale::Linear(0.0, if most > 0.0 { most * 1.05 } else { 1.0 })
    }

    /// A logarithmic scale over whole powers of ten that holds every value.
    pub(super) fn powers(least: f64, most: f64) -> Scale {
        let low = 10_f64.powf(least.max(1e-6).log10().floor());
        let high = 10_f64.powf(most.max(1e-6).log10().ceil());
        Scale::Logarithmic(low, if high > low { high } else { low * 10.0 })
    }

    /// Where the value lies, from 0 to 1; outside the scale at its nearer end.
    pub(super) fn place(self, value: f64) -> f64 {
        let share = match self {
            Scale::Linear(from, to) => (value - from) / (to - from),
            Scale::Logarithmic(from, to) => (value.max(from) / from).log10() / (to / from).log10(),
        };
        share.clamp(0.0, 1.0)
    }

    /// About five numbers that are easy to read.
    pub(super) fn ticks(self) -> Vec<f64> {
        match self {
            Scale::Linear(from, to) => linear_ticks(from, to),
            Scale::Logarithmic(from, to) => {
                let first = from.log10().round() as i32;
                let last = to.log10().round() as i32;
                (first..=last).map(|power| 10_f64.powi(power)).collect()
            }
        }
    }
}

fn linear_ticks(from: f64, to: f64) -> Vec<f64> {
    let rough = (to - from) / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    let mut tick = (from / step).ceil() * step;
    let mut ticks = Vec::new();
    while tick <= to + step * 1e-9 && ticks.len() < 20 {
        ticks.push(tick);
        tick += step;
    }
    ticks
}

/// A duration on an axis.
pub(super) fn duration(seconds: f64) -> String {
    if seconds == 0.0 {
        "0".to_owned()
    } else if seconds < 0.001 {
        format!("{} µs", round(seconds * 1e6))
    } else if seconds < 1.0 {
        format!("{} ms", round(seconds * 1e3))
    } else {
        format!("{} s", round(seconds))
    }
}

fn round(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_scale() {
        assert_eq!(Scale::Linear(0.0, 104.0).ticks(), [0.0, 50.0, 100.0]);
        assert_eq!(Scale::powers(0.004, 45.0).ticks().len(), 6);
    }

    #[test]
    fn places_run_from_zero_to_one_and_stay_there() {
        let scale = Scale::Logarithmic(0.001, 100.0);
        assert!((scale.place(0.1) - 0.4).abs() < 1e-9);
        assert_eq!(scale.place(0.0), 0.0);
        assert_eq!(Scale::from_zero(0.0).place(5.0), 1.0);
    }

    #[test]
    fn durations_are_told_in_the_unit_that_suits_them() {
        assert_eq!(duration(0.0004), "400 µs");
        assert_eq!(duration(0.01), "10 ms");
        assert_eq!(duration(100.0), "100 s");
    }
}
