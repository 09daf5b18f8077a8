//! `labrat downstream`: the service that the lab application calls.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::exit::Exit;
use super::output;
use crate::downstream::{Knobs, Service, routes};

/// Words of `labrat downstream`.
#[derive(Debug, Args)]
pub(super) struct DownstreamOptions {
    /// Where to listen; port 0 takes any
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS")]
    bind: SocketAddr,
    /// How long every answer takes, in seconds
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS")]
    latency: f64,
    /// Which share of the answers is 503, from 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    fail: f64,
    /// End when standard input does, so that it never outlives whoever started it
    #[arg(long)]
    until_input_ends: bool,
}

/// Serve until a signal, or the end of standard input, says otherwise. The first line of standard
/// output is the address.
///
/// # Errors
/// When a knob is out of bounds, or the address cannot be listened on.
pub(super) fn run(options: &DownstreamOptions) -> anyhow::Result<Exit> {
    let service = Service::new(Knobs {
        latency_seconds: options.latency,
        fail_share: options.fail,
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the service")?;
    runtime.block_on(async {
        let listener = TcpListener::bind(options.bind)
            .await
            .with_context(|| format!("listening on {}", options.bind))?;
        output::data(&format!("http://{}\n", listener.local_addr()?))?;
        let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
        tokio::select! {
            served = axum::serve(listener, routes(Arc::new(service))) => served?,
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = input_ended(), if options.until_input_ends => {}
        }
        Ok::<_, anyhow::Error>(())
    })?;
    runtime.shutdown_background();
    Ok(Exit::Success)
}

/// Standard input is read by a thread, which ends with the process.
async fn input_ended() {
    let (ended, seen) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // However it ends, it has ended.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let _ = seen.await;
}
