//! One attempt: a connection, a request, an answer.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::failure::{Destination, Failure};
use super::ports::{PortError, PortRange};
use super::stream::Stream;

/// How often a call that waits looks whether it is still wanted.
pub(super) const SLICE: Duration = Duration::from_millis(50);
/// The most bytes of an answer.
const LONGEST_ANSWER: usize = 1 << 20;

/// What one attempt may use and must heed.
pub(super) struct Attempt<'a> {
    pub(super) to: &'a Destination,
    pub(super) deadline: Instant,
    pub(super) ports: Option<&'a PortRange>,
    /// Whether somebody undid every fault in the meantime.
    pub(super) called_off: &'a dyn Fn() -> bool,
}

/// The read address of a service: `http://HOST[:PORT][/PATH][?QUERY]`, or with `https`.
pub(super) fn destination(base_url: &str) -> Option<Destination> {
    let uri: http::Uri = base_url.parse().ok()?;
    let (encrypted, default_port) = match uri.scheme_str()? {
        "http" => (false, 80),
        "https" => (true, 443),
        _ => return None,
    };
    Some(Destination {
        encrypted,
        host: uri.host()?.to_owned(),
        port: uri.port_u16().unwrap_or(default_port),
        path: match uri.query() {
            Some(query) => format!("{}?{query}", uri.path()),
            None => uri.path().to_owned(),
        },
    })
}

impl Attempt<'_> {
    /// A new connection.
    pub(super) fn connect(&self) -> Result<Stream, Failure> {
        let Destination { host, port, .. } = self.to;
        let host = host.trim_matches(['[', ']']);
        let address = (host, *port)
            .to_socket_addrs()
            .ok()
            .and_then(|mut addresses| addresses.next())
            .ok_or(Failure::UnknownHost)?;
        self.connect_to(address)
            .and_then(|stream| match self.to.encrypted {
                true => Stream::encrypt(stream, host, self.left()),
                false => Ok(Stream::Plain(stream)),
            })
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidData => Failure::Tls,
                ErrorKind::WouldBlock => Failure::ConnectTimeout,
                ErrorKind::ConnectionRefused => Failure::Refused,
                ErrorKind::AddrNotAvailable => Failure::NoPort,
                ErrorKind::TimedOut => Failure::ConnectTimeout,
                _ => Failure::BrokenOff,
            })
    }

    fn connect_to(&self, address: SocketAddr) -> std::io::Result<TcpStream> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        if let Some(ports) = self.ports {
            match ports.apply(&socket) {
                Ok(()) => {}
                Err(PortError::Exhausted) => return Err(ErrorKind::AddrNotAvailable.into()),
                Err(PortError::System(error)) => return Err(error),
            }
        }
        socket.connect_timeout(&address.into(), self.left())?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Never nothing, which would mean for ever.
    fn left(&self) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        left.max(Duration::from_millis(1))
    }

    /// Ask on this connection. The second part says whether it can be used again.
    pub(super) fn ask(&self, stream: &mut Stream) -> Result<bool, Failure> {
        let Destination {
            host, port, path, ..
        } = self.to;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: labrat\r\n\
             Accept: */*\r\nConnection: keep-alive\r\n\r\n"
        );
        stream
            .write_all(request.as_bytes())
            .map_err(|_| Failure::BrokenOff)?;
        let mut answer = Vec::new();
        let (status, whole) = loop {
            if let Some(found) = read_answer(&answer) {
                break found;
            }
            if answer.len() > LONGEST_ANSWER || !self.more(stream, &mut answer)? {
                return Err(Failure::BrokenOff);
            }
        };
        match status {
            200..=399 => Ok(whole),
            status => Err(Failure::Status(status)),
        }
    }

    /// Read on; `false` at the end.
    fn more(&self, stream: &mut Stream, answer: &mut Vec<u8>) -> Result<bool, Failure> {
        let mut chunk = [0_u8; 4096];
        loop {
            if (self.called_off)() {
                return Err(Failure::BrokenOff);
            }
            if Instant::now() >= self.deadline {
                return Err(Failure::ReadTimeout);
            }
            let wait = self.left().min(SLICE);
            stream
                .set_read_timeout(wait)
                .map_err(|_| Failure::BrokenOff)?;
            match stream.read(&mut chunk) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    answer.extend_from_slice(&chunk[..count]);
                    return Ok(true);
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                    _ => return Err(Failure::BrokenOff),
                },
            }
        }
    }
}

/// The status once the answer is whole, and whether its end was told beforehand.
fn read_answer(answer: &[u8]) -> Option<(u16, bool)> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let matches = name.eq_ignore_ascii_case("content-length");
        matches.then(|| value.trim().parse::<usize>().ok())?
    });
    match length {
        Some(length) if answer.len() < end + 4 + length => None,
        length => Some((status, length.is_some())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_its_body_is_whole() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(read_answer(&whole[..whole.len() - 1]), None);
        assert_eq!(read_answer(whole), Some((200, true)));
        let endless = b"HTTP/1.1 503 Service Unavailable\r\n\r\n";
        assert_eq!(read_answer(endless), Some((503, false)));
        assert_eq!(read_answer(b"HTTP/1.1 200"), None);
    }

    #[test]
    fn addresses_are_understood_with_their_scheme_and_query() {
        let to = destination("http://127.0.0.1:8090/v2").unwrap();
        assert_eq!((to.host.as_str(), to.port), ("127.0.0.1", 8090));
        assert_eq!(to.path, "/v2");
        assert_eq!(destination("http://api.example.net").unwrap().port, 80);
        let to = destination("https://api.example.net/v2?key=1").unwrap();
        assert_eq!((to.encrypted, to.port), (true, 443));
        assert_eq!(to.path, "/v2?key=1");
        assert_eq!(destination("http://h?key=1").unwrap().path, "/?key=1");
        for bad in ["ftp://h/", "h:80", "", "http://"] {
            assert_eq!(destination(bad), None, "{bad}");
        }
    }
}
