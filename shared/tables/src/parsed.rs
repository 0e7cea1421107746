//! What parse leaves for transform: one row per lead and 10-second segment, in ADC units.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};

/// The key of the schema's metadata under which the verdict travels with the samples, as JSON.
pub const VERDICT: &str = "ecg.verdict";

/// The canonical form of a recording: `lead` (from 0) and `adu`, a list in which null is a missing sample. Samples that fit into 16 bits are kept as
/// 16-bit integers, all others as doubles.
pub fn schema(fits_int16: bool, verdict_json: &str) -> SchemaRef {
    let sample = if fits_int16 {
        DataType::Int16
    } else {
        DataType::Float64
    };
    let fields = vec![
        Field::new("lead", DataType::Int32, false),
        Field::new(
            "adu",
            DataType::List(Arc::new(Field::new_list_field(sample, true))),
            false,
        ),
    ];
    let metadata = [(VERDICT.to_owned(), verdict_json.to_owned())];
    Arc::new(Schema::new_with_metadata(fields, metadata.into()))
}
