//! Times as people's programs write them: in the order of a country, with a comma or a dot before
//! the fraction, with words for morning and evening.
//!
//! Only the numbers and their separators are read, so that no list of languages is needed but for
//! the two halves of the day.

use jiff::civil::DateTime;

use super::LogTime;

/// Which of two numbers up to twelve is the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// Where a text does not tell: by its separators and the words for the half of the day.
    Guessed,
    /// `21/11/2026`
    DayFirst,
    /// `11/21/2026`
    MonthFirst,
}

/// A time that was read, and what it says about the order of its date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    /// Wall clock.
    pub moment: DateTime,
    /// The order that the numbers themselves prove.
    pub proven: Option<DateOrder>,
    /// The other order would be another day.
    pub ambiguous: bool,
    /// The order by which it was read, for a date that begins with neither the year nor a month's
    /// name.
    pub order: Option<DateOrder>,
}

/// Words for the first and the second half of the day, in lower case.
const MORNING: [&str; 8] = ["am", "a.m.", "a. m.", "上午", "午前", "오전", "π.μ.", "ص"];
const EVENING: [&str; 8] = ["pm", "p.m.", "p. m.", "下午", "午後", "오후", "μ.μ.", "م"];

/// Numbers of a time: year, month, day, hour, minute, second, fraction.
const MOST_NUMBERS: usize = 7;

/// Bytes beyond which a text is no time.
const LONGEST: usize = 64;

struct Number {
    value: u32,
    digits: usize,
    /// Nanoseconds, were it a fraction of a second.
    fraction: u32,
    /// The first sign after it.
    after: Option<char>,
}

/// Read a time of any order.
pub(super) fn parse(text: &str, order: DateOrder) -> Option<Civil> {
    let text = text.trim();
    if text.len() > LONGEST {
        return None;
    }
    let numbers = numbers(text)?;
    let [a, b, c, time @ ..] = numbers.as_slice() else {
        return None;
    };
    let (year, month, day, proven, ambiguous, taken) = date(text, a, b, c, order)?;
    let (hour, minute, second, nanos) = clock(time, half_of_day(text))?;
    let year = i16::try_from(gregorian(year)).ok()?;
    let moment = DateTime::new(
        year,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        hour,
        minute,
        second,
        nanos,
    )
    .ok()?;
    Some(Civil {
        moment,
        proven,
        ambiguous,
        order: taken,
    })
}

/// Years of the Buddhist era, by which Thai portals count.
fn gregorian(year: u32) -> u32 {
    if (2400..2700).contains(&year) {
        year - 543
    } else {
        year
    }
}

fn numbers(text: &str) -> Option<Vec<Number>> {
    let mut found: Vec<Number> = Vec::with_capacity(MOST_NUMBERS);
    let mut within = false;
    for sign in text.chars() {
        if let Some(digit) = digit_of(sign) {
            if !within {
                if found.len() == MOST_NUMBERS {
                    return None;
                }
                found.push(Number {
                    value: 0,
                    digits: 0,
                    fraction: 0,
                    after: None,
                });
            }
            let number = found.last_mut()?;
            number.digits += 1;
            if number.digits <= 9 {
                number.value = number.value * 10 + digit;
            }
            within = true;
        } else {
            if within && let Some(number) = found.last_mut() {
                number.after = Some(sign);
            }
            within = false;
        }
    }
    for number in &mut found {
        let places = number.digits.min(9);
        number.fraction = number.value * 10_u32.pow(u32::try_from(9 - places).ok()?);
    }
    Some(found)
}

/// The digit, in the numerals of Arabic and Persian portals too.
fn digit_of(sign: char) -> Option<u32> {
    sign.to_digit(10).or(match u32::from(sign) {
        code @ 0x660..=0x669 => Some(code - 0x660),
        code @ 0x6f0..=0x6f9 => Some(code - 0x6f0),
        _ => None,
    })
}

type Date = (u32, u32, u32, Option<DateOrder>, bool, Option<DateOrder>);

fn date(text: &str, a: &Number, b: &Number, c: &Number, order: DateOrder) -> Option<Date> {
    if a.digits == 4 {
        return Some((a.value, b.value, c.value, None, false, None));
    }
    if c.digits != 4 || a.digits > 2 || b.digits > 2 {
        return None;
    }
    let proven = match (a.value > 12, b.value > 12) {
        (true, true) => return None,
        (true, false) => Some(DateOrder::DayFirst),
        (false, true) => Some(DateOrder::MonthFirst),
        (false, false) => None,
    };
    let taken = match (proven, order) {
        (Some(proven), _) => proven,
        (None, DateOrder::Guessed) => guessed(text, a),
        (None, order) => order,
    };
    let ambiguous = proven.is_none() && a.value != b.value;
    let (month, day) = match taken {
        DateOrder::MonthFirst => (a.value, b.value),
        _ => (b.value, a.value),
    };
    Some((c.value, month, day, proven, ambiguous, Some(taken)))
}

/// Only the English of the United States puts the month first, with slashes and AM or PM in
/// capitals.
fn guessed(text: &str, first: &Number) -> DateOrder {
    let american = first.after == Some('/') && (text.ends_with("AM") || text.ends_with("PM"));
    if american {
        DateOrder::MonthFirst
    } else {
        DateOrder::DayFirst
    }
}

/// True for the second half of the day; `None` on a clock of 24 hours.
fn half_of_day(text: &str) -> Option<bool> {
    if text.is_ascii() && !text.ends_with(['m', 'M', '.']) {
        return None;
    }
    let lower = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if says(&EVENING) {
        return Some(true);
    }
    says(&MORNING).then_some(false)
}

fn clock(numbers: &[Number], evening: Option<bool>) -> Option<(i8, i8, i8, i32)> {
    let value = |at: usize| numbers.get(at).map_or(0, |number| number.value);
    let mut hour = value(0);
    match evening {
        Some(_) if hour > 12 => {}
        Some(true) if hour < 12 => hour += 12,
        Some(false) if hour == 12 => hour = 0,
        _ => {}
    }
    let nanos = numbers.get(3).map_or(0, |number| number.fraction);
    Some((
        i8::try_from(hour).ok()?,
        i8::try_from(value(1)).ok()?,
        i8::try_from(value(2)).ok()?,
        i32::try_from(nanos).ok()?,
    ))
}

/// The moment of a wall clock that is so many minutes ahead of UTC.
pub(super) fn at_offset(moment: DateTime, minutes: i32) -> Option<LogTime> {
    let offset = jiff::tz::Offset::from_seconds(minutes.checked_mul(60)?).ok()?;
    offset.to_timestamp(moment).ok().map(LogTime::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portals_of_many_languages_write_the_same_moment() {
        let expected = "2026-11-21T20:01:05.123";
        for text in [
            "11/21/2026, 8:01:05.123 PM",
            "11/21/2026, 8:01:05.123\u{202f}PM",
            "21/11/2026, 8:01:05.123 pm",
            "21/11/2026, 20:01:05.123",
            "21/11/2026 20:01:05,123",
            "21.11.2026, 20:01:05,123",
            "21.11.2026 20.01.05,123",
            "21.11.2026 klo 20.01.05,123",
            "21. 11. 2026 20:01:05,123",
            "21-11-2026 20:01:05,123",
            "2026-11-21 20:01:05,123",
            "2026/11/21 20:01:05.123",
            "2026/11/21 下午8:01:05.123",
            "2026. 11. 21. 오후 8:01:05.123",
            "21.11.2026 г., 20:01:05,123",
            "21/11/2026, 8:01:05,123 p. m.",
            "2026-11-21 20 h 01 min 05,123 s",
            "21/11/2569 20:01:05.123",
            "٢١/١١/٢٠٢٦, ٨:٠١:٠٥٫١٢٣ م",
        ] {
            let read = parse(text, DateOrder::Guessed);
            let moment = read.map(|read| read.moment.to_string());
            assert_eq!(moment.as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_date_that_may_be_two_says_so_and_follows_the_order_that_is_given() {
        let text = "4/5/2026, 5:55:06.467 AM";
        let guessed = parse(text, DateOrder::Guessed).unwrap();
        assert_eq!(guessed.moment.to_string(), "2026-04-05T05:55:06.467");
        assert!(guessed.ambiguous && guessed.proven.is_none());
        let day_first = parse(text, DateOrder::DayFirst).unwrap();
        assert_eq!(day_first.moment.to_string(), "2026-05-04T05:55:06.467");
        let same = parse("4/4/2026, 12:00:00 AM", DateOrder::Guessed).unwrap();
        assert!(!same.ambiguous);
        assert_eq!(same.moment.to_string(), "2026-04-04T00:00:00");
        let proven = parse("21/11/2026 01:02:03", DateOrder::MonthFirst).unwrap();
        assert_eq!(proven.proven, Some(DateOrder::DayFirst));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "yesterday",
            "1/2",
            "99/99/2026 01:02:03",
            "11/21/2026, 25:00:00",
            "1 2 3 4 5 6 7 8 9",
        ] {
            assert_eq!(parse(text, DateOrder::Guessed), None, "{text}");
        }
    }
}
