//! How a run is told to stop early.

use tokio::sync::watch;

/// The side that stops a run.
#[derive(Debug, Clone)]
pub struct StopHandle(watch::Sender<bool>);

/// The side that is stopped: cheap to clone, one for each lane.
#[derive(Debug, Clone)]
pub struct StopSignal(watch::Receiver<bool>);

/// A handle and the signal that it raises.
#[must_use]
pub fn stop_pair() -> (StopHandle, StopSignal) {
    let (sender, receiver) = watch::channel(false);
    (StopHandle(sender), StopSignal(receiver))
}

impl StopHandle {
    /// Stop: every request in flight is dropped and its socket closed. Stopping twice is fine.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl StopSignal {
    /// Whether the stop was asked for.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Wait until the stop is asked for; for ever when every handle is gone without asking.
    pub async fn stopped(&mut self) {
        if self.0.wait_for(|stopped| *stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
