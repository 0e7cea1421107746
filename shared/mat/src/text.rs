//! Conversion of the code units of a `char` array to text.

use crate::values::Values;

/// Returns the text of a char array of `rows` rows. MATLAB stores it column by column. Several rows become lines,
/// without the trailing blanks that pad them to the same width. UTF-8 in several rows has one unit per character.
pub(crate) fn decode(units: &[u32], rows: u64, utf8: bool) -> String {
    if utf8 && rows <= 1 {
        let bytes: Vec<u8> = units
            .iter()
            .map(|unit| u8::try_from(*unit).unwrap_or(b'?'))
            .collect();
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    let rows = usize::try_from(rows).unwrap_or(usize::MAX).max(1);
    if rows == 1 {
        return decode_units(units.iter());
    }
    let lines: Vec<String> = (0..rows.min(units.len()))
        .map(|row| {
            decode_units(units.iter().skip(row).step_by(rows))
                .trim_end()
                .to_owned()
        })
        .collect();
    lines.join("\n")
}

fn decode_units<'u>(units: impl Iterator<Item = &'u u32>) -> String {
    let units: Vec<u32> = units.copied().collect();
    if units.iter().all(|unit| *unit <= 0xffff) {
        let units: Vec<u16> = units.iter().map(|unit| *unit as u16).collect();
        return String::from_utf16_lossy(&units);
    }
    units
        .iter()
        .map(|unit| char::from_u32(*unit).unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// Appends the code units of a block. They are whole numbers of any number type (level 4 stores doubles).
pub(crate) fn append_units(values: Values<'_>, out: &mut Vec<u32>) {
    let mut numbers = Vec::with_capacity(values.len());
    values.to_f64(&mut numbers);
    // The conversion saturates: negative numbers and NaN become 0, and large numbers become `u32::MAX`, which decodes
    // to the replacement character.
    out.extend(numbers.iter().map(|number| *number as u32));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(text: &str) -> Vec<u32> {
        text.encode_utf16().map(u32::from).collect()
    }

    #[test]
    fn rows_become_lines() {
        assert_eq!(decode(&units("mV"), 1, false), "mV");
        // The rows "ab" and "c " are stored as the columns "ac" and "b ".
        assert_eq!(decode(&units("acb "), 2, false), "ab\nc");
        // SciPy writes char arrays as UTF-8.
        assert_eq!(decode(&units("acb "), 2, true), "ab\nc");
        assert_eq!(decode(&[], 0, false), "");
    }

    #[test]
    fn encodings() {
        assert_eq!(decode(&units("µV 💓"), 1, false), "µV 💓");
        let utf8: Vec<u32> = "µV".bytes().map(u32::from).collect();
        assert_eq!(decode(&utf8, 1, true), "µV");
        assert_eq!(decode(&[0xd800, u32::MAX], 1, false).chars().count(), 2);
    }
}
