//! Values of flags that several commands take.

/// Seconds of a day, the longest that a command waits.
const DAY: f64 = 86_400.0;

/// Seconds up to a day, or none.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if (0.0..=DAY).contains(&number) => Ok(number),
        _ => Err(format!("a number of seconds from 0 to {DAY} is needed")),
    }
}

/// Seconds above 0 and up to a day.
pub(super) fn some_seconds(text: &str) -> Result<f64, String> {
    match seconds(text) {
        Ok(number) if number > 0.0 => Ok(number),
        _ => Err(format!(
            "a number of seconds above 0 and up to {DAY} is needed"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_of_a_day_at_most() {
        assert_eq!(seconds("0"), Ok(0.0));
        assert_eq!(some_seconds("2.5"), Ok(2.5));
        for bad in ["0", "-1", "86401", "NaN", "inf", "2s", ""] {
            let error = some_seconds(bad).unwrap_err();
            assert!(error.contains("above 0 and up to 86400"), "{bad}: {error}");
        }
        assert!(seconds("-0.1").is_err() && seconds("86400").is_ok());
    }
}
