//! The numbers of one variable as text.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;

use ecg_formats::{Part, Values};

use super::{about, companion_header};
use crate::output::Stopped;

/// Largest matrix that is printed as CSV, in values: its text is held in memory, because rows cross the file's order.
const MOST_PRINTED: u64 = 100_000_000;

/// Prints the numbers of one variable at full precision, one matrix row a line (a matrix of more than two dimensions
/// with the further ones side by side). Complex numbers are `1.5+2j`.
pub(crate) fn csv(path: &Path, name: &str, out: &mut dyn Write) -> Result<(), Stopped> {
    let fail = |error: &dyn std::fmt::Display| about(path, error);
    let file = File::open(path).map_err(|error| fail(&error))?;
    let mut file = ecg_formats::open(
        io::BufReader::new(file),
        &path.to_string_lossy(),
        companion_header(path).map_err(|error| fail(&error))?.as_deref(),
        MOST_PRINTED,
    )
    .map_err(|error| fail(&error))?;
    let index = file
        .contents()
        .iter()
        .position(|variable| variable.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = file
                .contents()
                .iter()
                .map(|variable| variable.name.as_str())
                .collect();
            fail(&format!(
                "expected a variable `{name}`, found {}",
                names.join(", ")
            ))
        })?;
    let variable = file.contents()[index].clone();
    let rows = usize::try_from(variable.dims.first().copied().unwrap_or(1)).map_err(|error| fail(&error))?;
    let mut texts = |part| {
        let mut texts = Texts::default();
        file.read(index, part, &mut |values| {
            for_each_text(values, &mut |text| texts.push(text));
            ControlFlow::Continue(())
        })
        .map(|()| texts)
        .map_err(|error| fail(&error))
    };
    let real = texts(Part::Real)?;
    let imaginary = if variable.complex {
        Some(texts(Part::Imaginary)?)
    } else {
        None
    };
    let mut write_row = |row: usize| -> io::Result<()> {
        // The file holds the matrix column by column.
        for number in (row..real.ends.len()).step_by(rows) {
            let comma = if number == row { "" } else { "," };
            write!(out, "{comma}{}", real.get(number))?;
            if let Some(part) = imaginary.as_ref().map(|imaginary| imaginary.get(number)) {
                let sign = if part.starts_with('-') { "" } else { "+" };
                write!(out, "{sign}{part}j")?;
            }
        }
        writeln!(out)
    };
    (0..rows.min(real.ends.len())).try_for_each(&mut write_row)?;
    Ok(out.flush()?)
}

/// Many short texts in one buffer: a day of samples has sixty million.
#[derive(Default)]
struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    fn get(&self, number: usize) -> &str {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.text[start..self.ends[number]]
    }
}

/// The shortest text that reads back as the same number.
fn for_each_text(values: Values<'_>, each: &mut dyn FnMut(&str)) {
    fn all<T: std::fmt::Display>(values: &[T], each: &mut dyn FnMut(&str)) {
        let mut text = String::new();
        for value in values {
            text.clear();
            let _ = write!(text, "{value}");
            each(&text);
        }
    }
    match values {
        Values::I8(values) => all(values, each),
        Values::U8(values) => all(values, each),
        Values::I16(values) => all(values, each),
        Values::U16(values) => all(values, each),
        Values::I32(values) => all(values, each),
        Values::U32(values) => all(values, each),
        Values::I64(values) => all(values, each),
        Values::U64(values) => all(values, each),
        Values::F32(values) => all(values, each),
        Values::F64(values) => all(values, each),
    }
}
