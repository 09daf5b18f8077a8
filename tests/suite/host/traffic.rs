//! Steady requests beside what a test does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::{Reply, get, until};

/// Between two requests of one client.
const INTERVAL: Duration = Duration::from_millis(5);

/// Two clients that ask for a path again and again, each request on a connection of its own.
pub(super) struct Traffic {
    replies: Arc<Mutex<Vec<Reply>>>,
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Traffic {
    pub(super) fn start(address: SocketAddr, path: &'static str) -> Self {
        let replies = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let client = || {
            let replies = Arc::clone(&replies);
            let stop = Arc::clone(&stop);
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let reply = get(address, path).await;
                    replies.lock().push(reply);
                    tokio::time::sleep(INTERVAL).await;
                }
            })
        };
        let clients = vec![client(), client()];
        Self {
            replies,
            stop,
            clients,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.replies.lock().len()
    }

    /// Wait until so many requests have been answered.
    pub(super) async fn reach(&self, count: usize) {
        until("the traffic flows", || {
            (self.count() >= count).then_some(())
        })
        .await;
    }

    /// End it; every reply in the order of its end.
    pub(super) async fn end(self) -> Vec<Reply> {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.unwrap();
        }
        std::mem::take(&mut *self.replies.lock())
    }
}
