//! For tests: a Lambda's real binary between a runtime and services that the test plays on loopback. What it is given,
//! what it asks for, what it answers, what it logs.
//!
//! ```no_run
//! use ecg_testing::lambda::{Lambda, Response};
//!
//! let run = Lambda::new("target/debug/notify")
//!     .variable("SLACK_SECRET", "slack")
//!     .invoke([serde_json::json!({ "recording_id": "a-1" })], |request| {
//!         Response::json(200, serde_json::json!({ "SecretString": "http://127.0.0.1:1/" }))
//!     });
//! assert!(run.outcomes[0].is_err());
//! ```

mod http;
mod s3;

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

pub use http::{Request, Response};
pub use s3::S3;

/// Answers every request to the endpoint that it returns, until the process ends.
pub fn listen(service: impl Fn(&Request) -> Response + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    serve(listener, move |request, stream| {
        service(&request).write(stream, &request)
    });
    endpoint
}

/// Takes connections on a thread in the background. Each request is on a connection and a thread of its own, so that a slow
/// one stops no other.
fn serve(listener: TcpListener, answer: impl Fn(Request, TcpStream) + Send + Sync + 'static) {
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = answer.clone();
            thread::spawn(move || {
                let stream = stream.unwrap();
                if let Some(request) = Request::read(&stream) {
                    answer(request, stream);
                }
            });
        }
    });
}

/// Longest time for one invocation, so that a test that waits for nothing fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A binary, and how it is run.
#[derive(Debug)]
pub struct Lambda {
    binary: String,
    variables: Vec<(String, String)>,
    milliseconds: u64,
}

/// An error as the binary reported it to the runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `errorType`.
    pub error: String,
    /// `errorMessage`.
    pub message: String,
}

/// What came of it.
#[derive(Debug)]
pub struct Run {
    /// The answers, one for each event.
    pub outcomes: Vec<Result<Value, Failure>>,
    /// The bodies of these answers as they were sent.
    pub answers: Vec<String>,
    /// What the services were asked for, in order.
    pub requests: Vec<Request>,
    /// The lines on standard output; every one has to be JSON.
    pub lines: Vec<Value>,
}

impl Lambda {
    /// A binary: `env!("CARGO_BIN_EXE_validate")`.
    pub fn new(binary: &str) -> Lambda {
        Lambda {
            binary: binary.to_owned(),
            variables: Vec::new(),
            milliseconds: 30_000,
        }
    }

    /// Sets an environment variable. There are no others than those of Lambda itself.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Lambda {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// How long before its deadline each event arrives, in milliseconds.
    #[must_use]
    pub fn deadline_in(mut self, milliseconds: u64) -> Lambda {
        self.milliseconds = milliseconds;
        self
    }

    /// Runs the binary until it has answered these events, one after the other, then kills it. Every request that is
    /// not the runtime's is answered by `service`: the SDKs are led there.
    pub fn invoke(
        self,
        events: impl IntoIterator<Item = Value>,
        service: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Run {
        let events: Vec<Value> = events.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, seen) = channel();
        let runtime = Runtime::new(&events, self.milliseconds);
        serve(listener, move |request, stream| {
            if !request.path.starts_with("/2018-06-01/runtime/") {
                let response = service(&request);
                // The test may be over.
                let _ = sender.send(Seen::Service(request.clone()));
                response.write(stream, &request);
            } else if request.path.ends_with("/next") {
                match runtime.next() {
                    Some(response) => response.write(stream, &request),
                    // There are no further events: the binary waits here until it is killed.
                    None => std::mem::forget(stream),
                }
            } else {
                Response::json(202, serde_json::json!({})).write(stream, &request);
                let _ = sender.send(Seen::Answer(request));
            }
        });
        let mut process = Process::start(&self.binary, &address, &self.variables);
        let mut run = collect(&seen, events.len());
        run.lines = process.end();
        // What was asked for in the meantime.
        run.requests.extend(seen.try_iter().filter_map(|seen| match seen {
            Seen::Service(request) => Some(request),
            Seen::Answer(_) => None,
        }));
        run
    }
}

impl Run {
    /// The one answer of a run with one event.
    pub fn outcome(&self) -> &Result<Value, Failure> {
        assert_eq!(self.outcomes.len(), 1, "one event");
        &self.outcomes[0]
    }

    /// The log lines with this message.
    pub fn logged(&self, message: &str) -> Vec<&Value> {
        self.lines
            .iter()
            .filter(|line| line["message"] == message)
            .collect()
    }

    /// The lines of metrics.
    pub fn metrics(&self) -> Vec<&Value> {
        self.lines
            .iter()
            .filter(|line| line.get("_aws").is_some())
            .collect()
    }
}

enum Seen {
    Service(Request),
    Answer(Request),
}

fn collect(seen: &Receiver<Seen>, events: usize) -> Run {
    let mut run = Run {
        outcomes: Vec::new(),
        answers: Vec::new(),
        requests: Vec::new(),
        lines: Vec::new(),
    };
    while run.outcomes.len() < events {
        match seen.recv_timeout(PATIENCE) {
            Ok(Seen::Service(request)) => run.requests.push(request),
            Ok(Seen::Answer(request)) => {
                run.outcomes.push(outcome(&request));
                run.answers.push(request.text());
            }
            Err(_) => panic!("expected {events} answers, found {:?}", run.outcomes),
        }
    }
    run
}

fn outcome(request: &Request) -> Result<Value, Failure> {
    let body = request.json();
    if request.path.ends_with("/response") {
        return Ok(body);
    }
    assert!(request.path.ends_with("/error"), "{}", request.path);
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    Err(Failure {
        error: text("errorType"),
        message: text("errorMessage"),
    })
}

/// The events that wait to be asked for.
#[derive(Clone)]
struct Runtime {
    next: std::sync::Arc<std::sync::Mutex<Receiver<(usize, String)>>>,
    milliseconds: u64,
}

impl Runtime {
    fn new(events: &[Value], milliseconds: u64) -> Runtime {
        let (sender, next): (Sender<(usize, String)>, _) = channel();
        for (number, event) in events.iter().enumerate() {
            sender.send((number + 1, event.to_string())).unwrap();
        }
        Runtime {
            next: std::sync::Arc::new(std::sync::Mutex::new(next)),
            milliseconds,
        }
    }

    fn next(&self) -> Option<Response> {
        let (number, event) = self.next.lock().unwrap().try_recv().ok()?;
        Some(
            Response::new(200, event)
                .header("content-type", "application/json")
                .header("lambda-runtime-aws-request-id", &format!("r-{number}"))
                .header(
                    "lambda-runtime-deadline-ms",
                    &(now_ms() + self.milliseconds).to_string(),
                )
                .header("lambda-runtime-invoked-function-arn", "arn:f"),
        )
    }
}

/// The runtime that is played here gives the deadline as a time of day.
#[allow(clippy::disallowed_methods)]
fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// The binary; killed when the test ends, however it ends.
struct Process(Child);

impl Process {
    fn start(binary: &str, address: &str, variables: &[(String, String)]) -> Process {
        let child = Command::new(binary)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "function")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_MAX_ATTEMPTS", "1")
            .env("AWS_ENDPOINT_URL", format!("http://{address}"))
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        Process(child.unwrap_or_else(|error| panic!("{binary}: {error}")))
    }

    /// Kills it; returns what it printed.
    fn end(&mut self) -> Vec<Value> {
        let mut stdout = self.0.stdout.take().unwrap();
        self.0.kill().unwrap();
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        text.lines().map(read).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
