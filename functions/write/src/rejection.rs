//! One failed run as a row of `rejections`.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow_schema::ArrowError;
use ecg_core::PIPELINE_VERSION;
use ecg_core::message::{Failure, Source, one_line};
use ecg_core::rules::RULES;
use ecg_lake::Judged;
use ecg_tables::REJECTIONS;

/// The row of a run, which is given as recording id, name of the execution and number; `judged` is what the steps left of it.
///
/// # Errors
/// A row that does not fit the table: a bug.
pub(crate) fn row(
    (recording_id, execution, run): (&str, &str, u32),
    source: &Source,
    failure: &Failure,
    judged: &Judged,
) -> Result<RecordBatch, ArrowError> {
    let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
    // What a file says of itself may be long and have line breaks, as in the cause.
    let optional = |value: Option<&String>| -> ArrayRef {
        Arc::new(StringArray::from(vec![value.map(|text| one_line(text))]))
    };
    let reason = judged.reason.as_ref();
    let offset = reason.and_then(|reason| i64::try_from(reason.offset?).ok());
    let columns = REJECTIONS.columns.iter().map(|column| match column.name {
        "recording_id" => text(recording_id),
        "execution" => text(execution),
        "step" => text(&failure.step),
        "error" => text(&failure.error),
        "cause" => text(&failure.message()),
        "expected" => optional(reason.map(|reason| &reason.expected)),
        "found" => optional(reason.map(|reason| &reason.found)),
        "offset" => Arc::new(Int64Array::from(vec![offset])),
        "source_bucket" => text(&source.bucket),
        "source_key" => text(&source.key),
        "source_version" => text(&source.version),
        "source_size" => Arc::new(Int64Array::from(vec![source.size as i64])),
        "attempts" => Arc::new(Int32Array::from(vec![failure.attempts as i32])),
        "uploaded_at" => Arc::new(TimestampMillisecondArray::from(vec![source.uploaded_at_ms])),
        "pipeline_version" => text(PIPELINE_VERSION),
        "rules_version" => text(RULES.version),
        "run" => Arc::new(Int32Array::from(vec![run as i32])),
        "subject_id" => optional(judged.subject_id()),
        "content_sha256" => optional(judged.content_sha256.as_ref()),
        // A column that nobody fills is an error of `try_new` below, because its type is null.
        _ => arrow_array::new_null_array(&arrow_schema::DataType::Null, 1),
    });
    RecordBatch::try_new(ecg_tables::arrow::schema(&REJECTIONS), columns.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecg_core::Details;
    use serde_json::json;

    fn source() -> Source {
        Source {
            bucket: "local".into(),
            key: "a/b.mat".into(),
            version: "v".into(),
            etag: "e".into(),
            size: 9,
            uploaded_at_ms: 1_000,
            sequencer: None,
        }
    }

    #[test]
    fn a_reason_is_written_field_by_field_each_in_one_line() {
        let failure = Failure {
            step: "parse".into(),
            error: "Rejected".into(),
            cause: r#"{"errorType":"Rejected","errorMessage":"val: expected 7, found 3, found again"}"#
                .into(),
            attempts: 2,
        };
        let reason = Details::new("val", "7", "3,\n found again").at(Some(24));
        // As validate leaves it where it could tell what the recording is.
        let verdict = json!({
            "reason": reason, "content_sha256": "ab12", "recording": {"origin": {"subject_id": "P017"}}
        });
        let judged: Judged = serde_json::from_value(verdict).unwrap();
        let row = row(("id", "id-r2", 2), &source(), &failure, &judged).unwrap();
        let text = |name: &str| {
            let column = row
                .column_by_name(name)
                .unwrap()
                .as_any()
                .downcast_ref::<StringArray>()
                .unwrap()
                .clone();
            column.iter().next().flatten().map(str::to_owned)
        };
        assert_eq!(
            text("cause").as_deref(),
            Some("val: expected 7, found 3, found again")
        );
        assert_eq!(text("expected").as_deref(), Some("7"));
        assert_eq!(text("found").as_deref(), Some("3, found again"));
        assert!(!row.column_by_name("offset").unwrap().is_null(0));
        assert_eq!(text("execution").as_deref(), Some("id-r2"));
        assert_eq!(text("content_sha256").as_deref(), Some("ab12"));
        assert_eq!(text("subject_id").as_deref(), Some("P017"));
    }

    #[test]
    fn no_text_is_taken_apart() {
        let failure = Failure {
            step: "transform".into(),
            error: "Internal".into(),
            cause: "answer: expected 7, found 3, at offset 24".into(),
            attempts: 1,
        };
        let row = row(("id", "id", 0), &source(), &failure, &Judged::default()).unwrap();
        assert!(row.column_by_name("expected").unwrap().is_null(0));
        assert!(row.column_by_name("offset").unwrap().is_null(0));
    }
}
