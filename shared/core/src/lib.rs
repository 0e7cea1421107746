//! What every step shares: the recording id, error names, messages, rules, configuration and clock.

pub mod rules;
