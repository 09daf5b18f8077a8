//! What a startup command says about addresses, translated for a container without a network of
//! its own: where this machine makes no namespaces. Elsewhere the command stays as it was typed.
//!
//! On the platform each container has its own network: `0.0.0.0` is the container's address and
//! `127.0.0.1` is reachable from within only. Here each such container has a loopback address of its
//! own (`127.64.0.0/10`) and a port of its own. `0.0.0.0` in a command stands for that address, the
//! container's port for that port, and `127.0.0.1` stays what it is, so that a server that binds
//! there is not reached by the front end, as on the platform.

use std::net::SocketAddr;

/// The command with the container's address and port in it. `port` is the port that the site is
/// told to listen on.
pub(super) fn translate(command: &str, port: u16, address: SocketAddr) -> String {
    let mut text = command.to_owned();
    let ip = address.ip().to_string();
    for everywhere in ["0.0.0.0:", "[::]:"] {
        text = text.replace(everywhere, &format!("{ip}:"));
    }
    for flag in ["--bind=:", "--bind :", "-b :", "-b=:"] {
        let with_host = format!("{}{ip}:", flag.trim_end_matches(':'));
        text = text.replace(flag, &with_host);
    }
    replace_port(&text, port, address.port())
}

/// The words of a command that needs no shell; `None` where one would do more than take it apart.
pub(super) fn split(command: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for character in command.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some('\''), _) => word.get_or_insert_default().push(character),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (_, '$' | '`' | '\\') => return None,
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, ';' | '&' | '|' | '<' | '>' | '(' | ')' | '{' | '}' | '*' | '~' | '\n') => {
                return None;
            }
            (None, _) => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// Replace `:8000` where the digits end there.
fn replace_port(text: &str, from: u16, to: u16) -> String {
    let wanted = format!(":{from}");
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&wanted) {
        let end = at + wanted.len();
        let whole = !rest[end..].starts_with(|next: char| next.is_ascii_digit());
        out.push_str(&rest[..at]);
        match whole {
            true => out.push_str(&format!(":{to}")),
            false => out.push_str(&wanted),
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::{split, translate};

    #[test]
    fn a_simple_command_is_taken_apart_and_nothing_else_is() {
        let words = |command| split(command).map(|words| words.join("|"));
        for (command, expected) in [
            ("labrat serve  -b :8000", "labrat|serve|-b|:8000"),
            ("a 'b c' \"d e\" ''", "a|b c|d e|"),
            ("a --env=X='1;2'", "a|--env=X=1;2"),
        ] {
            assert_eq!(words(command).as_deref(), Some(expected));
        }
        for script in [
            "a; b", "a && b", "a $B", "a `b`", "a 'b", "a > b", "a \"$B\"",
        ] {
            assert_eq!(words(script), None, "{script}");
        }
    }

    #[test]
    fn the_containers_address_and_port_take_the_place_of_those_in_the_command() {
        for (command, expected) in [
            (
                "labrat serve --bind=0.0.0.0:8000 --workers=2 app:app",
                "labrat serve --bind=127.64.1.2:23456 --workers=2 app:app",
            ),
            (
                "gunicorn -b :8000 app:app",
                "gunicorn -b 127.64.1.2:23456 app:app",
            ),
            (
                "gunicorn --bind=[::]:8000 a",
                "gunicorn --bind=127.64.1.2:23456 a",
            ),
            ("x --bind=0.0.0.0:$PORT", "x --bind=127.64.1.2:$PORT"),
            // Not reachable from outside, there as here.
            ("x --bind=127.0.0.1:8000", "x --bind=127.0.0.1:23456"),
            // Another port than the site is told to listen on.
            ("x --bind=0.0.0.0:80001", "x --bind=127.64.1.2:80001"),
            ("x --bind=0.0.0.0:9000", "x --bind=127.64.1.2:9000"),
            ("x app:app", "x app:app"),
        ] {
            let address = "127.64.1.2:23456".parse().unwrap();
            assert_eq!(translate(command, 8000, address), expected);
        }
    }
}
