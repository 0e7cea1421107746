//! The real binary between a Lambda runtime, a Secrets Manager and a Slack that this test plays on loopback.

// A test may stop at the first surprise.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::atomic::{AtomicUsize, Ordering};

use ecg_testing::lambda::{Lambda, Request, Response, Run, S3};
use serde_json::{Value, json};

fn event() -> Value {
    serde_json::from_str(include_str!("../../events/notify.json")).unwrap()
}

/// Runs the example event with a secret; `@slack@` in it is where Slack is played, with these answers one after the
/// other.
fn notify(secret: Response, slack: Vec<Response>) -> Run {
    notify_each([event()], &S3::default(), secret, slack)
}

fn lambda() -> Lambda {
    Lambda::new(env!("CARGO_BIN_EXE_notify"))
        .variable("WORK_BUCKET", "work")
        .variable("PROCESSED_BUCKET", "processed")
}

fn notify_each(
    events: impl IntoIterator<Item = Value>,
    s3: &S3,
    secret: Response,
    slack: Vec<Response>,
) -> Run {
    let (asked, s3) = (AtomicUsize::new(0), s3.clone());
    lambda()
        .variable("SLACK_SECRET", "ecg-pipeline/slack")
        .invoke(events, move |request| match request.header("x-amz-target") {
            Some(target) => {
                assert_eq!(target, "secretsmanager.GetSecretValue");
                assert_eq!(request.json()["SecretId"], "ecg-pipeline/slack");
                let host = request.header("host").unwrap();
                secret.replaced("@slack@", &format!("http://{host}/slack"))
            }
            None if request.path.starts_with("/work") => s3.answer(request),
            None => {
                assert_eq!(
                    (request.method.as_str(), request.path.as_str()),
                    ("POST", "/slack")
                );
                slack[asked.fetch_add(1, Ordering::Relaxed)].clone()
            }
        })
}

fn secret(text: &str) -> Response {
    Response::json(200, json!({ "Name": "ecg-pipeline/slack", "SecretString": text }))
}

fn webhook() -> Response {
    secret("@slack@")
}

fn bot() -> Response {
    secret(r#"{"SLACK_BOT_TOKEN":"xoxb-hidden","SLACK_CHANNEL":"C1","SLACK_API_URL":"@slack@"}"#)
}

fn messages(run: &Run) -> Vec<&Request> {
    run.requests
        .iter()
        .filter(|request| request.path == "/slack")
        .collect()
}

fn not_found(message: &str) -> Response {
    Response::json(
        400,
        json!({ "__type": "ResourceNotFoundException", "Message": message }),
    )
}

#[test]
fn the_message_arrives() {
    let run = notify(webhook(), vec![Response::new(200, "ok")]);
    let id = event()["recording_id"].clone();
    assert_eq!(
        run.outcome(),
        &Ok(json!({ "recording_id": id, "delivered_to": "slack" }))
    );
    let [message] = messages(&run)[..] else {
        panic!("{:?}", run.requests)
    };
    let text = message.json().to_string();
    for part in [
        "validate failed: Rejected",
        "raw/header/two-leads.mat",
        "expected 7224 bytes from the header",
        id.as_str().unwrap(),
        "https://us-east-1.console.aws.amazon.com/states/",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn slack_that_says_no_with_status_200_is_an_error() {
    let no = || Response::json(200, json!({ "ok": false, "error": "channel_not_found" }));
    let run = notify(bot(), vec![no()]);
    let failure = run.outcome().clone().unwrap_err();
    assert_eq!(failure.error, "Internal");
    assert!(failure.message.contains("channel_not_found"), "{failure:?}");
    assert_eq!(
        messages(&run)[0].header("authorization"),
        Some("Bearer xoxb-hidden")
    );
    assert_eq!(messages(&run)[0].json()["channel"], "C1");
    // The token is in no line of the log and in no answer.
    let said = format!("{:?} {:?}", run.lines, run.answers);
    assert!(!said.contains("xoxb-hidden"), "{said}");
}

#[test]
fn a_short_retry_after_is_waited_for_and_a_long_one_left_to_the_workflow() {
    let busy = |seconds: &str| Response::new(429, "").header("retry-after", seconds);
    let run = notify(webhook(), vec![busy("1"), Response::new(200, "ok")]);
    assert_eq!(run.outcome().as_ref().unwrap()["delivered_to"], "slack");
    assert_eq!(messages(&run).len(), 2);
    let waited = run.metrics()[0]["Latency"].as_f64().unwrap();
    assert!(waited >= 1_000.0, "{waited} ms");

    let run = notify(webhook(), vec![busy("3600")]);
    let failure = run.outcome().clone().unwrap_err();
    assert_eq!(failure.error, "Throttled");
    assert!(failure.message.contains("3600 s"), "{failure:?}");
}

/// Five messages, then one for all the rest, with everything that a reader needs. The played S3 dates all objects days ago: so a
/// flood is over at once, and each message that waits finds that nobody sees to the others.
#[test]
fn a_flood_is_told_as_a_digest() {
    let s3 = S3::default();
    let of = |number: usize| {
        let mut event = event();
        let name = format!("file-{number}-89268e6343c5355902b6d03f");
        event["execution"] = json!(
            event["execution"]
                .as_str()
                .unwrap()
                .replace(event["recording_id"].as_str().unwrap(), &name)
        );
        event["source"]["key"] = json!(format!("ward {number}/a <b> {number}.mat"));
        event["recording_id"] = json!(name);
        event
    };
    let ok = || Response::new(200, "ok");
    let run = notify_each((0..9).map(of), &s3, webhook(), vec![ok(); 5]);
    let answers: Vec<&Value> = run
        .outcomes
        .iter()
        .map(|outcome| outcome.as_ref().unwrap())
        .collect();
    for (number, answer) in answers.iter().enumerate() {
        let expected = if number < 5 { "slack" } else { "digest" };
        assert_eq!(answer["delivered_to"], expected, "{number}");
        assert_eq!(
            answer.get("begins_digest"),
            (number >= 5).then_some(&json!(true)),
            "{number}"
        );
    }
    assert_eq!(messages(&run).len(), 5);

    let digest = json!({ "digest_for": of(5)["execution"] });
    let run = notify_each([digest.clone()], &s3, webhook(), vec![ok()]);
    assert_eq!(run.outcome(), &Ok(json!({ "told": 4, "waiting": 0 })));
    let [message] = messages(&run)[..] else {
        panic!("{:?}", run.requests)
    };
    let message = format!("{:#}\n", message.json());
    ecg_testing::golden::check(
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/slack-digest.json"),
        &message,
    );
    // Asked once more, there is nothing left.
    let run = notify_each([digest], &s3, webhook(), vec![]);
    assert_eq!(run.outcome(), &Ok(json!({ "told": 0, "waiting": 0 })));
}

#[test]
fn about_a_smoke_test_nobody_is_told() {
    let mut event = event();
    event["source"]["key"] = json!("smoke-test/1/a.mat");
    let s3 = S3::default();
    let run = notify_each([event], &s3, webhook(), vec![]);
    assert_eq!(run.outcome().as_ref().unwrap()["delivered_to"], "nobody");
    assert_eq!(s3.keys("work"), Vec::<String>::new());
}

#[test]
fn without_slack_the_message_is_logged_and_nothing_fails() {
    let no_value =
        not_found("Secrets Manager can't find the specified secret value for staging label: AWSCURRENT");
    for blank in [no_value, secret(""), secret("{}")] {
        let run = notify(blank, Vec::new());
        assert_eq!(run.outcome().as_ref().unwrap()["delivered_to"], "console");
        check_logged(&run);
    }
    let run = lambda().invoke([event()], |request| panic!("{request:?}"));
    assert_eq!(run.outcome().as_ref().unwrap()["delivered_to"], "console");
    check_logged(&run);
}

fn check_logged(run: &Run) {
    let logged = (run.lines.iter()).find(|line| {
        line["message"]
            .as_str()
            .is_some_and(|said| said.contains("not configured"))
    });
    let text = logged.unwrap_or_else(|| panic!("{:?}", run.lines))["text"]
        .as_str()
        .unwrap();
    assert!(
        text.starts_with("validate failed: Rejected") && text.contains("two-leads.mat"),
        "{text}"
    );
}

#[test]
fn a_secret_that_is_not_there_or_is_none_is_said() {
    for (answer, words) in [
        (
            not_found("Secrets Manager can't find the specified secret."),
            "find the specified secret",
        ),
        (secret("xoxb-hidden"), "expected the address of a webhook"),
    ] {
        let run = notify(answer, Vec::new());
        let failure = run.outcome().clone().unwrap_err();
        assert_eq!(failure.error, "Internal");
        assert!(
            failure.message.contains(words) && failure.message.contains("ecg-pipeline/slack"),
            "{failure:?}"
        );
        assert!(!failure.message.contains("hidden"), "{failure:?}");
    }
}
