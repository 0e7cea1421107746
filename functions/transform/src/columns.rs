//! Columns of the tables as Arrow arrays.

use std::sync::Arc;

use arrow_array::builder::{Float32Builder, Float64Builder, Int32Builder, ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use ecg_recipe::Measurements;
use ecg_recording::Recording;
use ecg_tables::{Column, Kind, Table, arrow as table_arrow};

/// The rows of a table. Puts columns, given by name, into the order of the table; a column that is missing is a bug.
pub(crate) fn batch_of(
    table: &Table,
    mut column: impl FnMut(&Column) -> Option<ArrayRef>,
) -> Result<RecordBatch, ArrowError> {
    let columns = table
        .columns
        .iter()
        .map(|definition| {
            column(definition).ok_or_else(|| {
                ArrowError::SchemaError(format!(
                    "{}: nothing fills the column {}",
                    table.name, definition.name
                ))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(table_arrow::schema(table), columns)
}

/// The column `lead` of rows that begin with the number of their lead.
pub(crate) fn lead_numbers<T>(rows: &[(usize, T)]) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.0 as i32)))
}

/// The column `lead_name` of rows that begin with the number of their lead.
pub(crate) fn lead_names<T>(recording: &Recording, rows: &[(usize, T)]) -> ArrayRef {
    let leads = &recording.calibration.leads;
    Arc::new(StringArray::from_iter(
        rows.iter().map(|row| leads.get(row.0).map(|lead| &lead.name)),
    ))
}

/// The column of a measurement of waves; `None` if no measurement has this name.
pub(crate) fn measured<'a>(name: &str, rows: impl Iterator<Item = &'a Measurements>) -> Option<ArrayRef> {
    let value: fn(&Measurements) -> Option<f64> = match name {
        "pr_ms" => |measured| measured.pr_ms,
        "qrs_ms" => |measured| measured.qrs_ms,
        "qt_ms" => |measured| measured.qt_ms,
        "qtc_bazett_ms" => |measured| measured.qtc_bazett_ms,
        "qtc_fridericia_ms" => |measured| measured.qtc_fridericia_ms,
        "st_mv" => |measured| measured.st_mv,
        "t_polarity" => {
            let polarity = |measured: &Measurements| measured.t_polarity.map(|polarity| polarity as i32);
            return Some(Arc::new(Int32Array::from_iter(rows.map(polarity))));
        }
        _ => return None,
    };
    Some(Arc::new(Float64Array::from_iter(rows.map(value))))
}

/// The same value in every row.
pub(crate) fn repeated(value: Option<&str>, rows: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter(std::iter::repeat_n(value, rows)))
}

pub(crate) fn float_lists<'a>(rows: impl Iterator<Item = &'a [f32]>) -> ArrayRef {
    let mut list = ListBuilder::new(Float32Builder::new()).with_field(element(Kind::Floats));
    for row in rows {
        list.values().append_slice(row);
        list.append(true);
    }
    Arc::new(list.finish())
}

pub(crate) fn double_lists(rows: impl Iterator<Item = impl Iterator<Item = f64>>) -> ArrayRef {
    let mut list = ListBuilder::new(Float64Builder::new()).with_field(element(Kind::Doubles));
    for row in rows {
        list.append_value(row.map(Some));
    }
    Arc::new(list.finish())
}

pub(crate) fn int_lists<'a>(rows: impl Iterator<Item = &'a [u32]>) -> ArrayRef {
    let mut list = ListBuilder::new(Int32Builder::new()).with_field(element(Kind::Ints));
    for row in rows {
        list.append_value(row.iter().map(|position| Some(*position as i32)));
    }
    Arc::new(list.finish())
}

pub(crate) fn text_lists<'a>(rows: impl Iterator<Item = impl Iterator<Item = &'a str>>) -> ArrayRef {
    let mut list = ListBuilder::new(StringBuilder::new()).with_field(element(Kind::Texts));
    for row in rows {
        list.append_value(row.map(Some));
    }
    Arc::new(list.finish())
}

fn element(kind: Kind) -> FieldRef {
    // Only kinds of lists are asked for; another one would not fit the schema and fail there.
    Arc::new(table_arrow::element(kind).unwrap_or_else(|| Field::new("element", DataType::Null, false)))
}
