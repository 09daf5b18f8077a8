//! Single values: numbers as Python reads them, addresses, log targets, names.

use std::path::PathBuf;

use super::error::SettingsError;
use super::resolved::{AppName, BindAddress, HeaderMap, LogLevel, LogTarget, StatsdAddress};

/// The port of an address that names none.
const DEFAULT_PORT: &str = "8000";

/// `int(text)`: blanks around, a sign, single underscores between digits.
pub(super) fn python_integer(text: &str) -> Option<i128> {
    let text = text.trim();
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = digits_in(digits, 10)?;
    Some(if negative { -magnitude } else { magnitude })
}

/// Gunicorn's `auto_int`: the notation says the base, and `0644` is octal.
pub(super) fn automatic_integer(text: &str) -> Option<i128> {
    let text = text.trim();
    let (base, digits) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &text[2..]),
        [b'0', b'o' | b'O', ..] => (8, &text[2..]),
        [b'0', b'b' | b'B', ..] => (2, &text[2..]),
        [b'0', b'0'..=b'9', ..] => (8, &text[1..]),
        _ => return python_integer(text),
    };
    digits_in(digits, base)
}

fn digits_in(digits: &str, base: u32) -> Option<i128> {
    if digits.is_empty()
        || digits.starts_with('_')
        || digits.ends_with('_')
        || digits.contains("__")
    {
        return None;
    }
    let digits: String = digits
        .chars()
        .filter(|character| *character != '_')
        .collect();
    if !digits.chars().all(|character| character.is_digit(base)) {
        return None;
    }
    // Python's integers have no largest value; here a number beyond 128 bits is simply very large,
    // and refused as such by whoever knows the limit.
    Some(i128::from_str_radix(&digits, base).unwrap_or(i128::MAX))
}

/// Gunicorn's `parse_address`.
pub(super) fn bind_address(text: &str) -> Result<BindAddress, SettingsError> {
    if let Some(path) = text.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return Ok(BindAddress::Unix(PathBuf::from(path)));
    }
    if let Some(number) = text.strip_prefix("fd://") {
        let descriptor = python_integer(number).and_then(|number| i32::try_from(number).ok());
        let descriptor = descriptor.filter(|number| *number >= 0);
        return descriptor
            .map(BindAddress::Fd)
            .ok_or_else(|| SettingsError::Descriptor(number.to_owned()));
    }
    let text = text.strip_prefix("tcp://").unwrap_or(text);
    let (host, port) = host_and_port(text, DEFAULT_PORT);
    let number = python_integer(port).ok_or_else(|| SettingsError::Port(port.to_owned()))?;
    let port = u16::try_from(number).map_err(|_| SettingsError::PortRange(number))?;
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    Ok(BindAddress::Tcp {
        host: host.to_lowercase(),
        port,
    })
}

fn host_and_port<'a>(text: &'a str, default_port: &'a str) -> (&'a str, &'a str) {
    if let Some((inside, after)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return (inside, after.strip_prefix(':').unwrap_or(default_port));
    }
    let mut parts = text.split(':');
    let host = parts.next().unwrap_or_default();
    (host, parts.next().unwrap_or(default_port))
}

/// Gunicorn's `validate_statsd_address`.
pub(super) fn statsd_address(text: &str) -> Result<StatsdAddress, SettingsError> {
    // `unix:PORT` was a host named unix before it was a path, and stays one.
    let path = text.strip_prefix("unix:");
    if let Some(path) = path.filter(|rest| rest.is_empty() || rest.parse::<u16>().is_err()) {
        return Ok(StatsdAddress::Unix(
            path.strip_prefix("//").unwrap_or(path).into(),
        ));
    }
    let (host, port) = host_and_port(text.strip_prefix("tcp://").unwrap_or(text), "8125");
    let port = python_integer(port).and_then(|port| u16::try_from(port).ok());
    Ok(StatsdAddress::Udp {
        host: if host.is_empty() { "0.0.0.0" } else { host }.to_lowercase(),
        port: port.ok_or(SettingsError::StatsdAddress)?,
    })
}

/// Gunicorn's `validate_header_map_behaviour`.
pub(super) fn header_map(text: &str) -> Result<HeaderMap, SettingsError> {
    match text.trim().to_lowercase().as_str() {
        "drop" => Ok(HeaderMap::Drop),
        "refuse" => Ok(HeaderMap::Refuse),
        "dangerous" => Ok(HeaderMap::Dangerous),
        _ => Err(SettingsError::HeaderMap(text.to_owned())),
    }
}

/// `-` is the stream, anything else a file.
pub(super) fn log_target(text: &str) -> LogTarget {
    match text {
        "-" => LogTarget::Stream,
        path => LogTarget::File(PathBuf::from(path)),
    }
}

/// An unknown level is `info`, without a word, as in Gunicorn.
pub(super) fn log_level(text: &str) -> LogLevel {
    match text.to_lowercase().as_str() {
        "debug" => LogLevel::Debug,
        "warning" => LogLevel::Warning,
        "error" => LogLevel::Error,
        "critical" => LogLevel::Critical,
        _ => LogLevel::Info,
    }
}

/// `MODULE:APP`; a bare `MODULE` means its attribute `application`, as for every WSGI server.
pub(super) fn app_name(text: &str) -> AppName {
    let (module, attribute) = text.split_once(':').unwrap_or((text, "application"));
    AppName {
        module: module.to_owned(),
        attribute: attribute.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> BindAddress {
        BindAddress::Tcp {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn addresses_are_read_in_all_of_gunicorns_forms() {
        let cases = [
            ("127.0.0.1:9000", tcp("127.0.0.1", 9000)),
            (":9000", tcp("0.0.0.0", 9000)),
            ("0.0.0.0", tcp("0.0.0.0", 8000)),
            ("", tcp("0.0.0.0", 8000)),
            ("LocalHost:80", tcp("localhost", 80)),
            ("tcp://h:1", tcp("h", 1)),
            ("[::1]:9000", tcp("::1", 9000)),
            ("[::]", tcp("::", 8000)),
            ("h:1:2", tcp("h", 1)),
            ("127.0.0.1:0", tcp("127.0.0.1", 0)),
            ("unix:/run/x.sock", BindAddress::Unix("/run/x.sock".into())),
            (
                "unix:///run/x.sock",
                BindAddress::Unix("/run/x.sock".into()),
            ),
            ("unix:x.sock", BindAddress::Unix("x.sock".into())),
            ("fd://3", BindAddress::Fd(3)),
        ];
        for (text, expected) in cases {
            assert_eq!(bind_address(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn addresses_that_gunicorn_refuses_are_refused_in_its_words() {
        let cases = [
            (
                "127.0.0.1:notaport",
                "'notaport' is not a valid port number.",
            ),
            ("0.0.0.0:", "'' is not a valid port number."),
            ("h:70000", "bind(): port must be 0-65535."),
            ("fd://x", "'x' is not a valid file descriptor."),
        ];
        for (text, expected) in cases {
            assert_eq!(bind_address(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn numbers_are_read_as_python_reads_them() {
        for (text, expected) in [("4", 4), (" 4_0 ", 40), ("+4", 4), ("-1", -1), ("007", 7)] {
            assert_eq!(python_integer(text), Some(expected), "{text}");
        }
        for text in ["", "abc", "1.5", "1e3", "_1", "1__0", "0x10", "--1", "- 1"] {
            assert_eq!(python_integer(text), None, "{text}");
        }
        for (text, expected) in [
            ("0600", 0o600),
            ("0o600", 0o600),
            ("0x1f", 31),
            ("384", 384),
        ] {
            assert_eq!(automatic_integer(text), Some(expected), "{text}");
        }
        assert_eq!(automatic_integer("0899"), None);
        assert_eq!(python_integer(&"9".repeat(60)), Some(i128::MAX));
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(crate::serve::http::fuzz_cases()))]

        /// No text that a setting may be given panics.
        #[test]
        fn no_value_panics(text in ".{0,24}|[0-9:./\\[\\]a-f_x-]{0,24}|unix:.{0,9}|fd://.{0,9}") {
            let _ = (python_integer(&text), automatic_integer(&text), bind_address(&text));
            let _ = (statsd_address(&text), super::super::AllowList::parse(&text));
            let _ = (app_name(&text), log_level(&text), log_target(&text));
        }

        /// Neither does a whole command line, however it is split.
        #[test]
        fn no_command_line_panics(
            words in proptest::collection::vec("-{0,2}[a-z-]{0,12}=?[0-9a-z:/.*-]{0,8}", 0..5),
            variable in ".{0,20}",
        ) {
            let words: Vec<std::ffi::OsString> = words.into_iter().map(Into::into).collect();
            let _ = super::super::arguments::read(&words);
            let _ = super::super::words::split(&variable);
        }
    }
}
