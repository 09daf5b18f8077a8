//! Credentials that are known by how they look, without a name beside them.

use std::ops::Range;

/// Beginnings of tokens, and how many more characters make one.
const TOKENS: &[(&str, usize)] = &[
    ("ghp_", 16),
    ("gho_", 16),
    ("ghu_", 16),
    ("ghs_", 16),
    ("ghr_", 16),
    ("github_pat_", 16),
    ("glpat-", 16),
    ("sk_live_", 8),
    ("sk_test_", 8),
    ("rk_live_", 8),
    ("rk_test_", 8),
    ("whsec_", 16),
    ("sk-", 20),
    ("xoxa-", 8),
    ("xoxb-", 8),
    ("xoxp-", 8),
    ("xoxr-", 8),
    ("xoxs-", 8),
    ("xapp-", 8),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 30),
    ("ya29.", 16),
    ("npm_", 30),
    ("pypi-", 30),
    ("SG.", 30),
    ("hf_", 25),
    ("dop_v1_", 30),
    ("shpat_", 20),
    ("dckr_pat_", 16),
    ("hvs.", 20),
    ("GOCSPX-", 20),
    ("eyJ", 30),
];

const PEM_BEGIN: &str = "-----BEGIN ";
const PEM_KIND: &str = "PRIVATE KEY-----";
const PEM_END: &str = "-----END ";

/// Where they are, in their order.
pub(super) fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = keys(text);
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !is_token_byte(bytes[at]) {
            at += 1;
            continue;
        }
        let length = bytes[at..]
            .iter()
            .position(|byte| !is_token_byte(*byte))
            .unwrap_or(bytes.len() - at);
        if is_token(&text[at..at + length]) {
            found.push(at..at + length);
        }
        at += length;
    }
    found
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.~".contains(&byte)
}

fn is_token(token: &str) -> bool {
    let known = TOKENS.iter().any(|(begin, more)| {
        let Some(rest) = token.strip_prefix(begin) else {
            return false;
        };
        let fits = match *begin {
            "AKIA" | "ASIA" => rest
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()),
            // A JSON web token has three parts.
            "eyJ" => rest.matches('.').count() >= 2,
            _ => true,
        };
        rest.len() >= *more && fits
    });
    known || is_client_secret(token.as_bytes())
}

/// The secret of an application in Entra: three characters, a digit, `Q~` and some thirty more.
fn is_client_secret(token: &[u8]) -> bool {
    (37..=44).contains(&token.len()) && token[3].is_ascii_digit() && &token[4..6] == b"Q~"
}

/// Private keys in PEM, between their first line and their last.
fn keys(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(begin) = text[from..].find(PEM_BEGIN).map(|at| from + at) {
        let head = begin + PEM_BEGIN.len();
        // The kind of a key is a word or two.
        let line = text.as_bytes()[head..]
            .iter()
            .take(40)
            .position(|byte| *byte == b'-');
        let kind = line
            .map(|dash| head + dash)
            .filter(|dash| text[*dash..].starts_with("-----"));
        from = head;
        let Some(dash) = kind else { continue };
        let start = dash + 5;
        if !text[begin..start].ends_with(PEM_KIND) {
            continue;
        }
        let end = text[start..]
            .find(PEM_END)
            .map_or(text.len(), |at| start + at);
        if start < end {
            found.push(start..end);
        }
        from = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_shapes_are_found_without_a_name() {
        for token in [
            "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
            "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
            "AKIAIOSFODNN7EXAMPLE",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
            "abc8Q~0123456789012345678901234567890123",
        ] {
            let text = format!("he said {token}, then");
            let found = secrets(&text);
            assert_eq!(found.len(), 1, "{token}");
            assert_eq!(&text[found[0].clone()], token);
        }
        for text in [
            "ghp_short",
            "task-force-of-twenty-people",
            "AKIA is no key",
            "eyJhbGciOi without dots in it at all",
        ] {
            assert!(secrets(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_private_key_goes_and_a_certificate_stays() {
        let key =
            "x -----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY----- y";
        let found = secrets(key);
        assert_eq!(&key[found[0].clone()], "\nMIIEow\nIBAAKC\n");
        assert!(
            secrets("-----BEGIN CERTIFICATE-----\nMIIEow\n-----END CERTIFICATE-----").is_empty()
        );
    }
}
