//! A connection that changed its protocol (WebSocket): bytes both ways until one side ends.

use std::sync::Arc;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::record::Record;
use super::upstream::Connection;
use super::{RequestEnd, Shared};

/// Copy until both sides have ended, one of them fails, or the front end stops.
pub(super) async fn run(
    client: OnUpgrade,
    site: OnUpgrade,
    connection: Connection,
    mut record: Record,
    shared: Arc<Shared>,
) {
    let copied = async {
        let (client, site) = tokio::try_join!(client, site).ok()?;
        // hyper has let go of both sockets; the guard would only end the task that drove one.
        drop(connection);
        let mut client = TokioIo::new(client);
        let mut site = TokioIo::new(site);
        tokio::io::copy_bidirectional(&mut client, &mut site)
            .await
            .ok()
    };
    let copied = tokio::select! {
        copied = copied => copied,
        () = shared.told_to_stop() => None,
    };
    if let Some((_, to_client)) = copied {
        record.count_sent(to_client);
    }
    record.end(RequestEnd::Tunnelled);
}
