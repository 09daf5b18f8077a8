//! What happens in the pools of the containers, in one stream with the platform's own words.
//!
//! A pool tells over its control socket, which lies in the folder of its container; the real
//! Gunicorn does not know the question, and then there are the platform's words alone.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::SlotName;
use crate::timeline::Feed;
use crate::timeline::control_client;
use crate::timeline::follow::{self, Background, Line, Origin};

/// Name of the control socket in the folder of a container.
const SOCKET: &str = "labrat.ctl";
/// Between two looks for new containers.
const PERIOD: Duration = Duration::from_millis(200);

/// Follow every pool of these slots, whose containers have their folders here.
pub(super) fn watch(run: &Path, slots: Vec<SlotName>, feed: Arc<Feed>) -> io::Result<Background> {
    let mut pools = Pools::new(run, slots, feed);
    Background::start("pools", move |stop| {
        loop {
            pools.look();
            if stop.comes_within(PERIOD) {
                return;
            }
        }
    })
}

/// The pools that are followed, by their control sockets.
struct Pools {
    run: PathBuf,
    slots: Vec<SlotName>,
    feed: Arc<Feed>,
    followed: BTreeMap<PathBuf, Background>,
    /// How many have been followed.
    count: u32,
}

impl Pools {
    fn new(run: &Path, slots: Vec<SlotName>, feed: Arc<Feed>) -> Self {
        Self {
            run: run.to_owned(),
            slots,
            feed,
            followed: BTreeMap::new(),
            count: 0,
        }
    }

    /// Leave the pools whose sockets are gone, and follow those that are new.
    fn look(&mut self) {
        self.followed.retain(|socket, _| socket.exists());
        for slot in self.slots.clone() {
            for socket in sockets(&self.run, slot) {
                if !self.followed.contains_key(&socket) {
                    self.follow(slot, socket);
                }
            }
        }
    }

    /// A socket has its name before it listens: one that refuses is tried again at the next look.
    fn follow(&mut self, slot: SlotName, socket: PathBuf) {
        let Ok(stream) = control_client::connect(&socket) else {
            return;
        };
        let origin = Origin {
            slot: Some(slot.to_string()),
            pool: Some(self.count + 1),
        };
        let feed = Arc::clone(&self.feed);
        if let Ok(follower) = follow::start(feed, origin, Arc::new(Line::over(stream))) {
            self.followed.insert(socket, follower);
            self.count += 1;
        }
    }
}

/// The control sockets of a slot's containers, that of the youngest last.
pub(super) fn sockets(run: &Path, slot: SlotName) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(run.join(slot.as_str()));
    let mut found: Vec<_> = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join(SOCKET))
        .filter_map(|socket| Some((std::fs::metadata(&socket).ok()?.modified().ok()?, socket)))
        .collect();
    found.sort();
    found.into_iter().map(|(_, socket)| socket).collect()
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, SockAddr, Socket, Type};

    use super::*;

    #[test]
    fn a_pool_whose_socket_does_not_listen_yet_is_followed_once_it_does() {
        let run = tempfile::tempdir().unwrap();
        let container = run.path().join("production/abc");
        std::fs::create_dir_all(&container).unwrap();
        let slots = vec![SlotName::Production];
        let mut pools = Pools::new(run.path(), slots, Arc::new(Feed::default()));
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        let address = SockAddr::unix(container.join(SOCKET)).unwrap();
        socket.bind(&address).unwrap();
        pools.look();
        assert_eq!(pools.count, 0, "nobody is to be reached yet");
        socket.listen(2).unwrap();
        socket.set_nonblocking(true).unwrap();
        pools.look();
        socket.accept().expect("it is asked");
        pools.look();
        assert!(socket.accept().is_err(), "over one connection");
        assert_eq!(pools.count, 1);
    }

    #[test]
    fn a_containers_socket_is_found_in_its_folder_and_nothing_else_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("production");
        std::fs::create_dir_all(run.join("abc")).unwrap();
        std::fs::create_dir_all(run.join("def")).unwrap();
        std::fs::write(run.join("abc").join(SOCKET), "").unwrap();
        let found = sockets(folder.path(), SlotName::Production);
        assert_eq!(found, [run.join("abc").join(SOCKET)]);
        assert!(sockets(folder.path(), SlotName::Staging).is_empty());
    }
}
