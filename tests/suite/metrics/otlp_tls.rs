//! OTLP over TLS: whose certificates are trusted.

use nix::sys::signal::Signal;

use super::otlp::{exporting, failures};
use crate::harness::root;
use crate::play::target::tls_server;

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_with_a_certificate_of_its_own_is_trusted_when_it_is_named() {
    let collector = tls_server().await;
    let url = format!("https://localhost:{}", collector.address.port());
    let certificate = root().join("tests/suite/play/data/localhost.cert.pem");
    let talk = move || {
        let stranger = exporting("--workers 1", &url).start().ready();
        let line = stranger.wait_for("OTLP: spans do not get to https://localhost:");
        assert!(line.text.contains("certificate"), "{}", line.text);
        let launch = exporting("--workers 1", &url);
        let path = certificate.display().to_string();
        let mut trusted = launch
            .env("OTEL_EXPORTER_OTLP_CERTIFICATE", path)
            .start()
            .ready();
        trusted.signal(Signal::SIGTERM);
        assert_eq!(trusted.wait_for_end(), Some(0));
        assert_eq!(failures(&trusted), [""; 0], "everything got there");
    };
    tokio::task::spawn_blocking(talk).await.expect("both");
}
