//! As much of HTTP as it takes to play a service: one request and one answer for each connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// A request that the binary made.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `PUT`, …
    pub method: String,
    /// The path, decoded, without the query.
    pub path: String,
    /// The query as it was sent, without the question mark.
    pub query: String,
    /// The headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// Reads one; `None` where the connection ended before there was any.
    pub(crate) fn read(mut stream: &TcpStream) -> Option<Request> {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut first = String::new();
        if reader.read_line(&mut first).ok()? == 0 {
            return None;
        }
        let mut words = first.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(
                reader.read_line(&mut line).ok()?,
                0,
                "the connection ended inside the head"
            );
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut request = Request {
            method,
            path: percent_decode_str(path).decode_utf8().unwrap().into_owned(),
            query: query.to_owned(),
            headers,
            body: Vec::new(),
        };
        if request.header("expect") == Some("100-continue") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        }
        assert_eq!(request.header("transfer-encoding"), None, "bodies have a length");
        let length = request
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        request.body = vec![0; length];
        reader.read_exact(&mut request.body).ok()?;
        Some(request)
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(found, _)| found == name);
        header.map(|(_, value)| value.as_str())
    }

    /// The decoded value of a part of the query, empty where it has none.
    pub fn asked(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|part| {
            let (found, value) = part.split_once('=').unwrap_or((part, ""));
            (found == name).then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
        })
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// What a service answers.
#[derive(Debug, Clone)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    /// A status and a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// A JSON text, as the services but S3 answer.
    #[allow(clippy::needless_pass_by_value)]
    pub fn json(status: u16, body: Value) -> Response {
        Response::new(status, body.to_string()).header("content-type", "application/x-amz-json-1.1")
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Response {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with another word in its body.
    #[must_use]
    pub fn replaced(&self, word: &str, with: &str) -> Response {
        let body = String::from_utf8(self.body.clone()).unwrap().replace(word, with);
        Response {
            body: body.into(),
            ..self.clone()
        }
    }

    /// Sends it. The binary may have gone meanwhile.
    pub(crate) fn write(&self, mut stream: TcpStream, request: &Request) {
        let mut head = format!("HTTP/1.1 {} Answer\r\nConnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n", self.body.len());
        let mut bytes = head.into_bytes();
        if request.method != "HEAD" {
            bytes.extend_from_slice(&self.body);
        }
        let _ = stream.write_all(&bytes);
    }
}
