//! Schema evolution of a table: columns are only added.
//!
//! New columns are appended, because Athena matches the columns of existing partitions by position and name.
//! Columns that are not requested are kept, because older and newer versions of the code may run at the same time.
//! A column with a different type is an error, because the existing or the new files could not be read.

use super::{CatalogError, ColumnSpec, TableSpec};

/// Returns the table with all columns of `existing` and of `wanted`, and the comments of `wanted`. The result is
/// equal to `existing` if no change is needed.
///
/// # Errors
/// [`CatalogError::Incompatible`] if the partition keys, the location or the type of a column differ.
pub fn evolve(existing: &TableSpec, wanted: &TableSpec) -> Result<TableSpec, CatalogError> {
    let incompatible = |what: String, expected: &str, found: &str| CatalogError::Incompatible {
        operation: "evolving the table".to_owned(),
        object: existing.table().to_string(),
        what,
        expected: expected.to_owned(),
        found: found.to_owned(),
    };

    let keys = |spec: &TableSpec| {
        let keys: Vec<String> = spec.partition_keys.iter().map(key_and_type).collect();
        keys.join(", ")
    };
    if keys(existing) != keys(wanted) {
        return Err(incompatible(
            "the partition keys".to_owned(),
            &keys(wanted),
            &keys(existing),
        ));
    }
    if existing.location.trim_end_matches('/') != wanted.location.trim_end_matches('/') {
        return Err(incompatible(
            "the location".to_owned(),
            &wanted.location,
            &existing.location,
        ));
    }

    let mut evolved = existing.clone();
    evolved.comment.clone_from(&wanted.comment);
    for (key, wanted) in evolved.partition_keys.iter_mut().zip(&wanted.partition_keys) {
        key.comment.clone_from(&wanted.comment);
    }
    for column in &wanted.columns {
        match evolved
            .columns
            .iter_mut()
            .find(|existing| existing.name == column.name)
        {
            Some(existing) if same_type(&existing.hive_type, &column.hive_type) => {
                existing.comment.clone_from(&column.comment);
            }
            Some(existing) => {
                let what = format!("the type of column `{}`", column.name);
                return Err(incompatible(what, &column.hive_type, &existing.hive_type));
            }
            None => evolved.columns.push(column.clone()),
        }
    }
    Ok(evolved)
}

fn key_and_type(key: &ColumnSpec) -> String {
    format!("{} {}", key.name, canonical(&key.hive_type))
}

fn same_type(a: &str, b: &str) -> bool {
    canonical(a) == canonical(b)
}

/// Normalizes a Hive type: case and spaces have no meaning, and `integer` is the same type as `int`.
fn canonical(hive_type: &str) -> String {
    let lower: String = hive_type
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .to_lowercase();
    if lower == "integer" {
        "int".to_owned()
    } else {
        lower
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(columns: &[(&str, &str, &str)]) -> TableSpec {
        TableSpec {
            database: "ecg".to_owned(),
            name: "beats".to_owned(),
            comment: "One row per beat".to_owned(),
            columns: columns
                .iter()
                .map(|(name, kind, comment)| ColumnSpec::new(*name, *kind, *comment))
                .collect(),
            partition_keys: vec![ColumnSpec::new("dt", "date", "UTC day of the upload")],
            location: "s3://lake/beats/".to_owned(),
        }
    }

    #[test]
    fn the_same_table_stays_as_it_is() {
        let existing = spec(&[("a", "bigint", "A"), ("b", "array<float>", "B")]);
        let mut wanted = spec(&[("b", "ARRAY< float >", "B"), ("a", "bigint", "A")]);
        wanted.location = "s3://lake/beats".to_owned();
        assert_eq!(evolve(&existing, &wanted), Ok(existing));
    }

    #[test]
    fn new_columns_go_to_the_end_and_comments_follow() {
        let existing = spec(&[("a", "bigint", "A"), ("z", "string", "Z")]);
        let wanted = spec(&[("new", "int", "N"), ("a", "bigint", "A in mV")]);
        let evolved = evolve(&existing, &wanted).unwrap();
        assert_eq!(
            evolved.columns,
            spec(&[
                ("a", "bigint", "A in mV"),
                ("z", "string", "Z"),
                ("new", "int", "N")
            ])
            .columns
        );
    }

    #[test]
    fn another_type_is_refused_by_name() {
        let refused = evolve(&spec(&[("a", "bigint", "")]), &spec(&[("a", "double", "")])).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "evolving the table ecg.beats: the type of column `a` should be `double`, found `bigint`: \
             only additions are made to a table"
        );
    }

    #[test]
    fn other_partition_keys_or_places_are_refused() {
        let existing = spec(&[("a", "bigint", "")]);
        let mut keys = existing.clone();
        keys.partition_keys[0].hive_type = "string".to_owned();
        assert!(matches!(
            evolve(&existing, &keys),
            Err(CatalogError::Incompatible { .. })
        ));
        let mut place = existing.clone();
        place.location = "s3://other/beats/".to_owned();
        let refused = evolve(&existing, &place).unwrap_err().to_string();
        assert!(
            refused.contains("s3://other/beats/") && refused.contains("s3://lake/beats/"),
            "{refused}"
        );
    }
}
