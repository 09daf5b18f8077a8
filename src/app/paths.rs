//! Paths as Werkzeug sees them: decoded, leading slashes merged, and repeated slashes further
//! inside redirected to the path without them.

use std::borrow::Cow;

use http::Uri;
use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;

/// What a path is, to the router.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// As written.
    AsWritten,
    /// This path, written in another way.
    Same(String),
    /// This path with its inner slashes repeated.
    SlashesRepeated(String),
}

/// See `path` as Werkzeug does.
pub(super) fn see(path: &str) -> Seen {
    if !path.contains('%') && !path.contains("//") {
        return Seen::AsWritten;
    }
    let decoded: Cow<'_, str> = percent_decode_str(path).decode_utf8_lossy();
    let single_start = format!("/{}", decoded.trim_start_matches('/'));
    if !single_start.contains("//") {
        return Seen::Same(single_start);
    }
    let mut merged = String::with_capacity(single_start.len());
    for character in single_start.chars() {
        if character != '/' || !merged.ends_with('/') {
            merged.push(character);
        }
    }
    Seen::SlashesRepeated(merged)
}

/// `uri` with another path and the same query; `None` where the path cannot stand in a request
/// line as it is, which no route's path does.
pub(super) fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let path_and_query: PathAndQuery = with_query(uri, path).parse().ok()?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts).ok()
}

/// `path` and the query of `uri`.
pub(super) fn with_query(uri: &Uri, path: &str) -> String {
    match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_are_left_alone() {
        for path in ["/", "/health", "/diag/stats", "/health/", "*", ""] {
            assert_eq!(see(path), Seen::AsWritten);
        }
    }

    #[test]
    fn escapes_are_decoded_and_leading_slashes_merged() {
        for (written, seen) in [
            ("/%68ealth", "/health"),
            ("//health", "/health"),
            ("/%2Fhealth", "/health"),
            ("/diag%2Fstats", "/diag/stats"),
            ("/health%00", "/health\0"),
            ("/heal%FF", "/heal\u{fffd}"),
            ("/%", "/%"),
        ] {
            assert_eq!(see(written), Seen::Same(seen.to_owned()), "{written}");
        }
    }

    #[test]
    fn slashes_repeated_inside_are_reported() {
        for written in ["/diag//stats", "//diag///stats", "/diag%2F/stats"] {
            assert_eq!(
                see(written),
                Seen::SlashesRepeated("/diag/stats".to_owned())
            );
        }
    }

    #[test]
    fn the_query_stays() {
        let uri: Uri = "/%6ceak?blocks=2".parse().unwrap();
        assert_eq!(with_path(&uri, "/leak").unwrap(), "/leak?blocks=2");
        assert_eq!(with_path(&uri, "/\0"), None);
    }
}
