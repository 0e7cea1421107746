//! An S3 in memory: what the steps ask of it, and no more. Buckets need not be made; only the one named
//! `versioned` keeps versions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use md5::{Digest, Md5};
use percent_encoding::percent_decode_str;

use super::http::{Request, Response};

/// Objects by bucket and key. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct S3 {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    checksums: BTreeMap<(String, String), (String, String)>,
    objects: BTreeMap<(String, String), Vec<Object>>,
    uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    uploads_begun: usize,
}

/// One version.
#[derive(Debug, Clone)]
struct Object {
    bytes: Vec<u8>,
    etag: String,
    version: String,
}

impl S3 {
    /// Puts an object there; returns its version id.
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) -> String {
        self.state.lock().unwrap().put(bucket, key, bytes)
    }

    /// From now on S3 tells this checksum of the whole object, whatever its bytes: `crc32`, `crc64nvme`, … and Base64.
    pub fn keep_checksum(&self, bucket: &str, key: &str, algorithm: &str, base64: &str) {
        let mut state = self.state.lock().unwrap();
        let told = (format!("x-amz-checksum-{algorithm}"), base64.to_owned());
        state.checksums.insert((bucket.to_owned(), key.to_owned()), told);
    }

    /// The newest version of an object.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let state = self.state.lock().unwrap();
        let versions = state.objects.get(&(bucket.to_owned(), key.to_owned()))?;
        versions.last().map(|object| object.bytes.clone())
    }

    /// Every key of a bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let ours = state.objects.keys().filter(|(found, _)| found == bucket);
        ours.map(|(_, key)| key.clone()).collect()
    }

    /// Multipart uploads that were begun, and those of them that are neither completed nor aborted.
    pub fn uploads(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap();
        (state.uploads_begun, state.uploads.len())
    }

    /// Answers a request. Pinned reads are answered as S3 does: 404 for a version that is not there, 412 for another
    /// ETag.
    pub fn answer(&self, request: &Request) -> Response {
        let (bucket, key) = request.path[1..]
            .split_once('/')
            .unwrap_or((&request.path[1..], ""));
        let mut state = self.state.lock().unwrap();
        let upload = request.asked("uploadId");
        match (request.method.as_str(), upload) {
            ("GET", None) if key.is_empty() => {
                state.list(bucket, &request.asked("prefix").unwrap_or_default())
            }
            ("GET" | "HEAD", None) => state.read(bucket, key, request),
            ("PUT", None)
                if request.header("if-none-match") == Some("*")
                    && state.objects.contains_key(&(bucket.to_owned(), key.to_owned())) =>
            {
                refusal(412, "PreconditionFailed")
            }
            ("PUT", None) if request.header("x-amz-copy-source").is_some() => {
                state.copy(bucket, key, request)
            }
            ("PUT", None) => {
                let version = state.put(bucket, key, &request.body);
                let etag = format!("\"{}\"", etag_of(&request.body));
                versioned(Response::new(200, "").header("etag", &etag), bucket, &version)
            }
            ("PUT", Some(id)) => {
                let number = request.asked("partNumber").unwrap().parse().unwrap();
                let Some(parts) = state.uploads.get_mut(&id) else {
                    return refusal(404, "NoSuchUpload");
                };
                parts.insert(number, request.body.clone());
                let checksum = request.header("x-amz-checksum-crc32").unwrap_or_default();
                Response::new(200, "")
                    .header("etag", &format!("\"part-{number}\""))
                    .header("x-amz-checksum-crc32", checksum)
            }
            ("POST", None) => {
                state.uploads_begun += 1;
                let id = format!("upload-{}", state.uploads_begun);
                state.uploads.insert(id.clone(), BTreeMap::new());
                xml(&format!(
                    "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
                ))
            }
            ("POST", Some(id)) => {
                let Some(parts) = state.uploads.remove(&id) else {
                    return refusal(404, "NoSuchUpload");
                };
                let bytes = parts.into_values().flatten().collect::<Vec<u8>>();
                state.put(bucket, key, &bytes);
                xml("<CompleteMultipartUploadResult><ETag>\"whole-2\"</ETag></CompleteMultipartUploadResult>")
            }
            ("DELETE", Some(id)) => {
                state.uploads.remove(&id);
                Response::new(204, "")
            }
            (method, _) => panic!("{method} {} is not played here", request.path),
        }
    }
}

impl State {
    fn put(&mut self, bucket: &str, key: &str, bytes: &[u8]) -> String {
        let versions = self
            .objects
            .entry((bucket.to_owned(), key.to_owned()))
            .or_default();
        let version = format!("v.{}", versions.len() + 1);
        versions.push(Object {
            bytes: bytes.to_vec(),
            etag: etag_of(bytes),
            version: version.clone(),
        });
        version
    }

    fn copy(&mut self, bucket: &str, key: &str, request: &Request) -> Response {
        let source = request.header("x-amz-copy-source").unwrap();
        assert!(
            !source.contains('?'),
            "copies of a version id are not played here"
        );
        let source = percent_decode_str(source).decode_utf8().unwrap().into_owned();
        let (from, name) = source.split_once('/').unwrap();
        let versions = self.objects.get(&(from.to_owned(), name.to_owned()));
        let Some(found) = versions.and_then(|versions| versions.last()).cloned() else {
            return refusal(404, "NoSuchKey");
        };
        let pinned = request.header("x-amz-copy-source-if-match");
        if pinned.is_some_and(|etag| etag.trim_matches('"') != found.etag) {
            return refusal(412, "PreconditionFailed");
        }
        self.put(bucket, key, &found.bytes);
        xml("<CopyObjectResult><ETag>\"copied\"</ETag></CopyObjectResult>")
    }

    /// All in one page.
    fn list(&self, bucket: &str, prefix: &str) -> Response {
        let found = self
            .objects
            .iter()
            .filter(|((of, key), _)| of == bucket && key.starts_with(prefix));
        let contents: String = found
            .map(|((_, key), versions)| {
                let size = versions.last().map_or(0, |object| object.bytes.len());
                format!(
                    "<Contents><Key>{key}</Key><LastModified>2026-11-23T08:00:00.000Z</LastModified><Size>{size}</Size></Contents>"
                )
            })
            .collect();
        xml(&format!(
            "<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
        ))
    }

    fn read(&self, bucket: &str, key: &str, request: &Request) -> Response {
        let versions = self.objects.get(&(bucket.to_owned(), key.to_owned()));
        let versions = versions.map(Vec::as_slice).unwrap_or_default();
        let found = match request.asked("versionId") {
            Some(id) => match versions.iter().find(|object| object.version == id) {
                Some(object) => object,
                None => return refusal(404, "NoSuchVersion"),
            },
            None => match versions.last() {
                Some(object) => object,
                None => return refusal(404, "NoSuchKey"),
            },
        };
        if request
            .header("if-match")
            .is_some_and(|etag| etag.trim_matches('"') != found.etag)
        {
            return refusal(412, "PreconditionFailed");
        }
        let size = found.bytes.len();
        let response = match request.header("range") {
            None => Response::new(200, found.bytes.clone()),
            Some(range) => {
                let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
                let last = last.parse::<usize>().unwrap();
                let (first, last) = match first {
                    // The last ones.
                    "" => (size.saturating_sub(last), size),
                    first => (first.parse::<usize>().unwrap(), last),
                };
                if first >= size {
                    return refusal(416, "InvalidRange");
                }
                let last = last.min(size - 1);
                Response::new(206, &found.bytes[first..=last])
                    .header("content-range", &format!("bytes {first}-{last}/{size}"))
            }
        };
        // As S3 does: only who asks is told, and of a range nothing.
        let asked =
            request.header("x-amz-checksum-mode") == Some("ENABLED") && request.header("range").is_none();
        let response = match self.checksums.get(&(bucket.to_owned(), key.to_owned())) {
            Some((name, base64)) if asked => response
                .header(name, base64)
                .header("x-amz-checksum-type", "FULL_OBJECT"),
            _ => response,
        };
        let response = response
            .header("etag", &format!("\"{}\"", found.etag))
            .header("last-modified", "Mon, 23 Nov 2026 08:00:00 GMT");
        versioned(response, bucket, &found.version)
    }
}

fn etag_of(bytes: &[u8]) -> String {
    Md5::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn versioned(response: Response, bucket: &str, version: &str) -> Response {
    if bucket == "versioned" {
        response.header("x-amz-version-id", version)
    } else {
        response
    }
}

/// An error as S3 words it.
fn refusal(status: u16, code: &str) -> Response {
    let body = format!("<Error><Code>{code}</Code><Message>said S3</Message></Error>");
    Response::new(status, body).header("content-type", "application/xml")
}

fn xml(body: &str) -> Response {
    Response::new(200, body).header("content-type", "application/xml")
}
