//! The footer of a Parquet object, read without the object.

use arrow_schema::Schema;
use ecg_store::{ObjectMeta, Store, StoreError};
use parquet::arrow::parquet_to_arrow_schema;
use parquet::file::metadata::ParquetMetaDataReader;

/// Largest footer that is read, in bytes.
const MAX_FOOTER_BYTES: u64 = 32 << 20;

/// Length of the footer's length and of the magic `PAR1` behind it.
const TAIL_BYTES: u64 = 8;

/// What the footer says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) rows: u64,
    pub(crate) schema: Schema,
}

#[derive(Debug)]
pub(crate) enum FooterError {
    Store(StoreError),
    Damaged(String),
}

pub(crate) async fn read(store: &dyn Store, meta: &ObjectMeta) -> Result<Footer, FooterError> {
    let range = |range| async {
        store
            .get_range(&meta.location, range)
            .await
            .map_err(FooterError::Store)
    };
    let tail = range(meta.size.saturating_sub(TAIL_BYTES)..meta.size).await?;
    let damaged = |what: &str| FooterError::Damaged(what.to_owned());
    let length = match tail.as_ref() {
        [a, b, c, d, b'P', b'A', b'R', b'1'] => u64::from(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => return Err(damaged("expected a Parquet object that ends in PAR1")),
    };
    if length > MAX_FOOTER_BYTES || length + TAIL_BYTES > meta.size {
        return Err(FooterError::Damaged(format!(
            "footer: expected at most {MAX_FOOTER_BYTES} bytes within the object, found {length}"
        )));
    }
    let bytes = range(meta.size - TAIL_BYTES - length..meta.size - TAIL_BYTES).await?;
    let decoded = ParquetMetaDataReader::decode_metadata(&bytes)
        .map_err(|error| FooterError::Damaged(error.to_string()))?;
    let file = decoded.file_metadata();
    Ok(Footer {
        rows: u64::try_from(file.num_rows())
            .map_err(|_| damaged("expected a number of rows of 0 or more"))?,
        schema: parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())
            .map_err(|error| FooterError::Damaged(error.to_string()))?,
    })
}
