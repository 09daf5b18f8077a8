//! One request, from its head to the head of its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use tokio::sync::watch;

use super::headers::ClientAddress;
use super::record::Record;
use super::relay::Relay;
use super::request_body::RequestBody;
use super::{RequestEnd, Routing, Shared, Upstream, headers, tunnel};

/// Pass a request on to the site and its answer back. The request has its record when this
/// returns: whose client is gone already is given up before anything is polled.
pub(super) fn pass_on(
    mut request: Request<Incoming>,
    client: Arc<ClientAddress>,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
) -> impl Future<Output = Response<Relay>> {
    let client_side = headers::wanted_upgrade(request.headers())
        .is_some()
        .then(|| hyper::upgrade::on(&mut request));
    let (head, body) = request.into_parts();
    let arrived = Arrived {
        record: Record::new(&shared, &client, &head),
        head,
        body,
        client_side,
    };
    exchange(arrived, client, shared, stop)
}

/// A request that has come, with its record.
struct Arrived {
    head: Parts,
    body: Incoming,
    /// The client's connection, where the request asks for another protocol.
    client_side: Option<OnUpgrade>,
    record: Record,
}

async fn exchange(
    arrived: Arrived,
    client: Arc<ClientAddress>,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
) -> Response<Relay> {
    let Arrived {
        mut head,
        body,
        client_side,
        mut record,
    } = arrived;
    if head.method == Method::CONNECT {
        return own_answer(&shared, RequestEnd::NotPassedOn, record);
    }
    let deadline = record.started() + shared.settings.limit;
    let upstream = match route(&shared, &mut record, head.uri.path(), deadline).await {
        Ok(upstream) => upstream,
        Err(end) => return own_answer(&shared, end, record),
    };
    let log_id = shared.log_id();
    headers::forward(
        &mut head,
        &headers::Arrival {
            client: &client,
            default_host: &shared.settings.default_host,
            deployment: &shared.settings.deployment,
            log_id: &log_id,
        },
    );
    head.uri = origin_form(&head.uri);
    head.version = Version::HTTP_11;
    // A connection whose request has a body is not used again: an answer that comes before the
    // body has been taken would leave the rest of it on the connection.
    let reusable = body.is_end_stream() && client_side.is_none();
    let broken = Arc::new(AtomicBool::new(false));
    let body = RequestBody::new(body, record.received(), Arc::clone(&broken));
    let sent = upstream.send(Request::from_parts(head, body), reusable);
    let (mut answer, connection) = match tokio::time::timeout_at(deadline, sent).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(end)) => {
            // A client that leaves in the middle of its body ends the request to the site as well.
            let end = match broken.load(Ordering::Relaxed) {
                true => RequestEnd::ClientLeft,
                false => end,
            };
            return own_answer(&shared, end, record);
        }
        Err(_) => return own_answer(&shared, RequestEnd::LimitReached, record),
    };
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let Some(client_side) = client_side else {
            return own_answer(&shared, RequestEnd::NoAnswer, record);
        };
        let site_side = hyper::upgrade::on(&mut answer);
        let (head, _) = answer.into_parts();
        record.count_head_sent(&head.headers);
        let tunnel = tunnel::run(client_side, site_side, connection, record, stop);
        let mut tunnels = shared.tunnels.lock();
        while tunnels.try_join_next().is_some() {}
        tunnels.spawn(tunnel);
        return Response::from_parts(head, Relay::handed_over());
    }
    let (mut head, body) = answer.into_parts();
    headers::strip_hop_by_hop(&mut head.headers);
    head.version = Version::HTTP_11;
    record.count_head_sent(&head.headers);
    let status = head.status.as_u16();
    let limit = shared.settings.limit;
    let relay = Relay::site(body, status, connection, upstream, reusable, limit, record);
    Response::from_parts(head, relay)
}

/// Where the request goes; it waits here while the site starts.
async fn route(
    shared: &Shared,
    record: &mut Record,
    path: &str,
    deadline: tokio::time::Instant,
) -> Result<Arc<Upstream>, RequestEnd> {
    // Nearly always; a receiver of its own is for those that wait.
    if let Routing::Up(upstream) = &*shared.routing.borrow() {
        return Ok(Arc::clone(upstream));
    }
    let mut routing = shared.routing.clone();
    let mut failed_before = None;
    loop {
        let now = routing.borrow_and_update().clone();
        match now {
            Routing::Up(upstream) => {
                record.set_held(false);
                return Ok(upstream);
            }
            Routing::Stopped => return Err(RequestEnd::Stopped),
            Routing::NotReady(Some(liveness)) if liveness.path == path => {
                return Ok(liveness.upstream);
            }
            Routing::NotReady(_) => return Err(RequestEnd::NotReady),
            Routing::Blocked => {
                shared.wake.notify_one();
                return Err(RequestEnd::Blocked);
            }
            Routing::Failed { start } => {
                // A start that fails while the request waits for it is the end of the wait. One
                // that had failed before is not: the request asks for another.
                match failed_before {
                    Some(before) if before < start => return Err(RequestEnd::NotStarted),
                    Some(_) => {}
                    None => {
                        failed_before = Some(start);
                        shared.wake.notify_one();
                    }
                }
            }
            Routing::Starting => {
                failed_before.get_or_insert(0);
            }
        }
        record.set_held(true);
        let changed = tokio::time::timeout_at(deadline, routing.changed()).await;
        record.set_held(false);
        match changed {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(RequestEnd::FrontEndStopped),
            Err(_) => return Err(RequestEnd::NotStarted),
        }
    }
}

/// The path and query: what a server expects that is no proxy.
fn origin_form(uri: &Uri) -> Uri {
    match (uri.authority(), uri.path_and_query()) {
        (Some(_), Some(path)) => Uri::from(path.clone()),
        (Some(_), None) => Uri::from_static("/"),
        (None, _) => uri.clone(),
    }
}

fn own_answer(shared: &Shared, end: RequestEnd, mut record: Record) -> Response<Relay> {
    let status = end.status(shared.settings.limit_status);
    let text = end.page(status);
    let length = HeaderValue::from(text.len());
    let relay_status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut answer = Response::new(());
    *answer.status_mut() = relay_status;
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(http::header::CONTENT_LENGTH, length);
    record.count_head_sent(headers);
    let (head, ()) = answer.into_parts();
    Response::from_parts(head, Relay::page(text, end, status, record))
}
