//! One request and its answer over a connection of its own.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};

/// The certificate authorities of the web.
pub(crate) fn web_roots() -> RootCertStore {
    RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    }
}

/// A client of TLS that trusts these and shows no certificate of its own.
///
/// # Errors
/// When the TLS library refuses its own settings.
pub(crate) fn tls_client(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Send `request` over `stream`, and give the head of the answer to `read`, which reads of its body
/// what it needs. The connection is driven by this very future and not by a task of its own, so that
/// dropping the future closes the socket.
///
/// # Errors
/// When the request cannot be written or no head of an answer comes; what `read` says is its own.
pub(crate) async fn exchange<S, B, F, R>(
    stream: S,
    request: Request<B>,
    read: impl FnOnce(Response<Incoming>) -> F,
) -> hyper::Result<R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    F: Future<Output = R>,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut connection = pin!(connection);
    let mut answer = pin!(async {
        let response = sender.send_request(request).await?;
        Ok(read(response).await)
    });
    tokio::select! {
        biased;
        result = &mut answer => result,
        // The connection may end with the answer already handed over; then the answer counts.
        ended = &mut connection => match (ended, answer.await) {
            (_, Ok(answer)) => Ok(answer),
            (Err(error), Err(_)) => Err(error),
            (Ok(()), Err(error)) => Err(error),
        },
    }
}
