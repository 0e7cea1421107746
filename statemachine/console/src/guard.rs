//! Who may ask. Any page that a browser on this machine shows can send requests to a server on loopback, and any user of the
//! machine can connect to it. So each request has to name this server as its `Host` (a name that somebody points at 127.0.0.1
//! is another one), has to bring the token of the printed address as a cookie, and where it changes something has to come from a
//! page of this server (`Origin`).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::server::Shared;

/// No script, style, picture or connection but those of this server; nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// What a request has to bring.
#[derive(Debug)]
pub(crate) struct Guard {
    /// In the printed address, then in the cookie.
    token: String,
    port: u16,
}

impl Guard {
    pub(crate) fn new(port: u16) -> Guard {
        let token: [u8; 16] = rand::random();
        Guard {
            token: token.iter().map(|byte| format!("{byte:02x}")).collect(),
            port,
        }
    }

    /// The address that lets a browser in.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/?token={}", self.port, self.token)
    }

    /// Cookies of one host are shared by its ports.
    fn cookie(&self) -> String {
        format!("ecg_console_{}", self.port)
    }

    fn is_host(&self, host: &str) -> bool {
        ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .any(|name| host == format!("{name}:{}", self.port))
    }

    /// The address without the token, where the request brings the right one in its query.
    fn entered(&self, request: &Request) -> Option<String> {
        let query = request.uri().query()?;
        let (tokens, rest): (Vec<&str>, Vec<&str>) =
            query.split('&').partition(|part| part.starts_with("token="));
        let given = tokens.first()?.strip_prefix("token=")?;
        same(given, &self.token).then(|| {
            let path = request.uri().path();
            // `//host` would be another server.
            let path = format!("/{}", path.trim_start_matches('/'));
            match rest.is_empty() {
                true => path,
                false => format!("{path}?{}", rest.join("&")),
            }
        })
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let name = self.cookie();
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .any(|(key, value)| key == name && same(value, &self.token))
    }

    /// Why a request is refused.
    fn refuses(&self, request: &Request) -> Option<(StatusCode, &'static str)> {
        let headers = request.headers();
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        if !text(header::HOST).is_some_and(|host| self.is_host(host)) {
            return Some((
                StatusCode::MISDIRECTED_REQUEST,
                "expected the address that `ecg console` printed, found another host\n",
            ));
        }
        let origin = text(header::ORIGIN);
        let own = origin.is_some_and(|origin| {
            origin
                .strip_prefix("http://")
                .is_some_and(|host| self.is_host(host))
        });
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        if !(own || (reads && origin.is_none())) {
            return Some((
                StatusCode::FORBIDDEN,
                "expected a request of a page of this console, found another origin\n",
            ));
        }
        if !self.has_cookie(headers) {
            return Some((
                StatusCode::UNAUTHORIZED,
                "expected the token of this console; open the whole address that `ecg console` printed, with its token\n",
            ));
        }
        None
    }
}

/// In a time that does not tell where they differ.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len()
        && a.bytes()
            .zip(b.bytes())
            .fold(0, |differ, (a, b)| differ | (a ^ b))
            == 0
}

pub(crate) async fn guard(State(shared): State<Arc<Shared>>, request: Request<Body>, next: Next) -> Response {
    let guard = &shared.guard;
    let host_is_other = matches!(
        guard.refuses(&request),
        Some((StatusCode::MISDIRECTED_REQUEST, _))
    );
    let mut response = match (guard.entered(&request), guard.refuses(&request)) {
        (Some(path), _) if !host_is_other && *request.method() == Method::GET => {
            let cookie = format!(
                "{}={}; Path=/; HttpOnly; SameSite=Strict",
                guard.cookie(),
                guard.token
            );
            (
                StatusCode::SEE_OTHER,
                [(header::LOCATION, path), (header::SET_COOKIE, cookie)],
            )
                .into_response()
        }
        (_, Some((status, why))) => (status, why).into_response(),
        (_, None) => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
