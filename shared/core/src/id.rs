//! The one id of a recording.
//!
//! It is the name of the execution, the prefix of every object that a run writes, a column of every table
//! and a field of every log line. Two uploads with the same bytes under two keys are two recordings.

use sha2::{Digest, Sha256};

/// Longest id. Step Functions allows names of 80 characters; the difference is for the suffix of a
/// deliberate rerun.
pub const MAX_LENGTH: usize = 72;

/// Longest suffix of a rerun, without the hyphen before it.
pub const MAX_SUFFIX_LENGTH: usize = 80 - MAX_LENGTH - 1;

const HASH_HEX_DIGITS: usize = 24;
const TAIL_LENGTH: usize = MAX_LENGTH - HASH_HEX_DIGITS - 1;

/// The id of one version of one object: a readable tail of the key, then 96 bits of SHA-256 over bucket,
/// key and version (the version id, else the ETag). Only `[0-9A-Za-z_-]` occur in it.
pub fn recording_id(bucket: &str, key: &str, version: &str) -> String {
    let mut hash = Sha256::new();
    for part in [bucket, key, version] {
        // The length in front keeps ("ab", "c") apart from ("a", "bc").
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let hex = hex(hash, HASH_HEX_DIGITS);
    let tail = readable_tail(key);
    if tail.is_empty() {
        hex
    } else {
        format!("{tail}-{hex}")
    }
}

/// A name for something that is told from others of its kind by its content alone: so many hex digits of its SHA-256.
pub fn content_id(content: &[u8], digits: usize) -> String {
    hex(Sha256::new().chain_update(content), digits)
}

fn hex(hash: Sha256, digits: usize) -> String {
    let digest = hash.finalize();
    let digest = digest.iter().take(digits.div_ceil(2));
    let mut hex: String = digest.map(|byte| format!("{byte:02x}")).collect();
    hex.truncate(digits);
    hex
}

/// The name of an execution: the recording id, and for a deliberate rerun a hyphen and a suffix.
///
/// # Errors
/// What was expected of the suffix and what was found: at most [`MAX_SUFFIX_LENGTH`] characters of `[0-9A-Za-z_-]`.
pub fn execution_name(recording_id: &str, suffix: &str) -> Result<String, String> {
    let alphabet = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if suffix.len() > MAX_SUFFIX_LENGTH || !suffix.chars().all(alphabet) {
        return Err(format!(
            "suffix: expected at most {MAX_SUFFIX_LENGTH} characters of 0-9, A-Z, a-z, `_` and `-`, found `{suffix}`"
        ));
    }
    Ok(if suffix.is_empty() {
        recording_id.to_owned()
    } else {
        format!("{recording_id}-{suffix}")
    })
}

/// The end of the key without its extension, every other character folded to one `-`.
fn readable_tail(key: &str) -> String {
    let name_start = key.rfind('/').map_or(0, |slash| slash + 1);
    let stem = match key[name_start..].rfind('.') {
        Some(dot) if dot > 0 => &key[..name_start + dot],
        _ => key,
    };
    let mut folded = String::with_capacity(stem.len());
    for character in stem.chars() {
        if character.is_ascii_alphanumeric() || character == '_' {
            folded.push(character);
        } else if !folded.ends_with('-') {
            folded.push('-');
        }
    }
    let folded = folded.trim_matches('-');
    let start = folded.len().saturating_sub(TAIL_LENGTH);
    folded[start..].trim_start_matches('-').to_owned()
}

/// The ARN of an execution: that of its state machine, whichever version or alias it was started by, and its name.
pub fn execution_arn(state_machine_arn: &str, name: &str) -> String {
    let machine: Vec<&str> = state_machine_arn.splitn(8, ':').take(7).collect();
    let machine = machine.join(":").replacen(":stateMachine:", ":execution:", 1);
    format!("{machine}:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_readable_and_stable() {
        let id = recording_id("local", "MLII/1 NSR/100m (0).mat", "0123");
        assert!(id.starts_with("MLII-1-NSR-100m-0-"), "{id}");
        assert_eq!(id, recording_id("local", "MLII/1 NSR/100m (0).mat", "0123"));
    }

    #[test]
    fn every_part_counts_and_the_border_between_parts_too() {
        let ids = [
            recording_id("a", "b.mat", "c"),
            recording_id("a", "b.mat", "d"),
            recording_id("x", "b.mat", "c"),
            recording_id("a", "B.mat", "c"),
            recording_id("ab", ".mat", "c"),
            recording_id("a", "b.matc", ""),
        ];
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }

    #[test]
    fn a_rerun_has_a_name_of_its_own_within_the_limit() {
        let id = recording_id("b", &"long/".repeat(300), "v");
        assert_eq!(execution_name(&id, ""), Ok(id.clone()));
        assert_eq!(execution_name(&id, "r1"), Ok(format!("{id}-r1")));
        assert_eq!(execution_name(&id, "2026_12").map(|name| name.len()), Ok(80));
        for suffix in ["12345678", "a b", "ä", "a/b", "a:b"] {
            let error = execution_name(&id, suffix).unwrap_err();
            assert!(
                error.contains("at most 7 characters") && error.contains(suffix),
                "{error}"
            );
        }
    }

    #[test]
    fn keeps_to_the_alphabet_and_the_length() {
        for key in [
            "",
            ".mat",
            "..",
            "ä/ö ü.mat",
            "a+b%c.mat",
            &"long/".repeat(300),
            "日本語.mat",
            "-.mat",
        ] {
            let id = recording_id("bucket", key, "version");
            assert!(id.len() <= MAX_LENGTH, "{key}: {id}");
            assert!(
                id.chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'),
                "{key}: {id}"
            );
            assert!(
                id.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'),
                "{key}: {id}"
            );
        }
    }

    #[test]
    fn an_execution_is_named_by_its_machine() {
        let machine = "arn:aws:states:eu-central-1:123456789012:stateMachine:ecg-pipeline";
        for arn in [
            machine.to_owned(),
            format!("{machine}:live"),
            format!("{machine}:7"),
        ] {
            assert_eq!(
                execution_arn(&arn, "a-1"),
                "arn:aws:states:eu-central-1:123456789012:execution:ecg-pipeline:a-1"
            );
        }
    }
}
