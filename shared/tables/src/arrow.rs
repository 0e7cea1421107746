//! The Arrow schemas of the tables.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::{Column, Kind, TABLES, Table};

/// The Arrow schema of the objects of a table (without the partition column, which is in their path).
pub fn schema(table: &Table) -> SchemaRef {
    // Made once: each recording needs some ten of them.
    static SCHEMAS: LazyLock<Vec<(&str, SchemaRef)>> =
        LazyLock::new(|| TABLES.iter().map(|table| (table.name, made(table))).collect());
    let known = SCHEMAS.iter().find(|(name, _)| *name == table.name);
    known.map_or_else(|| made(table), |(_, schema)| schema.clone())
}

fn made(table: &Table) -> SchemaRef {
    Arc::new(Schema::new(table.columns.iter().map(field).collect::<Vec<_>>()))
}

/// The field of a list's elements. Elements are never null: a missing sample is interpolated and its
/// position kept in `missing_at`.
pub fn element(kind: Kind) -> Option<Field> {
    let data_type = match kind {
        Kind::Texts => DataType::Utf8,
        Kind::Ints => DataType::Int32,
        Kind::Floats => DataType::Float32,
        Kind::Doubles => DataType::Float64,
        _ => return None,
    };
    Some(Field::new("element", data_type, false))
}

/// The field of a column.
pub fn field(column: &Column) -> Field {
    let data_type = match (element(column.kind), column.kind) {
        (Some(element), _) => DataType::List(Arc::new(element)),
        (None, Kind::Int) => DataType::Int32,
        (None, Kind::BigInt) => DataType::Int64,
        (None, Kind::Float) => DataType::Float32,
        (None, Kind::Double) => DataType::Float64,
        (None, Kind::Timestamp) => DataType::Timestamp(TimeUnit::Millisecond, None),
        (None, _) => DataType::Utf8,
    };
    Field::new(column.name, data_type, column.nullable)
}
