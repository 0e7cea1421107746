//! Which recordings are meant, as SQL that Athena and DataFusion both take.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Values in one statement: Athena takes 256 KiB.
const VALUES: usize = 500;

/// What a person names. Every recording that fits one of them is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Ids of recordings.
    #[serde(default)]
    pub ids: Vec<String>,
    /// What the key of the upload begins with.
    #[serde(default)]
    pub key: Option<String>,
    /// `subject_id` of the tables `recordings` and `rejections`.
    #[serde(default)]
    pub subject: Option<String>,
}

/// What a table says of a recording, as the statements select it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// Its id.
    pub recording_id: String,
    /// Key of the upload.
    pub key: String,
    /// Version of the upload.
    pub version: String,
    /// SHA-256 of the content, where it was read to its end.
    pub sha256: Option<String>,
    /// The partition.
    pub day: String,
}

impl Row {
    /// A row of an answer, whose columns are those of [`Selection::sql`].
    pub fn of(columns: [Option<String>; 5]) -> Row {
        let [recording_id, key, version, sha256, day] = columns;
        Row {
            recording_id: recording_id.unwrap_or_default(),
            key: key.unwrap_or_default(),
            version: version.unwrap_or_default(),
            sha256: sha256.filter(|sha256| !sha256.is_empty()),
            day: day.unwrap_or_default(),
        }
    }
}

impl Selection {
    /// Statements that find the recordings.
    pub fn sql(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for ids in self.ids.chunks(VALUES) {
            statements.push(select(&format!("recording_id in ({})", list(ids))));
        }
        if let Some(key) = &self.key {
            statements.push(select(&format!("starts_with(source_key, {})", quoted(key))));
        }
        if let Some(subject) = &self.subject {
            statements.push(select(&format!("subject_id = {}", quoted(subject))));
        }
        statements
    }
}

/// What was asked for already.
#[derive(Debug, Default)]
pub struct Related {
    asked: BTreeSet<String>,
}

impl Related {
    /// Statements that find what belongs to these rows, and was not asked for before: other versions of their uploads, and uploads with the
    /// same bytes.
    pub fn sql(&mut self, rows: &BTreeSet<Row>) -> Vec<String> {
        let hashes = rows.iter().filter_map(|row| row.sha256.as_ref());
        let mut statements = Vec::new();
        for (column, values) in [
            (
                "source_key",
                rows.iter().map(|row| &row.key).collect::<BTreeSet<_>>(),
            ),
            // Where a version is a hash of the content, equal ones are the same bytes.
            ("source_version", rows.iter().map(|row| &row.version).collect()),
            ("content_sha256", hashes.collect()),
        ] {
            let new = values
                .into_iter()
                .filter(|value| self.asked.insert(format!("{column} {value}")));
            for values in new.collect::<Vec<_>>().chunks(VALUES) {
                statements.push(select(&format!("{column} in ({})", list(values))));
            }
        }
        statements
    }
}

fn select(condition: &str) -> String {
    let of = |table: &str| {
        format!(
            "select recording_id, source_key, source_version, content_sha256, dt from {table} where {condition}"
        )
    };
    format!("{} union all {}", of("recordings"), of("rejections"))
}

fn list<T: AsRef<str>>(values: &[T]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| quoted(value.as_ref())).collect();
    quoted.join(", ")
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_values() {
        let selection = Selection {
            key: Some("o'hara/".to_owned()),
            ..Selection::default()
        };
        assert!(selection.sql()[0].contains("starts_with(source_key, 'o''hara/')"));
        let many = Selection {
            ids: (0..501).map(|number| number.to_string()).collect(),
            subject: Some("7' or '1'='1".to_owned()),
            key: None,
        };
        let statements = many.sql();
        assert_eq!(statements.len(), 3);
        assert!(statements[1].contains("recording_id in ('500')"));
        assert!(statements[2].contains("subject_id = '7'' or ''1''=''1' union all"));
    }
}
