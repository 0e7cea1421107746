//! The data dictionary: what a person reads about the tables.

use std::fmt::Write;

use crate::{PARTITION, PARTITION_COMMENT, TABLES, views};

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
