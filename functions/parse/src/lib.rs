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
        same_variable(&file, &recording)?;
        let rows = decode(&mut file, &recording, &verdict, RULES.strip_s, &mut writer).map_err(sort)?;
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
fn same_variable<R: Read + Seek + Send + 'static>(
    file: &MatFile<R>,
    recording: &Recording,
) -> Result<(), StepError> {
    let dims = match recording.layout {
        Layout::LeadsBySamples => [u64::from(recording.leads), recording.samples],
        Layout::SamplesByLeads => [recording.samples, u64::from(recording.leads)],
    };
    let told = |name: &str, class: &str, dims: &[u64]| format!("{name}: {class} of {dims:?}");
    let expected = told(&recording.variable, &recording.class, &dims);
    let found = match file.variables().get(recording.variable_index) {
        Some(variable) => told(&variable.name, &variable.class.to_string(), &variable.dims),
        None => format!("{} variables", file.variables().len()),
    };
    if found == expected {
        return Ok(());
    }
    Err(StepError::Rejected(Details::new(
        format!("variable {}", recording.variable_index),
        format!("what its verdict says, {expected}"),
        found,
    )))
}

fn sort(error: DecodeError) -> StepError {
    match error {
        DecodeError::Recording(RecordingError::Rejected(details)) => StepError::Rejected(details),
        DecodeError::Recording(RecordingError::Io(error)) => upload_error(&error),
        DecodeError::Arrow(error) => codec_error(&error),
    }
}
