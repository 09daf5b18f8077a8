//! The routing table: paths, methods, endpoint names and handlers, as data.
//!
//! The router, the `Allow` header, the counters and the lock all read this one table.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use http::{Method, Response};

use super::query::Query;
use super::state::AppState;
use super::{config, diag, fill, health, heavy, job, lab, leak, outbound, probes, slow};

/// An answer that is not ready yet.
pub(super) type Later = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// How an operation is answered.
#[derive(Clone, Copy)]
pub(super) enum Handler {
    /// At the first poll.
    Now(fn(&AppState, &Query) -> Response<Body>),
    /// After waiting for something.
    Later(fn(Arc<AppState>, Query) -> Later),
}

/// One method of one path.
pub(super) struct Operation {
    /// GET answers HEAD as well, as in Flask.
    pub(super) method: &'static str,
    /// The name under which requests are counted: Flask's, the name of the view.
    pub(super) endpoint: &'static str,
    pub(super) handler: Handler,
}

/// One path.
pub(super) struct Route {
    pub(super) path: &'static str,
    /// Whether it is a probe: the path with a slash behind it is the same route, and the probe server
    /// beside the pool answers it as well.
    pub(super) is_probe: bool,
    /// Whether the route causes or undoes a fault, and so can be locked.
    pub(super) fault: bool,
    /// Whether a worker has to be warm for it: the first such request in a cold one fills the
    /// caches.
    pub(super) needs_caches: bool,
    pub(super) operations: &'static [Operation],
}

const fn get(
    endpoint: &'static str,
    handler: fn(&AppState, &Query) -> Response<Body>,
) -> Operation {
    Operation {
        method: "GET",
        endpoint,
        handler: Handler::Now(handler),
    }
}

const fn later(endpoint: &'static str, handler: fn(Arc<AppState>, Query) -> Later) -> Operation {
    Operation {
        method: "GET",
        endpoint,
        handler: Handler::Later(handler),
    }
}

const fn plain(path: &'static str, operations: &'static [Operation]) -> Route {
    Route {
        path,
        is_probe: false,
        fault: false,
        needs_caches: false,
        operations,
    }
}

const fn probe(path: &'static str, operations: &'static [Operation]) -> Route {
    Route {
        is_probe: true,
        ..plain(path, operations)
    }
}

const fn fault(path: &'static str, operations: &'static [Operation]) -> Route {
    Route {
        fault: true,
        ..plain(path, operations)
    }
}

/// Every route of the application.
pub(super) static ROUTES: &[Route] = &[
    plain("/", &[get("index", health::index)]),
    probe("/health", &[get("health", health::health)]),
    probe(
        "/ready",
        &[later("ready", |state, _| Box::pin(probes::ready(state)))],
    ),
    probe(
        "/startup",
        &[later("startup", |state, _| {
            Box::pin(probes::startup(state))
        })],
    ),
    probe(
        "/warmup",
        &[later("warmup", |state, _| Box::pin(probes::warm_up(state)))],
    ),
    Route {
        needs_caches: true,
        ..plain("/fast", &[get("fast", health::fast)])
    },
    fault(
        "/leak",
        &[
            get("leak", leak::leak),
            Operation {
                method: "DELETE",
                endpoint: "leak_free",
                handler: Handler::Now(leak::free),
            },
        ],
    ),
    Route {
        needs_caches: true,
        ..fault("/heavy", &[get("heavy", heavy::heavy)])
    },
    Route {
        needs_caches: true,
        ..fault(
            "/slow",
            &[later("slow", |state, query| {
                Box::pin(slow::slow(state, query))
            })],
        )
    },
    fault(
        "/fill",
        &[
            get("fill", fill::fill),
            Operation {
                method: "DELETE",
                endpoint: "fill_free",
                handler: Handler::Now(fill::free),
            },
        ],
    ),
    fault("/job", &[get("job", job::begin)]),
    plain(job::STATUS, &[get("job_status", job::status)]),
    fault(
        "/dependency",
        &[later("dependency", |state, query| {
            Box::pin(outbound::dependency(state, query))
        })],
    ),
    fault(
        "/outbound",
        &[later("outbound", |state, query| {
            Box::pin(outbound::outbound(state, query))
        })],
    ),
    fault(
        "/lab/reset",
        &[Operation {
            method: "POST",
            endpoint: "lab_reset",
            handler: Handler::Now(lab::reset),
        }],
    ),
    plain("/config", &[get("config_dump", config::config_dump)]),
    plain("/diag/stats", &[get("diag_stats", diag::stats::stats)]),
    plain("/diag/proc", &[get("diag_proc", diag::proc::proc)]),
    plain("/diag/env", &[get("diag_env", diag::env::env)]),
    plain("/diag/slots", &[get("diag_slots", diag::slots::slots)]),
    plain(
        "/diag/workers",
        &[get("diag_workers", diag::workers::workers)],
    ),
];

/// The route at exactly this path.
pub(super) fn at(path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.path == path)
}

impl Route {
    /// The operation that answers `method`; HEAD is answered by GET's.
    pub(super) fn operation(&self, method: &Method) -> Option<&'static Operation> {
        let wanted = if method == Method::HEAD {
            "GET"
        } else {
            method.as_str()
        };
        self.operations
            .iter()
            .find(|operation| operation.method == wanted)
    }

    /// Whether the route answers `method` with anything but 405.
    pub(super) fn allows(&self, method: &Method) -> bool {
        method == Method::OPTIONS || self.operation(method).is_some()
    }

    /// The value of `Allow`: the methods of the table, HEAD beside GET, and OPTIONS.
    pub(super) fn allow(&self) -> String {
        let mut methods = Vec::new();
        for operation in self.operations {
            methods.push(operation.method);
            if operation.method == "GET" {
                methods.push("HEAD");
            }
        }
        methods.push("OPTIONS");
        methods.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_endpoints_are_unique() {
        let mut paths: Vec<_> = ROUTES.iter().map(|route| route.path).collect();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), ROUTES.len());
        let mut endpoints: Vec<_> = ROUTES
            .iter()
            .flat_map(|route| route.operations)
            .map(|operation| operation.endpoint)
            .collect();
        let all = endpoints.len();
        endpoints.sort_unstable();
        endpoints.dedup();
        assert_eq!(endpoints.len(), all);
    }

    #[test]
    fn allow_names_every_method_that_is_answered() {
        assert_eq!(at("/health").unwrap().allow(), "GET, HEAD, OPTIONS");
        assert_eq!(at("/leak").unwrap().allow(), "GET, HEAD, DELETE, OPTIONS");
        assert_eq!(at("/lab/reset").unwrap().allow(), "POST, OPTIONS");
        for route in ROUTES {
            for method in route.allow().split(", ") {
                assert!(
                    route.allows(&method.parse().unwrap()),
                    "{} {method}",
                    route.path
                );
            }
            assert!(!route.allows(&Method::PATCH));
        }
    }

    #[test]
    fn every_route_that_makes_or_undoes_a_fault_can_be_locked() {
        let locked: Vec<_> = ROUTES
            .iter()
            .filter(|route| route.fault)
            .map(|route| route.path)
            .collect();
        assert_eq!(
            locked,
            [
                "/leak",
                "/heavy",
                "/slow",
                "/fill",
                "/job",
                "/dependency",
                "/outbound",
                "/lab/reset"
            ]
        );
    }
}
