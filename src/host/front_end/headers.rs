//! The headers that the front end takes away and those that it adds.

use std::net::SocketAddr;

use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, COOKIE, DATE, EXPECT, HOST, HeaderName, LOCATION, MAX_FORWARDS,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RANGE, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, Version};

/// Headers that speak of one connection only (RFC 9110, 7.6.1), beside those that `Connection`
/// names.
static HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];
/// Headers that belong to the message, whatever `Connection` says: who reads it to its end needs them
/// (RFC 9110, 7.6.1).
static OF_THE_MESSAGE: [HeaderName; 12] = [
    AUTHORIZATION,
    CACHE_CONTROL,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    COOKIE,
    DATE,
    HOST,
    LOCATION,
    RANGE,
    SET_COOKIE,
];
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_APPSERVICE_PROTO: HeaderName = HeaderName::from_static("x-appservice-proto");
const X_ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");
const X_ARR_LOG_ID: HeaderName = HeaderName::from_static("x-arr-log-id");
const X_SITE_DEPLOYMENT_ID: HeaderName = HeaderName::from_static("x-site-deployment-id");
const DISGUISED_HOST: HeaderName = HeaderName::from_static("disguised-host");
const WAS_DEFAULT_HOSTNAME: HeaderName = HeaderName::from_static("was-default-hostname");
const CLIENT_IP: HeaderName = HeaderName::from_static("client-ip");
const X_CLIENT_IP: HeaderName = HeaderName::from_static("x-client-ip");
const X_CLIENT_PORT: HeaderName = HeaderName::from_static("x-client-port");
const X_ARR_SSL: HeaderName = HeaderName::from_static("x-arr-ssl");
const X_FORWARDED_TLS_VERSION: HeaderName = HeaderName::from_static("x-forwarded-tlsversion");
const X_WAWS_UNENCODED_URL: HeaderName = HeaderName::from_static("x-waws-unencoded-url");

/// What the platform says of the TLS that ends at its front end; here there is none.
const TLS_VERSION: &str = "1.3";
const CERTIFICATE: &str = "2048|256|CN=labrat emulator|CN=*.localhost";
/// Hops that a request may still take.
const HOPS: &str = "10";

/// Take away every header that ends at this hop.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok());
    let known = headers.keys().filter(|name| HOP_BY_HOP.contains(name));
    let ending: Vec<HeaderName> = named.chain(known.cloned()).collect();
    // Nobody but the next hop may say where a body ends, so the length goes with the coding.
    let is_coded = headers.contains_key(TRANSFER_ENCODING);
    for name in ending {
        if !OF_THE_MESSAGE.contains(&name) {
            headers.remove(name);
        }
    }
    if is_coded {
        headers.remove(CONTENT_LENGTH);
    }
}

/// Whether the body's transfer coding, if it has one, is chunked alone: it ends at this hop, so that
/// nobody behind it would know of another.
pub(super) fn is_coding_known(headers: &HeaderMap) -> bool {
    headers
        .get_all(TRANSFER_ENCODING)
        .iter()
        .enumerate()
        .all(|(number, value)| {
            number == 0
                && value
                    .as_bytes()
                    .trim_ascii()
                    .eq_ignore_ascii_case(b"chunked")
        })
}

/// Whether a request says once, and properly, which host it is for (RFC 9112, 3.2).
pub(super) fn has_one_host(head: &Parts) -> bool {
    let mut hosts = head.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.is_empty() || Authority::try_from(host.as_bytes()).is_ok(),
        (None, _) => head.version != Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// The protocol that a request asks to change to, if it does so properly.
pub(super) fn wanted_upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asked = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    asked.then(|| headers.get(UPGRADE).cloned()).flatten()
}

/// Who is at the other end of a connection, and what of the head is the same for all of its requests.
#[derive(Debug)]
pub(super) struct ClientAddress {
    pub(super) ip: String,
    /// With the port.
    full: String,
    /// Headers that every request of the connection gets.
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ClientAddress {
    /// `default_host` is the site's own host name.
    pub(super) fn new(address: SocketAddr, default_host: &str, deployment: &str) -> Self {
        let (ip, full) = (address.ip().to_string(), address.to_string());
        let port = address.port().to_string();
        let headers = [
            (X_FORWARDED_PROTO, "https"),
            (X_FORWARDED_TLS_VERSION, TLS_VERSION),
            (X_ARR_SSL, CERTIFICATE),
            (X_CLIENT_IP, &ip),
            (X_CLIENT_PORT, &port),
            (MAX_FORWARDS, HOPS),
            (X_APPSERVICE_PROTO, "https"),
            (X_SITE_DEPLOYMENT_ID, deployment),
            (WAS_DEFAULT_HOSTNAME, default_host),
            (CLIENT_IP, &full),
        ];
        let headers = headers
            .into_iter()
            .filter_map(|(name, value)| Some((name, HeaderValue::from_str(value).ok()?)));
        Self {
            headers: headers.collect(),
            ip,
            full,
        }
    }
}

/// Make the head that the site gets out of the one that the client sent. `log_id` identifies the
/// request in the logs.
pub(super) fn forward(
    head: &mut Parts,
    client: &ClientAddress,
    default_host: &str,
    log_id: String,
) {
    let upgrade = wanted_upgrade(&head.headers);
    strip_hop_by_hop(&mut head.headers);
    // The client has had its 100 by the time that its body is read.
    head.headers.remove(EXPECT);
    if let Some(protocol) = upgrade {
        head.headers
            .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        head.headers.insert(UPGRADE, protocol);
    }
    // A user and password before it are for nobody else.
    let host = match host_of(head).rsplit('@').next() {
        None | Some("") => default_host,
        Some(host) => host,
    };
    let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let earlier = head.headers.get_all(X_FORWARDED_FOR).iter();
    let earlier = earlier.filter_map(|value| value.to_str().ok());
    let chain = earlier.flat_map(|value| [value, ", "]);
    let chain: String = chain.chain([client.full.as_str()]).collect();
    let of_request = [
        (&[X_FORWARDED_FOR] as &[_], HeaderValue::try_from(chain)),
        (&[X_WAWS_UNENCODED_URL, X_ORIGINAL_URL], target.try_into()),
        (&[X_FORWARDED_HOST, DISGUISED_HOST, HOST], host.try_into()),
        (&[X_ARR_LOG_ID], log_id.try_into()),
    ];
    // Whatever a client claims under these names is replaced, but for the chain of addresses.
    for (name, value) in &client.headers {
        head.headers.insert(name, value.clone());
    }
    for (names, value) in of_request {
        let Ok(value) = value else {
            continue;
        };
        for name in names {
            head.headers.insert(name, value.clone());
        }
    }
}

/// The host that the client asked for.
pub(super) fn host_of(head: &Parts) -> &str {
    let named = head.headers.get(HOST).and_then(|value| value.to_str().ok());
    match head.uri.authority() {
        Some(authority) => authority.as_str(),
        None => named.unwrap_or_default(),
    }
}

/// Bytes of a head on the wire, computed from its parts.
pub(super) fn head_bytes(first_line: usize, headers: &HeaderMap) -> u64 {
    let lines: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    (first_line + lines + 4) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri("/a?b=c");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn forward_from_5000(head: &mut Parts) {
        let address = SocketAddr::from(([127, 0, 0, 1], 5000));
        let client = ClientAddress::new(address, "site.localhost", "site");
        forward(head, &client, "site.localhost", "id".to_owned());
    }

    fn names(parts: &Parts) -> Vec<&str> {
        let mut names: Vec<_> = parts.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_ends_at_this_hop_is_taken_away_and_the_rest_stays() {
        let mut head = parts(&[
            ("host", "h"),
            ("connection", "close, x-mine"),
            ("x-mine", "1"),
            ("keep-alive", "timeout=1"),
            ("te", "trailers"),
            ("proxy-connection", "x"),
            ("upgrade", "h2c"),
            ("x-yours", "2"),
        ]);
        strip_hop_by_hop(&mut head.headers);
        assert_eq!(names(&head), ["host", "x-yours"]);
    }

    #[test]
    fn what_belongs_to_the_message_stays_whatever_connection_names() {
        let mut head = parts(&[
            ("host", "h"),
            ("content-length", "3"),
            ("set-cookie", "a=b"),
            ("x-mine", "1"),
            ("connection", "host, content-length, set-cookie, x-mine"),
        ]);
        strip_hop_by_hop(&mut head.headers);
        assert_eq!(names(&head), ["content-length", "host", "set-cookie"]);
        // Of two lengths only the coding is true.
        let mut head = parts(&[("content-length", "3"), ("transfer-encoding", "chunked")]);
        strip_hop_by_hop(&mut head.headers);
        assert_eq!(names(&head), [""; 0]);
    }

    #[test]
    fn a_chain_of_addresses_in_several_lines_stays_whole() {
        let mut head = parts(&[
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "2.2.2.2"),
        ]);
        forward_from_5000(&mut head);
        let chain = &head.headers["x-forwarded-for"];
        assert_eq!(chain, "1.1.1.1, 2.2.2.2, 127.0.0.1:5000");
    }

    #[test]
    fn an_upgrade_is_passed_on_only_when_connection_names_it() {
        let mut head = parts(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
        ]);
        forward_from_5000(&mut head);
        assert_eq!(head.headers["connection"], "Upgrade");
        assert_eq!(head.headers["upgrade"], "websocket");
        let mut head = parts(&[("upgrade", "websocket")]);
        forward_from_5000(&mut head);
        assert!(!head.headers.contains_key("upgrade"));
    }

    #[test]
    fn what_a_client_claims_is_replaced_and_the_chain_of_addresses_grows() {
        let mut head = parts(&[
            ("host", "h"),
            ("x-forwarded-for", "10.0.0.1"),
            ("client-ip", "1.2.3.4"),
            ("x-arr-log-id", "mine"),
        ]);
        forward_from_5000(&mut head);
        assert_eq!(head.headers["x-forwarded-for"], "10.0.0.1, 127.0.0.1:5000");
        assert_eq!(head.headers["client-ip"], "127.0.0.1:5000");
        assert_eq!(head.headers["x-arr-log-id"], "id");
        assert_eq!(head.headers["x-original-url"], "/a?b=c");
        assert_eq!(head.headers["host"], "h");
    }
}
