//! Answers as Flask writes them: JSON as `jsonify` does, pages as Werkzeug does, and the reason
//! phrases of Werkzeug, which are upper case.

use axum::body::Body;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Response, StatusCode};
use hyper::ext::ReasonPhrase;
use serde_json::Value;

use super::json;

/// The type of Flask's plain answers and of Werkzeug's error pages.
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// The type of `jsonify`.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Werkzeug's page for 404, byte for byte.
const NOT_FOUND_PAGE: &str = "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.</p>\n";
/// Werkzeug's page for 405, byte for byte.
const METHOD_NOT_ALLOWED_PAGE: &str = "<!doctype html>\n<html lang=en>\n<title>405 Method Not Allowed</title>\n<h1>Method Not Allowed</h1>\n<p>The method is not allowed for the requested URL.</p>\n";

/// What `jsonify` answers, with status 200.
pub(super) fn json(value: &Value) -> Response<Body> {
    json_with_status(StatusCode::OK, value)
}

/// What `jsonify` answers, with another status.
pub(super) fn json_with_status(status: StatusCode, value: &Value) -> Response<Body> {
    answer(status, JSON, json::jsonify(value))
}

/// A string returned from a view.
pub(super) fn text(text: &'static str) -> Response<Body> {
    answer(StatusCode::OK, HTML, text.as_bytes().to_vec())
}

/// Werkzeug's 404.
pub(super) fn not_found() -> Response<Body> {
    answer(StatusCode::NOT_FOUND, HTML, NOT_FOUND_PAGE.into())
}

/// Werkzeug's 405.
pub(super) fn method_not_allowed(allow: HeaderValue) -> Response<Body> {
    let page = METHOD_NOT_ALLOWED_PAGE.into();
    allowing(allow, answer(StatusCode::METHOD_NOT_ALLOWED, HTML, page))
}

/// Flask's own answer to OPTIONS: 200 with an empty body.
pub(super) fn options(allow: HeaderValue) -> Response<Body> {
    allowing(allow, answer(StatusCode::OK, HTML, Vec::new()))
}

/// With `Allow` before `Content-Length`, which Werkzeug adds last.
fn allowing(allow: HeaderValue, mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    let length = headers.remove(CONTENT_LENGTH);
    headers.insert(ALLOW, allow);
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length);
    }
    response
}

/// Werkzeug's 308 towards the same path with its repeated slashes merged.
pub(super) fn permanent_redirect(location: &str) -> Response<Body> {
    let Ok(header) = HeaderValue::from_str(location) else {
        return not_found();
    };
    let shown = escape_html(location);
    let page = format!(
        "<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>\n<h1>Redirecting...</h1>\n<p>You should be redirected automatically to the target URL: <a href=\"{shown}\">{shown}</a>. If not, click the link.\n"
    );
    let mut response = answer(StatusCode::PERMANENT_REDIRECT, HTML, page.into_bytes());
    response.headers_mut().insert(LOCATION, header);
    response
}

fn answer(status: StatusCode, content_type: HeaderValue, body: Vec<u8>) -> Response<Body> {
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response.headers_mut().insert(CONTENT_LENGTH, length);
    if status != StatusCode::OK {
        *response.status_mut() = status;
        if let Some(phrase) = reason_phrase(status) {
            response.extensions_mut().insert(phrase);
        }
    }
    response
}

/// Werkzeug's reason phrase: the registered one in upper case.
fn reason_phrase(status: StatusCode) -> Option<ReasonPhrase> {
    let phrase = status.canonical_reason()?.to_ascii_uppercase();
    ReasonPhrase::try_from(phrase.into_bytes()).ok()
}

/// As `markupsafe.escape` does.
fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phrase(response: &Response<Body>) -> Option<&[u8]> {
        response
            .extensions()
            .get::<ReasonPhrase>()
            .map(ReasonPhrase::as_bytes)
    }

    #[test]
    fn the_error_pages_have_werkzeugs_length_and_phrase() {
        let missing = not_found();
        assert_eq!(missing.headers()[CONTENT_LENGTH], "207");
        assert_eq!(phrase(&missing), Some(&b"NOT FOUND"[..]));
        let refused = method_not_allowed(HeaderValue::from_static("POST, OPTIONS"));
        assert_eq!(refused.headers()[CONTENT_LENGTH], "153");
        let order: Vec<_> = refused.headers().keys().cloned().collect();
        assert_eq!(order, [CONTENT_TYPE, ALLOW, CONTENT_LENGTH]);
        assert_eq!(phrase(&refused), Some(&b"METHOD NOT ALLOWED"[..]));
    }

    #[test]
    fn a_200_carries_no_phrase_of_its_own() {
        assert_eq!(phrase(&text("OK")), None);
    }

    #[test]
    fn every_other_status_in_use_has_an_upper_case_phrase() {
        for (status, expected) in [
            (400, "BAD REQUEST"),
            (403, "FORBIDDEN"),
            (507, "INSUFFICIENT STORAGE"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let response = json_with_status(status, &Value::Null);
            assert_eq!(phrase(&response), Some(expected.as_bytes()));
        }
    }

    #[test]
    fn a_redirect_shows_its_target_escaped() {
        let response = permanent_redirect("http://h:1/diag/stats?a=1&b=<2>");
        assert_eq!(
            response.headers()[LOCATION],
            "http://h:1/diag/stats?a=1&b=<2>"
        );
        assert_eq!(phrase(&response), Some(&b"PERMANENT REDIRECT"[..]));
        let plain = permanent_redirect("http://h:1/diag/stats");
        assert_eq!(plain.headers()[CONTENT_LENGTH], "229");
    }
}
