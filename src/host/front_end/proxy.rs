//! One request, from its head to the head of its answer.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;

use super::headers::ClientAddress;
use super::record::Record;
use super::relay::Relay;
use super::request_body::{Progress, RequestBody, Upload};
use super::{RequestEnd, Routing, Shared, Upstream, headers, tunnel};

/// Bytes of a head at most. hyper looks at them between two reads: how many more it takes depends on how
/// they arrive.
pub(super) const MOST_HEAD: usize = 417_792;

/// Pass a request on to the site and its answer back. The request has its record when this
/// returns: whose client is gone already is given up before anything is polled.
pub(super) fn pass_on(
    mut request: Request<Incoming>,
    client: Arc<ClientAddress>,
    shared: Arc<Shared>,
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
    exchange(arrived, client, shared)
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
) -> Response<Relay> {
    let Arrived {
        mut head,
        body,
        client_side,
        mut record,
    } = arrived;
    let progress = record.progress();
    if let Some(end) = refused(&head, progress.received()) {
        return own_answer(&shared, end, record);
    }
    let deadline = record.started() + shared.settings.limit;
    let upstream = match route(&shared, &mut record, head.uri.path(), deadline).await {
        Ok(upstream) => upstream,
        Err(end) => return own_answer(&shared, end, record),
    };
    address(&mut head, &body, &client, &shared);
    // A connection whose request has a body is not used again: an answer that comes before the
    // body has been taken would leave the rest of it on the connection.
    let reusable = body.is_end_stream() && client_side.is_none();
    let body = RequestBody::new(body, Arc::clone(&progress));
    let sent = upstream.send(Request::from_parts(head, body), &shared);
    let answered = within_limit(sent, &progress, shared.settings.limit).await;
    let (mut answer, connection) = match answered {
        Ok(answered) => answered,
        Err(end) => return own_answer(&shared, end, record),
    };
    if !headers::is_coding_known(answer.headers()) {
        return own_answer(&shared, RequestEnd::BadAnswer, record);
    }
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let Some(client_side) = client_side else {
            return own_answer(&shared, RequestEnd::BadAnswer, record);
        };
        let site_side = hyper::upgrade::on(&mut answer);
        let (head, _) = answer.into_parts();
        record.count_head_sent(&head.headers);
        let tunnel = tunnel::run(
            client_side,
            site_side,
            connection,
            record,
            Arc::clone(&shared),
        );
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

/// How a request ends that is not passed on, whatever the site would say. `received` are the bytes of
/// its head.
fn refused(head: &Parts, received: u64) -> Option<RequestEnd> {
    if received > MOST_HEAD as u64 {
        return Some(RequestEnd::HeadTooLarge);
    }
    if head.method == Method::CONNECT {
        return Some(RequestEnd::NotPassedOn);
    }
    if !headers::has_one_host(head) {
        return Some(RequestEnd::NotUnderstood);
    }
    (!headers::is_coding_known(&head.headers)).then_some(RequestEnd::CodingUnknown)
}

/// Make the head of a request what the site gets to see.
fn address(head: &mut Parts, body: &Incoming, client: &ClientAddress, shared: &Shared) {
    let default_host = &shared.settings.default_host;
    headers::forward(head, client, default_host, shared.log_id());
    head.uri = origin_form(&head.uri);
    head.version = Version::HTTP_11;
    if !body.is_end_stream() && body.size_hint().exact().is_none() {
        // hyper takes a GET for one without a body unless it is told.
        head.headers
            .insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

/// Wait for the head of an answer, as long as the request moves, and for the limit after that.
async fn within_limit<T>(
    sent: impl Future<Output = Result<T, RequestEnd>>,
    progress: &Progress,
    limit: Duration,
) -> Result<T, RequestEnd> {
    let mut sent = std::pin::pin!(sent);
    loop {
        let deadline = progress.moved() + limit;
        match tokio::time::timeout_at(deadline, sent.as_mut()).await {
            Ok(Ok(answered)) => return Ok(answered),
            // A client that leaves in the middle of its body ends the request to the site as well.
            Ok(Err(end)) => {
                return Err(match progress.upload() {
                    Upload::Broken => RequestEnd::ClientLeft,
                    Upload::NotUnderstood => RequestEnd::NotUnderstood,
                    Upload::Idle | Upload::Awaited => end,
                });
            }
            Err(_) if progress.moved() + limit > deadline => {}
            Err(_) => {
                return Err(match progress.upload() {
                    Upload::Awaited => RequestEnd::ClientStalled,
                    _ => RequestEnd::LimitReached,
                });
            }
        }
    }
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
                record.release();
                return Ok(upstream);
            }
            Routing::Stopped => return Err(RequestEnd::Stopped),
            Routing::NotReady(Some(liveness)) if liveness.path == path => {
                record.release();
                return Ok(liveness.upstream);
            }
            Routing::NotReady(_) => return Err(RequestEnd::NotReady),
            Routing::Blocked => {
                shared.wake.notify_one();
                return Err(RequestEnd::Blocked);
            }
            Routing::Down { start } => {
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
        record.hold();
        match tokio::time::timeout_at(deadline, routing.changed()).await {
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
    if matches!(end, RequestEnd::Shortage | RequestEnd::HeadTooLarge) {
        // Its descriptor is for who waits; hyper closes after a head that it refuses itself.
        headers.insert(http::header::CONNECTION, HeaderValue::from_static("close"));
    }
    record.count_head_sent(headers);
    let (head, ()) = answer.into_parts();
    Response::from_parts(head, Relay::page(text, end, status, record))
}
