//! Where a run writes: every key starts from the recording id (in the work bucket from the execution's name, which is the
//! recording id and the suffix of a rerun), so that a retry overwrites a file with itself and two recordings never meet.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::content_id;

/// What validate found, in full: `<execution>/verdict.json` in the work bucket.
pub fn verdict_key(execution: &str) -> String {
    format!("{execution}/verdict.json")
}

/// Why a step found the input at fault, where no verdict says it: `<execution>/error.json` in the work bucket.
pub fn error_key(execution: &str) -> String {
    format!("{execution}/error.json")
}

/// What parse decoded: `<execution>/parsed.arrow` in the work bucket.
pub fn parsed_key(execution: &str) -> String {
    format!("{execution}/parsed.arrow")
}

/// What transform made for one table: `<execution>/transformed-<table>.arrow` in the work bucket.
pub fn transformed_key(execution: &str, table: &str) -> String {
    format!("{execution}/transformed-{table}.arrow")
}

/// What write made for one table, held back until crawl has looked at it: `<execution>/<table>.parquet` in the work bucket.
pub fn staged_key(execution: &str, table: &str) -> String {
    format!("{execution}/{table}.parquet")
}

/// Dataset profiles of a person, named by their content: `profiles/<sha256>.toml` in the work bucket.
pub fn profiles_key(sha256: &str) -> String {
    format!("profiles/{sha256}.toml")
}

/// What the keys of uploads begin with that only try out a deployment: nobody is told of them.
pub const SMOKE_TEST: &str = "smoke-test/";

/// That tables defined like this are registered with their partitions of a day: `registered/<day>/<definition>.json` in the
/// work bucket. Whoever removes it makes crawl look at all of them again.
pub fn registered_key(definition: &str, day: &str) -> String {
    format!("registered/{day}/{definition}.json")
}

/// The prefix of a table in the processed bucket.
pub fn table_prefix(table: &str) -> String {
    format!("{table}/")
}

/// The prefix of one day of a table in the processed bucket.
pub fn partition_prefix(table: &str, day: &str) -> String {
    format!("{table}/dt={day}/")
}

/// One object of a table in the processed bucket; `name` is the recording id, or the execution's name for
/// `rejections`.
pub fn table_key(table: &str, day: &str, name: &str) -> String {
    format!("{table}/dt={day}/{name}.parquet")
}

/// One generation of a day of a table in the processed bucket: its large objects, made by compaction.
pub fn generation_prefix(table: &str, day: &str, generation: u32) -> String {
    format!("compact/{table}/dt={day}/{generation:06}/")
}

/// What holds for a day, for all tables: `compact/days/<day>.json` in the processed bucket.
pub fn register_key(day: &str) -> String {
    format!("compact/days/{day}.json")
}

/// That an execution has published into a day that is sealed, and since when: `late/<object>.json` in the work bucket. The object
/// is one that no other execution has.
pub fn late_key(object: &str) -> String {
    format!("late/{object}.json")
}

/// The name by which an erased recording is known, made of its id or of the hash of its content, which it does not tell: 32
/// hexadecimal digits.
pub fn tombstone(name: &str) -> String {
    content_id(format!("erased {name}").as_bytes(), 32)
}

/// That a recording was erased and must not come back: `erased/<tombstone>.json` in the processed bucket. There is one for its id
/// and one for each hash of its content.
pub fn tombstone_key(name: &str) -> String {
    format!("erased/{}.json", tombstone(name))
}

/// The endings of the names of recordings, in lower case, with the dot; upper case counts as well. What the object is gets
/// decided from its bytes.
pub static ENDINGS: LazyLock<BTreeMap<String, Ending>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../suffixes.json")).unwrap_or_default());

/// What belongs to a recording whose name ends so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Ending {
    /// The WFDB header of the same name.
    pub header: Companion,
}

/// Whether an object of another ending stands beside a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Companion {
    /// The recording cannot be read without it.
    Needed,
    /// It may be there.
    Optional,
    /// It does not belong to it.
    None,
}

/// What a key ends in, if it names a recording. A `.hea` is a companion.
fn ending(key: &str) -> Option<(&str, Ending)> {
    let (name, _) = key.rsplit_once('.')?;
    let ending = key[name.len()..].to_ascii_lowercase();
    ENDINGS.get(&ending).map(|found| (name, *found))
}

/// Whether a key names a recording.
pub fn is_recording(key: &str) -> bool {
    ending(key).is_some()
}

/// The key of the WFDB header that would stand beside a recording: the ending replaced by `.hea`. `None` for a key that is
/// not a recording, and for formats that have no such header.
pub fn header_key(recording_key: &str) -> Option<String> {
    let (name, ending) = ending(recording_key)?;
    (ending.header != Companion::None).then(|| format!("{name}.hea"))
}

/// Whether a recording cannot be read without the header beside it.
pub fn needs_header(recording_key: &str) -> bool {
    ending(recording_key).is_some_and(|(_, ending)| ending.header == Companion::Needed)
}

/// The endings in words: `.bdf, .dat, .edf or .mat`.
pub fn endings_in_words() -> String {
    let endings: Vec<&str> = ENDINGS.keys().map(String::as_str).collect();
    match endings.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        assert_eq!(
            table_key("beats", "2026-11-23", "x-1"),
            "beats/dt=2026-11-23/x-1.parquet"
        );
        assert_eq!(header_key("a/b c.mat").as_deref(), Some("a/b c.hea"));
        assert_eq!(header_key("a/ü.MAT").as_deref(), Some("a/ü.hea"));
        assert_eq!(header_key("a.hea"), None);
        assert_eq!(header_key("a/100.DAT").as_deref(), Some("a/100.hea"));
        assert!(needs_header("a/100.DAT") && !needs_header("a.mat") && !needs_header("a.edf"));
        assert!(is_recording("night.edf") && header_key("night.edf").is_none());
        assert_eq!(endings_in_words(), ".bdf, .dat, .edf or .mat");
        for other in ["mat", "日本", "a.atr", "a.mat.txt", "a.mat/b"] {
            assert!(!is_recording(other), "{other}");
        }
    }
}
