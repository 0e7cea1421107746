//! The Lambda `crawl`: makes Glue tell the truth about what was written. What it does is in the library; this only ties
//! it to AWS.

use ecg_core::StepError;
use ecg_core::config::{self, GLUE_CRAWLER};
use ecg_core::message::{CrawlOutput, WriteOutput};
use ecg_lake::Lake;

/// The places, and the crawler where one is to do the work.
struct Settings {
    lake: Lake,
    crawler: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), ecg_boot::Error> {
    let crawler = config::optional(GLUE_CRAWLER);
    let settings = ecg_boot::catalogued_lake()
        .await
        .map(|lake| Settings { lake, crawler });
    ecg_boot::serve_step("crawl", settings, crawl).await
}

async fn crawl(settings: &Settings, input: WriteOutput) -> Result<CrawlOutput, StepError> {
    match &settings.crawler {
        Some(crawler) => step_crawl::start_crawler(&settings.lake, crawler, input).await,
        None => step_crawl::run(&settings.lake, input).await,
    }
}
