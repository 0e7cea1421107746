//! Metrics of an invocation, as one line of CloudWatch's embedded metric format (EMF): CloudWatch Logs reads the line
//! and makes metrics of it, so that no function calls an API or waits for one.
//!
//! Namespace [`NAMESPACE`] or the deployment's own, one dimension, `step`. What is counted comes out of the messages of the steps; the steps
//! themselves know nothing of metrics.

use std::time::Duration;

use ecg_core::StepError;
use ecg_core::message::{
    CrawlOutput, NotifyOutput, ParseOutput, TransformOutput, ValidateOutput, WriteOutput,
};
use serde_json::{Map, Value, json};

/// Namespace of every metric, where the deployment names no other.
pub const NAMESPACE: &str = "ecg-pipeline";

/// A metric that is counted. [`Metric::ALL`] and `Latency` are what `functions/README.md` documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Uploads whose execution was started.
    Files,
    /// Sizes of these uploads.
    Bytes,
    /// Messages of the queue that cannot be read.
    Faults,
    /// Beats found, in all leads.
    Beats,
    /// Recordings that were rejected.
    Rejects,
}

impl Metric {
    /// Every metric that is counted.
    pub const ALL: [Metric; 5] = [
        Metric::Files,
        Metric::Bytes,
        Metric::Faults,
        Metric::Beats,
        Metric::Rejects,
    ];

    /// Name and unit, as CloudWatch has them.
    pub fn name_and_unit(self) -> (&'static str, &'static str) {
        match self {
            Metric::Files => ("Files", "Count"),
            Metric::Bytes => ("Bytes", "Bytes"),
            Metric::Faults => ("Faults", "Count"),
            Metric::Beats => ("Beats", "Count"),
            Metric::Rejects => ("Rejects", "Count"),
        }
    }
}

/// Name and unit of the metric that every invocation has: how long the step took.
pub const LATENCY: (&str, &str) = ("Latency", "Milliseconds");

/// What an answer counts.
pub trait Counts {
    /// Each metric at most once; none where the answer counts nothing.
    fn counts(&self) -> Vec<(Metric, u64)> {
        Vec::new()
    }
}

impl Counts for ValidateOutput {
    fn counts(&self) -> Vec<(Metric, u64)> {
        // An accepted one counts too: the average is the share of recordings that are rejected.
        vec![(Metric::Rejects, 0)]
    }
}

impl Counts for TransformOutput {
    fn counts(&self) -> Vec<(Metric, u64)> {
        let beats = self.transformed.iter().filter(|made| made.table == "beats");
        vec![(Metric::Beats, beats.map(|made| made.rows).sum())]
    }
}

impl Counts for ParseOutput {}
impl Counts for WriteOutput {}
impl Counts for CrawlOutput {}
impl Counts for NotifyOutput {}

/// What a failure counts: a step that finds the input at fault rejects it, whichever step it is.
pub(crate) fn counts_of(error: &StepError) -> Vec<(Metric, u64)> {
    match error {
        StepError::Rejected(_) => vec![(Metric::Rejects, 1)],
        StepError::Throttled(_)
        | StepError::Incomplete(_)
        | StepError::Transient(_)
        | StepError::Erased
        | StepError::Conflict(_)
        | StepError::Internal(_) => Vec::new(),
    }
}

/// One invocation that is over.
pub(crate) struct Measured<'a> {
    pub(crate) namespace: &'a str,
    /// The one dimension.
    pub(crate) step: &'a str,
    /// When it ended, in milliseconds since 1970-01-01 UTC.
    pub(crate) at_ms: u64,
    pub(crate) latency: Duration,
    pub(crate) counts: Vec<(Metric, u64)>,
    /// What the line can be searched by; no dimensions, because every value of a dimension is a metric that is paid for.
    pub(crate) properties: [(&'static str, Option<String>); 3],
}

impl Measured<'_> {
    /// The line.
    pub(crate) fn document(self) -> Value {
        let (name, unit) = LATENCY;
        let mut metrics = vec![json!({ "Name": name, "Unit": unit })];
        let mut members = Map::new();
        members.insert("step".to_owned(), self.step.into());
        members.insert(name.to_owned(), milliseconds(self.latency).into());
        for (metric, value) in self.counts {
            let (name, unit) = metric.name_and_unit();
            metrics.push(json!({ "Name": name, "Unit": unit }));
            members.insert(name.to_owned(), value.into());
        }
        for (name, value) in self.properties {
            if let Some(value) = value {
                members.insert(name.to_owned(), value.into());
            }
        }
        let directive = json!({ "Namespace": self.namespace, "Dimensions": [["step"]], "Metrics": metrics });
        members.insert(
            "_aws".to_owned(),
            json!({ "Timestamp": self.at_ms, "CloudWatchMetrics": [directive] }),
        );
        Value::Object(members)
    }
}

/// Milliseconds to three places.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecg_core::Details;
    use ecg_core::message::{TableObject, VerdictKind};
    use std::collections::BTreeSet;

    /// Holds a line against the specification of the embedded metric format, rule by rule, and returns what CloudWatch
    /// would make of it: name, unit, value.
    fn extracted(line: &str) -> Vec<(String, String, f64)> {
        const UNITS: [&str; 27] = [
            "Seconds",
            "Microseconds",
            "Milliseconds",
            "Bytes",
            "Kilobytes",
            "Megabytes",
            "Gigabytes",
            "Terabytes",
            "Bits",
            "Kilobits",
            "Megabits",
            "Gigabits",
            "Terabits",
            "Percent",
            "Count",
            "Bytes/Second",
            "Kilobytes/Second",
            "Megabytes/Second",
            "Gigabytes/Second",
            "Terabytes/Second",
            "Bits/Second",
            "Kilobits/Second",
            "Megabits/Second",
            "Gigabits/Second",
            "Terabits/Second",
            "Count/Second",
            "None",
        ];
        assert!(
            line.len() <= 256 * 1024 && !line.contains('\n'),
            "one event of the log"
        );
        let root: Value = serde_json::from_str(line).unwrap();
        let root = root.as_object().unwrap();
        let metadata = root["_aws"].as_object().unwrap();
        let only = |object: &Map<String, Value>, allowed: &[&str]| {
            let unknown: Vec<_> = object
                .keys()
                .filter(|name| !allowed.contains(&name.as_str()))
                .collect();
            assert!(unknown.is_empty(), "{unknown:?}");
        };
        only(metadata, &["Timestamp", "CloudWatchMetrics"]);
        // In milliseconds, and at most two weeks old or two hours ahead: this one is of the year 2026.
        let timestamp = metadata["Timestamp"].as_u64().expect("a whole number");
        assert!(
            (1_767_225_600_000..1_798_761_600_000).contains(&timestamp),
            "{timestamp}"
        );
        let mut found = Vec::new();
        for directive in metadata["CloudWatchMetrics"].as_array().unwrap() {
            let directive = directive.as_object().unwrap();
            only(directive, &["Namespace", "Dimensions", "Metrics"]);
            let namespace = directive["Namespace"].as_str().unwrap();
            let safe = |c: char| c.is_ascii_alphanumeric() || ".-_/#: ".contains(c);
            assert!((1..=255).contains(&namespace.len()) && namespace.chars().all(safe));
            let sets = directive["Dimensions"].as_array().unwrap();
            assert!(!sets.is_empty());
            for set in sets {
                let set = set.as_array().unwrap();
                assert!(set.len() <= 30);
                for name in set {
                    let name = name.as_str().unwrap();
                    assert!(name.is_ascii() && (1..=250).contains(&name.len()) && !name.starts_with(':'));
                    let value = root[name].as_str().expect("a dimension is text on the root");
                    assert!(value.is_ascii() && (1..=1024).contains(&value.len()));
                }
            }
            let metrics = directive["Metrics"].as_array().unwrap();
            assert!((1..=100).contains(&metrics.len()));
            let names: BTreeSet<_> = metrics
                .iter()
                .map(|metric| metric["Name"].as_str().unwrap())
                .collect();
            assert_eq!(names.len(), metrics.len(), "each name once");
            for metric in metrics {
                let metric = metric.as_object().unwrap();
                only(metric, &["Name", "Unit", "StorageResolution"]);
                let (name, unit) = (metric["Name"].as_str().unwrap(), metric["Unit"].as_str().unwrap());
                assert!(
                    (1..=1024).contains(&name.len()) && UNITS.contains(&unit),
                    "{name} {unit}"
                );
                let value = root[name].as_f64().expect("a metric is a number on the root");
                assert!(value == 0.0 || (8.515_920e-109..=1.174_271e108).contains(&value.abs()));
                found.push((name.to_owned(), unit.to_owned(), value));
            }
        }
        found
    }

    fn line(counts: Vec<(Metric, u64)>) -> String {
        let measured = Measured {
            namespace: "ward-7",
            step: "transform",
            at_ms: 1_795_420_800_123,
            latency: Duration::from_micros(12_345),
            counts,
            properties: [
                ("request_id", Some("r-1".to_owned())),
                ("recording_id", Some("a-1".to_owned())),
                ("execution", None),
            ],
        };
        measured.document().to_string()
    }

    #[test]
    fn a_line_is_what_the_specification_says() {
        let all = Metric::ALL
            .iter()
            .zip(1..)
            .map(|(metric, n)| (*metric, n))
            .collect();
        let metric = |name: &str, unit: &str, value| (name.to_owned(), unit.to_owned(), value);
        assert_eq!(
            extracted(&line(all)),
            [
                metric("Latency", "Milliseconds", 12.345),
                metric("Files", "Count", 1.0),
                metric("Bytes", "Bytes", 2.0),
                metric("Faults", "Count", 3.0),
                metric("Beats", "Count", 4.0),
                metric("Rejects", "Count", 5.0),
            ]
        );
        let line: Value = serde_json::from_str(&line(Vec::new())).unwrap();
        assert_eq!(
            line,
            json!({
                "step": "transform", "Latency": 12.345, "request_id": "r-1", "recording_id": "a-1",
                "_aws": {
                    "Timestamp": 1_795_420_800_123_u64,
                    "CloudWatchMetrics": [{
                        "Namespace": "ward-7", "Dimensions": [["step"]],
                        "Metrics": [{ "Name": "Latency", "Unit": "Milliseconds" }],
                    }],
                },
            })
        );
    }

    #[test]
    fn what_the_messages_say_is_counted() {
        let accepted = ValidateOutput {
            recording_id: "a-1".into(),
            verdict: VerdictKind::Accepted,
            verdict_key: "a-1/verdict.json".into(),
        };
        assert_eq!(accepted.counts(), [(Metric::Rejects, 0)]);

        let table = |table: &str, rows| TableObject {
            table: table.into(),
            key: "k".into(),
            rows,
            staged: None,
        };
        let made = TransformOutput {
            recording_id: "a-1".into(),
            transformed: vec![table("segments", 4), table("beats", 40), table("recordings", 1)],
            quality: "good".into(),
        };
        assert_eq!(made.counts(), [(Metric::Beats, 40)]);

        let rejected = StepError::Rejected(Details::new("val", "numbers", "text"));
        assert_eq!(counts_of(&rejected), [(Metric::Rejects, 1)]);
        for other in [
            StepError::Transient("t".into()),
            StepError::Conflict("c".into()),
            StepError::Internal("i".into()),
        ] {
            assert_eq!(counts_of(&other), []);
        }
    }

    #[test]
    fn every_metric_is_documented() {
        let readme = include_str!("../../../functions/README.md");
        let counted = Metric::ALL.map(Metric::name_and_unit);
        for (name, unit) in counted.into_iter().chain([LATENCY]) {
            let row = format!("| `{name}` | {unit} |");
            assert!(readme.contains(&row), "{row} is missing in functions/README.md");
        }
        assert!(readme.contains(&format!("Namespace `{NAMESPACE}`")));
    }
}
