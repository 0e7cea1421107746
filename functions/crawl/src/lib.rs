//! The crawl step.
