//! Readiness worth copying: latches, checks with a time budget, a warm-up, and their routes.
//!
//! A probe is asked often, by machines that act on the answer. What goes wrong with probes is
//! nearly always one of these, and each has its counterpart here:
//!
//! | What goes wrong | What is done about it |
//! |---|---|
//! | readiness says yes before the program can work | [latches](Latch): every one must be open |
//! | a dependency hangs, and the probe hangs with it | every [check](Check) has a time budget of its own, and all run at the same time |
//! | probes become load | a result is kept for [`KEPT_FOR`], and one evaluation serves all who ask meanwhile |
//! | nobody ever warms the program up, and readiness says no for ever | the first probe begins the warm-up |
//! | two platforms warm up at the same time | steps are done once; who comes second waits and gets the same answer |
//! | a password is seen in a probe's answer | a [`Failure`] is one word that the program's author chose |
//! | liveness fails because a database is away, and everything restarts | liveness is no part of this: let it check nothing |
//!
//! # Use
//!
//! Register latches, checks and steps; mount the three routes ([`routes`]) in an axum program. The
//! folder can be copied as it is: it uses axum, http, jiff, parking_lot, serde, thiserror and tokio, and
//! nothing else of this crate.
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::Router;
//! use axum::routing::get;
//! use labrat::readiness::{Failure, Latch, Readiness, routes};
//!
//! // Open as long as requests are welcome; close it first of all when SIGTERM comes.
//! let not_draining = Latch::open();
//!
//! let readiness = Readiness::builder()
//!     .latch("not_draining", not_draining.clone())
//!     .check("database", Duration::from_secs(2), || async {
//!         // SELECT 1, and say in a word why it failed.
//!         Ok(())
//!     })
//!     .step("price_list", Duration::from_secs(10), || async {
//!         // What the first request would have to wait for.
//!         Err(Failure::new("price_list_unreachable"))
//!     })
//!     .build();
//!
//! let app: Router = Router::new()
//!     .route("/health", get(|| async { "alive" }))
//!     .merge(routes(&readiness));
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # use axum::body::Body;
//! # use http::{Request, StatusCode};
//! # use tower::ServiceExt as _;
//! # let ask = |path: &'static str| {
//! #     let request = Request::get(path).body(Body::empty()).unwrap();
//! #     let app = app.clone();
//! #     async move { app.oneshot(request).await.unwrap() }
//! # };
//! // The step fails, so the program is not warm, and not ready.
//! assert_eq!(ask("/warmup").await.status(), StatusCode::SERVICE_UNAVAILABLE);
//! let response = ask("/ready").await;
//! assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
//! assert_eq!(response.headers()["retry-after"], "1");
//! # });
//! ```
//!
//! Without routes, the same answers are values:
//!
//! ```
//! # use std::time::Duration;
//! # use labrat::readiness::{Latch, Readiness};
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let not_draining = Latch::open();
//! let readiness = Readiness::builder()
//!     .latch("not_draining", not_draining.clone())
//!     .check("disk", Duration::from_secs(1), || async { Ok(()) })
//!     .build();
//! assert!(readiness.ready().await.is_ready());
//!
//! not_draining.close();
//! let answer = readiness.ready().await;
//! assert!(!answer.is_ready(), "latches are read anew every time");
//! assert!(answer.checks()["disk"].is_ok());
//! # });
//! ```
//!
//! # What it must not know
//!
//! Which dependencies there are, processes, platforms, the lab: all of that is registered.

mod answers;
mod check;
mod evaluation;
mod latch;
mod registry;
mod routes;
mod warm_up;

pub use answers::{CheckResult, ReadyAnswer, StepResult, WarmUpAnswer};
pub use check::{Check, Checked, Failure};
pub use latch::{Latch, Latched};
pub use registry::{Builder, KEPT_FOR, Readiness};
pub use routes::{RETRY_AFTER_SECONDS, mark, routes};
