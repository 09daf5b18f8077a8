//! Answered requests as spans of a server (OpenTelemetry's semantic conventions for HTTP).

use fastrand::Rng;
use jiff::Timestamp;

use super::messages::{
    KIND_SERVER, Resource, ResourceSpans, STATUS_ERROR, ScopeSpans, Span, Status, TracesRequest,
    number, scope, text,
};
use crate::app::RouteLabel;
use crate::redaction::redact;
use crate::serve::clock;
use crate::serve::span_ring::Answered;
use crate::serve::tally;

/// The client's own flag: it is recorded.
const SAMPLED: u32 = 1;
/// It is known whether the parent is of another process (`SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK`).
const HAS_IS_REMOTE: u32 = 0x100;
/// It is (`SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`).
const IS_REMOTE: u32 = 0x200;

/// A request to a collector with these spans.
pub(super) fn request(
    resource: Resource,
    answered: &[Answered],
    random: &mut Rng,
) -> TracesRequest {
    let clock = Clock::now();
    let spans = answered.iter().map(|one| span(one, clock, random));
    TracesRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope()),
                spans: spans.collect(),
            }],
        }],
    }
}

/// What the time of day and the monotonic clock show at one moment, in nanoseconds.
#[derive(Debug, Clone, Copy)]
struct Clock {
    wall: u64,
    monotonic: u64,
}

impl Clock {
    fn now() -> Self {
        let wall = Timestamp::now().as_nanosecond();
        Self {
            wall: u64::try_from(wall).unwrap_or_default(),
            monotonic: clock::now_nanoseconds(),
        }
    }

    fn wall_at(self, monotonic: u64) -> u64 {
        self.wall
            .saturating_sub(self.monotonic.saturating_sub(monotonic))
    }
}

fn span(answered: &Answered, clock: Clock, random: &mut Rng) -> Span {
    let (method, route, status) = tally::of_key(answered.series);
    let route = (route != RouteLabel::OTHER).then(|| route.name());
    let ended = clock.wall_at(answered.ended);
    let parent = answered.parent;
    let mut attributes = vec![
        text("http.request.method", method),
        number("http.response.status_code", status),
        text("url.path", redact(&answered.path)),
        number("labrat.worker.pid", answered.worker),
    ];
    attributes.extend(route.map(|route| text("http.route", route)));
    if status >= 500 {
        attributes.push(text("error.type", status.to_string()));
    }
    // Where both are known, the name has both; a method of the client's own is in no name.
    let method = if method == "_OTHER" { "HTTP" } else { method };
    let remote = if parent.is_some() { IS_REMOTE } else { 0 };
    Span {
        trace_id: parent
            .map_or_else(|| random.u128(1..), |parent| parent.trace)
            .to_be_bytes()
            .to_vec(),
        span_id: random.u64(1..).to_be_bytes().to_vec(),
        parent_span_id: parent.map_or_else(Vec::new, |parent| parent.span.to_be_bytes().to_vec()),
        name: match route {
            Some(route) => format!("{method} {route}"),
            None => method.to_owned(),
        },
        kind: KIND_SERVER,
        start_time_unix_nano: ended.saturating_sub(clock::nanoseconds(answered.took)),
        end_time_unix_nano: ended,
        attributes,
        status: (status >= 500).then_some(Status { code: STATUS_ERROR }),
        flags: SAMPLED | HAS_IS_REMOTE | remote,
    }
}
