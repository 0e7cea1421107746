//! `ecg views`: the SQL that makes tables and views over a lake as it is now, for other engines.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use ecg_query::Places;
use ecg_tables::{Kind, PARTITION, TABLES, Table, views};

use crate::args::LakeArg;
use crate::output::print;
use crate::runtime::runtime;

/// Where a day of a table is depends on whether it was compacted. So the SQL is made anew after `ecg compact` and after a run.
#[derive(Args)]
#[command(after_help = "\
Make it again after `ecg run` and `ecg compact`: it names the folders where the days of each table are now.

Examples:
  ecg views > lake.sql
  duckdb -init lake.sql
  python3 -c 'import duckdb; duckdb.sql(open(\"lake.sql\").read()); print(duckdb.sql(\"select count(*) from beats\"))'
  ecg views --engine athena --at s3://my-bucket/processed       # after `aws s3 sync ecg-lake/processed s3://my-bucket/processed`")]
pub(crate) struct ViewsArgs {
    /// Whose SQL
    #[arg(long, value_enum, default_value_t = Engine::Duckdb)]
    engine: Engine,
    /// Where the folder `processed` of the lake is, if it is not the lake's own
    #[arg(long, value_name = "FOLDER_OR_S3_PREFIX", required_if_eq("engine", "athena"))]
    at: Option<String>,
    #[command(flatten)]
    lake: LakeArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// DuckDB 2
    Duckdb,
    /// Athena, version 3
    Athena,
    /// DataFusion, as in `datafusion-cli`
    Datafusion,
}

pub(crate) fn run(args: &ViewsArgs) -> Result<ExitCode, String> {
    let place = args.lake.place();
    place.existing()?;
    let places = runtime(1)?
        .block_on(Places::open(place.root()))
        .map_err(|error| error.to_string())?;
    let at = match &args.at {
        Some(at) => at.trim_end_matches('/').to_owned(),
        None => absolute(&place.processed())?,
    };
    let mut sql = String::new();
    for table in TABLES {
        let days: Vec<(&str, String)> = places
            .of(table.name)
            .map(|(day, folder)| (day, quoted(&format!("{at}/{folder}"))))
            .collect();
        match args.engine {
            Engine::Duckdb => duckdb(&mut sql, table, &days),
            Engine::Athena => athena(&mut sql, table, &at, &days),
            Engine::Datafusion => datafusion(&mut sql, table, &days),
        }
    }
    for view in views::views() {
        // DuckDB understands what is written for Athena.
        let text = if args.engine == Engine::Datafusion {
            &view.local
        } else {
            &view.athena
        };
        let _ = writeln!(sql, "CREATE OR REPLACE VIEW {} AS{text};\n", view.name);
    }
    print(&sql)?;
    Ok(ExitCode::SUCCESS)
}

fn duckdb(sql: &mut String, table: &Table, days: &[(&str, String)]) {
    let names = names(table);
    let nulls = table
        .columns
        .iter()
        .map(|column| format!("NULL::{} AS \"{}\"", duckdb_type(column.kind), column.name));
    let nulls = nulls
        .chain([format!("NULL::VARCHAR AS {PARTITION}")])
        .collect::<Vec<_>>()
        .join(", ");
    let _ = writeln!(
        sql,
        "-- {}\nCREATE OR REPLACE VIEW {} AS\nSELECT {names}, {PARTITION} FROM (",
        table.comment, table.name
    );
    // With every column, also if no file has it: from an older release, or because the table has no rows.
    let _ = write!(sql, "SELECT {nulls} WHERE false");
    if !days.is_empty() {
        let files: Vec<String> = days
            .iter()
            .map(|(_, folder)| format!("  {}/*.parquet'", folder.trim_end_matches('\'')))
            .collect();
        let _ = write!(
            sql,
            "\nUNION ALL BY NAME\nSELECT * FROM read_parquet([\n{}\n], hive_partitioning = true, hive_types = {{'{PARTITION}': 'VARCHAR'}}, union_by_name = true)",
            files.join(",\n")
        );
    }
    sql.push_str(");\n\n");
}

fn athena(sql: &mut String, table: &Table, at: &str, days: &[(&str, String)]) {
    let columns = table
        .columns
        .iter()
        .map(|column| format!("  `{}` {}", column.name, column.kind.hive_type()));
    let location = quoted(&format!("{at}/{}/", table.name));
    let _ = writeln!(
        sql,
        "-- {}\nCREATE EXTERNAL TABLE IF NOT EXISTS {} (\n{}\n) PARTITIONED BY ({PARTITION} string) STORED AS PARQUET LOCATION {location};\n",
        table.comment,
        table.name,
        columns.collect::<Vec<_>>().join(",\n")
    );
    for (day, folder) in days {
        let partition = format!("PARTITION ({PARTITION} = '{day}')");
        let folder = format!("{}/'", folder.trim_end_matches('\''));
        let _ = writeln!(
            sql,
            "ALTER TABLE {} ADD IF NOT EXISTS {partition} LOCATION {folder};",
            table.name
        );
        let _ = writeln!(
            sql,
            "ALTER TABLE {} {partition} SET LOCATION {folder};\n",
            table.name
        );
    }
}

fn datafusion(sql: &mut String, table: &Table, days: &[(&str, String)]) {
    let names = names(table);
    let mut parts = Vec::new();
    for (day, folder) in days {
        let part = format!("\"{}_{day}\"", table.name);
        let folder = format!("{}/'", folder.trim_end_matches('\''));
        let _ = writeln!(
            sql,
            "CREATE EXTERNAL TABLE {part} STORED AS PARQUET LOCATION {folder};\n"
        );
        parts.push(format!("SELECT {names}, '{day}' AS {PARTITION} FROM {part}"));
    }
    if parts.is_empty() {
        let nulls = table.columns.iter().map(|column| {
            // Whether elements can be missing is nothing that a query asks for.
            let kind = match ecg_tables::arrow::element(column.kind) {
                Some(element) => format!("List({})", element.data_type()),
                None => ecg_tables::arrow::field(column).data_type().to_string(),
            };
            format!("arrow_cast(NULL, '{kind}') AS \"{}\"", column.name)
        });
        parts.push(format!(
            "SELECT {}, '' AS {PARTITION} WHERE false",
            nulls.collect::<Vec<_>>().join(", ")
        ));
    }
    let _ = writeln!(
        sql,
        "-- {}\nCREATE OR REPLACE VIEW {} AS\n{};\n",
        table.comment,
        table.name,
        parts.join("\nUNION ALL\n")
    );
}

/// The columns of a table without its partition, in quotes: `offset` is a word of SQL.
fn names(table: &Table) -> String {
    let names = table.columns.iter().map(|column| format!("\"{}\"", column.name));
    names.collect::<Vec<_>>().join(", ")
}

fn duckdb_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "VARCHAR",
        Kind::Int => "INTEGER",
        Kind::BigInt => "BIGINT",
        Kind::Float => "FLOAT",
        Kind::Double => "DOUBLE",
        Kind::Timestamp => "TIMESTAMP",
        Kind::Texts => "VARCHAR[]",
        Kind::Ints => "INTEGER[]",
        Kind::Floats => "FLOAT[]",
        Kind::Doubles => "DOUBLE[]",
    }
}

fn absolute(folder: &Path) -> Result<String, String> {
    let folder = std::path::absolute(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder.display().to_string())
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;

    /// DataFusion takes what is written for it, also for tables without rows.
    #[tokio::test]
    async fn datafusion_makes_the_tables_and_views() {
        let folder = tempfile::tempdir().unwrap();
        let schema = ecg_tables::arrow::schema(&ecg_tables::RECORDINGS);
        let batch = arrow::array::RecordBatch::new_empty(schema.clone());
        let mut bytes = Vec::new();
        let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, schema, None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        std::fs::write(folder.path().join("a.parquet"), bytes).unwrap();
        let mut sql = String::new();
        for table in TABLES {
            let days = [("2026-11-23", quoted(&folder.path().display().to_string()))];
            datafusion(
                &mut sql,
                table,
                if table.name == "recordings" { &days } else { &[] },
            );
        }
        for view in views::views() {
            let _ = writeln!(sql, "CREATE OR REPLACE VIEW {} AS{};\n", view.name, view.local);
        }
        let context = SessionContext::new();
        for statement in sql.split(";\n").filter(|statement| !statement.trim().is_empty()) {
            let made = context.sql(statement).await;
            made.unwrap_or_else(|error| panic!("{statement}: {error}"))
                .collect()
                .await
                .unwrap();
        }
        for name in ["recordings", "segments", "samples", "current", "unresolved"] {
            let found = context
                .sql(&format!("select * from {name}"))
                .await
                .unwrap()
                .count()
                .await
                .unwrap();
            assert_eq!(found, 0, "{name}");
        }
    }
}
