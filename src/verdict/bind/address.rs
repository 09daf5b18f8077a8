//! An address that a server listens at, seen from the platform.

use std::fmt;
use std::net::IpAddr;

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// Host and port.
    Internet(String, u16),
    /// A Unix socket, a descriptor: nothing that the platform could ask.
    Local(String),
}

/// Where an address lies for the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The platform looks there.
    Reached,
    /// It does not.
    OutOfReach,
    /// Only the host is known to be right.
    OpenPort,
}

impl Address {
    /// An address as Gunicorn's `--bind` takes it. A port that is none is none of an address.
    pub(super) fn of_bind(text: &str) -> Option<Address> {
        if text.starts_with("unix:") || text.starts_with("fd://") || text.starts_with('/') {
            return Some(Address::Local(text.to_owned()));
        }
        let text = text.strip_prefix("tcp://").unwrap_or(text);
        let text = text
            .trim_start_matches("http://")
            .trim_start_matches("https://");
        let text = text.trim_end_matches('/');
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (text, 8000),
        };
        let host = if host.is_empty() { "0.0.0.0" } else { host };
        Some(Address::Internet(
            host.trim_matches(['[', ']']).to_owned(),
            port,
        ))
    }

    /// Whether the platform, which looks at `port`, reaches it.
    pub(super) fn place(&self, port: u16) -> Place {
        let Address::Internet(host, own_port) = self else {
            return Place::OutOfReach;
        };
        let ip: Option<IpAddr> = host.parse().ok();
        match ip {
            // An emulator gives every container an address of its own here, where `0.0.0.0` of its
            // command stands, and a port of its own.
            Some(IpAddr::V4(ip)) if ip.is_loopback() && ip.octets()[1] >= 64 => Place::OpenPort,
            Some(ip) if ip.is_loopback() => Place::OutOfReach,
            None if host.eq_ignore_ascii_case("localhost") => Place::OutOfReach,
            _ if *own_port == port => Place::Reached,
            _ => Place::OutOfReach,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Internet(host, port) if host.contains(':') => write!(out, "[{host}]:{port}"),
            Address::Internet(host, port) => write!(out, "{host}:{port}"),
            Address::Local(text) => out.write_str(text),
        }
    }
}
