//! Flags by which servers are told where to listen.

/// A flag that takes a value: its long name, how short that may be cut, and its letter.
pub(super) struct Flag {
    pub long: &'static str,
    pub least: usize,
    pub short: Option<&'static str>,
}

/// A flag that may not be cut short.
pub(super) const fn flag(long: &'static str, short: Option<&'static str>) -> Flag {
    Flag {
        long,
        least: usize::MAX,
        short,
    }
}

/// A server that takes host and port apart.
pub(super) struct HostAndPort {
    pub name: &'static str,
    pub host: Flag,
    pub port: Flag,
    /// Variables of the environment that stand for the flags.
    pub variables: Option<(&'static str, &'static str)>,
    pub defaults: (&'static str, &'static str),
}

pub(super) const BY_HOST_AND_PORT: [HostAndPort; 5] = [
    HostAndPort {
        name: "uvicorn",
        host: flag("--host", None),
        port: flag("--port", None),
        variables: Some(("UVICORN_HOST", "UVICORN_PORT")),
        defaults: ("127.0.0.1", "8000"),
    },
    HostAndPort {
        name: "flask",
        host: flag("--host", Some("-h")),
        port: flag("--port", Some("-p")),
        variables: Some(("FLASK_RUN_HOST", "FLASK_RUN_PORT")),
        defaults: ("127.0.0.1", "5000"),
    },
    HostAndPort {
        name: "daphne",
        host: flag("--bind", Some("-b")),
        port: flag("--port", Some("-p")),
        variables: None,
        defaults: ("127.0.0.1", "8000"),
    },
    HostAndPort {
        name: "waitress-serve",
        host: flag("--host", None),
        port: flag("--port", None),
        variables: None,
        defaults: ("0.0.0.0", "8080"),
    },
    HostAndPort {
        name: "streamlit",
        host: flag("--server.address", None),
        port: flag("--server.port", None),
        variables: None,
        defaults: ("0.0.0.0", "8501"),
    },
];
