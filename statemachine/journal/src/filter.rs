/// Which executions are listed. What is `None` restricts nothing.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those that did not succeed.
    pub failed: bool,
    /// Only those that failed in this state, such as `Parse`.
    pub step: Option<String>,
    /// Only those that failed with this error, such as `Rejected`.
    pub error: Option<String>,
    /// Only those of recordings with this label.
    pub label: Option<String>,
    /// Only those of uploads whose keys begin so.
    pub key: Option<String>,
    /// Only those that started at this time or later, in seconds since the epoch.
    pub since: Option<f64>,
}
