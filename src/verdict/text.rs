//! Numbers in words.

/// Characters of a log line that a quote keeps.
const QUOTED: usize = 160;

/// A number with separators between thousands, and a fraction only where it matters.
pub(super) fn number(value: f64) -> String {
    if value.fract().abs() > 1e-9 && value.abs() < 1_000.0 {
        let text = format!("{value:.2}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 {
        format!("-{text}")
    } else {
        text
    }
}

/// A fraction of one in percent. What is not all or nothing is not rounded to it.
pub(super) fn percent(share: f64) -> String {
    let value = share * 100.0;
    let nearest = value.round();
    match (value - nearest).abs() {
        off if off < 1e-9 || off < 0.05 && !(nearest == 0.0 || nearest == 100.0) => {
            format!("{value:.0} %")
        }
        _ if value < 0.005 => "< 0.01 %".to_owned(),
        _ if value > 99.995 => "> 99.99 %".to_owned(),
        off if off < 0.05 => format!("{value:.2} %"),
        _ => format!("{value:.1} %"),
    }
}

/// Seconds, or milliseconds where they are few, with the digits that matter.
pub(crate) fn seconds(value: f64) -> String {
    let (text, unit) = match value {
        value if value < 0.1 => (format!("{:.1}", value * 1000.0), "ms"),
        value if value < 10.0 => (format!("{value:.3}"), "s"),
        value => (format!("{value:.1}"), "s"),
    };
    format!(
        "{} {unit}",
        text.trim_end_matches('0').trim_end_matches('.')
    )
}

/// A text cut to what a quote keeps.
pub(super) fn cut(text: &str) -> String {
    let text = text.trim_end();
    if text.chars().count() <= QUOTED {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(QUOTED).collect();
    kept.push_str("...");
    kept
}

/// `1 row`, `2 rows`.
pub(super) fn count(number: usize, singular: &str) -> String {
    let number_text = self::number(number as f64);
    let plural = match singular {
        "reply" => "replies".to_owned(),
        singular if singular.ends_with('y') => format!("{}ies", &singular[..singular.len() - 1]),
        singular => format!("{singular}s"),
    };
    if number == 1 {
        format!("1 {singular}")
    } else {
        format!("{number_text} {plural}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated_and_fractions_kept_where_they_matter() {
        assert_eq!(number(523_896.0), "523,896");
        assert_eq!(number(-1_234.0), "-1,234");
        assert_eq!(number(72.06), "72.06");
        assert_eq!(number(3.0), "3");
        assert_eq!(number(999.0), "999");
    }

    #[test]
    fn durations_have_the_digits_that_matter() {
        assert_eq!(seconds(0.000_4), "0.4 ms");
        assert_eq!(seconds(4.637_992), "4.638 s");
        assert_eq!(seconds(5.0), "5 s");
        assert_eq!(seconds(120.0), "120 s");
        assert_eq!(seconds(21.735), "21.7 s");
    }

    #[test]
    fn shares_are_percent() {
        assert_eq!(percent(0.25), "25 %");
        assert_eq!(percent(0.0854), "8.5 %");
        assert_eq!((percent(0.0), percent(1.0)), ("0 %".into(), "100 %".into()));
        assert_eq!(percent(1199.0 / 1200.0), "99.9 %");
        assert_eq!(percent(0.9999), "99.99 %");
        assert_eq!(percent(0.999_999), "> 99.99 %");
        assert_eq!(percent(0.000_01), "< 0.01 %");
    }
}
