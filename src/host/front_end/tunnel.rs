//! A connection that changed its protocol (WebSocket): bytes both ways until one side ends.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;

use super::RequestEnd;
use super::record::Record;
use super::upstream::Connection;

/// Copy until both sides have ended, one of them fails, or the front end stops.
pub(super) async fn run(
    client: OnUpgrade,
    site: OnUpgrade,
    connection: Connection,
    mut record: Record,
    mut stop: watch::Receiver<bool>,
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
        () = super::told_to_stop(&mut stop) => None,
    };
    if let Some((_, to_client)) = copied {
        record.count_sent(to_client);
    }
    record.end(RequestEnd::Tunnelled);
}
