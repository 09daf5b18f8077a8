//! Which texts are targets, and TLS.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use labrat::load::{Client, FailureClass, Target, TargetError};
use labrat::scenario::trigger::{TriggerError, check_host};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::server::{Reply, Server};

const GENEROUS: Duration = Duration::from_secs(20);
/// A key that protects nothing: it is published with this test.
const KEY: &[u8] = include_bytes!("data/localhost.key.pem");
const CERTIFICATE: &[u8] = include_bytes!("data/localhost.cert.pem");

#[test]
fn a_base_url_gives_host_port_and_prefix() {
    let target = Target::parse("http://127.0.0.1:8000").unwrap();
    assert_eq!(target.url("/health"), "http://127.0.0.1:8000/health");
    let target = Target::parse(" https://name.azurewebsites.net/ ").unwrap();
    assert_eq!(
        (target.port(), target.host()),
        (443, "name.azurewebsites.net")
    );
    assert_eq!(target.url("/slow"), "https://name.azurewebsites.net/slow");
    let target = Target::parse("http://[::1]:9/base/").unwrap();
    assert_eq!((target.host(), target.port()), ("::1", 9));
    assert_eq!(target.url("/x"), "http://[::1]:9/base/x");
}

#[test]
fn what_is_no_target_is_told_apart() {
    type Kind = fn(&TargetError) -> bool;
    let cases: [(&str, Kind); 7] = [
        ("", |error| matches!(error, TargetError::Malformed { .. })),
        ("http://", |error| {
            matches!(error, TargetError::Malformed { .. })
        }),
        ("http://a b", |error| {
            matches!(error, TargetError::Malformed { .. })
        }),
        ("127.0.0.1:8000", |error| {
            matches!(error, TargetError::Scheme { .. })
        }),
        ("ftp://host", |error| {
            matches!(error, TargetError::Scheme { .. })
        }),
        ("http://host/?q=1", |error| {
            matches!(error, TargetError::Query { .. })
        }),
        ("http://u:hunter2@host", |error| {
            matches!(error, TargetError::Credentials)
        }),
    ];
    for (text, expected) in cases {
        let error = Target::parse(text).unwrap_err();
        assert!(expected(&error), "{text:?}: {error}");
        assert!(!error.to_string().contains("hunter2"));
    }
}

pub async fn tls_server() -> Server {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Server::start_with(
        |_, _| Reply::Answer(200, "{}".into()),
        move |stream| {
            let acceptor = acceptor.clone();
            Box::pin(async move { acceptor.accept(stream).await.ok() })
        },
    )
    .await
}

async fn ask(client: &Client, url: &str) -> Result<u16, (FailureClass, String)> {
    let target = Target::parse(url).unwrap();
    let exchange = client.send(&target, Method::GET, "/", GENEROUS).await;
    exchange
        .result
        .map(|answer| answer.status)
        .map_err(|failure| (failure.class, failure.detail))
}

#[tokio::test]
async fn https_works_with_a_trusted_certificate() {
    let server = tls_server().await;
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(CERTIFICATE).unwrap())
        .unwrap();
    let client = Client::trusting(roots, "labrat-test").unwrap();
    let url = format!("https://localhost:{}", server.address.port());
    assert_eq!(ask(&client, &url).await, Ok(200));
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_a_tls_failure_that_says_so() {
    let server = tls_server().await;
    let client = Client::new("labrat-test").unwrap();
    let url = format!("https://localhost:{}", server.address.port());
    let (class, detail) = ask(&client, &url).await.unwrap_err();
    assert_eq!(class, FailureClass::Tls);
    assert!(detail.contains("certificate"), "{detail}");
    assert_eq!(server.journal.lock().heads.len(), 0);
}

#[tokio::test]
async fn https_to_a_plain_server_is_a_tls_failure() {
    let server = Server::start(|_, _| Reply::Answer(200, "{}".into())).await;
    let raw = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = raw.local_addr().unwrap().port();
    let answering = tokio::spawn(async move {
        let (mut stream, _) = raw.accept().await.unwrap();
        let text = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, text)
            .await
            .unwrap();
        stream
    });
    let client = Client::new("labrat-test").unwrap();
    let url = format!("https://127.0.0.1:{port}");
    let (class, _) = ask(&client, &url).await.unwrap_err();
    assert_eq!(class, FailureClass::Tls);
    drop(answering.await.unwrap());
    drop(server);
}

#[tokio::test]
async fn only_this_machine_may_be_loaded_unless_somebody_says_that_the_host_is_theirs() {
    for url in [
        "http://127.0.0.1:1",
        "http://127.8.8.8",
        "http://[::1]:1",
        "http://localhost:1",
    ] {
        let target = Target::parse(url).unwrap();
        assert!(check_host(&target, false).await.unwrap(), "{url}");
    }
    // Addresses of documentation (RFC 5737, RFC 3849); nothing is sent to them.
    for url in [
        "http://198.51.100.7",
        "http://0.0.0.0:1",
        "http://[2001:db8::1]:1",
    ] {
        let target = Target::parse(url).unwrap();
        let refused = check_host(&target, false).await;
        assert!(
            matches!(refused, Err(TriggerError::NotLoopback { .. })),
            "{url}"
        );
        assert!(!check_host(&target, true).await.unwrap(), "{url}");
    }
}
