//! Where a startup command has the application listen, and whether the platform looks there.

/// Hosts that only the container itself reaches.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];
/// The ports that the platform looks at: a built-in image's own, and whatever PORT says.
const LOOKED_AT: [&str; 3] = ["8000", "$PORT", "${PORT}"];

/// The first address in `command` that the platform does not reach, if there is one. A command
/// without an address leaves it to PORT, which is right.
pub(super) fn out_of_reach(command: &str) -> Option<&str> {
    addresses(command).find(|address| !is_reached(address))
}

/// What follows `--bind` and `-b`.
fn addresses(command: &str) -> impl Iterator<Item = &str> {
    let mut words = command.split_whitespace();
    std::iter::from_fn(move || {
        while let Some(word) = words.next() {
            for flag in ["--bind=", "-b="] {
                if let Some(address) = word.strip_prefix(flag) {
                    return Some(address);
                }
            }
            if matches!(word, "--bind" | "-b") {
                return words.next();
            }
        }
        None
    })
}

fn is_reached(address: &str) -> bool {
    let address = address.trim_matches(['"', '\'']);
    if address.starts_with("unix:") || address.starts_with("fd://") {
        return false;
    }
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (address, "8000"),
    };
    !LOOPBACK.contains(&host) && LOOKED_AT.contains(&port)
}

#[cfg(test)]
mod tests {
    use super::out_of_reach;

    #[test]
    fn the_loopback_address_and_another_port_are_out_of_reach() {
        for (command, expected) in [
            ("gunicorn --bind=0.0.0.0:8000 app:app", None),
            ("gunicorn -b :8000 app:app", None),
            ("gunicorn --bind [::]:8000 app:app", None),
            ("gunicorn --bind=0.0.0.0:$PORT app:app", None),
            ("gunicorn --bind '0.0.0.0:8000' app:app", None),
            ("gunicorn app:app", None),
            ("gunicorn --bind=127.0.0.1:8000 a", Some("127.0.0.1:8000")),
            ("gunicorn -b localhost:8000 a", Some("localhost:8000")),
            ("gunicorn -b [::1]:8000 a", Some("[::1]:8000")),
            ("gunicorn --bind 0.0.0.0:5000 a", Some("0.0.0.0:5000")),
            ("gunicorn -b unix:/run/a.sock a", Some("unix:/run/a.sock")),
            (
                "gunicorn -b 0.0.0.0:8000 -b 127.0.0.1:9 a",
                Some("127.0.0.1:9"),
            ),
        ] {
            assert_eq!(out_of_reach(command), expected, "{command}");
        }
    }
}
