//! The arbiter's end of the control socket: never blocks, never trusts.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use nix::sys::stat::{Mode, umask};
use serde_json::Value;

use super::protocol::{self, Frame, Request};
use crate::serve::accept_errors::{AcceptErrors, AfterAccept, SHORTAGE_PAUSE};
use crate::serve::console::ErrorLog;

/// Clients that are served at the same time.
const MOST_CLIENTS: usize = 16;
/// A client that says nothing for so long is let go.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another arbiter answers on it.
    #[error("{} is in use by another arbiter", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is no socket has the name.
    #[error("{} exists and is no socket", path.display())]
    NoSocket {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{}: {source}", path.display())]
    System {
        /// The socket or its folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[derive(Debug)]
struct Client {
    number: usize,
    stream: UnixStream,
    received: Vec<u8>,
    unsent: Vec<u8>,
    last_heard: Instant,
    /// It will send nothing more, and may still read.
    has_finished: bool,
}

/// The open control socket.
#[derive(Debug)]
pub struct ControlServer {
    path: PathBuf,
    listener: UnixListener,
    clients: Vec<Client>,
    next_number: usize,
    errors: AcceptErrors,
    /// When connections can be accepted again.
    not_before: Option<Instant>,
}

impl ControlServer {
    /// Open the socket with this mode, its folder with 0700 where it has to be made.
    ///
    /// # Errors
    /// When another arbiter answers there, or the system refuses.
    pub fn open(path: &Path, mode: u32) -> Result<Self, ControlError> {
        let system = |source| ControlError::System {
            path: path.to_owned(),
            source,
        };
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(system)?;
        }
        clear_the_way(path)?;
        // The file must never be open to others, not even between bind and chmod.
        let before = umask(Mode::from_bits_truncate(0o177));
        let listener = UnixListener::bind(path);
        umask(before);
        let listener = listener.map_err(system)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(system)?;
        listener.set_nonblocking(true).map_err(system)?;
        Ok(Self {
            path: path.to_owned(),
            listener,
            clients: Vec::new(),
            next_number: 0,
            errors: AcceptErrors::default(),
            not_before: None,
        })
    }

    /// The other end of a connection that needs no path: for a child of this process.
    ///
    /// # Errors
    /// Those of socketpair(2).
    pub fn connect(&mut self) -> io::Result<UnixStream> {
        let (ours, theirs) = UnixStream::pair()?;
        self.admit(ours, &mut Vec::new());
        Ok(theirs)
    }

    /// Remove the socket file.
    pub fn remove(self) {
        // Gone already is as good as removed.
        let _ = std::fs::remove_file(&self.path);
    }

    /// Add everything that the arbiter's loop should wait for.
    pub fn add_to_poll<'a>(&'a self, polled: &mut Vec<PollFd<'a>>) {
        if self.may_accept() {
            polled.push(PollFd::new(self.listener.as_fd(), PollFlags::POLLIN));
        }
        for client in &self.clients {
            let mut wanted = PollFlags::empty();
            wanted.set(PollFlags::POLLIN, !client.has_finished);
            wanted.set(PollFlags::POLLOUT, !client.unsent.is_empty());
            polled.push(PollFd::new(client.stream.as_fd(), wanted));
        }
    }

    fn may_accept(&self) -> bool {
        self.pause().is_none()
    }

    /// Time until connections can be accepted again; `None` when they can be now.
    pub fn pause(&self) -> Option<Duration> {
        let left = self.not_before?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Take new clients, read what they sent, and give back whole commands.
    pub fn receive(&mut self, log: &ErrorLog) -> Vec<Request> {
        let mut requests = Vec::new();
        self.clients.retain_mut(|client| client.read(&mut requests));
        while self.may_accept() {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(stream, &mut requests),
                Err(error) => match self.errors.judge(&error, log) {
                    AfterAccept::Retry => {}
                    AfterAccept::Wait | AfterAccept::Stop => break,
                    AfterAccept::Pause | AfterAccept::Fail => {
                        self.not_before = Some(Instant::now() + SHORTAGE_PAUSE);
                    }
                },
            }
        }
        requests
    }

    /// Take a client and read what it sent already. Where there are too many, the one that has
    /// been silent for longest makes room: who only holds a connection keeps nobody out.
    fn admit(&mut self, stream: UnixStream, requests: &mut Vec<Request>) {
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        if self.clients.len() >= MOST_CLIENTS {
            let silent = (0..self.clients.len())
                .filter(|&at| self.clients[at].unsent.is_empty())
                .min_by_key(|&at| self.clients[at].last_heard);
            self.clients.remove(silent.unwrap_or(0));
        }
        let mut client = Client {
            number: self.next_number,
            stream,
            received: Vec::new(),
            unsent: Vec::new(),
            last_heard: Instant::now(),
            has_finished: false,
        };
        self.next_number += 1;
        if client.read(requests) {
            self.clients.push(client);
        }
    }

    /// Queue the answer to a command.
    pub fn answer(&mut self, request: &Request, result: &Result<Value, String>) {
        if let Some(client) = self
            .clients
            .iter_mut()
            .find(|client| client.number == request.client)
        {
            let answer = protocol::answer(request.id, result);
            client.unsent.extend(protocol::frame(&answer));
        }
    }

    /// Send what can be sent.
    pub fn flush(&mut self) {
        self.clients.retain_mut(|client| {
            client.write() && !(client.has_finished && client.unsent.is_empty())
        });
    }
}

impl Client {
    /// Read what is there; false when the client is to be let go.
    fn read(&mut self, requests: &mut Vec<Request>) -> bool {
        let mut chunk = [0u8; 4096];
        while !self.has_finished {
            match self.stream.read(&mut chunk) {
                Ok(0) => self.has_finished = true,
                Ok(count) => {
                    self.last_heard = Instant::now();
                    self.received.extend_from_slice(&chunk[..count]);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
            if self.received.len() > 2 * protocol::LONGEST_MESSAGE {
                return false;
            }
        }
        loop {
            match protocol::take_frame(&self.received) {
                Frame::Partial => break,
                Frame::TooLong => return false,
                Frame::Whole(message, taken) => {
                    self.received.drain(..taken);
                    match protocol::parse(&message, self.number) {
                        Ok(request) => requests.push(request),
                        Err(error) => {
                            let answer = protocol::answer(0, &Err(error));
                            self.unsent.extend(protocol::frame(&answer));
                        }
                    }
                }
            }
        }
        self.last_heard.elapsed() < PATIENCE
    }

    /// Send what can be sent; false when the client is to be let go.
    fn write(&mut self) -> bool {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(0) => return false,
                Ok(count) => {
                    self.unsent.drain(..count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }
}

/// Remove a socket that nobody answers on; leave everything else alone.
fn clear_the_way(path: &Path) -> Result<(), ControlError> {
    let Ok(found) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        return Err(ControlError::NoSocket {
            path: path.to_owned(),
        });
    }
    if UnixStream::connect(path).is_ok() {
        return Err(ControlError::InUse {
            path: path.to_owned(),
        });
    }
    std::fs::remove_file(path).map_err(|source| ControlError::System {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_private_and_a_living_one_is_not_stolen() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made").join("labrat.ctl");
        let server = ControlServer::open(&path, 0o600).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert!(matches!(
            ControlServer::open(&path, 0o600),
            Err(ControlError::InUse { .. })
        ));
        drop(server);
        let server = ControlServer::open(&path, 0o600).expect("a dead one is taken over");
        server.remove();
        assert!(!path.exists());
    }

    #[test]
    fn a_file_of_that_name_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("labrat.ctl");
        std::fs::write(&path, "notes").unwrap();
        assert!(matches!(
            ControlServer::open(&path, 0o600),
            Err(ControlError::NoSocket { .. })
        ));
    }
}
