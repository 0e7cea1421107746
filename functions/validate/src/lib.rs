//! The validate step: judges the uploaded object and writes `work/<recording_id>/verdict.json`.
//!
//! The verdict has every check that was made. A recording that is rejected also fails the step, with `Rejected`.
//!
//! The object is read once: while the format's reader takes what it wants, the bytes pass by two hashes, in order
//! ([`ObjectReader::pass_to`] says what is read twice). Nothing is said of them before both are complete.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ecg_core::message::{
    ExecutionInput, PinnedHeader, Source, ValidateInput, ValidateOutput, VerdictKind, work_prefix,
};
use ecg_core::rules::RULES;
use ecg_core::{Details, StepError, layout};
use ecg_formats::wfdb::MAX_HEADER_BYTES;
use ecg_lake::{Lake, blocking, step_error, upload_error};
use ecg_recording::profiles::{self, Profile};
use ecg_recording::{FileContext, Verdict, examine};
use ecg_store::checksum::Verifier;
use ecg_store::{Checksum, Location, ObjectReader, StoreError};
use sha2::{Digest, Sha256};

/// Largest file of profiles that is read, in bytes.
pub const MAX_PROFILES_BYTES: u64 = 256 * 1024;

/// Judges an upload. `profiles` are those of the deployment; one that the input names counts before them.
///
/// # Errors
/// `Erased` if the recording or its content was; `Rejected` with the verdict's reason, or if the object is gone or its header too large to be one; else what the store
/// says.
pub async fn run(
    lake: &Lake,
    profiles: &[Profile],
    message: ValidateInput,
) -> Result<ValidateOutput, StepError> {
    let ValidateInput { input, execution } = message;
    let execution = work_prefix(&execution, &input.recording_id).to_owned();
    let recording_id = input.recording_id.clone();
    let judged = judge(lake, profiles, input).await;
    // The upload of an erased recording is gone; the same bytes may come back as another one.
    let erased = match &judged {
        Ok(Verdict {
            content_sha256: Some(sha256),
            reason,
            ..
        }) => match lake.is_erased(sha256).await {
            Ok(erased) => erased,
            // A reason to reject it is told before this one.
            Err(_) if reason.is_some() => false,
            Err(error) => return Err(error),
        },
        // Where that cannot be told, the failure branch looks again.
        Err(StepError::Rejected(_)) => lake.is_erased(&recording_id).await.unwrap_or(false),
        Ok(_) | Err(_) => false,
    };
    if erased {
        return Err(StepError::Erased);
    }
    let verdict = lake.keep_reason(&execution, judged).await?;
    let verdict_key = layout::verdict_key(&execution);
    lake.write_json(&verdict_key, &verdict).await?;
    match verdict.reason {
        None => Ok(ValidateOutput {
            recording_id,
            verdict: VerdictKind::Accepted,
            verdict_key,
        }),
        Some(reason) => Err(StepError::Rejected(reason.into())),
    }
}

async fn judge(lake: &Lake, profiles: &[Profile], input: ExecutionInput) -> Result<Verdict, StepError> {
    let (meta, mut reader) = lake.open(&lake.upload(&input.source)).await?;
    let mut own = own_profiles(lake, input.profiles.as_deref()).await?;
    own.extend_from_slice(profiles);
    let context = FileContext {
        key: input.source.key.clone(),
        size: meta.size,
        settings: input.settings.unwrap_or_default(),
        header: companion_header(lake, &input.source, input.header.as_ref()).await?,
        metadata: meta.metadata.clone(),
        profiles: own,
    };
    let hashes = Shared::new(Hashes {
        sha256: Sha256::new(),
        verifier: meta.checksum.as_ref().map(Checksum::verifier),
    });
    let passing = hashes.clone();
    reader.pass_to(move |bytes| passing.lock().update(bytes));
    blocking(move || {
        let reader = Shared::new(reader);
        let examined = examine(reader.clone(), &context, &RULES);
        let examined = examined.map_err(|error| upload_error(&error))?;
        let rest = reader.lock().pass_rest();
        rest.map_err(|error| step_error(&error))?;
        let Hashes { sha256, verifier } = std::mem::take(&mut *hashes.lock());
        // Other bytes than those that were uploaded must not be judged. The next read may be right.
        if let Some(Err(difference)) = verifier.map(Verifier::finish) {
            return Err(StepError::Transient(format!("{}: {difference}", meta.location)));
        }
        let sha256 = sha256
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Verdict {
            content_sha256: Some(sha256),
            ..examined.verdict
        })
    })
    .await
}

/// The hashes of the bytes that have passed by.
#[derive(Default)]
struct Hashes {
    sha256: Sha256,
    /// Against what the store keeps.
    verifier: Option<Verifier>,
}

impl Hashes {
    fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(verifier) = &mut self.verifier {
            verifier.update(bytes);
        }
    }
}

/// What two hold: the reader's owner is the open file, which ends with the verdict.
struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    fn new(value: T) -> Self {
        Shared(Arc::new(Mutex::new(value)))
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        // A panic ends the step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}

impl Read for Shared<ObjectReader> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buffer)
    }
}

impl Seek for Shared<ObjectReader> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.lock().seek(to)
    }
}

/// The profiles that the input names.
async fn own_profiles(lake: &Lake, key: Option<&str>) -> Result<Vec<Profile>, StepError> {
    let Some(key) = key else { return Ok(Vec::new()) };
    let location = lake.work(key);
    let read = lake.store.get(&location, MAX_PROFILES_BYTES).await;
    let (_, bytes) = read.map_err(|error| lake.error_at(&location, &error))?;
    profiles::parse(&String::from_utf8_lossy(&bytes), key).map_err(StepError::Internal)
}

/// The text of the WFDB header beside a recording, where there is one: the version that is pinned, else what is there now.
async fn companion_header(
    lake: &Lake,
    source: &Source,
    pinned: Option<&PinnedHeader>,
) -> Result<Option<String>, StepError> {
    let Some(header_key) = layout::header_key(&source.key) else {
        return Ok(None);
    };
    let mut location = Location::new(&source.bucket, header_key);
    match pinned {
        None => {}
        Some(PinnedHeader { version: None }) => return Ok(None),
        Some(PinnedHeader {
            version: Some(version),
        }) => location = location.with_version(version),
    }
    match lake.store.get(&location, MAX_HEADER_BYTES).await {
        Ok((_, bytes)) => Ok(Some(ecg_formats::text_of(&bytes))),
        // It may be on its way: the two are uploaded one after the other, in either order.
        Err(StoreError::NotFound(_)) if pinned.is_none() && layout::needs_header(&source.key) => {
            let expected = format!("an object `{}` beside it", location.key);
            Err(StepError::Incomplete(Details::new(
                "header (.hea)",
                expected,
                "none",
            )))
        }
        Err(StoreError::NotFound(_)) if pinned.is_none() => Ok(None),
        // Whoever uploaded it is at fault, not the pipeline.
        Err(StoreError::Invalid(context)) => Err(StepError::Rejected(Details::new(
            "header (.hea)",
            format!("at most {MAX_HEADER_BYTES} bytes"),
            context.message,
        ))),
        Err(error) => Err(step_error(&error)),
    }
}
