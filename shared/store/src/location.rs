//! The location of an object.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The bucket, the key and optionally the version of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The name of the bucket. In a [`crate::LocalStore`] it is a directory below the root.
    pub bucket: String,
    /// The key, without URL encoding, at most 1024 bytes.
    pub key: String,
    /// The version id if the bucket is versioned, else the ETag. `None` means the current version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Location {
    /// Creates the location of the current version of a key.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Location {
        Location {
            bucket: bucket.into(),
            key: key.into(),
            version: None,
        }
    }

    /// Returns the location of a version of the same key.
    pub fn with_version(&self, version: impl Into<String>) -> Location {
        Location {
            version: Some(version.into()),
            ..self.clone()
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.bucket, self.key)?;
        match &self.version {
            Some(version) => write!(out, " (version {version})"),
            None => Ok(()),
        }
    }
}
