//! Synthetic ECG recordings with known beats, in every supported format.
