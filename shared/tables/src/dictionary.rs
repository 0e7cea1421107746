//! The data dictionary: what a person reads about the tables.

use std::fmt::Write;

use crate::{PARTITION, PARTITION_COMMENT, TABLES, views};

/// The one table that no recording fills.
const ANNOTATIONS: &str = "
## annotations

One row per annotation that a person made in the console. Only a lake on one machine has it: `ecg query` reads it from the \
journal; `ecg views` and Athena do not know it.

| column | type | meaning |
| --- | --- | --- |
| `recording_id` | `string` | id of the recording |
| `id` | `bigint` | number of the annotation in the lake |
| `lead` | `int`, may be null | number of the lead, from 0; null for all leads |
| `start_sample` | `bigint` | index of the first sample in the recording, from 0 |
| `end_sample` | `bigint` | index of the last sample; that of a beat is its first |
| `start_s` | `double` | time of the first sample from the start of the recording, in seconds |
| `end_s` | `double` | time of the last sample from the start of the recording, in seconds |
| `label` | `string` | what it is, in the words of its author |
| `author` | `string` | who made it, as typed; personal data |
| `created_at` | `timestamp` | time at which it was made, UTC |
";

/// The data dictionary as Markdown. `docs/tables.md` is this text, and a test holds it to that.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Tables\n\nGenerated from `shared/tables/src/definitions.rs`; refresh with \
         `UPDATE_GOLDEN=1 cargo test -p ecg-tables`.\n\nDatabase `ecg`, Parquet with zstd, one object per recording and \
         table, partitioned by `dt`.\n",
    );
    for table in TABLES {
        let _ = write!(
            text,
            "\n## {}\n\n{}\n\n| column | type | meaning |\n| --- | --- | --- |\n",
            table.name, table.comment
        );
        for column in table.columns {
            let null = if column.nullable { ", may be null" } else { "" };
            let _ = writeln!(
                text,
                "| `{}` | `{}`{null} | {} |",
                column.name,
                column.kind.hive_type(),
                column.comment
            );
        }
        let _ = writeln!(
            text,
            "| `{PARTITION}` | `string`, partition | {PARTITION_COMMENT} |"
        );
    }
    text.push_str(ANNOTATIONS);
    text.push_str("\n## Views\n");
    for view in views::views() {
        let _ = write!(
            text,
            "\n### {}\n\n{}\n\nIn Athena:\n\n```sql\n{}\n```\n",
            view.name,
            view.comment,
            view.athena.trim()
        );
    }
    text
}
