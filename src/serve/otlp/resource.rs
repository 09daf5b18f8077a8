//! What is known of the service that exports (OpenTelemetry's semantic conventions for resources).

use super::messages::{Resource, text};
use super::{Exporter, Identity};

/// Where the kernel tells the host's name.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// The resource of a pool. What `OTEL_RESOURCE_ATTRIBUTES` say goes before what is known here.
pub(super) fn of(exporter: &Exporter) -> Resource {
    let told = &exporter.otlp.resource;
    let own = known(&exporter.pool);
    let own = own
        .into_iter()
        .filter(|(name, _)| !told.iter().any(|(other, _)| other == name));
    let told = told.iter().map(|(name, value)| text(name, value));
    Resource {
        attributes: told
            .chain(own.map(|(name, value)| text(name, value)))
            .collect(),
    }
}

fn known(pool: &Identity) -> Vec<(&'static str, String)> {
    let version = env!("CARGO_PKG_VERSION");
    let mut known = vec![
        ("service.instance.id", pool.instance.clone()),
        ("service.version", version.to_owned()),
        ("telemetry.sdk.language", "rust".to_owned()),
        ("telemetry.sdk.name", env!("CARGO_PKG_NAME").to_owned()),
        ("telemetry.sdk.version", version.to_owned()),
    ];
    if let Ok(name) = std::fs::read_to_string(HOST_NAME) {
        known.push(("host.name", name.trim().to_owned()));
    }
    known
}
