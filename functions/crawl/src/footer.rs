//! The footer of a Parquet object, read without the object.

use arrow_schema::Schema;
use ecg_store::{Location, Store, StoreError};
use parquet::arrow::parquet_to_arrow_schema;
use parquet::file::metadata::ParquetMetaDataReader;

/// Largest footer that is read, in bytes.
const MAX_FOOTER_BYTES: u64 = 32 << 20;

/// Length of the footer's length and of the magic `PAR1` behind it.
const TAIL_BYTES: usize = 8;

/// How much is read at first. The footer of `segments` of a day of two leads has 96 KB and takes a second read; all others fit.
const FIRST_READ_BYTES: u64 = 64 << 10;

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

/// Reads the footer, and says which version of the object has it.
pub(crate) async fn read(store: &dyn Store, location: &Location) -> Result<(Location, Footer), FooterError> {
    let end = store.get_end(location, FIRST_READ_BYTES).await;
    let (meta, end) = end.map_err(FooterError::Store)?;
    let damaged = |what: &str| FooterError::Damaged(what.to_owned());
    let length = match end.last_chunk::<TAIL_BYTES>() {
        Some([a, b, c, d, b'P', b'A', b'R', b'1']) => u64::from(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => return Err(damaged("expected a Parquet object that ends in PAR1")),
    };
    let stop = meta.size.saturating_sub(TAIL_BYTES as u64);
    if length > MAX_FOOTER_BYTES || length > stop {
        return Err(FooterError::Damaged(format!(
            "footer: expected at most {MAX_FOOTER_BYTES} bytes within the object, found {length}"
        )));
    }
    let before_tail = end.len() - TAIL_BYTES;
    let within = usize::try_from(length)
        .ok()
        .and_then(|length| before_tail.checked_sub(length));
    let bytes = match within {
        Some(start) => end.slice(start..before_tail),
        None => {
            let footer = store.get_range(&meta.location, stop - length..stop).await;
            footer.map_err(FooterError::Store)?
        }
    };
    let decoded = ParquetMetaDataReader::decode_metadata(&bytes)
        .map_err(|error| FooterError::Damaged(error.to_string()))?;
    let file = decoded.file_metadata();
    let footer = Footer {
        rows: u64::try_from(file.num_rows())
            .map_err(|_| damaged("expected a number of rows of 0 or more"))?,
        // From the Parquet types, which every reader goes by, not from the Arrow schema kept beside them.
        schema: parquet_to_arrow_schema(file.schema_descr(), None)
            .map_err(|error| FooterError::Damaged(error.to_string()))?,
    };
    Ok((meta.location, footer))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, RecordBatch};
    use arrow_schema::{DataType, Field};
    use ecg_store::Location;
    use ecg_testing::MemoryStore;
    use parquet::arrow::ArrowWriter;

    use super::*;

    fn object() -> Vec<u8> {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(Int64Array::from(vec![1, 2, 3]))]);
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, schema, None).unwrap();
        writer.write(&batch.unwrap()).unwrap();
        writer.close().unwrap();
        bytes
    }

    async fn footer_of(bytes: Vec<u8>) -> Result<Footer, FooterError> {
        let store = MemoryStore::default();
        let location = Location::new("b", "k");
        store.put(&location, bytes.into()).await.unwrap();
        read(&store, &location).await.map(|(_, footer)| footer)
    }

    fn damaged(outcome: Result<Footer, FooterError>) -> String {
        match outcome {
            Err(FooterError::Damaged(message)) => message,
            other => panic!("expected a damaged footer, found {other:?}"),
        }
    }

    #[tokio::test]
    async fn rows_and_columns() {
        let footer = footer_of(object()).await.unwrap();
        assert_eq!(footer.rows, 3);
        assert_eq!(footer.schema.field(0).data_type(), &DataType::Int64);
    }

    #[tokio::test]
    async fn what_is_no_footer() {
        let par1 = "expected a Parquet object that ends in PAR1";
        assert_eq!(damaged(footer_of(Vec::new()).await), par1);
        assert_eq!(damaged(footer_of(b"PAR1".to_vec()).await), par1);
        let lies = |length: u32| [&length.to_le_bytes()[..], b"PAR1"].concat();
        assert_eq!(
            damaged(footer_of(lies(1)).await),
            "footer: expected at most 33554432 bytes within the object, found 1"
        );
        assert!(damaged(footer_of(lies(u32::MAX)).await).contains("found 4294967295"));
        damaged(footer_of(lies(0)).await);
    }

    #[tokio::test]
    async fn a_damaged_object_is_an_error_or_reads_the_same_but_never_a_panic() {
        let whole = object();
        for length in 0..whole.len() {
            damaged(footer_of(whole[..length].to_vec()).await);
        }
        let footer =
            whole.len() - 8 - usize::from(whole[whole.len() - 8]) - 256 * usize::from(whole[whole.len() - 7]);
        for at in footer..whole.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                if let Err(FooterError::Store(error)) = footer_of(bytes).await {
                    panic!("byte {at}: {error}");
                }
            }
        }
    }
}
