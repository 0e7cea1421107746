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
    /// Only those that started before this time, in seconds since the epoch.
    pub until: Option<f64>,
    /// Only those with this status, by the name that `DescribeExecution` uses; `OPEN`: those that have not ended.
    pub status: Option<String>,
    /// Only those of this subject.
    pub subject: Option<String>,
    /// Only those that failed for this cause: see [`ecg_core::message::Failure::group`].
    pub group: Option<String>,
    /// Only those with this text in their name, key, error or cause.
    pub text: Option<String>,
}
