//! Request targets as Gunicorn splits them: with Python's `urlsplit`, its lenience and its refusals.

use std::borrow::Cow;
use std::net::Ipv6Addr;

/// A target's path and query, without the fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target<'a> {
    /// May be empty, and need not begin with a slash.
    pub path: Cow<'a, str>,
    /// Without its question mark; empty where there is none.
    pub query: Cow<'a, str>,
}

/// Split a target; `None` where `urlsplit` raises `ValueError`.
pub fn split(target: &str) -> Option<Target<'_>> {
    // Where a path begins with two slashes, Gunicorn keeps them from being taken for an authority.
    if target.starts_with("//") {
        return Some(split_path(strip(target)));
    }
    let stripped = match strip(target) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_start_matches(is_c0_or_space)),
        Cow::Owned(text) => Cow::Owned(text.trim_start_matches(is_c0_or_space).to_owned()),
    };
    let rest = after_scheme(stripped);
    if !rest.starts_with("//") {
        return Some(split_path(rest));
    }
    let end = rest[2..]
        .find(['/', '?', '#'])
        .map_or(rest.len(), |at| at + 2);
    is_authority(&rest[2..end]).then(|| split_path(from(rest, end)))
}

/// Without what `urlsplit` takes out wherever it is.
fn strip(text: &str) -> Cow<'_, str> {
    const REMOVED: [char; 3] = ['\t', '\r', '\n'];
    if text.contains(REMOVED) {
        Cow::Owned(text.replace(REMOVED, ""))
    } else {
        Cow::Borrowed(text)
    }
}

fn is_c0_or_space(character: char) -> bool {
    character <= ' '
}

fn from(text: Cow<'_, str>, at: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[at..]),
        Cow::Owned(text) => Cow::Owned(text[at..].to_owned()),
    }
}

fn after_scheme(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    };
    match text.find(':') {
        Some(colon) if is_scheme(&text[..colon]) => from(text, colon + 1),
        _ => text,
    }
}

/// Whether the brackets of an authority hold what may be in brackets.
fn is_authority(authority: &str) -> bool {
    match (authority.contains('['), authority.contains(']')) {
        (false, false) => true,
        (true, true) => {
            let inside = authority.split_once('[').map_or("", |(_, inside)| inside);
            is_bracketed_host(inside.split(']').next().unwrap_or_default())
        }
        _ => false,
    }
}

fn is_bracketed_host(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('v') {
        return rest.split_once('.').is_some_and(|(version, address)| {
            !version.is_empty()
                && version.bytes().all(|byte| byte.is_ascii_hexdigit())
                && !address.is_empty()
        });
    }
    let (address, scope) = match host.split_once('%') {
        Some((address, scope)) => (address, Some(scope)),
        None => (host, None),
    };
    address.parse::<Ipv6Addr>().is_ok()
        && scope.is_none_or(|scope| !scope.is_empty() && !scope.contains('%'))
}

fn split_path(text: Cow<'_, str>) -> Target<'_> {
    fn split_text(text: &str) -> (&str, &str) {
        let before_fragment = text.split('#').next().unwrap_or_default();
        before_fragment
            .split_once('?')
            .unwrap_or((before_fragment, ""))
    }
    match text {
        Cow::Borrowed(text) => {
            let (path, query) = split_text(text);
            Target {
                path: path.into(),
                query: query.into(),
            }
        }
        Cow::Owned(text) => {
            let (path, query) = split_text(&text);
            Target {
                path: path.to_owned().into(),
                query: query.to_owned().into(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_split_as_python_splits_them() {
        for (target, path, query) in [
            ("/health", "/health", ""),
            ("/slow?a=1?b#c?d", "/slow", "a=1?b"),
            ("//health?x", "//health", "x"),
            ("//a]b", "//a]b", ""),
            ("http://h/health?x=1", "/health", "x=1"),
            ("http://h?x=1", "", "x=1"),
            ("http:health", "health", ""),
            ("h-1.+:health", "health", ""),
            ("1h:health", "1h:health", ""),
            ("a_b:health", "a_b:health", ""),
            (":health", ":health", ""),
            ("health", "health", ""),
            ("*", "*", ""),
            ("lab:443", "443", ""),
            ("/he\talth", "/health", ""),
            ("\u{1}/health", "/health", ""),
            ("\u{1}//h/health", "/health", ""),
            ("http://[::1]:80/x", "/x", ""),
            ("http://[fe80::1%eth0]/x", "/x", ""),
            ("http://[v1.x]/x", "/x", ""),
            ("#f", "", ""),
        ] {
            let split = split(target).unwrap();
            assert_eq!((&*split.path, &*split.query), (path, query), "{target:?}");
        }
    }

    #[test]
    fn authorities_that_python_refuses_are_refused() {
        for target in [
            "s://]ufd/:",
            "http://[::1/x",
            "http://]x[/",
            "http://[127.0.0.1]/",
            "http://[v.x]/",
            "http://[vg.x]/",
            "http://[]/",
            "http://[::1%]/",
        ] {
            assert_eq!(split(target), None, "{target}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(crate::serve::http::fuzz_cases()))]

        #[test]
        fn no_target_panics(target in ".{0,40}") {
            let _ = split(&target);
        }
    }
}
