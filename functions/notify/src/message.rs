//! The message: step, error, cause in one line, file, recording id, link, and the command to run it again.

use ecg_core::day::rfc3339;
use ecg_core::message::NotifyInput;
use serde_json::{Value, json};

use crate::flood::Digest;

/// Where a reader of the message can go, as text with `{execution}` (id of the execution) and `{name}` (its name) in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    /// Address of the execution, or the command that shows it.
    pub show: String,
    /// The command that starts the run again from the failed step, with the same input.
    pub redrive: String,
    /// The command that runs a rejected upload again, with a corrected header or calibration.
    pub rerun: String,
}

impl Links {
    /// What to type where the pipeline runs on one machine. `lake` is the option that names the lake, with a blank before it;
    /// empty for the default one.
    pub fn local(lake: &str) -> Links {
        let command = |name: &str| format!("ecg {name} {{name}}{lake}");
        Links {
            show: command("show"),
            redrive: command("redrive"),
            rerun: command("rerun"),
        }
    }

    /// Where to click and what to type where Step Functions runs the workflow. Native redrive would enter the Fail state
    /// that a caught failure ends in, so it is our own command.
    pub fn step_functions(execution_arn: &str) -> Links {
        Links {
            show: execution_link(execution_arn),
            redrive: format!("ecg redrive --aws {execution_arn}"),
            rerun: format!("ecg rerun --aws {execution_arn}"),
        }
    }

    /// What may help: the same again where the reason passes, something else where the input is at fault.
    fn again(&self, input: &NotifyInput) -> String {
        let rejected = input.failure.error == "Rejected";
        Links::fill(if rejected { &self.rerun } else { &self.redrive }, input)
    }

    fn fill(text: &str, input: &NotifyInput) -> String {
        text.replace("{execution}", &input.execution)
            .replace("{name}", input.execution_name())
    }
}

/// The address at which the console of Step Functions shows an execution. Partition and region are read from its ARN.
pub fn execution_link(execution_arn: &str) -> String {
    let mut parts = execution_arn.split(':').skip(1);
    let (partition, region) = (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default());
    let host = match partition {
        "aws-cn" => "console.amazonaws.cn",
        "aws-us-gov" => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    };
    format!("https://{region}.{host}/states/home?region={region}#/v2/executions/details/{execution_arn}")
}

/// The message as plain text.
pub fn text(input: &NotifyInput, links: &Links) -> String {
    let failure = &input.failure;
    let recorded = if input.recorded {
        ""
    } else {
        "\n  warning: the failure could not be recorded in the table rejections"
    };
    format!(
        "{step} failed: {error}\n  cause: {cause}\n  file: {bucket}/{key}\n  recording: {id}\n  \
         show: {show}\n  run again: {again}{recorded}",
        step = failure.step,
        error = failure.error,
        cause = failure.message(),
        bucket = input.source.bucket,
        key = input.source.key,
        id = input.recording_id,
        show = Links::fill(&links.show, input),
        again = links.again(input),
    )
}

/// The message as Slack's JSON: `text` for notifications, `blocks` for the channel.
pub fn slack_payload(input: &NotifyInput, links: &Links) -> Value {
    let failure = &input.failure;
    let show = Links::fill(&links.show, input);
    let show = if show.starts_with("https://") {
        format!("<{show}|execution>")
    } else {
        format!("`{}`", escape(&show))
    };
    let mut lines = vec![
        format!("*Cause:* {}", within(LONGEST_CAUSE, &escape(&failure.message()))),
        format!("*File:* `{}`", file(LONGEST_FILE, input)),
        format!("*Recording:* `{}`", input.recording_id),
        format!("*Attempts:* {}", failure.attempts),
        format!("*Execution:* {show}"),
        format!("*Run again:* `{}`", escape(&links.again(input))),
    ];
    if !input.recorded {
        lines.push(":warning: The failure could not be recorded in the table `rejections`.".to_owned());
    }
    let title = format!("{} failed: {}", failure.step, failure.error);
    payload(&title, &failure.message(), &lines)
}

/// The message about a flood as Slack's JSON.
pub fn digest_payload(digest: &Digest) -> Value {
    let Some(first) = digest.examples.first() else {
        return Value::Null;
    };
    let (error, cause) = (&first.failure.error, first.failure.message());
    let steps: Vec<String> = (digest.steps.iter())
        .map(|(step, count)| format!("{step} {count}"))
        .collect();
    let (from, to) = digest.between_ms;
    // The machine is named, so that the command finds its region as well.
    let machine = first
        .execution
        .rsplit_once(':')
        .map_or("", |(machine, _)| machine);
    let machine = machine.replacen(":execution:", ":stateMachine:", 1);
    let mut lines = vec![
        format!("*Cause:* {}", within(LONGEST_CAUSE / 2, &escape(&cause))),
        format!("*Failed:* {}, beside those told one by one", steps.join(", ")),
        format!("*Between:* {} and {}", moment(from), moment(to)),
        format!(
            "*Once the cause is gone, run all of them again:* `ecg redrive --aws --all --group {} --state-machine {machine}`",
            digest.group
        ),
        format!(
            "*{}:*",
            if digest.count() > digest.examples.len() as u64 {
                "Such as"
            } else {
                "Which"
            }
        ),
    ];
    for example in &digest.examples {
        let show = execution_link(&example.execution);
        lines.push(format!(
            "• <{show}|execution> `{}`",
            file(LONGEST_EXAMPLE, example)
        ));
    }
    if digest.examples.iter().any(|example| !example.recorded) {
        lines.push(":warning: Some of them could not be recorded in the table `rejections`.".to_owned());
    }
    let title = match digest.steps.len() {
        1 => format!("{} failed {} times: {error}", first.failure.step, digest.count()),
        _ => format!("{} recordings failed: {error}", digest.count()),
    };
    payload(&title, &cause, &lines)
}

fn moment(epoch_ms: i64) -> String {
    rfc3339(epoch_ms).unwrap_or_default()
}

fn payload(title: &str, cause: &str, lines: &[String]) -> Value {
    let title = within(LONGEST_TITLE, title);
    json!({
        "text": escape(&format!("{title}: {cause}")),
        "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": title } },
            { "type": "section", "text": { "type": "mrkdwn", "text": lines.join("\n") } },
        ],
    })
}

fn file(limit: usize, input: &NotifyInput) -> String {
    let file = format!("{}/{}", input.source.bucket, input.source.key);
    within(limit, &escape(&file))
}

// Slack refuses a header above 150 characters and a section above 3,000; links and ids take some hundred, those of a digest
// half of it.
const LONGEST_TITLE: usize = 150;
const LONGEST_CAUSE: usize = 1_200;
const LONGEST_FILE: usize = 1_200;
const LONGEST_EXAMPLE: usize = 100;

/// At most so many characters of an escaped text, the last of them an ellipsis where it was cut.
fn within(limit: usize, escaped: &str) -> String {
    if escaped.chars().count() <= limit {
        return escaped.to_owned();
    }
    let cut: String = escaped.chars().take(limit - 1).collect();
    // Not in the middle of an `&amp;`.
    let whole = match cut.rfind('&') {
        Some(at) if !cut[at..].contains(';') => &cut[..at],
        _ => &cut,
    };
    format!("{whole}…")
}

/// Slack reads `&`, `<` and `>` as markup: a file name must not be able to mention a channel.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecg_core::message::{Failure, Source};

    fn input() -> NotifyInput {
        NotifyInput {
            recording_id: "a-b-0123".into(),
            source: Source {
                bucket: "local".into(),
                key: "a/b <!channel> & c.mat".into(),
                version: "v".into(),
                etag: "v".into(),
                size: 1,
                uploaded_at_ms: 0,
                sequencer: None,
            },
            failure: Failure {
                step: "validate".into(),
                error: "Rejected".into(),
                cause: "val: expected a signal that changes, found constant at 7".into(),
                attempts: 1,
            },
            execution: "a-b-0123".into(),
            recorded: true,
        }
    }

    #[test]
    fn the_text_has_everything_that_is_needed() {
        assert_eq!(
            text(&input(), &Links::local("")),
            "validate failed: Rejected\n  cause: val: expected a signal that changes, found constant at 7\n  \
             file: local/a/b <!channel> & c.mat\n  recording: a-b-0123\n  show: ecg show a-b-0123\n  \
             run again: ecg rerun a-b-0123"
        );
        let mut passing = input();
        passing.failure.error = "Transient".into();
        let passing = text(&passing, &Links::local(" --lake L"));
        assert!(
            passing.ends_with("run again: ecg redrive a-b-0123 --lake L"),
            "{passing}"
        );
        let unrecorded = NotifyInput {
            recorded: false,
            ..input()
        };
        assert!(text(&unrecorded, &Links::local("")).contains("could not be recorded"));
    }

    #[test]
    fn on_aws_the_links_lead_to_the_execution() {
        let arn = "arn:aws:states:eu-central-1:123456789012:execution:ecg-pipeline:a-b-0123";
        let on_aws = NotifyInput {
            execution: arn.into(),
            ..input()
        };
        let message = text(&on_aws, &Links::step_functions(arn));
        let show = "https://eu-central-1.console.aws.amazon.com/states/home?region=eu-central-1#/v2/executions/details/";
        assert!(message.contains(&format!("show: {show}{arn}\n")), "{message}");
        assert!(
            message.ends_with(&format!("run again: ecg rerun --aws {arn}")),
            "{message}"
        );
        let payload = slack_payload(&on_aws, &Links::step_functions(arn)).to_string();
        assert!(payload.contains(&format!("<{show}{arn}|execution>")), "{payload}");

        let china = Links::step_functions("arn:aws-cn:states:cn-north-1:1:execution:m:n");
        assert!(
            china.show.starts_with("https://cn-north-1.console.amazonaws.cn/"),
            "{}",
            china.show
        );
    }

    #[test]
    fn slack_cannot_be_made_to_shout() {
        let payload = slack_payload(&input(), &Links::local(" --lake L")).to_string();
        assert!(
            !payload.contains("<!channel>") && payload.contains("&lt;!channel&gt; &amp; c.mat"),
            "{payload}"
        );
        assert!(payload.contains("ecg rerun a-b-0123 --lake L"));
    }
}
