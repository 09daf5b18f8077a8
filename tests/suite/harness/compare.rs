//! Answers freed of what may differ between two right servers: the date, the order of `Allow`.

use serde_json::Value;

use super::Response;

/// Status line and headers, one a line, in order.
pub fn normal_head(response: &Response) -> String {
    let mut head = String::new();
    for status_line in &response.interim {
        head.push_str(&format!("{status_line}\n"));
    }
    head.push_str(&format!(
        "{} {} {}\n",
        response.version, response.status, response.reason
    ));
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {}\n", normal_value(name, value)));
    }
    head
}

/// Head and body.
pub fn normal_response(response: &Response) -> String {
    format!("{}\n{}", normal_head(response), response.text())
}

fn normal_value(name: &str, value: &str) -> String {
    match name {
        "Date" if is_http_date(value) => "<date>".to_owned(),
        // Flask keeps the methods in a set: their order changes from start to start.
        "Allow" => {
            let mut methods: Vec<_> = value.split(", ").collect();
            methods.sort_unstable();
            methods.join(", ")
        }
        _ => value.to_owned(),
    }
}

/// `Sat, 21 Nov 2026 04:24:12 GMT`.
fn is_http_date(value: &str) -> bool {
    let pattern = "Aaa, dd Aaa dddd dd:dd:dd GMT";
    value.len() == pattern.len()
        && value
            .chars()
            .zip(pattern.chars())
            .all(|(found, wanted)| match wanted {
                'd' => found.is_ascii_digit(),
                'A' => found.is_ascii_alphabetic() || found == wanted,
                'a' => found.is_ascii_lowercase(),
                _ => found == wanted,
            })
}

/// Whether `actual` has everything that `expected` has, with values of the same type and form;
/// further keys are welcome. The first thing that is missing, when there is one.
pub fn covers(expected: &Value, actual: &Value) -> Result<(), String> {
    covers_at("$", expected, actual)
}

fn covers_at(path: &str, expected: &Value, actual: &Value) -> Result<(), String> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (key, value) in expected {
                let found = actual
                    .get(key)
                    .ok_or_else(|| format!("{path}.{key} is missing"))?;
                covers_at(&format!("{path}.{key}"), value, found)?;
            }
            Ok(())
        }
        (Value::String(expected), Value::String(actual)) if form(expected) == form(actual) => {
            Ok(())
        }
        (Value::Number(expected), Value::Number(actual)) => {
            // A float may happen to be written like an integer only where Python would too.
            let same = expected.is_u64() == actual.is_u64();
            same.then_some(())
                .ok_or_else(|| format!("{path}: {expected} and {actual} are numbers of two kinds"))
        }
        (Value::Array(expected), Value::Array(actual)) if expected == actual => Ok(()),
        (Value::Bool(expected), Value::Bool(actual)) if expected == actual => Ok(()),
        (Value::Null, Value::Null) => Ok(()),
        _ => Err(format!("{path}: {expected} is not like {actual}")),
    }
}

/// The form of a text: every run of digits is one `0`, hexadecimal digests are `<digest>`.
fn form(text: &str) -> String {
    if text.len() == 64 && text.chars().all(|character| character.is_ascii_hexdigit()) {
        return "<digest>".to_owned();
    }
    let mut form = String::new();
    for character in text.chars() {
        if !character.is_ascii_digit() {
            form.push(character);
        } else if !form.ends_with('0') {
            form.push('0');
        }
    }
    form
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn more_keys_are_welcome_and_missing_or_misshapen_ones_are_named() {
        let expected = json!({"a": {"b": "12 kB"}, "n": 1});
        assert_eq!(
            covers(&expected, &json!({"a": {"b": "7 kB"}, "n": 9, "x": 0})),
            Ok(())
        );
        assert!(
            covers(&expected, &json!({"a": {}, "n": 9}))
                .unwrap_err()
                .contains("$.a.b")
        );
        assert!(covers(&expected, &json!({"a": {"b": "7 MB"}, "n": 9})).is_err());
        assert!(covers(&expected, &json!({"a": {"b": "7 kB"}, "n": 1.5})).is_err());
    }
}
