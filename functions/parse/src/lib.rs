//! The parse step: from the uploaded object to `work/<recording_id>/parsed.arrow`.

mod decode;

use ecg_core::message::{ParseOutput, StepInput, work_prefix};
use ecg_core::rules::RULES;
use ecg_core::{Details, StepError, layout};
use ecg_formats::FormatError;
use ecg_lake::{Lake, blocking, codec_error, upload_error};
use ecg_recording::Verdict;

pub use decode::{DecodeError, decode};

/// Decodes an accepted recording. `input.from` is the key of its verdict.
///
/// # Errors
/// `Rejected` if the object is not what the verdict says, else what the store says.
pub async fn run(lake: &Lake, input: StepInput) -> Result<ParseOutput, StepError> {
    let execution = work_prefix(&input.execution, &input.recording_id).to_owned();
    let outcome = parse(lake, input, &execution).await;
    lake.keep_reason(&execution, outcome).await
}

async fn parse(lake: &Lake, input: StepInput, execution: &str) -> Result<ParseOutput, StepError> {
    let verdict: Verdict = lake.read_json(&input.from).await?;
    let Some(recording) = verdict.recording.clone().filter(|_| verdict.accepted) else {
        return Err(StepError::Rejected(Details::new(
            &input.from,
            "an accepted verdict",
            "a rejected one",
        )));
    };
    let reader = lake.reader(&lake.upload(&input.source)).await?;
    let parsed_key = layout::parsed_key(execution);
    let mut writer = lake.writer(&lake.work(&parsed_key)).await?;
    let key = input.source.key.clone();
    let rows = blocking(move || {
        let mut file = ecg_formats::open(
            reader,
            &key,
            recording.signals.header.as_deref(),
            RULES.reject_values_above,
        )
        .map_err(|error| sort(error.into()))?;
        ecg_formats::hold(file.as_ref(), &recording.signals).map_err(StepError::Rejected)?;
        let rows = decode(file.as_mut(), &recording, &verdict, RULES.segment_s, &mut writer).map_err(sort)?;
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

fn sort(error: DecodeError) -> StepError {
    match error {
        DecodeError::File(FormatError::Rejected(details)) => StepError::Rejected(details),
        DecodeError::File(FormatError::Io(error)) => upload_error(&error),
        DecodeError::Arrow(error) => codec_error(&error),
    }
}
