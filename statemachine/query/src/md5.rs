//! The function `md5`, which DuckDB and Athena have too: a split of recordings by hash is the same in all of them.

use std::sync::Arc;

use arrow::array::StringArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::cast::as_string_array;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use md5::{Digest, Md5};

/// `md5(text)`: 32 hexadecimal digits in lower case of the MD5 (RFC 1321) of the UTF-8 bytes; null of null. DataFusion's own comes
/// with BLAKE and SHA, which nobody asks for.
pub(super) fn function() -> ScalarUDF {
    let text = DataType::Utf8;
    create_udf(
        "md5",
        vec![text.clone()],
        text,
        Volatility::Immutable,
        Arc::new(hash),
    )
}

fn hash(arguments: &[ColumnarValue]) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(arguments)?;
    let texts = cast(&arrays[0], &DataType::Utf8)?;
    let hashes: StringArray = as_string_array(&texts)?
        .iter()
        .map(|text| text.map(|text| format!("{:032x}", u128::from_be_bytes(Md5::digest(text).into()))))
        .collect();
    Ok(ColumnarValue::Array(Arc::new(hashes)))
}
