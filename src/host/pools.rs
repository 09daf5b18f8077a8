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
    let run = run.to_owned();
    Background::start("pools", move |stop| {
        let mut followed: BTreeMap<PathBuf, Option<Background>> = BTreeMap::new();
        let mut pools = 0;
        loop {
            followed.retain(|socket, _| socket.exists());
            for slot in &slots {
                for socket in sockets(&run, *slot) {
                    followed.entry(socket.clone()).or_insert_with(|| {
                        pools += 1;
                        let origin = Origin {
                            slot: Some(slot.to_string()),
                            pool: Some(pools),
                        };
                        follow(&socket, origin, Arc::clone(&feed))
                    });
                }
            }
            if stop.comes_within(PERIOD) {
                return;
            }
        }
    })
}

fn follow(socket: &Path, origin: Origin, feed: Arc<Feed>) -> Option<Background> {
    let stream = control_client::connect(socket).ok()?;
    follow::start(feed, origin, Arc::new(Line::over(stream))).ok()
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
    use super::*;

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
