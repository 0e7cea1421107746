//! The messages between the steps: small JSON that points at objects (at most 4 KB each).
//!
//! Field names are the contract between `statemachine/ecg-pipeline.asl.json` and the functions; the golden
//! files of the step outputs guard them. A step ignores fields that it does not know, and every field that came later is
//! optional: during a deployment the functions of two releases talk to each other.

use serde::{Deserialize, Serialize};

use crate::error::Details;
use crate::id::content_id;
use crate::settings::Settings;

/// Largest message to or from a step in bytes: messages point at objects, they do not carry them.
pub const MESSAGE_BYTES_MAX: usize = 4096;

/// Largest input of an execution in bytes. It travels through every message, and what comes to it on the way (the
/// cause of a failure most of all) takes what is left of [`MESSAGE_BYTES_MAX`]. The longest key of S3 fits.
pub const INPUT_BYTES_MAX: usize = 2560;

/// Longest text of a cause, in bytes that it takes in a message: there it is JSON text inside JSON text, where a
/// quote takes four. Beside the longest key of S3 a message then stays below 4 KB, so that what a stranger wrote
/// into a file cannot keep its rejection from being recorded.
pub const MAX_CAUSE_BYTES: usize = 1_000;

/// The uploaded object that an execution is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Bucket of the upload.
    pub bucket: String,
    /// Key of the upload, decoded. One with control characters travels in another form, because each of them takes six
    /// bytes of JSON: see `wire_key.rs`.
    #[serde(with = "crate::wire_key")]
    pub key: String,
    /// The version id, else the ETag: what pins the bytes.
    pub version: String,
    /// ETag without quotes.
    pub etag: String,
    /// Size in bytes.
    pub size: u64,
    /// Time of the upload in milliseconds since the epoch: the only time that reaches the tables.
    pub uploaded_at_ms: i64,
    /// Orders the versions of one key, where the event has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<String>,
}

/// The input of an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutionInput {
    /// The one id.
    pub recording_id: String,
    /// The upload.
    pub source: Source,
    /// What a person said of the file: it counts before everything that is found in it or beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
    /// The WFDB header of the upload. Absent: the one that stands beside the object when validate looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<PinnedHeader>,
    /// Key in the work bucket of dataset profiles that count before the built-in ones: see [`crate::layout::profiles_key`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profiles: Option<String>,
    /// For a deliberate rerun: which one it is, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun: Option<Rerun>,
}

/// Which version of the header belongs to an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedHeader {
    /// Version of the `.hea` beside the object; `None`: there was none.
    pub version: Option<String>,
}

/// A deliberate rerun of an upload. Its rows replace those of the runs before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rerun {
    /// 1 for the first rerun: the execution's name ends in `-r1`.
    pub number: u32,
    /// Why, for people.
    pub reason: String,
}

impl ExecutionInput {
    /// The input of a first run, with nothing said beside the upload.
    pub fn new(recording_id: String, source: Source) -> ExecutionInput {
        ExecutionInput {
            recording_id,
            source,
            settings: None,
            header: None,
            profiles: None,
            rerun: None,
        }
    }

    /// Number of the rerun, 0 for the first run.
    pub fn run(&self) -> u32 {
        self.rerun.as_ref().map_or(0, |rerun| rerun.number)
    }

    /// What it takes as JSON text, in bytes; at most [`INPUT_BYTES_MAX`] is let through.
    pub fn bytes(&self) -> usize {
        serde_json::to_string(self).map_or(usize::MAX, |text| text.len())
    }
}

/// The input of validate: that of the execution, and its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValidateInput {
    /// What the execution was started with.
    #[serde(flatten)]
    pub input: ExecutionInput,
    /// Name of the execution: see [`work_prefix`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
}

impl From<ExecutionInput> for ValidateInput {
    fn from(input: ExecutionInput) -> ValidateInput {
        ValidateInput {
            input,
            execution: None,
        }
    }
}

/// What the work objects of an execution begin with: its name, so that a rerun and the run before it never mix; the recording
/// id where a step was called without one.
pub fn work_prefix<'m>(execution: &'m Option<String>, recording_id: &'m str) -> &'m str {
    execution.as_deref().unwrap_or(recording_id)
}

/// The outcome of validate. The workflow of the release before reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictKind {
    /// The recording goes on.
    Accepted,
}

/// The answer of validate about a recording that is accepted. For one that is not, validate fails with `Rejected`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValidateOutput {
    /// The one id.
    pub recording_id: String,
    /// Accepted.
    pub verdict: VerdictKind,
    /// Key in the work bucket of the verdict in full, with every check's value and limit.
    pub verdict_key: String,
}

/// The input of parse and transform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepInput {
    /// The one id.
    pub recording_id: String,
    /// The upload.
    pub source: Source,
    /// Key in the work bucket of what the step before wrote.
    pub from: String,
    /// Name of the execution: see [`work_prefix`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// Number of the rerun, 0 for the first run.
    #[serde(default, skip_serializing_if = "is_first")]
    pub run: u32,
}

/// The answer of parse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParseOutput {
    /// The one id.
    pub recording_id: String,
    /// Key in the work bucket of the decoded recording.
    pub parsed_key: String,
    /// Rows in it: leads times 10-second segments.
    pub rows: u64,
}

/// The answer of transform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransformOutput {
    /// The one id.
    pub recording_id: String,
    /// One object in the work bucket for each table.
    pub transformed: Vec<TableObject>,
    /// `good` or `warn`.
    pub quality: String,
}

/// An object that holds rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableObject {
    /// Table name.
    pub table: String,
    /// Key of the object.
    pub key: String,
    /// Rows in it.
    pub rows: u64,
    /// Key in the work bucket of an object that is held back: crawl puts it into its place as its last act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staged: Option<String>,
}

/// The input of write: a transformed recording, or a failure to record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteInput {
    /// The one id.
    pub recording_id: String,
    /// The upload.
    pub source: Source,
    /// What transform wrote; absent when a failure is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transformed: Option<Vec<TableObject>>,
    /// What failed; absent when a recording is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Name of the execution; it names the row of a failure, and see [`work_prefix`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// Number of the rerun, 0 for the first run.
    #[serde(default, skip_serializing_if = "is_first")]
    pub run: u32,
}

/// The answer of write, and the input of crawl (which the workflow gives the name of the execution with it, for the
/// logs).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteOutput {
    /// The one id.
    pub recording_id: String,
    /// The `dt` partition of everything written.
    pub dt: String,
    /// One Parquet object in the processed bucket for each table.
    pub objects: Vec<TableObject>,
}

/// The answer of crawl.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrawlOutput {
    /// The one id.
    pub recording_id: String,
    /// The tables that now tell the truth about what was written.
    pub tables: Vec<String>,
}

/// Why a run failed, as the failure branch of the workflow carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The step that failed, such as `parse`.
    pub step: String,
    /// The error name.
    pub error: String,
    /// The cause as the state machine has it: for a failed Lambda a JSON text with `errorMessage`.
    #[serde(default)]
    pub cause: String,
    /// How often the step was tried.
    #[serde(default = "one")]
    pub attempts: u32,
}

fn one() -> u32 {
    1
}

fn is_first(run: &u32) -> bool {
    *run == 0
}

impl Failure {
    /// The cause in one line: the `errorMessage` of a Lambda's cause, or the text itself, cut to
    /// [`MAX_CAUSE_BYTES`].
    pub fn message(&self) -> String {
        let text = match serde_json::from_str::<serde_json::Value>(&self.cause) {
            Ok(cause) => match cause.get("errorMessage").and_then(|message| message.as_str()) {
                Some(message) => message.to_owned(),
                None => self.cause.clone(),
            },
            Err(_) => self.cause.clone(),
        };
        one_line(&text)
    }

    /// What failures of one cause have in common, whatever the recording: eight hex digits of its error name and its
    /// message, without what belongs to the one upload or to the one attempt (key, version, id, numbers, quoted names).
    /// Of a message that says what was expected, only that counts; of a time-out or a stop, the name alone.
    ///
    /// `ecg redrive --group` finds the executions of a group again, from what Step Functions says of them.
    pub fn group(&self, recording_id: &str, source: &Source) -> String {
        let mut message = self.message();
        if matches!(self.error.as_str(), "States.Timeout" | "Aborted") {
            message.clear();
        }
        for own in [source.key.as_str(), recording_id, &source.version] {
            if own.len() > 3 {
                message = message.replace(own, "");
            }
        }
        if let Some(details) = Details::parse(&message) {
            message = details.expected;
        }
        let mut quoted = false;
        let common: String = (message.chars())
            .filter(|&c| {
                quoted ^= c == '`';
                !quoted && !c.is_ascii_digit()
            })
            .collect();
        content_id(format!("{}\n{common}", self.error).as_bytes(), 8)
    }
}

/// Folds white space and control characters to single spaces and cuts to [`MAX_CAUSE_BYTES`], visibly.
pub fn one_line(text: &str) -> String {
    const ELLIPSIS: char = '…';
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let folded = words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let bytes_in_message = |c: char| if matches!(c, '"' | '\\') { 4 } else { c.len_utf8() };
    if folded.chars().map(bytes_in_message).sum::<usize>() <= MAX_CAUSE_BYTES {
        return folded;
    }
    let mut left = MAX_CAUSE_BYTES - ELLIPSIS.len_utf8();
    let fits = |c: &char| match left.checked_sub(bytes_in_message(*c)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    folded.chars().take_while(fits).chain([ELLIPSIS]).collect()
}

/// The input of notify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyInput {
    /// The one id.
    pub recording_id: String,
    /// The upload.
    pub source: Source,
    /// What failed.
    pub failure: Failure,
    /// Id of the execution: an ARN on AWS, the name locally.
    pub execution: String,
    /// Whether the failure reached the `rejections` table.
    #[serde(default)]
    pub recorded: bool,
}

impl NotifyInput {
    /// The name of the execution: the last part of its ARN.
    pub fn execution_name(&self) -> &str {
        self.execution.rsplit(':').next().unwrap_or_default()
    }
}

/// The answer of notify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyOutput {
    /// The one id.
    pub recording_id: String,
    /// Where the message went: `slack`; `console` where no Slack is configured; `digest` where it waits for one; `nobody`
    /// about an upload of the smoke test.
    pub delivered_to: String,
    /// It is the first that waits for a digest: whoever called sees to it that the digest is sent.
    #[serde(default, skip_serializing_if = "is_false")]
    pub begins_digest: bool,
}

/// Asks notify for the digests that an execution began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestInput {
    /// Id of the execution whose message was the first that waits: an ARN.
    pub digest_for: String,
}

/// The answer about digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestOutput {
    /// Failures that people were told of.
    pub told: u64,
    /// Digests that still wait for the end of a flood: ask again after a while.
    pub waiting: u64,
}

fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(cause: &str) -> Failure {
        Failure {
            step: "parse".into(),
            error: "Rejected".into(),
            cause: cause.into(),
            attempts: 1,
        }
    }

    #[test]
    fn the_message_of_a_failure_is_one_line() {
        let lambda = r#"{"errorType":"Rejected","errorMessage":"val: expected 2,\n found 1"}"#;
        assert_eq!(failure(lambda).message(), "val: expected 2, found 1");
        assert_eq!(failure("plain text").message(), "plain text");
        assert_eq!(failure("{\"other\":1}").message(), "{\"other\":1}");
    }

    #[test]
    fn a_long_message_is_cut_by_what_it_takes() {
        for (text, characters) in [
            ("x", 997 + 1),
            ("é", 498 + 1),
            ("日", 332 + 1),
            ("\"", 249 + 1),
            ("\\", 249 + 1),
        ] {
            let cut = failure(&text.repeat(5_000)).message();
            assert_eq!(cut.chars().count(), characters, "{text}");
            assert!(cut.starts_with(text) && cut.ends_with('…'));
        }
        assert_eq!(one_line(&"x".repeat(1_000)).len(), 1_000);
    }

    #[test]
    fn every_message_is_small_even_for_the_worst_file() {
        for worst in ["\"", "é", "日", "x", "\u{1}", "\u{7f}"] {
            let id = "x".repeat(crate::id::MAX_LENGTH);
            let mut source = Source {
                bucket: "b".repeat(63),
                key: worst.repeat(1024 / worst.len()),
                version: "v".repeat(64),
                etag: "0".repeat(35),
                size: u64::MAX,
                uploaded_at_ms: i64::MAX,
                sequencer: Some("0".repeat(32)),
            };
            // The largest input that start lets through: no version of S3 is as long as this makes it.
            let mut input = ExecutionInput::new(id.clone(), source.clone());
            let bytes = input.bytes();
            assert!(bytes <= INPUT_BYTES_MAX, "{bytes} bytes");
            source.version.push_str(&"v".repeat(INPUT_BYTES_MAX - bytes));
            input.source = source.clone();
            assert_eq!(input.bytes(), INPUT_BYTES_MAX);
            let error = crate::StepError::Rejected(crate::Details::new(
                worst.repeat(3_000),
                worst.repeat(3_000),
                worst.repeat(3_000),
            ));
            let failure = Failure {
                step: "transform".into(),
                error: error.name().into(),
                cause: error.cause(),
                attempts: u32::MAX,
            };
            assert!(serde_json::from_str::<serde_json::Value>(&failure.cause).is_ok());
            let table = |name: &str| TableObject {
                table: name.into(),
                key: crate::layout::table_key(name, "2026-11-23", &id),
                rows: u64::MAX,
                staged: None,
            };
            let tables = vec![table("segments"), table("beats"), table("recordings")];
            let write = WriteInput {
                recording_id: id.clone(),
                source: source.clone(),
                transformed: Some(tables),
                failure: None,
                execution: Some("x".repeat(80)),
                run: u32::MAX,
            };
            let record = WriteInput {
                transformed: None,
                failure: Some(failure.clone()),
                ..write.clone()
            };
            let transform = StepInput {
                recording_id: id.clone(),
                source: source.clone(),
                from: crate::layout::parsed_key(&id),
                execution: Some("x".repeat(80)),
                run: u32::MAX,
            };
            let verdict = ValidateOutput {
                recording_id: id.clone(),
                verdict: VerdictKind::Accepted,
                verdict_key: crate::layout::verdict_key(&id),
            };
            let notify = NotifyInput {
                recording_id: id,
                source,
                failure,
                execution: format!(
                    "arn:aws:states:us-gov-west-1:000000000000:execution:{}",
                    "x".repeat(161)
                ),
                recorded: false,
            };
            let messages = [
                serde_json::to_string(&write),
                serde_json::to_string(&record),
                serde_json::to_string(&verdict),
                serde_json::to_string(&transform),
                serde_json::to_string(&notify),
            ];
            for message in messages {
                let message = message.unwrap();
                assert!(
                    message.len() <= MESSAGE_BYTES_MAX,
                    "{} bytes: {message}",
                    message.len()
                );
            }
        }
    }
}
