//! Reaching a dependency: name, address, connection, encryption, each with its own word.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::words;
use crate::exchange::{tls_client, web_roots};
use crate::readiness::Failure;

/// Make sure that a name has an address. A resolver that does not answer knows the name as little.
pub(super) async fn resolve(
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<Vec<std::net::SocketAddr>, Failure> {
    match timeout_at(deadline, lookup_host((host, port))).await {
        Ok(Ok(addresses)) => {
            let addresses: Vec<_> = addresses.collect();
            match addresses.is_empty() {
                true => Err(words::UNKNOWN_HOST),
                false => Ok(addresses),
            }
        }
        Ok(Err(_)) | Err(_) => Err(words::UNKNOWN_HOST),
    }
}

/// Connect to the first address that takes the connection.
pub(super) async fn connect(
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<TcpStream, Failure> {
    let mut word = words::UNREACHABLE;
    for address in resolve(host, port, deadline).await? {
        match timeout_at(deadline, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Questions and answers are small; without it they only come later.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => word = word_of(&error),
            Err(_) => return Err(words::SILENT),
        }
    }
    Err(word)
}

/// The word of a connection that failed.
pub(super) fn word_of(error: &io::Error) -> Failure {
    if error
        .get_ref()
        .is_some_and(|inner| inner.is::<rustls::Error>())
    {
        return words::TLS;
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => words::REFUSED,
        io::ErrorKind::TimedOut => words::SILENT,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => words::CLOSED,
        _ => words::UNREACHABLE,
    }
}

/// Encrypt a connection to `host`, whose certificate has to be valid for that name.
pub(super) async fn encrypt(
    stream: TcpStream,
    host: &str,
    deadline: Instant,
) -> Result<TlsStream<TcpStream>, Failure> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| words::TLS)?;
    let connector = TlsConnector::from(Arc::new(trusting(None)?));
    match timeout_at(deadline, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(word_of(&error)),
        Err(_) => Err(words::SILENT),
    }
}

/// A client that trusts the certificates in a file, or else those that browsers trust.
pub(super) fn trusting(file: Option<&Path>) -> Result<ClientConfig, Failure> {
    let roots = match file {
        None => web_roots(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            let certificates = CertificateDer::pem_file_iter(file);
            for certificate in certificates.map_err(|_| words::BAD_SETTING)? {
                let certificate = certificate.map_err(|_| words::BAD_SETTING)?;
                roots.add(certificate).map_err(|_| words::BAD_SETTING)?;
            }
            roots
        }
    };
    tls_client(roots).map_err(|_| words::TLS)
}
