//! A key as it travels in messages: itself, or `base64:…` where it has control characters.
//!
//! S3 allows control characters in keys, and JSON writes each as six bytes: a key of 1 KB would be 6 KB of a message
//! that may have 4. So such a key travels as Base64, and so does one that looks as if it did.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

const MARK: &str = "base64:";

pub(crate) fn serialize<S: Serializer>(key: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&encoded(key))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    decoded(text).map_err(D::Error::custom)
}

fn encoded(key: &str) -> Cow<'_, str> {
    if key.contains(char::is_control) || key.starts_with(MARK) {
        Cow::Owned(format!("{MARK}{}", STANDARD.encode(key)))
    } else {
        Cow::Borrowed(key)
    }
}

fn decoded(text: String) -> Result<String, String> {
    let Some(code) = text.strip_prefix(MARK) else {
        return Ok(text);
    };
    let fault = |found: String| format!("key: expected UTF-8 in Base64 after `{MARK}`, found {found}");
    let bytes = STANDARD.decode(code).map_err(|error| fault(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| fault(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_comes_back() {
        for (key, wire) in [
            ("MLII/1 NSR/100m (0).mat", "MLII/1 NSR/100m (0).mat"),
            ("心電図/ü+%.mat", "心電図/ü+%.mat"),
            ("a\u{1}b.mat", "base64:YQFiLm1hdA=="),
            ("a\nb.mat", "base64:YQpiLm1hdA=="),
            ("base64:x.mat", "base64:YmFzZTY0OngubWF0"),
            ("", ""),
        ] {
            assert_eq!(encoded(key), wire);
            assert_eq!(decoded(wire.to_owned()).as_deref(), Ok(key));
        }
        let worst = "\u{1}".repeat(1024);
        let wire = encoded(&worst).into_owned();
        assert!(wire.len() < 1_400, "{}", wire.len());
        assert_eq!(decoded(wire), Ok(worst));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["base64:%", "base64:/w=="] {
            let fault = decoded(text.to_owned()).unwrap_err();
            assert!(fault.starts_with("key: expected UTF-8 in Base64"), "{fault}");
        }
    }
}
