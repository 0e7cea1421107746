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
fn the_tables_that_the_infrastructure_names() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/tables.json");
    let names = TABLES.map(|table| table.name).to_vec();
    ecg_testing::golden::check(path, &format!("{}\n", serde_json::Value::from(names)));
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
    for view in views::views() {
        let text = format!(
            "-- {}\n\n-- Athena{}\n-- DataFusion{}",
            view.comment, view.athena, view.local
        );
        ecg_testing::golden::check(format!("{GOLDEN}/{}.sql", view.name), &text);
    }
}

/// Athena refuses a view of `*` as stale after the next new column, and a view is not made before what it reads.
#[test]
fn a_view_names_its_columns_and_what_is_before_it() {
    let mut known: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    let views = views::views();
    assert_eq!(views.each_ref().map(|view| view.name), views::VIEW_NAMES);
    for view in &views {
        for text in [&view.athena, &view.local] {
            assert!(!text.contains(".*") && !text.contains("SELECT *"), "{text}");
            let words: Vec<&str> = text.split_whitespace().collect();
            let read = words
                .windows(2)
                .filter(|pair| ["FROM", "JOIN"].contains(&pair[0]));
            for name in read.map(|pair| pair[1]).filter(|name| !name.contains('(')) {
                let name = name.trim_end_matches(')');
                assert!(known.contains(&name), "{}: {name} is not there yet", view.name);
            }
        }
        known.push(view.name);
    }
    for (view, table) in [("current", "recordings"), ("unresolved", "rejections")] {
        let view = views.iter().find(|found| found.name == view).unwrap();
        let (list, _) = view.athena.split_once("\nFROM ").unwrap();
        let found: Vec<String> = (list.trim().trim_start_matches("SELECT").split(','))
            .map(|item| item.trim().to_owned())
            .collect();
        let columns = ecg_tables::table(table).unwrap().columns.iter();
        let expected: Vec<String> = columns
            .map(|column| column.name)
            .chain([PARTITION])
            .map(|name| format!("{table}.{name}"))
            .collect();
        assert_eq!(found, expected);
    }
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
