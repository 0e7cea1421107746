//! The tables as the outside sees them, held by golden files: `UPDATE_GOLDEN=1 cargo test -p ecg-tables`.

use std::collections::BTreeSet;
use std::fmt::Write;

use arrow_schema::{DataType, Field, TimeUnit};
use ecg_tables::{PARTITION, PARTITION_COMMENT, TABLES, Table, arrow, dictionary, parsed, views};

/// Glue takes no longer comment.
const LONGEST_COMMENT: usize = 255;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// One line per column: name, Arrow type, nullability, Glue type, then the comment, which may change.
fn columns(table: &Table) -> String {
    let mut text = String::new();
    for (column, field) in table.columns.iter().zip(arrow::schema(table).fields()) {
        assert_eq!(column.name, field.name());
        let _ = writeln!(
            text,
            "{} # {}",
            line(field, column.kind.hive_type()),
            column.comment
        );
    }
    text
}

fn line(field: &Field, hive_type: &str) -> String {
    let null = if field.is_nullable() { "null" } else { "not null" };
    format!("{} | {} | {null} | {hive_type}", field.name(), field.data_type())
}

#[test]
fn columns_are_only_ever_added() {
    for table in TABLES {
        let path = format!("{GOLDEN}/{}.columns", table.name);
        ecg_testing::golden::check_appended(path, &columns(table), |line| {
            line.split(" # ").next().unwrap_or(line)
        });
    }
}

#[test]
fn tables_and_their_comments() {
    let mut text = String::new();
    for table in TABLES {
        let _ = writeln!(text, "{}: {}", table.name, table.comment);
    }
    let _ = writeln!(text, "partition {PARTITION} string: {PARTITION_COMMENT}");
    ecg_testing::golden::check(format!("{GOLDEN}/tables.txt"), &text);
}

#[test]
fn the_form_between_parse_and_transform() {
    let mut text = String::new();
    for (class, fits_int16) in [("int16", true), ("double", false)] {
        let schema = parsed::schema(fits_int16, "{}");
        let _ = writeln!(
            text,
            "{class}: metadata {:?}",
            schema.metadata().keys().collect::<Vec<_>>()
        );
        for field in schema.fields() {
            let _ = writeln!(text, "{}", line(field, ""));
        }
    }
    ecg_testing::golden::check(format!("{GOLDEN}/parsed.txt"), &text);
}

#[test]
fn views() {
    for view in views::VIEWS {
        let text = format!(
            "-- {}\n\n-- Athena{}\n-- DataFusion{}",
            view.comment, view.athena, view.local
        );
        ecg_testing::golden::check(format!("{GOLDEN}/{}.sql", view.name), &text);
    }
}

#[test]
fn the_views_that_the_stack_saves_in_athena() {
    let views: Vec<_> = views::VIEWS
        .iter()
        .map(|view| serde_json::json!({ "name": view.name, "comment": view.comment, "sql": view.athena }))
        .collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/views.json");
    ecg_testing::golden::check(path, &format!("{:#}\n", serde_json::Value::from(views)));
}

#[test]
fn the_data_dictionary_is_what_the_docs_show() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tables.md");
    ecg_testing::golden::check(path, &dictionary::markdown());
}

#[test]
fn every_column_is_explained_within_the_limit_of_glue() {
    for table in TABLES {
        let mut names = BTreeSet::new();
        assert!(
            (1..=LONGEST_COMMENT).contains(&table.comment.chars().count()),
            "{}",
            table.name
        );
        for column in table.columns {
            let place = format!("{}.{}", table.name, column.name);
            let length = column.comment.chars().count();
            assert!(
                (1..=LONGEST_COMMENT).contains(&length),
                "{place}: a comment of {length} characters"
            );
            assert!(
                names.insert(column.name) && column.name != PARTITION,
                "{place}: the name is there twice"
            );
            assert!(
                column
                    .name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
                "{place}"
            );
            // The dictionary is a Markdown table.
            assert!(!column.comment.contains(['|', '\n']), "{place}");
        }
    }
    assert_eq!(ecg_tables::table("beats").map(|table| table.name), Some("beats"));
    assert_eq!(ecg_tables::table("samples"), None);
}

#[test]
fn glue_and_arrow_say_the_same_type() {
    for table in TABLES {
        for (column, field) in table.columns.iter().zip(arrow::schema(table).fields()) {
            let place = format!("{}.{}", table.name, column.name);
            assert_eq!(hive_type(field.data_type()), column.kind.hive_type(), "{place}");
            assert_eq!(field.is_nullable(), column.nullable, "{place}");
            if let DataType::List(element) = field.data_type() {
                assert!(!element.is_nullable() && element.name() == "element", "{place}");
            }
        }
    }
}

/// The Hive type under which Athena reads an Arrow type from Parquet.
fn hive_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "string".into(),
        DataType::Int32 => "int".into(),
        DataType::Int64 => "bigint".into(),
        DataType::Float32 => "float".into(),
        DataType::Float64 => "double".into(),
        DataType::Timestamp(TimeUnit::Millisecond, None) => "timestamp".into(),
        DataType::List(element) => format!("array<{}>", hive_type(element.data_type())),
        other => format!("none for {other}"),
    }
}
