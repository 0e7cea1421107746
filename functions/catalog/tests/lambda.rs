//! The real binary between a Lambda runtime, a Glue and an Athena that this test plays on loopback: what it asks for and what it
//! answers.

// A test may stop at the first surprise.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;
use std::thread;

use ecg_testing::lambda::{Lambda, Request, Response};
use serde_json::{Value, json};

fn catalog() -> Lambda {
    Lambda::new(env!("CARGO_BIN_EXE_catalog"))
        .variable("WORK_BUCKET", "work")
        .variable("PROCESSED_BUCKET", "processed")
        .variable("GLUE_DATABASE", "ward")
        .variable("ATHENA_WORKGROUP", "ecg-pipeline")
}

fn error(code: &str, message: &str) -> Response {
    Response::json(400, json!({ "__type": code, "message": message }))
}

/// Glue and Athena with nothing in them.
#[derive(Default)]
struct Services {
    database: Option<String>,
    tables: BTreeMap<String, Value>,
    statements: Vec<Value>,
    looked: usize,
    /// What Athena says of a statement that makes the view of this name.
    failing: Option<(&'static str, Value)>,
}

impl Services {
    fn answer(&mut self, request: &Request) -> Response {
        let target = request.header("x-amz-target").unwrap().to_owned();
        let (_, operation) = target.split_once('.').unwrap();
        let asked = request.json();
        let missing = |what: &str| error("EntityNotFoundException", what);
        if operation.contains("Table") {
            assert_eq!(asked["DatabaseName"], "ward");
        }
        match operation {
            "GetTables" if self.database.is_none() => missing("Database ward not found."),
            "GetTables" => {
                let tables: Vec<&Value> = self.tables.values().collect();
                Response::json(200, json!({ "TableList": tables }))
            }
            "GetDatabase" if self.database.is_none() => missing("Database ward not found."),
            "CreateDatabase" => {
                let name = asked["DatabaseInput"]["Name"].as_str().unwrap();
                self.database = Some(name.to_owned());
                Response::json(200, json!({}))
            }
            "GetTable" => match self.tables.get(asked["Name"].as_str().unwrap()) {
                Some(table) => Response::json(200, json!({ "Table": table })),
                None => missing("no such table"),
            },
            "CreateTable" if self.database.is_some() => {
                let mut table = asked["TableInput"].clone();
                table["DatabaseName"] = json!("ward");
                let name = table["Name"].as_str().unwrap().to_owned();
                assert!(self.tables.insert(name, table).is_none());
                Response::json(200, json!({}))
            }
            "StartQueryExecution" => {
                assert_eq!(asked["WorkGroup"], "ecg-pipeline");
                assert_eq!(asked["QueryExecutionContext"], json!({ "Database": "ward" }));
                assert!(asked["ClientRequestToken"].as_str().unwrap().len() >= 32);
                self.statements.push(asked["QueryString"].clone());
                Response::json(
                    200,
                    json!({ "QueryExecutionId": self.statements.len().to_string() }),
                )
            }
            "GetQueryExecution" => {
                let id: usize = asked["QueryExecutionId"].as_str().unwrap().parse().unwrap();
                let sql = self.statements[id - 1].as_str().unwrap();
                self.looked += 1;
                let status = match &self.failing {
                    _ if self.looked % 2 == 1 => json!({ "State": "QUEUED" }),
                    Some((view, status)) if sql.contains(&format!("VIEW \"{view}\"")) => status.clone(),
                    _ => json!({ "State": "SUCCEEDED" }),
                };
                let execution = json!({ "QueryExecutionId": id.to_string(), "Status": status });
                Response::json(200, json!({ "QueryExecution": execution }))
            }
            _ => panic!("{target}: {asked}"),
        }
    }
}

/// The answers to as many events, and what was asked for, in order.
fn invoke(services: Services, events: &[Value]) -> (Vec<String>, Vec<String>) {
    let services = Mutex::new(services);
    let events = events.to_vec();
    let run = catalog().invoke(events, move |request: &Request| {
        services.lock().unwrap().answer(request)
    });
    let asked = run.requests.iter().map(|request| {
        let target = request.header("x-amz-target").unwrap();
        target.split_once('.').unwrap().1.to_owned()
    });
    (run.answers.clone(), asked.collect())
}

#[test]
fn an_empty_account_then_one_where_all_is_there() {
    let (answers, asked) = invoke(Services::default(), &[json!({}), json!({})]);
    let made = r#"{"tables":["recordings","segments","beats","windows","rejections"],"views":["samples","current","unresolved"]}"#;
    assert_eq!(answers, [made, made]);
    let mut expected = vec!["GetTables", "GetDatabase", "CreateDatabase"];
    expected.extend(["GetTable", "CreateTable"].repeat(5));
    let view = ["StartQueryExecution", "GetQueryExecution", "GetQueryExecution"];
    expected.extend(view.repeat(3));
    expected.push("GetTables");
    expected.extend(view.repeat(3));
    assert_eq!(asked, expected);
}

#[test]
fn what_athena_says_of_a_view() {
    let status = |state: &str| json!({ "State": state, "StateChangeReason": "COLUMN_NOT_FOUND: line 2:8" });
    for state in ["FAILED", "CANCELLED"] {
        let services = Services {
            failing: Some(("unresolved", status(state))),
            ..Services::default()
        };
        let (answers, _) = invoke(services, &[json!({})]);
        let answer: Value = serde_json::from_str(&answers[0]).unwrap();
        assert_eq!(answer["errorType"], "Internal");
        let words = format!("making the view `unresolved`: Athena: {state}: COLUMN_NOT_FOUND: line 2:8");
        assert_eq!(answer["errorMessage"], words);
    }
}

/// Events of CloudFormation, and what it is told at their address.
fn deploy(services: Services, kind: &str) -> (Value, Vec<String>, String, Value) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let told = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut text, mut buffer) = (String::new(), [0; 4096]);
        while !text.ends_with('}') {
            let read = stream.read(&mut buffer).unwrap();
            text += std::str::from_utf8(&buffer[..read]).unwrap();
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .unwrap();
        text
    });
    let event = json!({
        "RequestType": kind, "ResponseURL": format!("http://{address}/signed?a=b"), "StackId": "stack", "RequestId": "request",
        "ResourceType": "Custom::Catalog", "LogicalResourceId": "Catalog", "ResourceProperties": { "Version": "arn:7" },
    });
    let (answers, asked) = invoke(services, &[event]);
    let told = told.join().unwrap();
    let (head, body) = told.split_once("\r\n\r\n").unwrap();
    let answer = serde_json::from_str(&answers[0]).unwrap();
    (
        answer,
        asked,
        head.to_ascii_lowercase(),
        serde_json::from_str(body).unwrap(),
    )
}

#[test]
fn a_deployment_is_told() {
    let (answer, asked, head, told) = deploy(Services::default(), "Create");
    assert_eq!(answer["views"], json!(["samples", "current", "unresolved"]));
    assert!(!asked.is_empty());
    assert!(head.starts_with("put /signed?a=b "), "{head}");
    // The address is signed for that.
    assert!(
        head.lines().any(|line| line.trim_end() == "content-type:"),
        "{head}"
    );
    let of = |status: &str| json!({ "Status": status, "PhysicalResourceId": "catalog", "StackId": "stack", "RequestId": "request", "LogicalResourceId": "Catalog" });
    assert_eq!(told, of("SUCCESS"));

    // A failure is told and no error: Lambda would try again what CloudFormation rolls back.
    let services = Services {
        failing: Some(("samples", json!({ "State": "FAILED", "StateChangeReason": "no" }))),
        ..Services::default()
    };
    let (answer, _, _, told) = deploy(services, "Update");
    let mut expected = of("FAILED");
    expected["Reason"] = json!("making the view `samples`: Athena: FAILED: no");
    assert_eq!(told, expected);
    assert_eq!(answer["failed"], expected["Reason"]);

    // With the stack nothing goes.
    let (_, asked, _, told) = deploy(Services::default(), "Delete");
    assert_eq!((asked, told), (Vec::new(), of("SUCCESS")));
}
