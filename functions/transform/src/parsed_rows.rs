//! Reads the rows that parse wrote.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int16Type, Int32Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, ListArray, PrimitiveArray, RecordBatch};
use arrow_schema::Schema;
use ecg_recording::Verdict;
use ecg_tables::parsed;

/// The verdict of validate, from the metadata of the schema. An error says what was expected.
pub(crate) fn verdict_of(schema: &Schema) -> Result<Verdict, String> {
    let json = schema
        .metadata()
        .get(parsed::VERDICT)
        .ok_or_else(|| format!("expected the metadata {}, found none", parsed::VERDICT))?;
    serde_json::from_str(json).map_err(|error| format!("{}: {error}", parsed::VERDICT))
}

/// The lead of one row, of a recording with so many leads. An error says what was expected.
pub(crate) fn lead_of(batch: &RecordBatch, row: usize, leads: usize) -> Result<usize, String> {
    let lead = column(batch, "lead")?
        .as_primitive_opt::<Int32Type>()
        .ok_or("lead: expected int32")?
        .value(row);
    let lead = usize::try_from(lead).ok().filter(|lead| *lead < leads);
    lead.ok_or_else(|| "lead: expected a lead of the recording".to_owned())
}

/// The samples of one row in ADC units, NaN where missing. An error says what was expected.
pub(crate) fn samples_of(batch: &RecordBatch, row: usize) -> Result<Vec<f64>, String> {
    let lists: &ListArray = column(batch, "adu")?
        .as_list_opt()
        .ok_or("adu: expected a list")?;
    let values = lists.value(row);
    if let Some(values) = values.as_primitive_opt::<Int16Type>() {
        return Ok(with_nan(values));
    }
    let values = values
        .as_primitive_opt::<Float64Type>()
        .ok_or("adu: expected int16 or double")?;
    Ok(with_nan(values))
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef, String> {
    batch
        .column_by_name(name)
        .ok_or_else(|| format!("expected a column {name}, found none"))
}

fn with_nan<T: ArrowPrimitiveType<Native: Into<f64>>>(values: &PrimitiveArray<T>) -> Vec<f64> {
    let mut samples: Vec<f64> = values.values().iter().map(|value| (*value).into()).collect();
    if values.null_count() > 0 {
        for (place, sample) in samples.iter_mut().enumerate() {
            if values.is_null(place) {
                *sample = f64::NAN;
            }
        }
    }
    samples
}
