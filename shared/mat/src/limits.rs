//! What a file from a stranger may cost: every length in a file is held against one of these before
//! anything is allocated or inflated for it.

/// Upper bounds on what one file may make the reader do. All are inclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Variables in a file.
    pub max_variables: usize,
    /// Bytes of a variable's name.
    pub max_name_bytes: u64,
    /// Dimensions of a variable.
    pub max_rank: usize,
    /// Values of a variable that is read (listing a larger one is fine).
    pub max_values: u64,
    /// Bytes that one compressed variable may inflate to.
    pub max_inflated_bytes: u64,
    /// Inflated bytes per compressed byte, enforced once more than [`Limits::free_inflated_bytes`]
    /// came out. Recordings compress 2 to 20 times; a bomb about 1000 times.
    pub max_inflation_ratio: u64,
    /// Inflated bytes for which no ratio is enforced, so that short flat recordings pass.
    pub free_inflated_bytes: u64,
    /// Decoded bytes of one chunk of a level 7.3 file; chunks are decoded whole.
    pub max_chunk_bytes: usize,
    /// Bytes of structure (headers, indices, attributes) read to list a level 7.3 file.
    pub max_directory_bytes: u64,
    /// Characters of a text variable.
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
