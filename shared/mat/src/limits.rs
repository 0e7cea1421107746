//! Limits for untrusted files. Every length in a file is checked against a limit before memory is allocated or data is
//! inflated for it.

/// Upper limits for one file. All are inclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Number of variables in a file.
    pub max_variables: usize,
    /// Length of the name of a variable, in bytes.
    pub max_name_bytes: u64,
    /// Number of dimensions of a variable.
    pub max_rank: usize,
    /// Number of values of a variable that is read. A larger variable can still be listed.
    pub max_values: u64,
    /// Inflated bytes of one compressed variable. For level 7.3, bytes of the values of any variable that is read.
    pub max_inflated_bytes: u64,
    /// Inflated bytes per compressed byte (for level 7.3, bytes of values per byte of the file). Checked above
    /// [`Limits::free_inflated_bytes`]. Recordings have a ratio of 2 to 20, a zip bomb about 1000.
    pub max_inflation_ratio: u64,
    /// Inflated bytes up to which the ratio is not checked, so that short constant recordings are accepted.
    pub free_inflated_bytes: u64,
    /// Decoded bytes of one chunk of a level 7.3 file. A chunk is always decoded as a whole.
    pub max_chunk_bytes: usize,
    /// Bytes of HDF5 metadata (headers, indices, attributes) that are read to list a level 7.3 file.
    pub max_directory_bytes: u64,
    /// Number of characters of a text variable.
    pub max_text_characters: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_variables: 4096,
            max_name_bytes: 1024,
            max_rank: 32,
            max_values: 2_000_000_000,
            max_inflated_bytes: 16_000_000_000,
            max_inflation_ratio: 200,
            free_inflated_bytes: 16 << 20,
            max_chunk_bytes: 8 << 20,
            max_directory_bytes: 8 << 20,
            max_text_characters: 65_536,
        }
    }
}
