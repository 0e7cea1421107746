//! What a column is: a name, a kind, and a comment that says unit and formula.

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
    /// Whether the object of this name, without `.parquet`, has rows of the recording.
    pub fn is_of(self, recording_id: &str, name: &str) -> bool {
        match (self, name.strip_prefix(recording_id)) {
            (_, Some("")) => true,
            (ErasedBy::Execution, Some(suffix)) => suffix.starts_with('-'),
            _ => false,
        }
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
