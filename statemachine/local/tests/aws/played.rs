//! Step Functions on loopback, as far as the command line asks it: what it was told at the start, and what it is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

const ARN: &str = "arn:aws:states:eu-central-1:123456789012";
/// 2026-11-23T08:00:00Z.
const START: f64 = 1_795_420_800.0;
/// Executions and events of a page, fewer than there are.
const PAGE: usize = 3;

/// An execution as DescribeExecution tells it, started in this minute; it took a second and a half.
pub(crate) fn execution(name: &str, status: &str, minute: u32) -> Value {
    let recording_id = name.trim_end_matches("-r1");
    let source = json!({ "bucket": "raw", "key": format!("ward/{recording_id}.mat"), "version": "v1", "etag": "0f",
                         "size": 7, "uploaded_at_ms": 1_795_420_800_123_i64 });
    let started = START + f64::from(minute) * 60.0;
    let mut execution = json!({
        "executionArn": format!("{ARN}:execution:ecg-pipeline:{name}"),
        "stateMachineArn": format!("{ARN}:stateMachine:ecg-pipeline"),
        "stateMachineAliasArn": format!("{ARN}:stateMachine:ecg-pipeline:live"),
        "stateMachineVersionArn": format!("{ARN}:stateMachine:ecg-pipeline:2"),
        "name": name, "status": status, "startDate": started, "redriveCount": 0,
        "input": json!({ "recording_id": recording_id, "source": source }).to_string(),
    });
    if status != "RUNNING" {
        execution["stopDate"] = json!(started + 1.5);
    }
    if status == "SUCCEEDED" {
        execution["output"] = json!(json!({ "recording_id": recording_id }).to_string());
    }
    execution
}

/// The events of a failed execution. One of a kind that nobody knows yet is among them.
pub(crate) fn failed_history() -> Vec<Value> {
    let event = |id: u32, kind: &str, details: Value| {
        let mut event = json!({ "timestamp": START + 120.0 + f64::from(id) / 8.0, "type": kind, "id": id, "previousEventId": id - 1 });
        event
            .as_object_mut()
            .unwrap()
            .extend(details.as_object().unwrap().clone());
        event
    };
    let cause =
        json!({ "errorType": "Rejected", "errorMessage": "val: expected 2 leads, found 0" }).to_string();
    let parameters =
        json!({ "FunctionName": "validate", "Payload": { "recording_id": "bad-2" } }).to_string();
    let task = json!({ "resourceType": "lambda", "resource": "invoke" });
    let with = |extra: Value| {
        let mut task = task.clone();
        task.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        task
    };
    vec![
        event(
            1,
            "ExecutionStarted",
            json!({ "executionStartedEventDetails": { "input": "{}", "roleArn": "arn:r" } }),
        ),
        event(
            2,
            "TaskStateEntered",
            json!({ "stateEnteredEventDetails": { "name": "Validate", "input": "{}" } }),
        ),
        event(
            3,
            "TaskScheduled",
            json!({ "taskScheduledEventDetails":
            with(json!({ "region": "eu-central-1", "parameters": parameters })) }),
        ),
        event(
            4,
            "TaskMoonPhaseChanged",
            json!({ "taskMoonPhaseChangedEventDetails": { "phase": "full" } }),
        ),
        event(
            5,
            "TaskFailed",
            json!({ "taskFailedEventDetails": with(json!({ "error": "Rejected", "cause": cause })) }),
        ),
        event(
            6,
            "FailStateEntered",
            json!({ "stateEnteredEventDetails": { "name": "Failed", "input": "{}" } }),
        ),
        event(
            7,
            "ExecutionFailed",
            json!({ "executionFailedEventDetails": { "error": "Rejected", "cause": cause } }),
        ),
    ]
}

/// The server. It lives as long as the test.
pub(crate) struct Played {
    url: String,
    world: Arc<Mutex<World>>,
}

#[derive(Default)]
struct World {
    executions: Vec<Value>,
    children: Vec<Value>,
    writes: Vec<(String, Value)>,
    /// How often the backfill was looked at.
    looks: u32,
}

impl Played {
    pub(crate) fn new(executions: Vec<Value>) -> Played {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = Arc::new(Mutex::new(World {
            executions,
            ..World::default()
        }));
        let shared = world.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &shared);
            }
        });
        Played { url, world }
    }

    /// A backfill that is started has these failed children.
    pub(crate) fn with_children(self, children: Vec<Value>) -> Played {
        self.world.lock().unwrap().children = children;
        self
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What was asked that changes something, in order.
    pub(crate) fn writes(&self) -> Vec<(String, Value)> {
        self.world.lock().unwrap().writes.clone()
    }
}

/// Answers one request. Each gets a connection of its own.
fn serve(mut stream: TcpStream, world: &Mutex<World>) {
    let mut reader = BufReader::new(&stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap() == 0 {
            return;
        }
    }
    let header = |name: &str| {
        let line = head
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let length = header("content-length:")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let target = header("x-amz-target:").unwrap_or_default();
    let operation = target.trim_start_matches("AWSStepFunctions.").to_owned();
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let (status, answer) = match world.lock().unwrap().answer(&operation, &asked) {
        Ok(answer) => ("200 OK", answer),
        Err(code) => (
            "400 Bad Request",
            json!({ "__type": code, "message": "said the test" }),
        ),
    };
    let answer = answer.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.len()
    );
    stream.write_all(format!("{head}{answer}").as_bytes()).unwrap();
}

impl World {
    fn answer(&mut self, operation: &str, asked: &Value) -> Result<Value, &'static str> {
        match operation {
            "ListStateMachines" => {
                let machine = |name: &str| {
                    json!({ "name": name, "stateMachineArn": format!("{ARN}:stateMachine:{name}"), "type": "STANDARD",
                            "creationDate": START })
                };
                // One a page: the second is found too.
                Ok(match asked["nextToken"].as_str() {
                    None => json!({ "stateMachines": [machine("ecg-pipeline")], "nextToken": "2" }),
                    Some(_) => json!({ "stateMachines": [machine("ecg-pipeline-backfill")] }),
                })
            }
            "ListExecutions" => {
                let mut listed = match asked["mapRunArn"].as_str() {
                    Some(_) => self.children.clone(),
                    None => self.executions.clone(),
                };
                listed.retain(|execution| {
                    asked["statusFilter"].is_null() || execution["status"] == asked["statusFilter"]
                });
                listed.reverse();
                Ok(page("executions", listed, asked))
            }
            "DescribeExecution" => self.find(asked).cloned(),
            // In the middle of a gradual deployment, both versions are in use.
            "DescribeStateMachineAlias" => {
                let arn = asked["stateMachineAliasArn"].as_str().unwrap();
                let version = |number: u32, weight: u32| {
                    let machine = arn.strip_suffix(":live").unwrap();
                    json!({ "stateMachineVersionArn": format!("{machine}:{number}"), "weight": weight })
                };
                if arn.contains("without-alias") {
                    return Err("ResourceNotFound");
                }
                Ok(
                    json!({ "stateMachineAliasArn": arn, "name": "live", "routingConfiguration": [version(2, 90), version(3, 10)] }),
                )
            }
            "GetExecutionHistory" => {
                let name = self.find(asked)?["name"].as_str().unwrap().to_owned();
                let mut events = failed_history();
                if name.starts_with("caught-") {
                    // It ran out of time after a step had failed.
                    events.push(
                        json!({ "timestamp": START + 130.0, "type": "TaskStateEntered", "id": 99, "previousEventId": 98,
                                "stateEnteredEventDetails": { "name": "RecordFailure", "input": "{}" } }),
                    );
                }
                Ok(page("events", events, asked))
            }
            "StartExecution" => {
                self.writes.push((operation.to_owned(), asked.clone()));
                let name = asked["name"].as_str().unwrap();
                let mut started = execution(name, "RUNNING", 9);
                let machine = asked["stateMachineArn"].as_str().unwrap();
                let machine = machine.strip_suffix(":live").unwrap_or(machine);
                let arn = format!("{}:{name}", machine.replace(":stateMachine:", ":execution:"));
                if self
                    .executions
                    .iter()
                    .any(|execution| execution["executionArn"] == arn)
                {
                    return Err("ExecutionAlreadyExists");
                }
                started["executionArn"] = json!(arn);
                started["input"] = asked["input"].clone();
                self.executions.push(started);
                Ok(json!({ "executionArn": arn, "startDate": START }))
            }
            "RedriveExecution" => {
                self.writes.push((operation.to_owned(), asked.clone()));
                let arn = asked["executionArn"].clone();
                let found = self
                    .executions
                    .iter_mut()
                    .find(|execution| execution["executionArn"] == arn);
                found.ok_or("ExecutionDoesNotExist")?["status"] = json!("RUNNING");
                Ok(json!({ "redriveDate": START }))
            }
            "ListMapRuns" => {
                self.looks += 1;
                // At the first look it has not begun to list objects; at the second it has ended: failed, if a child has.
                let runs = match self.looks {
                    1 => json!([]),
                    _ => {
                        json!([{ "executionArn": asked["executionArn"], "mapRunArn": format!("{ARN}:mapRun:b/objects:1"),
                                  "stateMachineArn": format!("{ARN}:stateMachine:b"), "startDate": START }])
                    }
                };
                let all_well = self.children.is_empty();
                if let Some(backfill) = self.executions.last_mut() {
                    backfill["stopDate"] = json!(START + 60.0);
                    if all_well {
                        backfill["status"] = json!("SUCCEEDED");
                        backfill["output"] =
                            json!(json!({ "bucket": "raw-1", "archived": 3, "results": {} }).to_string());
                        return Ok(json!({ "mapRuns": runs }));
                    }
                    backfill["status"] = json!("FAILED");
                    backfill["error"] = json!("States.ExceedToleratedFailureThreshold");
                    backfill["cause"] = json!("The specified tolerated failure threshold was exceeded");
                }
                Ok(json!({ "mapRuns": runs }))
            }
            "DescribeMapRun" => {
                let aborted = u32::from(!self.children.is_empty());
                let counts = |succeeded: u32, failed: u32, open: u32| {
                    let (failed, open) = (failed * aborted, open * aborted);
                    json!({ "pending": open, "running": 0, "succeeded": succeeded, "failed": failed, "timedOut": 0,
                            "aborted": aborted, "total": succeeded + failed + open + aborted, "resultsWritten": 0 })
                };
                Ok(json!({
                    "mapRunArn": asked["mapRunArn"], "executionArn": "arn:e", "status": "FAILED", "startDate": START,
                    "maxConcurrency": 7, "toleratedFailurePercentage": 10.0, "toleratedFailureCount": 0,
                    "itemCounts": counts(1_204, 2, 30), "executionCounts": counts(1_204, 2, 30),
                }))
            }
            _ => Err("UnknownOperationException"),
        }
    }

    fn find(&self, asked: &Value) -> Result<&Value, &'static str> {
        let mut all = self.executions.iter().chain(&self.children);
        let found = all.find(|execution| execution["executionArn"] == asked["executionArn"]);
        found.ok_or("ExecutionDoesNotExist")
    }
}

fn page(name: &str, items: Vec<Value>, asked: &Value) -> Value {
    let begin: usize = asked["nextToken"]
        .as_str()
        .map_or(0, |token| token.parse().unwrap());
    let end = (begin + PAGE).min(items.len());
    let mut page = json!({ name: items[begin..end] });
    if end < items.len() {
        page["nextToken"] = json!(end.to_string());
    }
    page
}
