//! Random numbers from a seed, for jitter, `$random()`, `$uuid()` and request ids. The same seed gives the same
//! sequence.

use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A random number generator that all states of one execution share.
#[derive(Debug, Clone)]
pub(crate) struct Random(Arc<Mutex<StdRng>>);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Returns a number that is uniformly distributed in `[0, 1)`.
    pub(crate) fn unit(&self) -> f64 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .random::<f64>()
    }

    /// Returns a version 4 UUID (RFC 9562, section 5.4).
    pub(crate) fn uuid(&self) -> String {
        let mut bytes: [u8; 16] = self.0.lock().unwrap_or_else(PoisonError::into_inner).random();
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    }
}
