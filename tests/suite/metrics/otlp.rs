//! Traces and metrics by OTLP, as a collector receives them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use labrat::metrics::declared;
use labrat::serve::otlp::LAST_EXPORT;
use nix::sys::signal::Signal;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;

use super::Figures;
use crate::harness::{
    Address, Collector, Kind, Launch, PATIENCE, Reply, Server, Stream, exchange, get, get_many,
    poll, with_probe_server,
};

const CLIENTS_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENTS_SPAN: &str = "b7ad6b7169203331";

/// A pool that exports there, quickly.
pub(super) fn exporting(arguments: &str, url: &str) -> Launch {
    Launch::new(Kind::Labrat, arguments)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "100")
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("neither text nor number: {other:?}"),
    }
}

fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|one| one.key == name)?;
    Some(text(found.value.as_ref()))
}

fn path(span: &Span) -> String {
    attribute(&span.attributes, "url.path").expect("a path")
}

/// How many spans there are of each method, route and status.
fn counted_spans(spans: &[Span]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for span in spans {
        let get = |name: &str| attribute(&span.attributes, name);
        let series = format!(
            "{} {} {}",
            get("http.request.method").expect("a method"),
            get("http.route").as_deref().unwrap_or("other"),
            get("http.response.status_code").expect("a status"),
        );
        *counts.entry(series).or_default() += 1;
    }
    counts
}

/// The same of what the histogram of requests counts.
fn counted_requests(metrics: &[Metric]) -> BTreeMap<String, u64> {
    let found = metrics
        .iter()
        .find(|metric| metric.name == "http.server.request.duration");
    let Some(Data::Histogram(histogram)) = found.and_then(|metric| metric.data.as_ref()) else {
        return BTreeMap::new();
    };
    assert_eq!(histogram.aggregation_temporality, 2, "cumulative");
    let points = histogram.data_points.iter().map(|point| {
        assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
        assert!(point.start_time_unix_nano < point.time_unix_nano);
        let get = |name: &str| attribute(&point.attributes, name).expect("a label");
        let series = format!(
            "{} {} {}",
            get("http.request.method"),
            get("http.route"),
            get("http.response.status_code"),
        );
        (series, point.count)
    });
    points.collect()
}

/// The process that wrote the first line with these words.
fn writer_of(server: &Server, words: &str) -> u32 {
    let line = server.wait_for(words).text;
    let pid = line.split("] [").nth(1).expect("a process");
    pid.parse().expect("a pid")
}

pub(super) fn failures(server: &Server) -> Vec<String> {
    let lines = server.lines().into_iter().map(|line| line.text);
    lines
        .filter(|line| line.contains(" do not get to "))
        .collect()
}

/// How many are dropped, as the last line about it says.
fn dropped(server: &Server) -> u64 {
    let lines = failures(server);
    let last = lines
        .last()
        .unwrap_or_else(|| server.fail("nothing is said to be dropped"));
    let number = last.rsplit("dropped so far: ").next().expect("a number");
    number.trim_end_matches(')').parse().expect("a number")
}

fn nanoseconds_since_1970() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.expect("a clock").as_nanos()).expect("a number")
}

#[test]
fn every_request_is_one_span_also_of_a_worker_that_is_killed_and_metrics_count_the_same() {
    for class in ["sync", "gthread", "async"] {
        let collector = Collector::start(&[]);
        let began = nanoseconds_since_1970();
        let launch = exporting(
            &format!("--workers 2 --worker-class {class}"),
            &collector.url(),
        );
        let (mut server, probes) = with_probe_server(launch);
        let targets: Vec<String> = (0..60)
            .map(|number| format!("/nowhere/{number}?q=1"))
            .collect();
        for some in targets.chunks(20) {
            let answers = get_many(server.address(), some, PATIENCE);
            assert!(answers.iter().all(|answer| answer.status() == Some(404)));
        }
        assert_eq!(server.get("/slow?seconds=0.3").status(), Some(200));
        server.signal_to(server.workers()[0], Signal::SIGKILL);
        let asked = format!(
            "GET /fast HTTP/1.1\r\nHost: x\r\ntraceparent: 00-{CLIENTS_TRACE}-{CLIENTS_SPAN}-01\r\nConnection: close\r\n\r\n"
        );
        let answer = exchange(server.address(), asked.as_bytes(), PATIENCE);
        assert_eq!(answer.status(), Some(200));
        let shown = Figures::of(&probes);
        server.signal(Signal::SIGTERM);
        assert_eq!(server.wait_for_end(), Some(0));
        let received = collector.received();
        let ended = nanoseconds_since_1970();

        let of_nowhere = |span: &&Span| path(span).starts_with("/nowhere/");
        let mut paths: Vec<_> = received.spans.iter().filter(of_nowhere).map(path).collect();
        paths.sort_unstable();
        let mut wanted: Vec<_> = targets
            .iter()
            .map(|target| target.replace("?q=1", ""))
            .collect();
        wanted.sort_unstable();
        assert_eq!(paths, wanted, "{class}: each once, without its query");
        let requests = counted_requests(&received.metrics);
        assert_eq!(counted_spans(&received.spans), requests, "{class}");
        assert_eq!(
            shown.count(&declared::REQUEST_DURATION, &[]),
            requests.values().sum::<u64>() as f64,
            "{class}: as /metrics"
        );
        check_spans(&received.spans, &server, began..ended);
        assert_eq!(failures(&server), [""; 0]);
    }
}

/// Times, names, parents and identifiers of these spans.
fn check_spans(spans: &[Span], server: &Server, run: std::ops::Range<u64>) {
    let took =
        |span: &Span| Duration::from_nanos(span.end_time_unix_nano - span.start_time_unix_nano);
    for span in spans {
        let times = span.start_time_unix_nano..span.end_time_unix_nano;
        assert!(run.start <= times.start && times.end <= run.end, "{span:?}");
        assert_eq!(
            (span.kind, span.trace_id.len(), span.span_id.len()),
            (2, 16, 8)
        );
        let worker = attribute(&span.attributes, "labrat.worker.pid").expect("a worker");
        let worker: u32 = worker.parse().expect("a pid");
        assert!(server.booted().contains(&worker), "{worker}");
    }
    let mut ids: Vec<_> = spans.iter().map(|span| &span.span_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), spans.len());
    let slow = spans.iter().filter(|span| span.name == "GET /slow");
    let longest = slow.max_by_key(|span| took(span)).expect("a slow one");
    let longest = took(longest);
    assert!(
        longest >= Duration::from_millis(300) && longest < PATIENCE,
        "{longest:?}"
    );
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let of_client = |span: &&Span| hex(&span.trace_id) == CLIENTS_TRACE;
    let of_client: Vec<_> = spans.iter().filter(of_client).collect();
    assert_eq!(of_client.len(), 1);
    assert_eq!(hex(&of_client[0].parent_span_id), CLIENTS_SPAN);
    assert_eq!(
        (of_client[0].name.as_str(), of_client[0].flags),
        ("GET /fast", 0x301)
    );
    let roots = spans.iter().filter(|span| span.parent_span_id.is_empty());
    assert_eq!(roots.count(), spans.len() - 1);
}

#[test]
fn a_failed_request_is_a_span_with_an_error() {
    let collector = Collector::start(&[]);
    let server = exporting("--workers 1 --timeout 1", &collector.url())
        .start()
        .ready();
    assert_eq!(server.get("/slow?seconds=30").status(), Some(500));
    let failed = poll(PATIENCE, || {
        let received = collector.received();
        let mut spans = received.spans.iter();
        spans
            .find(|span| attribute(&span.attributes, "error.type").is_some())
            .cloned()
    });
    let failed = failed.expect("a span");
    assert_eq!(failed.name, "GET /slow");
    assert_eq!(failed.status.map(|status| status.code), Some(2));
    let took = failed.end_time_unix_nano - failed.start_time_unix_nano;
    assert!(
        took >= 1_000_000_000,
        "until the worker was cut down: {took}"
    );
}

/// The name that a collector writes for Prometheus.
fn prometheus_name(metric: &Metric) -> String {
    let mut name = metric.name.replace('.', "_");
    match metric.unit.as_str() {
        "s" => name.push_str("_seconds"),
        "By" => name.push_str("_bytes"),
        unit => assert_eq!(unit, "", "{name}"),
    }
    if let Some(Data::Sum(sum)) = &metric.data {
        assert!(sum.is_monotonic && sum.aggregation_temporality == 2);
        name.push_str("_total");
    }
    name
}

#[test]
fn metrics_are_those_of_the_probe_server() {
    let collector = Collector::start(&[]);
    let launch = exporting("--workers 2", &collector.url())
        .env("OTEL_SERVICE_NAME", "shop")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=lab");
    let (server, probes) = with_probe_server(launch);
    assert_eq!(server.get("/leak").status(), Some(200));
    let shown = Figures::of(&probes);
    let exported = collector.received().metric_exports;
    // One that began before is not of now.
    let is_new = || (collector.received().metric_exports > exported + 1).then_some(());
    poll(PATIENCE, is_new).expect("another export");
    let received = collector.received();
    let names = shown
        .0
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "));
    let mut names: Vec<&str> = names.filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    let mut exported: Vec<_> = received.metrics.iter().map(prometheus_name).collect();
    exported.sort_unstable();
    assert_eq!(exported, names);
    let value = |name: &str| {
        let metric = received
            .metrics
            .iter()
            .find(|metric| prometheus_name(metric) == name);
        let points = match metric.and_then(|metric| metric.data.as_ref()) {
            Some(Data::Gauge(gauge)) => &gauge.data_points,
            Some(Data::Sum(sum)) => &sum.data_points,
            other => panic!("{name}: {other:?}"),
        };
        let values = points.iter().map(|point| match point.value {
            Some(number_data_point::Value::AsDouble(value)) => value,
            other => panic!("{name}: {other:?}"),
        });
        values.sum::<f64>()
    };
    for metric in [
        &declared::WORKERS,
        &declared::WORKERS_WANTED,
        &declared::WORKER_STARTS,
        &declared::WORKER_EXITS,
        &declared::LEAKED_BYTES,
        &declared::LISTENER_QUEUE_LIMIT,
        &declared::INVALID_REQUESTS,
    ] {
        assert_eq!(
            value(metric.name),
            shown.get(metric, &[]),
            "{}",
            metric.name
        );
    }
    let resource = received.resources.last().expect("a resource");
    let get = |name: &str| attribute(&resource.attributes, name);
    assert_eq!(get("service.name").as_deref(), Some("shop"));
    assert_eq!(get("deployment.environment").as_deref(), Some("lab"));
    assert_eq!(get("service.instance.id").map(|id| id.len()), Some(36));
    assert!(get("host.name").is_some_and(|name| !name.is_empty()));
    let instances = received.resources.iter().map(|resource| {
        attribute(&resource.attributes, "service.instance.id").expect("an instance")
    });
    let mut instances: Vec<_> = instances.collect();
    instances.dedup();
    assert_eq!(instances.len(), 1, "spans and metrics are of one instance");
}

#[test]
fn a_collector_that_is_busy_gets_the_same_again_and_the_console_says_it_once() {
    let collector = Collector::start(&[Reply::Refuse(503), Reply::Refuse(429), Reply::Take]);
    let launch = exporting("--workers 1", &collector.url()).env("OTEL_METRICS_EXPORTER", "none");
    let (mut server, probes) = with_probe_server(launch);
    server.wait_for("OTLP: spans get to ");
    let before = Figures::of(&probes).count(&declared::REQUEST_DURATION, &[]);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait_for_end(), Some(0));
    let received = collector.received();
    assert!(received.heads.len() >= 3);
    assert_eq!(
        received.spans.len() as f64,
        before,
        "none is lost, none is there twice"
    );
    let said = failures(&server);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("it answers 503 (dropped so far: 0)"),
        "{said:?}"
    );
    assert!(received.metrics.is_empty(), "metrics are not wanted");
}

#[test]
fn what_a_collector_refuses_for_good_is_dropped_and_counted() {
    let collector = Collector::start(&[Reply::Refuse(400)]);
    let launch = exporting("--workers 1", &collector.url()).env("OTEL_METRICS_EXPORTER", "none");
    let (mut server, probes) = with_probe_server(launch);
    server.wait_for("it answers 400");
    assert_eq!(server.get("/fast").status(), Some(200));
    let all = Figures::of(&probes).count(&declared::REQUEST_DURATION, &[]);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait_for_end(), Some(0));
    assert_eq!(dropped(&server) as f64, all);
}

/// The time that so many requests take, one after the other.
fn time_of_requests(address: &Address) -> Duration {
    let began = Instant::now();
    for _ in 0..200 {
        assert_eq!(get(address, "/fast").status(), Some(200));
    }
    began.elapsed()
}

#[test]
fn a_collector_that_never_answers_harms_neither_requests_nor_the_end() {
    let plain = Launch::new(Kind::Labrat, "--workers 1").start().ready();
    let without = time_of_requests(plain.address());
    let collector = Collector::start(&[Reply::Hang]);
    let launch = exporting("--workers 1", &collector.url()).env("OTEL_BSP_MAX_QUEUE_SIZE", "20");
    let (mut server, probes) = with_probe_server(launch);
    poll(PATIENCE, || {
        (!collector.received().heads.is_empty()).then_some(())
    })
    .expect("a request");
    let with = time_of_requests(server.address());
    assert!(
        with < without * 3 + Duration::from_secs(1),
        "{with:?}, not {without:?}"
    );
    server.wait_for("more come than it takes");
    let all = Figures::of(&probes).count(&declared::REQUEST_DURATION, &[]);
    let began = Instant::now();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait_for_end(), Some(0));
    let took = began.elapsed();
    assert!(took < LAST_EXPORT + Duration::from_secs(5), "{took:?}");
    assert_eq!(dropped(&server) as f64, all, "every one is accounted for");
    assert!(failures(&server).len() <= 3, "{:?}", failures(&server));
}

#[test]
fn a_second_signal_cuts_the_last_export_short() {
    let collector = Collector::start(&[Reply::Hang]);
    let mut server = exporting("--workers 1", &collector.url()).start().ready();
    server.begin_stop(Signal::SIGTERM);
    server.wait_for("Shutting down: Master");
    let began = Instant::now();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait_for_end(), Some(0));
    let took = began.elapsed();
    assert!(took < LAST_EXPORT, "{took:?}");
}

#[test]
fn where_nobody_listens_it_is_said_once_for_each_kind_and_the_pool_ends_at_once() {
    // A port that is taken and answers nobody.
    let taken = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let nowhere: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    taken.bind(&nowhere.into()).unwrap();
    let port = taken.local_addr().unwrap().as_socket().unwrap().port();
    let mut server = exporting("--workers 1", &format!("http://127.0.0.1:{port}"))
        .start()
        .ready();
    server.wait_for("OTLP: spans do not get to ");
    server.wait_for("OTLP: metrics do not get to ");
    let during = failures(&server);
    assert_eq!(during.len(), 2, "{during:?}");
    assert!(
        during
            .iter()
            .all(|line| line.contains("Connection refused")),
        "{during:?}"
    );
    let began = Instant::now();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait_for_end(), Some(0));
    assert!(began.elapsed() < LAST_EXPORT + Duration::from_secs(2));
}

#[test]
fn an_exporter_that_is_killed_is_followed_by_one_that_goes_on_where_it_was() {
    let collector = Collector::start(&[]);
    let (mut server, probes) = with_probe_server(exporting("--workers 1", &collector.url()));
    let all = |probes: &Address| Figures::of(probes).count(&declared::REQUEST_DURATION, &[]);
    let before = all(&probes);
    let are_sent = || (collector.received().spans.len() as f64 == before).then_some(());
    poll(PATIENCE, are_sent).expect("all that there were");
    server.signal_to(writer_of(&server, "OTLP: spans go to "), Signal::SIGKILL);
    server.wait_for("The exporter (pid:");
    assert_eq!(server.get("/fast").status(), Some(200));
    server.wait_for_count(2, "OTLP: spans go to ");
    let after = all(&probes);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait_for_end(), Some(0));
    assert_eq!(collector.received().spans.len() as f64, after);
}

#[test]
fn headers_are_sent_and_shown_nowhere() {
    let collector = Collector::start(&[Reply::Refuse(401)]);
    let launch = exporting("--workers 1 --log-level debug", &collector.url())
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-collector=hush%2Dhush");
    let server = launch.start().ready();
    server.wait_for("it answers 401");
    let heads = collector.received().heads.clone();
    assert!(
        heads
            .iter()
            .all(|head| head.contains("x-collector: hush-hush")),
        "{heads:?}"
    );
    assert!(
        heads
            .iter()
            .all(|head| head.contains("application/x-protobuf"))
    );
    let shown = launch.argument("--print-config").run();
    assert_eq!(shown.code, Some(0));
    let settings = shown.text(Stream::Output);
    let traces = format!("= {}/v1/traces\n", collector.url());
    assert!(settings.contains("otlp_traces_endpoint"), "{settings}");
    assert!(settings.contains(&traces), "{settings}");
    let lines = [server.lines(), shown.lines].concat();
    assert!(lines.iter().all(|line| !line.text.contains("hush")));
}

#[test]
fn an_endpoint_that_cannot_be_read_is_one_line_with_a_hint_and_no_pool() {
    let ended = exporting("--workers 1", "127.0.0.1:4318").run();
    assert_eq!(ended.code, Some(1));
    let said = ended.text(Stream::Error);
    assert_eq!(
        said.trim(),
        "Error: OTEL_EXPORTER_OTLP_ENDPOINT begins with neither http:// nor https:// \
         (hint: an address such as http://127.0.0.1:4318)"
    );
}
