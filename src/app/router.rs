//! The routing table made into an axum `Router` that answers as Flask does.
//!
//! Flask decides in this order: which route (404), whether the method is its (405), then the code
//! that runs before every request (counting, the lock), then the view. A request with a method
//! that a locked route does not have is therefore answered 405 and not 403: nothing would have
//! happened anyway.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::json;
use tower::{Service, service_fn};

use super::lock::KEY_HEADER;
use super::paths::{self, Seen};
use super::probes;
use super::query::Query;
use super::reply;
use super::routes::{self, Handler, ROUTES, Route};
use super::state::{AppState, UNKNOWN_ENDPOINT};

/// The header in which a browser says whose page a request comes from.
const FETCH_SITE: &str = "sec-fetch-site";

/// The whole application.
///
/// Every handler but the one of `/slow` is ready at its first poll; that one needs the timer of a
/// tokio runtime, of any flavour. Request bodies are never read. Responses other than 200 carry
/// Werkzeug's reason phrase as [`hyper::ext::ReasonPhrase`]. An answer to HEAD has no body.
pub fn router(state: Arc<AppState>) -> Router {
    router_of(state, ROUTES.iter())
}

/// Only the probes, for a process beside the workers; anything else is not found.
pub fn probe_router(state: Arc<AppState>) -> Router {
    router_of(state, ROUTES.iter().filter(|route| route.is_probe))
}

fn router_of(state: Arc<AppState>, routes: impl Iterator<Item = &'static Route>) -> Router {
    let mut by_path = Router::new();
    for route in routes {
        let shared = Arc::clone(&state);
        // A service, because a handler is wrapped anew for every request.
        let service = service_fn(move |request: Request| {
            let is_head = request.method() == Method::HEAD;
            let answered = answer(route, Arc::clone(&shared), request);
            async move {
                let mut response = answered.await;
                if is_head {
                    *response.body_mut() = Body::empty();
                }
                Ok::<_, Infallible>(response)
            }
        });
        if route.is_probe {
            by_path = by_path.route_service(&format!("{}/", route.path), service.clone());
        }
        by_path = by_path.route_service(route.path, service);
    }
    let unrouted = Arc::clone(&state);
    let respelled = by_path.clone().fallback(move || {
        unrouted.count(UNKNOWN_ENDPOINT);
        std::future::ready(reply::not_found())
    });
    // A path in its route's own spelling is found at once; only another one is looked at again.
    by_path.fallback(move |request: Request| {
        let (mut respelled, state) = (respelled.clone(), Arc::clone(&state));
        async move {
            match normalise(&state, request) {
                Ok(request) => match respelled.call(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                },
                Err(response) => response,
            }
        }
    })
}

/// Rewrite the path to the route's own spelling, or answer with Werkzeug's redirect.
#[expect(
    clippy::result_large_err,
    reason = "both ways are taken in the hot path, once a request"
)]
fn normalise(state: &AppState, mut request: Request) -> Result<Request, Response<Body>> {
    if has_empty_path(&request) {
        state.count(UNKNOWN_ENDPOINT);
        return Err(match routes::at("/") {
            Some(route) if route.allows(request.method()) => {
                reply::permanent_redirect(&location(&request, "/"))
            }
            _ => reply::not_found(),
        });
    }
    let path = match paths::see(request.uri().path()) {
        Seen::AsWritten => return Ok(request),
        Seen::Same(path) => path,
        Seen::SlashesRepeated(path) => match routes::at(&path) {
            Some(route) if route.allows(request.method()) => {
                state.count(UNKNOWN_ENDPOINT);
                return Err(reply::permanent_redirect(&location(&request, &path)));
            }
            // Werkzeug answers 405 for the merged path, without a redirect.
            Some(_) => path,
            None => return Ok(request),
        },
    };
    if let Some(uri) = paths::with_path(request.uri(), &path) {
        *request.uri_mut() = uri;
    }
    Ok(request)
}

fn has_empty_path(request: &Request) -> bool {
    let base = request.extensions().get::<RequestBase>();
    base.is_some_and(|base| base.has_empty_path)
}

/// The address under which a client reached the application, where a redirect may need it. It
/// travels with the request, as an extension.
#[derive(Debug, Clone)]
pub struct RequestBase {
    /// Scheme, host and the beginning of the path that is not the application's.
    pub url: String,
    /// The client's path ends where the application's begins, without a slash.
    pub has_empty_path: bool,
}

/// Where a redirect goes: to the same host, as the client named it.
fn location(request: &Request, path: &str) -> String {
    let target = paths::with_query(request.uri(), path);
    if let Some(base) = request.extensions().get::<RequestBase>() {
        return format!("{}{target}", base.url);
    }
    match request.headers().get(header::HOST).map(HeaderValue::to_str) {
        Some(Ok(host)) => format!("http://{host}{target}"),
        _ => target,
    }
}

async fn answer(route: &'static Route, state: Arc<AppState>, request: Request) -> Response<Body> {
    let method = request.method().clone();
    match (route.operation(&method), &method) {
        (Some(operation), _) => {
            state.count(operation.endpoint);
            if route.fault && is_cross_site(&request) {
                foreign()
            } else if route.fault && !unlocked(&state, &request) {
                forbidden()
            } else {
                if route.needs_caches {
                    probes::wait_until_warm(&state).await;
                }
                let query = Query::of(request.uri());
                match operation.handler {
                    Handler::Now(handler) => handler(&state, &query),
                    Handler::Later(handler) => handler(state, query).await,
                }
            }
        }
        (None, &Method::OPTIONS) => {
            state.count(route.operations[0].endpoint);
            reply::options(allow(route))
        }
        (None, _) => {
            state.count(UNKNOWN_ENDPOINT);
            reply::method_not_allowed(allow(route))
        }
    }
}

fn allow(route: &Route) -> HeaderValue {
    HeaderValue::from_str(&route.allow()).unwrap_or_else(|_| HeaderValue::from_static("OPTIONS"))
}

fn unlocked(state: &AppState, request: &Request) -> bool {
    let Some(key) = &state.config.lab_key else {
        return true;
    };
    request
        .headers()
        .get(KEY_HEADER)
        .is_some_and(|offered| key.opens_with(offered.as_bytes()))
}

/// Whether a page of another site has made a browser send this.
fn is_cross_site(request: &Request) -> bool {
    let from = request.headers().get(FETCH_SITE);
    from.is_some_and(|site| site == "cross-site")
}

fn foreign() -> Response<Body> {
    let body = json!({
        "error": "a page of another site may not call this route",
        "status": "forbidden",
    });
    reply::json_with_status(StatusCode::FORBIDDEN, &body)
}

fn forbidden() -> Response<Body> {
    let body = json!({
        "error": format!("this route is locked: send the key in the header {KEY_HEADER}"),
        "status": "forbidden",
    });
    reply::json_with_status(StatusCode::FORBIDDEN, &body)
}
