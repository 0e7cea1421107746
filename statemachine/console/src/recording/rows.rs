//! Rows of the query engine as JSON columns, and as bytes.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Value, json};

/// The columns of all batches, each as an array of values; null is null. Floats of 32 bits have six significant digits.
pub(super) fn columns(batches: &[RecordBatch]) -> Result<Map<String, Value>, String> {
    let mut columns: Map<String, Value> = Map::new();
    for batch in batches {
        for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
            let column = columns.entry(field.name()).or_insert_with(|| json!([]));
            if let Value::Array(column) = column {
                column.extend(values(array)?);
            }
        }
    }
    Ok(columns)
}

/// The rows of an answer, by column.
pub(super) fn each(batches: &[RecordBatch]) -> Result<Vec<Map<String, Value>>, String> {
    let columns = columns(batches)?;
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let row = |place: usize| {
        let value = |(name, column): (&String, &Value)| Some((name.clone(), column.get(place)?.clone()));
        columns.iter().filter_map(value).collect()
    };
    Ok((0..rows).map(row).collect())
}

fn values(array: &ArrayRef) -> Result<Vec<Value>, String> {
    let values = match array.data_type() {
        DataType::Int32 => array
            .as_primitive::<Int32Type>()
            .iter()
            .map(|value| json!(value))
            .collect(),
        DataType::Int64 => array
            .as_primitive::<Int64Type>()
            .iter()
            .map(|value| json!(value))
            .collect(),
        DataType::Float64 => array
            .as_primitive::<Float64Type>()
            .iter()
            .map(|value| json!(value))
            .collect(),
        DataType::Float32 => array
            .as_primitive::<Float32Type>()
            .iter()
            .map(|value| value.map_or(Value::Null, short))
            .collect(),
        DataType::List(_) => {
            let lists = array.as_list::<i32>().iter();
            let lists = lists.map(|list| match list {
                Some(list) => Ok(Value::Array(values(&list)?)),
                None => Ok(Value::Null),
            });
            lists.collect::<Result<_, String>>()?
        }
        // Texts and times.
        _ => {
            let options = FormatOptions::default();
            let format = ArrayFormatter::try_new(array, &options).map_err(|error| error.to_string())?;
            let text = |row: usize| match array.is_null(row) {
                true => Value::Null,
                false => Value::String(format.value(row).to_string()),
            };
            (0..array.len()).map(text).collect()
        }
    };
    Ok(values)
}

/// As a float of 64 bits a float of 32 bits has ten digits that mean nothing.
fn short(value: f32) -> Value {
    format!("{value:.5e}")
        .parse::<f64>()
        .map_or(Value::Null, |value| json!(value))
}

/// A column of numbers as little-endian floats of 32 bits; NaN is null.
pub(super) fn floats(batches: &[RecordBatch], name: &str) -> Result<Vec<f32>, String> {
    let mut floats = Vec::new();
    for batch in batches {
        let array = column(batch, name)?;
        match array.data_type() {
            DataType::Float32 => {
                floats.extend(
                    array
                        .as_primitive::<Float32Type>()
                        .iter()
                        .map(|value| value.unwrap_or(f32::NAN)),
                );
            }
            DataType::Float64 => floats.extend(
                array
                    .as_primitive::<Float64Type>()
                    .iter()
                    .map(|value| value.map_or(f32::NAN, |value| value as f32)),
            ),
            other => return Err(format!("{name}: expected floats, found {other}")),
        }
    }
    Ok(floats)
}

/// A column of whole numbers without null.
pub(super) fn integers(batches: &[RecordBatch], name: &str) -> Result<Vec<i64>, String> {
    let mut integers = Vec::new();
    for batch in batches {
        let array = column(batch, name)?;
        match array.data_type() {
            DataType::Int32 => integers.extend(
                array
                    .as_primitive::<Int32Type>()
                    .values()
                    .iter()
                    .map(|value| i64::from(*value)),
            ),
            DataType::Int64 => integers.extend_from_slice(array.as_primitive::<Int64Type>().values()),
            other => return Err(format!("{name}: expected whole numbers, found {other}")),
        }
    }
    Ok(integers)
}

/// A column of a batch.
pub(super) fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, String> {
    batch
        .column_by_name(name)
        .ok_or_else(|| format!("{name}: no such column in the answer"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float32Array, Int32Array, ListBuilder, StringArray, StringBuilder};
    use std::sync::Arc;

    #[test]
    fn columns_keep_their_types_and_nulls() {
        let mut warnings = ListBuilder::new(StringBuilder::new());
        warnings.append_value([Some("noisy"), Some("flat_line")]);
        warnings.append_null();
        let batch = RecordBatch::try_from_iter([
            (
                "beats",
                Arc::new(Int32Array::from(vec![Some(3), None])) as ArrayRef,
            ),
            (
                "min_mv",
                Arc::new(Float32Array::from(vec![Some(0.123), None])) as ArrayRef,
            ),
            (
                "name",
                Arc::new(StringArray::from(vec![Some("a \"b\" <c>"), None])) as ArrayRef,
            ),
            ("warnings", Arc::new(warnings.finish()) as ArrayRef),
        ])
        .unwrap();
        let batches = [batch.clone(), batch];
        let expected = json!({
            "beats": [3, null, 3, null],
            "min_mv": [0.123, null, 0.123, null],
            "name": ["a \"b\" <c>", null, "a \"b\" <c>", null],
            "warnings": [["noisy", "flat_line"], null, ["noisy", "flat_line"], null],
        });
        assert_eq!(Value::Object(columns(&batches).unwrap()), expected);
        let rows = each(&batches).unwrap();
        assert_eq!((rows.len(), &rows[0]["beats"]), (4, &json!(3)));
        assert!(each(&[]).unwrap().is_empty());
        assert!(floats(&batches, "min_mv").unwrap()[1].is_nan());
        assert!(floats(&batches, "beats").unwrap_err().contains("expected floats"));
        assert!(integers(&batches, "none").unwrap_err().contains("no such column"));
    }
}
