//! Runs an Amazon States Language file in-process. Knows nothing of ECG.
