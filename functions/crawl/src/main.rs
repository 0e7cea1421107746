//! The Lambda `crawl`: registers in Glue what was written. What it does is in the library; this only ties
//! it to AWS.

use ecg_core::StepError;
use ecg_core::message::{CrawlOutput, WriteOutput};
use ecg_lake::Lake;
use ecg_lambda::config::{self, GLUE_CRAWLER};

/// The places, and the crawler where one is to do the work.
struct Settings {
    lake: Lake,
    crawler: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), ecg_lambda::Error> {
    let crawler = config::optional(GLUE_CRAWLER);
    let settings = ecg_lambda::catalogued_lake()
        .await
        .map(|lake| Settings { lake, crawler });
    ecg_lambda::serve_step("crawl", settings, crawl).await
}

async fn crawl(settings: &Settings, input: WriteOutput) -> Result<CrawlOutput, StepError> {
    match &settings.crawler {
        Some(crawler) => step_crawl::start_crawler(&settings.lake, crawler, input).await,
        None => step_crawl::run(&settings.lake, input).await,
    }
}
