//! The page that shows a run, served by this process.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::identifiers;
use crate::timeline::Feed;
use crate::timeline::lever::{Levers, NoLevers};
use crate::timeline::server::{self, Page};

/// What opens the page, where it is not left to chance.
const TOKEN: &str = "LABRAT_DASHBOARD_TOKEN";

/// A page that listens and is not served yet.
pub(super) struct LivePage {
    /// What it shows.
    pub(super) feed: Arc<Feed>,
    listener: TcpListener,
    token: String,
}

/// A page that is served; dropped, it is not any more.
pub(super) struct Shown {
    /// What opens it.
    pub(super) url: String,
    task: AbortHandle,
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl LivePage {
    /// Listen.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub(super) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("listening on {address} for the page"))?;
        let set = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
        let token = match set {
            Some(token) => token,
            None => identifiers::token::<16>().context("making a token for the page")?,
        };
        Ok(Self {
            feed: Arc::new(Feed::default()),
            listener,
            token,
        })
    }

    /// Serve what happens, with these levers.
    ///
    /// # Errors
    /// When the socket does not say where it is.
    pub(super) fn serve(self, levers: Arc<dyn Levers>) -> anyhow::Result<Shown> {
        self.serve_as(levers, true)
    }

    /// Serve what has happened.
    ///
    /// # Errors
    /// As [`LivePage::serve`].
    pub(super) fn replay(self) -> anyhow::Result<Shown> {
        self.serve_as(Arc::new(NoLevers), false)
    }

    fn serve_as(self, levers: Arc<dyn Levers>, is_live: bool) -> anyhow::Result<Shown> {
        let url = server::url(self.listener.local_addr()?, &self.token);
        let page = Page {
            feed: self.feed,
            levers,
            token: self.token.into(),
            is_live,
        };
        let task = tokio::spawn(server::serve(self.listener, page)).abort_handle();
        Ok(Shown { url, task })
    }
}
