//! Where a run writes: every key starts from the recording id (in the work bucket from the execution's name, which is the
//! recording id and the suffix of a rerun), so that a retry overwrites a file with itself and two recordings never meet.

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

/// The key of the WFDB header that would stand beside a recording: the extension replaced by `.hea`.
/// `None` for a key that is not a recording.
pub fn header_key(recording_key: &str) -> Option<String> {
    is_recording(recording_key).then(|| format!("{}.hea", &recording_key[..recording_key.len() - 4]))
}

/// Whether a key names a recording: it ends in `.mat`. A `.hea` is a companion. (What the object is gets
/// decided from its bytes; the name only says that somebody meant to upload a recording.)
pub fn is_recording(key: &str) -> bool {
    let bytes = key.as_bytes();
    bytes.len() >= 4 && bytes[bytes.len() - 4..].eq_ignore_ascii_case(b".mat")
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
        assert!(!is_recording("mat") && !is_recording("日本"));
    }
}
