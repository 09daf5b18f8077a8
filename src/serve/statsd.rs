//! Metrics for a statsd server, in Gunicorn's names and packets.

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::settings::{Settings, StatsdAddress};

/// Where metrics are sent. What nobody hears is lost, as statsd means it to be.
#[derive(Debug)]
pub struct Statsd {
    /// `None` where the address cannot be reached at all.
    socket: Option<Socket>,
    prefix: String,
    tags: String,
}

#[derive(Debug)]
enum Socket {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

impl Statsd {
    /// The server of the settings, if there is one.
    pub fn of(settings: &Settings) -> Option<Self> {
        let address = settings.statsd_host.as_ref()?;
        Some(Self {
            socket: connect(address),
            prefix: prefix(&settings.statsd_prefix),
            tags: settings.dogstatsd_tags.clone(),
        })
    }

    /// One more of `name`.
    pub fn increment(&self, name: &str) {
        self.send(name, "1|c|@1.0");
    }

    /// `name` has this value now.
    pub fn gauge(&self, name: &str, value: usize) {
        self.send(name, &format!("{value}|g"));
    }

    /// One more value of `name`.
    pub fn histogram(&self, name: &str, value: u32) {
        self.send(name, &format!("{value}|h"));
    }

    /// A request was answered.
    pub fn request(&self, status: u16, took: Duration) {
        // A number as Python prints it: 1.0, 0.25.
        let milliseconds = took.as_micros() as f64 / 1000.0;
        self.send("gunicorn.request.duration", &format!("{milliseconds:?}|ms"));
        self.increment("gunicorn.requests");
        self.increment(&format!("gunicorn.request.status.{status}"));
    }

    fn send(&self, name: &str, value: &str) {
        let tags = if self.tags.is_empty() { "" } else { "|#" };
        let packet = format!("{}{name}:{value}{tags}{}", self.prefix, self.tags);
        let _ = match &self.socket {
            Some(Socket::Udp(socket)) => socket.send(packet.as_bytes()),
            Some(Socket::Unix(socket)) => socket.send(packet.as_bytes()),
            None => return,
        };
    }
}

fn connect(address: &StatsdAddress) -> Option<Socket> {
    match address {
        StatsdAddress::Udp { host, port } => {
            let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
            socket.set_nonblocking(true).ok()?;
            socket.connect((host.as_str(), *port)).ok()?;
            Some(Socket::Udp(socket))
        }
        StatsdAddress::Unix(path) => {
            let socket = UnixDatagram::unbound().ok()?;
            socket.set_nonblocking(true).ok()?;
            socket.connect(path).ok()?;
            Some(Socket::Unix(socket))
        }
    }
}

/// The prefix with one dot at its end; Gunicorn gives none to one of a single letter.
fn prefix(text: &str) -> String {
    let core = text.trim_end_matches('.');
    if core.chars().count() < 2 {
        text.to_owned()
    } else {
        format!("{core}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_in_one_dot_as_gunicorns_does() {
        for (given, used) in [
            ("", ""),
            ("lab", "lab."),
            ("lab.", "lab."),
            ("lab.rat..", "lab.rat."),
            ("a", "a"),
            ("a.", "a."),
            (".a", ".a."),
        ] {
            assert_eq!(prefix(given), used, "{given}");
        }
    }
}
