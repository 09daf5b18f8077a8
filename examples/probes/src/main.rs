//! A whole axum program with probes: requests at one address, probes at another, and an end in the
//! right order.
//!
//! ```sh
//! cargo run --manifest-path examples/probes/Cargo.toml
//! ```
//!
//! | Variable | Default | Meaning |
//! |---|---|---|
//! | `LISTEN` | `127.0.0.1:8000` | address for requests |
//! | `PROBES` | `127.0.0.1:8001` | address for probes |
//! | `DEPENDENCY` | unset | `HOST:PORT` that has to accept connections for the program to be ready |
//! | `DRAIN_PAUSE` | 5 | seconds between SIGTERM, at which `/ready` says no, and the closing of the listener |
//! | `SHUTDOWN_LIMIT` | 25 | seconds that requests in flight get after that |

use std::future::IntoFuture as _;
use std::io;
use std::net::TcpListener;
use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use readiness::{Failure, Latch, Readiness, routes};

// In your program: copy the folder to src/readiness/ and write `mod readiness;`.
#[path = "../../../src/readiness/mod.rs"]
#[allow(dead_code, unused_imports)] // The whole module; this program does not use all of it.
mod readiness;

/// What requests need and the warm-up makes: the primes below ten million.
static PRIMES: OnceLock<Vec<u32>> = OnceLock::new();

struct Settings {
    listen: String,
    probes: String,
    dependency: Option<String>,
    drain_pause: Duration,
    shutdown_limit: Duration,
}

impl Settings {
    fn from_environment() -> io::Result<Self> {
        let text = |name: &str| std::env::var(name).ok();
        let seconds = |name: &str, default: f64| {
            let value = text(name).map_or(Ok(default), |text| text.parse());
            let time = value.ok().and_then(|value| Duration::try_from_secs_f64(value).ok());
            time.ok_or_else(|| io::Error::other(format!("{name} takes seconds")))
        };
        Ok(Self {
            listen: text("LISTEN").unwrap_or_else(|| "127.0.0.1:8000".to_owned()),
            probes: text("PROBES").unwrap_or_else(|| "127.0.0.1:8001".to_owned()),
            dependency: text("DEPENDENCY"),
            drain_pause: seconds("DRAIN_PAUSE", 5.0)?,
            shutdown_limit: seconds("SHUTDOWN_LIMIT", 25.0)?,
        })
    }
}

fn main() -> io::Result<()> {
    let settings = Settings::from_environment()?;
    let not_draining = Latch::open();
    let readiness = registry(&settings, &not_draining);

    // Both addresses are taken before anything is served: a port in use ends the start here.
    let probes = bind("probes", &settings.probes)?;
    let requests = bind("requests", &settings.listen)?;
    serve_probes(probes, &readiness)?;
    runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve_requests(requests, &settings, not_draining))
}

/// What this program needs before it should get requests.
fn registry(settings: &Settings, not_draining: &Latch) -> Readiness {
    let mut builder = Readiness::builder()
        .latch("not_draining", not_draining.clone())
        .step("primes", Duration::from_secs(60), || async {
            let made = tokio::task::spawn_blocking(|| PRIMES.get_or_init(primes).len());
            made.await.map(|_| ()).map_err(|_| Failure::PANICKED)
        });
    if let Some(address) = settings.dependency.clone() {
        builder = builder.check("dependency", Duration::from_secs(2), move || {
            let address = address.clone();
            async move {
                let connected = TcpStream::connect(address).await;
                connected.map(|_| ()).map_err(|_| Failure::new("refused"))
            }
        });
    }
    builder.build()
}

/// A listener, whose address is printed: port 0 takes any that is free.
fn bind(what: &str, address: &str) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
    listener.set_nonblocking(true)?;
    println!("{what} http://{}", listener.local_addr()?);
    Ok(listener)
}

/// Probes have a thread and a runtime of their own: requests that take every thread of the pool are
/// no reason for a restart. The thread ends with the process, and so answers until the very end.
fn serve_probes(listener: TcpListener, readiness: &Readiness) -> io::Result<()> {
    let app = Router::new()
        .route("/health", get(|| async { "alive\n" }))
        .merge(routes(readiness));
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    // The warm-up begins with the program, and not with the first probe.
    runtime.block_on(async { readiness.begin_warm_up() });
    let serve = move || {
        let served = runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, app).await
        });
        if let Err(error) = served {
            eprintln!("probes: {error}");
        }
    };
    std::thread::Builder::new()
        .name("probes".to_owned())
        .spawn(serve)?;
    Ok(())
}

/// Serve until SIGTERM, then end in this order: readiness says no; the pause, in which the platform
/// takes the address out of rotation and requests are still accepted; the listener closes; what is in
/// flight is finished, or cut at the limit.
async fn serve_requests(
    listener: TcpListener,
    settings: &Settings,
    not_draining: Latch,
) -> io::Result<()> {
    let app = Router::new()
        .route("/primes/{index}", get(prime))
        .route("/wait/{milliseconds}", get(wait));
    let mut terminate = signal(SignalKind::terminate())?;
    let (close, closed) = oneshot::channel();
    let pause = settings.drain_pause;
    let leave = async move {
        terminate.recv().await;
        not_draining.close();
        tokio::time::sleep(pause).await;
        let _ = close.send(());
    };
    let limit = async {
        if closed.await.is_ok() {
            tokio::time::sleep(settings.shutdown_limit).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let server = axum::serve(listener, app).with_graceful_shutdown(leave);
    tokio::select! {
        served = server.into_future() => served,
        () = limit => Err(io::Error::other("requests were cut at the limit")),
    }
}

/// `GET /primes/3` is 7; it computes, on a thread that may block.
async fn prime(Path(index): Path<usize>) -> String {
    let found = tokio::task::spawn_blocking(move || {
        let primes = PRIMES.get_or_init(primes);
        primes.get(index).copied()
    });
    match found.await {
        Ok(Some(prime)) => format!("{prime}\n"),
        Ok(None) => "none so large\n".to_owned(),
        Err(_) => "failed\n".to_owned(),
    }
}

/// `GET /wait/500` takes half a second, so that something is in flight when SIGTERM comes.
async fn wait(Path(milliseconds): Path<u64>) -> &'static str {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    "done\n"
}

/// The sieve of Eratosthenes.
fn primes() -> Vec<u32> {
    let most: u32 = 10_000_000;
    let mut is_prime = vec![true; most as usize];
    let mut found = Vec::new();
    for number in 2..most {
        if is_prime[number as usize] {
            found.push(number);
            for multiple in (number.saturating_mul(number)..most).step_by(number as usize) {
                is_prime[multiple as usize] = false;
            }
        }
    }
    found
}
