//! Executions: those of a lake, and those of Step Functions.

#[cfg(feature = "aws")]
pub(crate) mod aws;
#[cfg(not(feature = "aws"))]
#[path = "aws_absent.rs"]
pub(crate) mod aws;
pub(crate) mod local;
