//! What a column is: a name, a kind, and a comment that says unit and formula.

use ecg_core::id::MAX_SUFFIX_LENGTH;

/// A table of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Name of the table.
    pub name: &'static str,
    /// What one row is.
    pub comment: &'static str,
    /// The columns in order, without the partition.
    pub columns: &'static [Column],
    /// How a recording is erased from it.
    pub erased_by: ErasedBy,
}

/// How the rows of a recording are erased from a table. Those in large objects are left out when their day is compacted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasedBy {
    /// All rows of a recording are in the object `<recording_id>.parquet` of its day, and it has no other rows.
    Recording,
    /// The rows of each run are in the object `<execution>.parquet` of the day of the upload, and it has no other rows.
    Execution,
}

impl ErasedBy {
    /// Ids of the recordings that the object of this name, without `.parquet`, may have rows of: with the suffix of a rerun, what is
    /// before it.
    pub fn recordings(self, name: &str) -> impl Iterator<Item = &str> {
        let hyphens = name.match_indices('-').map(|(at, _)| at);
        let suffixed = hyphens.filter(move |at| name.len() - at - 1 <= MAX_SUFFIX_LENGTH);
        let suffixed = suffixed.filter(move |_| self == ErasedBy::Execution);
        std::iter::once(name).chain(suffixed.map(|at| &name[..at]))
    }

    /// Whether the object of this name, without `.parquet`, has rows of the recording.
    pub fn is_of(self, recording_id: &str, name: &str) -> bool {
        self.recordings(name).any(|id| id == recording_id)
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Name of the column.
    pub name: &'static str,
    /// Type of the values.
    pub kind: Kind,
    /// Whether a value can be missing.
    pub nullable: bool,
    /// Meaning, unit and formula.
    pub comment: &'static str,
}

/// The types that every reader of the tables understands: Athena, Arrow, pandas, DuckDB, DataFusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// 32-bit signed integer.
    Int,
    /// 64-bit signed integer.
    BigInt,
    /// 32-bit floating point.
    Float,
    /// 64-bit floating point.
    Double,
    /// A moment with milliseconds: in UTC, or on a clock of its own. The comment of the column says which.
    Timestamp,
    /// A list of texts.
    Texts,
    /// A list of 32-bit signed integers.
    Ints,
    /// A list of 32-bit floating point numbers.
    Floats,
    /// A list of 64-bit floating point numbers.
    Doubles,
}

impl Kind {
    /// The type's name in the Glue catalog (Hive).
    pub fn hive_type(self) -> &'static str {
        match self {
            Kind::Text => "string",
            Kind::Int => "int",
            Kind::BigInt => "bigint",
            Kind::Float => "float",
            Kind::Double => "double",
            Kind::Timestamp => "timestamp",
            Kind::Texts => "array<string>",
            Kind::Ints => "array<int>",
            Kind::Floats => "array<float>",
            Kind::Doubles => "array<double>",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_objects_have_rows_of_a_recording() {
        let id = "a-0123456789abcdef01234567";
        for (name, recording, execution) in [
            ("", true, true),
            ("-r1", false, true),
            ("-v2-x", false, true),
            ("2", false, false),
            // Another recording, whose key ends in this id.
            ("-89abcdef0123456789abcdef", false, false),
        ] {
            let name = format!("{id}{name}");
            assert_eq!(ErasedBy::Recording.is_of(id, &name), recording, "{name}");
            assert_eq!(ErasedBy::Execution.is_of(id, &name), execution, "{name}");
        }
    }
}
