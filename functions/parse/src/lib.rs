//! The parse step: from the uploaded object to `work/<recording_id>/parsed.arrow`.

mod decode;

use std::io::{Read, Seek};

use ecg_core::message::{ParseOutput, StepInput, work_prefix};
use ecg_core::rules::RULES;
use ecg_core::{Details, StepError, layout};
use ecg_lake::{Lake, blocking, codec_error, upload_error};
use ecg_mat::{Limits, MatFile};
use ecg_recording::{Layout, Recording, RecordingError, Verdict};

pub use decode::{DecodeError, decode};

/// Decodes an accepted recording. `input.from` is the key of its verdict.
///
/// # Errors
/// `Rejected` if the object is not what the verdict says, else what the store says.
pub async fn run(lake: &Lake, input: StepInput) -> Result<ParseOutput, StepError> {
    let verdict: Verdict = lake.read_json(&input.from).await?;
    let Some(recording) = verdict.recording.clone().filter(|_| verdict.accepted) else {
        return Err(StepError::Rejected(Details::new(
            &input.from,
            "an accepted verdict",
            "a rejected one",
        )));
    };
    let reader = lake.reader(&lake.upload(&input.source)).await?;
    let parsed_key = layout::parsed_key(work_prefix(&input.execution, &input.recording_id));
    let mut writer = lake.writer(&lake.work(&parsed_key)).await?;
    let rows = blocking(move || {
        let limits = Limits {
            max_values: RULES.reject_values_above,
            ..Limits::default()
        };
        let mut file =
            MatFile::open(reader, limits).map_err(|error| sort(RecordingError::from(error).into()))?;
        same_variables(&file, &recording)?;
        let rows = decode(&mut file, &recording, &verdict, RULES.segment_s, &mut writer).map_err(sort)?;
        writer.finish().map_err(|error| codec_error(&error))?;
        Ok(rows)
    })
    .await?;
    Ok(ParseOutput {
        recording_id: input.recording_id,
        parsed_key,
        rows,
    })
}

/// Holds the object against its verdict: what follows relies on the dimensions.
fn same_variables<R: Read + Seek + Send + 'static>(
    file: &MatFile<R>,
    recording: &Recording,
) -> Result<(), StepError> {
    let (leads, samples) = (u64::from(recording.leads), recording.samples);
    let told = |name: &str, class: &str, dims: &[u64]| format!("{name}: {class} of {dims:?}");
    for (name, index) in recording.variables() {
        let variable = file.variables().get(index);
        let dims = match recording.layout {
            Layout::LeadsBySamples => [leads, samples],
            Layout::SamplesByLeads => [samples, leads],
            // A row or a column.
            Layout::LeadPerVariable => match variable.map(|variable| variable.dims.as_slice()) {
                Some([_, 1]) => [samples, 1],
                _ => [1, samples],
            },
        };
        let expected = told(name, &recording.class, &dims);
        let found = match variable {
            Some(variable) => told(&variable.name, &variable.class.to_string(), &variable.dims),
            None => format!("{} variables", file.variables().len()),
        };
        if found != expected {
            return Err(StepError::Rejected(Details::new(
                format!("variable {index}"),
                format!("what its verdict says, {expected}"),
                found,
            )));
        }
    }
    Ok(())
}

fn sort(error: DecodeError) -> StepError {
    match error {
        DecodeError::Recording(RecordingError::Rejected(details)) => StepError::Rejected(details),
        DecodeError::Recording(RecordingError::Io(error)) => upload_error(&error),
        DecodeError::Arrow(error) => codec_error(&error),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Cursor;

    use ecg_recording::{FileContext, examine};

    use super::*;

    /// A level 4 matrix of bytes.
    fn matrix(name: &str, rows: u32, columns: u32) -> Vec<u8> {
        let header = [50, rows, columns, 0, name.len() as u32 + 1];
        let bytes = header.into_iter().flat_map(u32::to_le_bytes);
        let values = (0..rows * columns).map(|n| n as u8);
        bytes.chain(name.bytes()).chain([0]).chain(values).collect()
    }

    fn recording(bytes: &[u8]) -> Recording {
        let metadata = [("ecg-sampling-frequency", "100"), ("ecg-gain", "200")];
        let context = FileContext {
            size: bytes.len() as u64,
            metadata: BTreeMap::from(metadata.map(|(name, value)| (name.to_owned(), value.to_owned()))),
            ..FileContext::default()
        };
        let examined = examine(Cursor::new(bytes.to_vec()), &context, &RULES).unwrap();
        examined.verdict.recording.unwrap()
    }

    #[test]
    fn an_object_is_held_against_its_verdict() {
        let check = |judged: &[u8], parsed: &[u8]| {
            let file = MatFile::open(Cursor::new(parsed.to_vec()), Limits::default()).unwrap();
            same_variables(&file, &recording(judged)).map_err(|error| error.to_string())
        };
        let wide = matrix("val", 2, 20);
        let tall = matrix("val", 20, 2);
        let two = [matrix("I", 1, 20), matrix("II", 20, 1)].concat();
        for good in [&wide, &tall, &two] {
            assert_eq!(check(good, good), Ok(()));
        }
        let error = check(&wide, &tall).unwrap_err();
        assert_eq!(
            error,
            "variable 0: expected what its verdict says, val: uint8 of [2, 20], found val: uint8 of [20, 2]"
        );
        for (other, found) in [
            (
                matrix("I", 1, 20),
                "variable 1: expected what its verdict says, II: uint8 of [1, 20], found 1 variables",
            ),
            (
                [matrix("I", 1, 20), matrix("II", 21, 1)].concat(),
                "variable 1: expected what its verdict says, II: uint8 of [20, 1], found II: uint8 of [21, 1]",
            ),
            (
                [matrix("I", 1, 20), matrix("III", 1, 20)].concat(),
                "variable 1: expected what its verdict says, II: uint8 of [1, 20], found III: uint8 of [1, 20]",
            ),
        ] {
            assert_eq!(check(&two, &other), Err(found.to_owned()));
        }
    }
}
