//! A plain axum server with the health route and nothing else: the yardstick for what the async
//! worker adds to the library it is made of.
//!
//! `plain_axum THREADS` prints the port it listens on and serves until it is killed.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;

fn main() -> anyhow::Result<()> {
    let threads: usize = std::env::args().nth(1).map_or(Ok(2), |text| text.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()?;
    runtime.block_on(serve())
}

async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    report_port(&listener)?;
    let health = || async {
        (
            [(CONTENT_TYPE, "application/json")],
            "{\"status\":\"healthy\"}\n",
        )
    };
    axum::serve(listener, Router::new().route("/health", get(health))).await?;
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "whoever starts the bench reads the port"
)]
fn report_port(listener: &TcpListener) -> anyhow::Result<()> {
    println!("{}", listener.local_addr()?.port());
    Ok(())
}
