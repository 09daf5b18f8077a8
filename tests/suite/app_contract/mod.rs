//! What the lab application answers, held against what the labs' Flask applications answer.

mod diag;
mod faults;
mod flask;
mod job;
mod outbound;
mod secrets;
mod serving;
mod slow;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::ext::ReasonPhrase;
use labrat::app::pool::{Pool, PoolSnapshot};
use labrat::app::{AppConfig, AppState, KEY_HEADER, router};
use serde_json::Value;
use tower::{Service, ServiceExt};

/// A pool whose answers a test chooses, and which counts the resets that it is asked for.
#[derive(Debug, Default)]
struct TestPool {
    snapshot: Option<PoolSnapshot>,
    resets: AtomicUsize,
}

impl Pool for TestPool {
    fn snapshot(&self) -> PoolSnapshot {
        self.snapshot.clone().unwrap_or(PoolSnapshot {
            arbiter: None,
            workers: Vec::new(),
            accept_queues: Vec::new(),
            requests_at_once: None,
        })
    }

    fn request_reset(&self) -> usize {
        self.resets.fetch_add(1, Ordering::Relaxed);
        3
    }
}

/// The application with the settings of one test.
struct App {
    state: Arc<AppState>,
    router: Router,
    pool: Arc<TestPool>,
}

/// One answer, read to its end.
struct Answer {
    status: StatusCode,
    /// The reason phrase that the application asks for, if it is not the usual one.
    phrase: Option<String>,
    headers: HeaderMap,
    body: String,
}

impl App {
    fn new(settings: &[(&str, &str)]) -> Self {
        Self::in_pool(settings, TestPool::default())
    }

    fn in_pool(settings: &[(&str, &str)], pool: TestPool) -> Self {
        let environment: BTreeMap<String, String> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let config = AppConfig::from_lookup(&|name| environment.get(name).cloned());
        let pool = Arc::new(pool);
        let state = AppState::new(
            config.expect("the test's settings are accepted"),
            environment,
            Arc::clone(&pool) as Arc<dyn Pool>,
        );
        Self {
            router: router(Arc::clone(&state)),
            state,
            pool,
        }
    }

    /// The answer of a handler that does not wait: at the first poll, without any runtime.
    fn ask(&self, method: &str, target: &str) -> Answer {
        self.ask_with_key(method, target, None)
    }

    fn ask_with_key(&self, method: &str, target: &str, key: Option<&str>) -> Answer {
        let mut router = self.router.clone();
        let mut answer = pin!(async move {
            let response = router.call(request(method, target, key)).await;
            read(response.expect("the router cannot fail")).await
        });
        match answer
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("{method} {target} was not ready at the first poll"),
        }
    }

    fn get(&self, target: &str) -> Answer {
        self.ask("GET", target)
    }

    /// The JSON of a 200.
    fn json(&self, target: &str) -> Value {
        let answer = self.get(target);
        assert_eq!(answer.status, StatusCode::OK, "{target}: {}", answer.body);
        answer.json()
    }

    /// The answer of a handler that may wait.
    async fn wait_for(&self, target: &str) -> Answer {
        let response = self.router.clone().oneshot(request("GET", target, None));
        read(response.await.expect("the router cannot fail")).await
    }
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    /// Every header as `Name: value` in lower case, sorted.
    fn head(&self) -> Vec<String> {
        let mut head: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?")))
            .collect();
        head.sort_unstable();
        head
    }
}

fn request(method: &str, target: &str, key: Option<&str>) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .header("host", "lab.example");
    if let Some(key) = key {
        request = request.header(KEY_HEADER, key);
    }
    request
        .body(Body::empty())
        .expect("the request is well formed")
}

async fn read(response: http::Response<Body>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .expect("the body can be read")
        .to_bytes();
    Answer {
        status: parts.status,
        phrase: parts
            .extensions
            .get::<ReasonPhrase>()
            .map(|phrase| String::from_utf8_lossy(phrase.as_bytes()).into_owned()),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).expect("the body is text"),
    }
}
