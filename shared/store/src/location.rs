//! Where an object is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where an object is, and which version of it is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// Bucket name; for a [`crate::LocalStore`] a directory of its root.
    pub bucket: String,
    /// Key, decoded (a space is a space), at most 1024 bytes.
    pub key: String,
    /// Version id if the bucket is versioned, else the ETag. `None` means whatever is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Location {
    /// The current version of a key.
    pub fn new(bucket: impl Into<String>, key: impl Into<String>) -> Location {
        Location {
            bucket: bucket.into(),
            key: key.into(),
            version: None,
        }
    }

    /// The same key, pinned to a version.
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
