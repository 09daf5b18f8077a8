//! Blots out what looks like a credential, wherever a text is shown or kept.
//!
//! A leaf: every room may use it, it uses none. It works on any text (connection strings, URLs,
//! JSON, command lines, log lines) without knowing which it is, and where a text can be read in
//! two ways it blots out more rather than less. What is left is what an investigator needs: hosts,
//! databases, user names in connection strings, and the fact that a credential was there.

use std::borrow::Cow;
use std::ops::Range;

mod decoded;
mod names;
mod scan;
mod shapes;

pub use names::is_secret_name;

use decoded::decoded;

/// How often a text may have been encoded, one encoding around the other.
const ENCODINGS: usize = 3;

/// What stands where a credential was.
pub const MASK: &str = "***";

/// `text` with every credential in it replaced by [`MASK`]. Quotes, keys and separators stay.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    let secrets = secrets(text, ENCODINGS);
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(masked(text, &secrets))
}

/// The value of the setting `name`, fit to be shown: a setting whose name says that it is a
/// credential is blotted out whole.
#[must_use]
pub fn redact_setting<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    if !value.is_empty() && is_secret_name(name) {
        return Cow::Borrowed(MASK);
    }
    redact(value)
}

/// The query of an address without its question mark, with every credential replaced.
#[must_use]
pub fn redact_query(query: &str) -> String {
    // The mark tells that these are parameters: `code` and `key` are credentials only there.
    let marked = format!("?{query}");
    let shown = redact(&marked);
    shown.strip_prefix('?').unwrap_or(&shown).to_owned()
}

/// Where the credentials are, in the text as it is and as it reads without its escapes.
fn secrets(text: &str, depth: usize) -> Vec<Range<usize>> {
    let mut found = scan::secrets(text);
    found.extend(shapes::secrets(text));
    if depth > 0
        && let Some(decoded) = decoded(text)
    {
        let inner = secrets(&decoded.text, depth - 1);
        found.extend(inner.iter().map(|secret| decoded.original(secret)));
    }
    merged(found)
}

/// Sorted, without overlaps.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn masked(text: &str, secrets: &[Range<usize>]) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for secret in secrets {
        shown.push_str(&text[from..secret.start]);
        shown.push_str(MASK);
        from = secret.end;
    }
    shown.push_str(&text[from..]);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_keep_host_and_database() {
        for (text, shown) in [
            (
                "Server=tcp:db.example.net,1433;Database=shop;User ID=app;Password=p@ss w=rd&1,2;Encrypt=True",
                "Server=tcp:db.example.net,1433;Database=shop;User ID=app;Password=***;Encrypt=True",
            ),
            ("Server=a;pwd=x;Database=b", "Server=a;pwd=***;Database=b"),
            (
                "Server=a;PWD = x ;Database=b",
                "Server=a;PWD = *** ;Database=b",
            ),
            (
                "DefaultEndpointsProtocol=https;AccountName=n;AccountKey=ab+/cd==;EndpointSuffix=core.windows.net",
                "DefaultEndpointsProtocol=https;AccountName=n;AccountKey=***;EndpointSuffix=core.windows.net",
            ),
            (
                "Endpoint=sb://n.example/;SharedAccessKeyName=Root;SharedAccessKey=abc=;EntityPath=q",
                "Endpoint=sb://n.example/;SharedAccessKeyName=Root;SharedAccessKey=***;EntityPath=q",
            ),
            (
                "host=db dbname=shop user=app password=hunter2 sslmode=require",
                "host=db dbname=shop user=app password=*** sslmode=require",
            ),
            ("password=hunter2 dbname=shop", "password=*** dbname=shop"),
        ] {
            assert_eq!(redact(text), shown);
        }
    }

    #[test]
    fn quoted_values_go_to_their_closing_quote() {
        for (text, shown) in [
            (
                "Password=\"a;b\"\"c\";Database=d",
                "Password=\"***\";Database=d",
            ),
            ("Password='a;b''c';Database=d", "Password='***';Database=d"),
            ("Pwd={a;b}}c};Database=d", "Pwd=***;Database=d"),
            ("PASSWORD='a'\\''b' run", "PASSWORD='***"),
            // An unquoted value swallows the next key; that one's quoted value goes with it.
            (
                "a=b;Password=x then Password=\";y\";c=d",
                "a=b;Password=***;c=d",
            ),
        ] {
            assert_eq!(redact(text), shown);
        }
    }

    #[test]
    fn urls_lose_their_userinfo_and_nothing_else() {
        for (text, shown) in [
            (
                "postgres://app:p%40ss@db.example:5432/shop?sslmode=require",
                "postgres://***@db.example:5432/shop?sslmode=require",
            ),
            ("amqp://u:p@ss@host/vhost", "amqp://***@host/vhost"),
            ("postgres://u:p/w@host/db", "postgres://***@host/db"),
            (
                "https://token@host/x and http://a:b@c",
                "https://***@host/x and http://***@c",
            ),
            ("https://host:8080/@scope/x", "https://host:8080/@scope/x"),
            (
                "https://h/x?sv=1&sig=ab%3D&se=2 done",
                "https://h/x?sv=1&sig=***&se=2 done",
            ),
            ("GET /x?token=abc HTTP/1.1", "GET /x?token=*** HTTP/1.1"),
            (
                "jdbc:sqlserver://h:1433;databaseName=d;user=sa;password=x",
                "jdbc:sqlserver://h:1433;databaseName=d;user=sa;password=***",
            ),
        ] {
            assert_eq!(redact(text), shown);
        }
    }

    #[test]
    fn json_stays_json() {
        for (text, shown) in [
            (
                r#"{"password":"x","host":"h","n":{"Client-Secret" : "a\"b"},"token":12}"#,
                r#"{"password":"***","host":"h","n":{"Client-Secret" : "***"},"token":***}"#,
            ),
            (
                r#"{"password":"","host":"h"}"#,
                r#"{"password":"","host":"h"}"#,
            ),
            (
                r#"{"c":"Server=s;Password=x","d":"e"}"#,
                r#"{"c":"Server=s;Password=***","d":"e"}"#,
            ),
            (
                r#"{"c":"{\"password\":\"x\",\"host\":\"h\"}"}"#,
                r#"{"c":"{\"password\":\"***\",\"host\":\"h\"}"}"#,
            ),
            (
                r#"[{"name":"DB_PASSWORD","slotSetting":false,"value":"x"},{"name":"A","value":"y"}]"#,
                r#"[{"name":"DB_PASSWORD","slotSetting":false,"value":"***"},{"name":"A","value":"y"}]"#,
            ),
            (
                r#"{"secret":{"a":{"b":"x"},"c":"y"},"d":1}"#,
                r#"{"secret":***,"d":1}"#,
            ),
        ] {
            assert_eq!(redact(text), shown);
        }
    }

    #[test]
    fn headers_and_command_lines_are_covered() {
        for (text, shown) in [
            ("Authorization: Bearer abc.def", "Authorization: ***"),
            ("sent bearer abc.def, then", "sent bearer ***, then"),
            (
                "run --password hunter2 --host h",
                "run --password *** --host h",
            ),
            (
                "run --api-key='a b' --host h",
                "run --api-key='***' --host h",
            ),
            ("x-lab-key: k", "x-lab-key: ***"),
        ] {
            assert_eq!(redact(text), shown);
        }
    }

    #[test]
    fn a_text_without_credentials_is_returned_as_it_is() {
        for text in [
            "",
            "<unset>",
            "Server=tcp:db.example.net;Database=shop",
            "max_tokens=4096; bypass=yes; compass=north; monkey=1",
            "at 12:30:05 a@b.example wrote: hello",
            "Password=;Database=d",
            "SharedAccessKeyName=Root",
            "Größe=3; naïve: ja",
        ] {
            assert!(
                matches!(redact(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }

    #[test]
    fn settings_are_judged_by_their_name_as_well() {
        assert_eq!(redact_setting("LAB_DB_PASSWORD", "x"), "***");
        assert_eq!(redact_setting("LAB_KEY", "x"), "***");
        let headers = redact_setting("OTEL_EXPORTER_OTLP_HEADERS", "x-team=abc");
        assert_eq!(headers, "***");
        assert_eq!(redact_setting("LAB_DB_PASSWORD", ""), "");
        assert_eq!(redact_setting("LAB_MODE", "fast"), "fast");
        assert_eq!(redact_setting("LAB_URL", "redis://:x@h"), "redis://***@h");
    }
}
