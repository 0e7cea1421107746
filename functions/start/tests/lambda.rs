//! The real binary between a Lambda runtime and a Step Functions that this test plays on loopback: what it is given,
//! what it asks for, what it answers.

// A test may stop at the first surprise.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// A request that the binary made.
struct Request {
    target: String,
    head: String,
    body: String,
}

/// The binary under test; killed when the test ends, however it ends.
struct Function(Child);

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the binary with one event waiting for it; returns it and what it asks for, `next` left out.
fn start(event: Value, variables: &[(&str, &str)]) -> (Function, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        let mut event = Some(event.to_string());
        for stream in listener.incoming() {
            serve(stream.unwrap(), &mut event, &sender);
        }
    });
    let process = Command::new(env!("CARGO_BIN_EXE_start"))
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", &address)
        .env("AWS_LAMBDA_FUNCTION_NAME", "start")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_MAX_ATTEMPTS", "1")
        .env("AWS_ENDPOINT_URL", format!("http://{address}"))
        .envs(variables.iter().copied())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    (Function(process), requests)
}

/// Answers one request. Each gets a connection of its own, so that a request for the next event can wait.
fn serve(mut stream: TcpStream, event: &mut Option<String>, sender: &Sender<Request>) {
    let request = read(&stream);
    let (status, body) = if request.target.ends_with("/invocation/next") {
        let Some(event) = event.take() else {
            // There are no further events: the binary waits here until it is killed.
            std::mem::forget(stream);
            return;
        };
        ("200 OK", event)
    } else {
        let answer = if request.head.contains("awsstepfunctions.startexecution") {
            if request.body.contains("busy.mat") {
                error("ThrottlingException")
            } else if request.body.contains("before.mat") {
                error("ExecutionAlreadyExists")
            } else {
                (
                    "200 OK",
                    json!({ "executionArn": "arn:e", "startDate": 1_795_420_800.0 }).to_string(),
                )
            }
        } else if request.head.contains("awsstepfunctions.describeexecution") {
            let input = json!({ "source": { "uploaded_at_ms": 1_795_420_800_123_i64, "sequencer": "0055" } });
            let execution = json!({
                "executionArn": "arn:e", "stateMachineArn": "arn:m", "status": "SUCCEEDED",
                "startDate": 1_795_420_801.0, "input": input.to_string(),
            });
            ("200 OK", execution.to_string())
        } else {
            ("202 Accepted", "{}".to_owned())
        };
        sender.send(request).unwrap();
        answer
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\nConnection: close\r\n\
         lambda-runtime-aws-request-id: r-1\r\nlambda-runtime-deadline-ms: 99999999999999\r\n\
         lambda-runtime-invoked-function-arn: arn:f\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
}

fn error(code: &str) -> (&'static str, String) {
    let error_type = format!("com.amazonaws.swf.service.v2.model#{code}");
    (
        "400 Bad Request",
        json!({ "__type": error_type, "message": "no" }).to_string(),
    )
}

fn read(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(
            reader.read_line(&mut head).unwrap(),
            0,
            "the connection ended inside the head: {head}"
        );
    }
    let head = head.to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    Request {
        target,
        head,
        body: String::from_utf8(body).unwrap(),
    }
}

fn message(id: &str, key: &str) -> Value {
    let record = json!({
        "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": "2026-11-23T08:00:00Z",
        "s3": { "bucket": { "name": "raw" }, "object": { "key": key, "size": 1, "eTag": "0f" } },
    });
    json!({ "messageId": id, "body": json!({ "Records": [record] }).to_string() })
}

const SETTINGS: [(&str, &str); 4] = [
    ("RAW_BUCKET", "raw"),
    ("WORK_BUCKET", "work"),
    ("PROCESSED_BUCKET", "processed"),
    (
        "STATE_MACHINE_ARN",
        "arn:aws:states:us-east-1:000000000000:stateMachine:ecg-pipeline",
    ),
];

#[test]
fn a_batch_of_uploads() {
    let messages = [
        message("m1", "new+one.mat"),
        message("m2", "before.mat"),
        message("m3", "busy.mat"),
        json!({ "messageId": "m4", "body": "no" }),
    ];
    let (_function, requests) = start(json!({ "Records": messages }), &SETTINGS);
    let mut started = Vec::new();
    let answer = loop {
        let request = requests.recv_timeout(Duration::from_secs(30)).unwrap();
        if request.target != "/" {
            break request;
        }
        let asked: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(asked["stateMachineArn"], SETTINGS[3].1);
        let input: Value = serde_json::from_str(asked["input"].as_str().unwrap()).unwrap();
        assert_eq!(asked["name"], input["recording_id"]);
        started.push(input["source"]["key"].as_str().unwrap().to_owned());
    };
    started.sort();
    assert_eq!(started, ["before.mat", "busy.mat", "new one.mat"]);
    assert_eq!(answer.target, "/2018-06-01/runtime/invocation/r-1/response");
    assert_eq!(
        answer.body,
        r#"{"batchItemFailures":[{"itemIdentifier":"m3"},{"itemIdentifier":"m4"}]}"#
    );
}

/// What `backfill.asl.json` asks.
#[test]
fn a_name_for_an_object_that_lies_there() {
    let head = json!({ "ETag": "\"0f\"", "VersionId": "v1", "ContentLength": 7, "LastModified": "2026-11-23T07:59:59Z" });
    let event = json!({ "bucket": "raw", "key": "a b.mat", "head": head, "suffix": "b2" });
    let (_function, requests) = start(event, &SETTINGS);
    let asked = requests.recv_timeout(Duration::from_secs(30)).unwrap();
    let asked: Value = serde_json::from_str(&asked.body).unwrap();
    let id = ecg_core::recording_id("raw", "a b.mat", "v1");
    let execution = format!("arn:aws:states:us-east-1:000000000000:execution:ecg-pipeline:{id}");
    assert_eq!(asked, json!({ "executionArn": execution }));

    let answer = requests.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(answer.target, "/2018-06-01/runtime/invocation/r-1/response");
    let source = json!({
        "bucket": "raw", "key": "a b.mat", "version": "v1", "etag": "0f", "size": 7,
        "uploaded_at_ms": 1_795_420_800_123_i64, "sequencer": "0055",
    });
    let named = json!({ "name": format!("{id}-b2"), "input": { "recording_id": id, "source": source } });
    assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap(), named);
}

#[test]
fn a_pipeline_that_feeds_on_itself_is_refused() {
    let mut settings = SETTINGS;
    settings[2].1 = "raw";
    let (_function, requests) = start(json!({ "Records": [message("m1", "new.mat")] }), &settings);
    let answer = requests.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(answer.target, "/2018-06-01/runtime/invocation/r-1/error");
    let error: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(error["errorType"], "Internal");
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .contains("PROCESSED_BUCKET"),
        "{error}"
    );
}
