//! Where traces and metrics go by OTLP, as OpenTelemetry's own variables say it (OpenTelemetry
//! specification 1.50, "OTLP Exporter Configuration" and "SDK Environment Variables").
//!
//! The specification lets a program start with a variable that it cannot read. Here it is refused, in
//! one line that names the variable: who sets one wants to see something arrive. Values are never in
//! that line, for they may hold a key.

use std::fmt;
use std::time::Duration;

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::Environment;

/// What an SDK calls itself where nobody names the service.
const DEFAULT_SERVICE: &str = "labrat";
const URL_HINT: &str = "an address such as http://127.0.0.1:4318";
const PAIRS_HINT: &str = "name=value, several joined with commas, other characters as %XX";
const NUMBER_HINT: &str = "a whole number, at least 1";

/// A variable that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {problem} (hint: {hint})")]
pub struct VariableError {
    /// Its name.
    pub variable: String,
    /// What is wrong with it.
    pub problem: &'static str,
    /// What it may be.
    pub hint: &'static str,
}

/// Where and how often to export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Otlp {
    /// Where spans go.
    pub traces: Option<Collector>,
    /// Where metrics go.
    pub metrics: Option<Collector>,
    /// What is known of this service: names and values, `service.name` among them.
    pub resource: Vec<(String, String)>,
    /// Between two exports of metrics, default 60 s.
    pub metric_interval: Duration,
    /// How long a span waits for others, default 5 s.
    pub schedule_delay: Duration,
    /// Spans that may wait, default 2048; what comes beyond them is dropped.
    pub queue: usize,
    /// Most spans of one request, default 512.
    pub batch: usize,
}

/// Who takes one kind of telemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collector {
    /// Where it is asked.
    pub url: CollectorUrl,
    /// Headers of every request; their values are secrets.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How long one request may take, default 10 s.
    pub timeout: Duration,
    /// Whose certificates are trusted; nobody's for those that browsers trust.
    pub trusted: Vec<CertificateDer<'static>>,
}

/// The address of a collector. Shown without its query, which may hold a key.
#[derive(Clone, PartialEq, Eq)]
pub struct CollectorUrl {
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// `host:port` as written, for the Host header.
    pub authority: String,
    /// Path and query.
    pub target: String,
}

impl fmt::Display for CollectorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        let path = self.target.split('?').next().unwrap_or_default();
        write!(f, "{scheme}://{}{path}", self.authority)
    }
}

impl fmt::Debug for CollectorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One kind of telemetry, by the word in its variables.
#[derive(Debug, Clone, Copy)]
struct Signal {
    word: &'static str,
    path: &'static str,
}

const TRACES: Signal = Signal {
    word: "TRACES",
    path: "v1/traces",
};
const METRICS: Signal = Signal {
    word: "METRICS",
    path: "v1/metrics",
};

/// What the environment says of exporting; `None` where no endpoint is set, or all is switched off.
///
/// # Errors
/// A variable that cannot be read.
pub fn otlp(environment: &dyn Environment) -> Result<Option<Otlp>, VariableError> {
    let variables = Variables(environment);
    if variables.is("OTEL_SDK_DISABLED", "true") {
        return Ok(None);
    }
    let traces = variables.collector(TRACES)?;
    let metrics = variables.collector(METRICS)?;
    if traces.is_none() && metrics.is_none() {
        return Ok(None);
    }
    let queue = variables.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048)?;
    let batch = variables.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)?;
    let queue = usize::try_from(queue)
        .unwrap_or(usize::MAX)
        .min(MOST_QUEUED);
    Ok(Some(Otlp {
        traces,
        metrics,
        resource: variables.resource()?,
        metric_interval: variables.milliseconds("OTEL_METRIC_EXPORT_INTERVAL", 60_000)?,
        schedule_delay: variables.milliseconds("OTEL_BSP_SCHEDULE_DELAY", 5_000)?,
        queue,
        batch: usize::try_from(batch).unwrap_or(usize::MAX).min(queue),
    }))
}

/// Longest time that a variable can mean: no clock overflows when it is added.
const LONGEST_TIME: Duration = Duration::from_secs(24 * 3600);
/// Most spans that may wait: some hundred bytes each.
const MOST_QUEUED: usize = 65_536;

struct Variables<'a>(&'a dyn Environment);

impl Variables<'_> {
    /// The value of a variable; an empty one is as none (the specification says so).
    fn get(&self, name: &str) -> Option<String> {
        let value = self.0.get(name)?.trim().to_owned();
        Some(value).filter(|value| !value.is_empty())
    }

    fn is(&self, name: &str, word: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case(word))
    }

    /// The variable of one signal, else the one of all: its name and value.
    fn of_signal(&self, signal: Signal, what: &str) -> Option<(String, String)> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.word);
        let common = format!("OTEL_EXPORTER_OTLP_{what}");
        [own, common].into_iter().find_map(|name| {
            let value = self.get(&name)?;
            Some((name, value))
        })
    }

    fn collector(&self, signal: Signal) -> Result<Option<Collector>, VariableError> {
        let exporter = self.get(&format!("OTEL_{}_EXPORTER", signal.word));
        let is_wanted = |exporter: String| exporter.split(',').any(|one| one.trim() == "otlp");
        if !exporter.is_none_or(is_wanted) {
            return Ok(None);
        }
        let own = format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.word);
        let url = match (self.get(&own), self.get("OTEL_EXPORTER_OTLP_ENDPOINT")) {
            (Some(text), _) => url(&own, &text, "")?,
            (None, Some(text)) => url("OTEL_EXPORTER_OTLP_ENDPOINT", &text, signal.path)?,
            (None, None) => return Ok(None),
        };
        if let Some((variable, protocol)) = self.of_signal(signal, "PROTOCOL")
            && protocol != "http/protobuf"
        {
            return Err(error(variable, "is not offered", "http/protobuf"));
        }
        let headers = match self.of_signal(signal, "HEADERS") {
            Some((variable, text)) => headers(&variable, &text)?,
            None => Vec::new(),
        };
        let timeout = match self.of_signal(signal, "TIMEOUT") {
            Some((variable, _)) => self.milliseconds(&variable, 10_000)?,
            None => Duration::from_secs(10),
        };
        let trusted = match self.of_signal(signal, "CERTIFICATE") {
            Some((variable, path)) => certificates(&variable, &path)?,
            None => Vec::new(),
        };
        Ok(Some(Collector {
            url,
            headers,
            timeout,
            trusted,
        }))
    }

    fn number(&self, name: &str, default: u64) -> Result<u64, VariableError> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        let number = text.parse().ok().filter(|number| *number > 0);
        number.ok_or_else(|| error(name, "is no number that it can be", NUMBER_HINT))
    }

    fn milliseconds(&self, name: &str, default: u64) -> Result<Duration, VariableError> {
        let milliseconds = Duration::from_millis(self.number(name, default)?);
        Ok(milliseconds.min(LONGEST_TIME))
    }

    fn resource(&self) -> Result<Vec<(String, String)>, VariableError> {
        let variable = "OTEL_RESOURCE_ATTRIBUTES";
        let mut resource = match self.get(variable) {
            Some(text) => pairs(variable, &text)?,
            None => Vec::new(),
        };
        if let Some(service) = self.get("OTEL_SERVICE_NAME") {
            resource.retain(|(name, _)| name != "service.name");
            resource.push(("service.name".to_owned(), service));
        }
        if !resource.iter().any(|(name, _)| name == "service.name") {
            resource.push(("service.name".to_owned(), DEFAULT_SERVICE.to_owned()));
        }
        Ok(resource)
    }
}

fn error(variable: impl Into<String>, problem: &'static str, hint: &'static str) -> VariableError {
    VariableError {
        variable: variable.into(),
        problem,
        hint,
    }
}

/// An endpoint; `path` is added to one that is of all signals.
fn url(variable: &str, text: &str, path: &str) -> Result<CollectorUrl, VariableError> {
    let refuse = |problem| error(variable, problem, URL_HINT);
    let uri: Uri = text.parse().map_err(|_| refuse("is no URL"))?;
    let is_encrypted = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP => false,
        Some(scheme) if *scheme == Scheme::HTTPS => true,
        _ => return Err(refuse("begins with neither http:// nor https://")),
    };
    let authority = uri.authority().ok_or_else(|| refuse("names no host"))?;
    if authority.as_str().contains('@') {
        return Err(error(
            variable,
            "holds credentials",
            "OTEL_EXPORTER_OTLP_HEADERS is for them",
        ));
    }
    if authority.host().is_empty() {
        return Err(refuse("names no host"));
    }
    let port = match (authority.port(), authority.as_str().rsplit_once(':')) {
        (Some(port), _) => port.as_str().parse().ok().filter(|port| *port != 0),
        // `host:` and `host:99999` are no port to the parser, an IPv6 address has colons as well.
        (None, Some(_)) if !authority.as_str().ends_with(']') => None,
        (None, _) => Some(if is_encrypted { 443 } else { 80 }),
    };
    let written = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let target = match path {
        "" => written.to_owned(),
        path => format!("{}/{path}", uri.path().trim_end_matches('/')),
    };
    let host = authority.host();
    Ok(CollectorUrl {
        is_encrypted,
        host: host.trim_matches(['[', ']']).to_owned(),
        port: port.ok_or_else(|| refuse("has no port that there is"))?,
        authority: authority.to_string(),
        target,
    })
}

fn pairs(variable: &str, text: &str) -> Result<Vec<(String, String)>, VariableError> {
    let parts = text.split(',').map(str::trim);
    let pairs = parts.filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=')?;
        let name = percent_decode_str(name.trim()).decode_utf8().ok()?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        (!name.is_empty()).then(|| (name.into_owned(), value.into_owned()))
    });
    let pairs: Option<Vec<_>> = pairs.collect();
    pairs.ok_or_else(|| error(variable, "cannot be read", PAIRS_HINT))
}

fn headers(variable: &str, text: &str) -> Result<Vec<(HeaderName, HeaderValue)>, VariableError> {
    let headers = pairs(variable, text)?.into_iter().map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    });
    let headers: Option<Vec<_>> = headers.collect();
    headers.ok_or_else(|| error(variable, "has what no header can hold", PAIRS_HINT))
}

fn certificates(variable: &str, path: &str) -> Result<Vec<CertificateDer<'static>>, VariableError> {
    let found =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(|| error(variable, "names no file with certificates", "a file in PEM"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

    fn read<const N: usize>(variables: [(&str, &str); N]) -> Option<Otlp> {
        otlp(&variables).expect("readable variables")
    }

    #[test]
    fn nothing_is_exported_without_an_endpoint_or_when_it_is_switched_off() {
        assert_eq!(read([]), None);
        assert_eq!(read([(ENDPOINT, " ")]), None);
        let url = (ENDPOINT, "http://c:4318");
        assert_eq!(read([url, ("OTEL_SDK_DISABLED", "True")]), None);
        let traces = read([url, ("OTEL_METRICS_EXPORTER", "none")]).unwrap();
        assert!(traces.metrics.is_none() && traces.traces.is_some());
    }

    #[test]
    fn an_endpoint_of_all_gets_a_path_and_one_of_a_signal_is_taken_as_it_is() {
        for (given, traces) in [
            ((ENDPOINT, "http://c:4318"), "http://c:4318/v1/traces"),
            ((ENDPOINT, "https://c/otlp/"), "https://c/otlp/v1/traces"),
            ((ENDPOINT, "http://[::1]:1"), "http://[::1]:1/v1/traces"),
            ((TRACES_ENDPOINT, "http://c:4318"), "http://c:4318/"),
            ((TRACES_ENDPOINT, "http://c:1/x?key=y"), "http://c:1/x"),
        ] {
            let url = read([given]).unwrap().traces.unwrap().url;
            assert_eq!(url.to_string(), traces);
            assert!(!format!("{url:?}").contains("key"));
        }
        let both = read([
            (ENDPOINT, "https://a"),
            (TRACES_ENDPOINT, "http://[::1]:2/t"),
        ])
        .unwrap();
        let (traces, metrics) = (both.traces.unwrap().url, both.metrics.unwrap().url);
        assert_eq!((traces.host.as_str(), traces.port), ("::1", 2));
        assert_eq!((metrics.is_encrypted, metrics.port), (true, 443));
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_its_value() {
        for (variable, value) in [
            (ENDPOINT, "127.0.0.1:4318"),
            (ENDPOINT, "collector"),
            (ENDPOINT, "grpc://s3cret:1"),
            (ENDPOINT, "http://u:s3cret@c:1"),
            (ENDPOINT, "http://c:99999"),
            (ENDPOINT, "http://c:"),
            (ENDPOINT, "http://c:0"),
            (ENDPOINT, "http://s3 cret"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "s3cret"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a b=s3cret"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=s3cret%0A"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1s"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/dev/null"),
            ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
            ("OTEL_RESOURCE_ATTRIBUTES", "=s3cret"),
        ] {
            // The first of two with the same name is found.
            let error = otlp(&[(variable, value), (ENDPOINT, "http://c:1")]).unwrap_err();
            assert_eq!(error.variable, variable);
            let text = error.to_string();
            assert!(!text.contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn values_of_headers_are_decoded_and_not_shown() {
        let read = read([
            (ENDPOINT, "http://c"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret%20x, b = c"),
        ]);
        let traces = read.unwrap().traces.unwrap();
        assert_eq!(traces.headers[0].1, "s3cret x");
        assert_eq!(traces.headers[1].0, "b");
        assert!(!format!("{traces:?}").contains("s3cret"));
    }

    #[test]
    fn a_service_has_the_name_that_is_closest_to_it() {
        let name = |otlp: Option<Otlp>| {
            let resource = otlp.unwrap().resource;
            let names = resource
                .into_iter()
                .filter(|(name, _)| name == "service.name");
            names.map(|(_, value)| value).collect::<Vec<_>>()
        };
        let url = (ENDPOINT, "http://c");
        let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "a=b,service.name=shop%2C1");
        assert_eq!(name(read([url])), ["labrat"]);
        assert_eq!(name(read([url, attributes])), ["shop,1"]);
        let own = ("OTEL_SERVICE_NAME", "own");
        assert_eq!(name(read([url, attributes, own])), ["own"]);
    }
}
