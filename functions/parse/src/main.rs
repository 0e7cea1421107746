//! The Lambda `parse`: decodes an accepted recording. What it does is in the library; this only ties it to AWS.

#[tokio::main]
async fn main() -> Result<(), ecg_lambda::Error> {
    let lake = ecg_lambda::object_lake().await;
    ecg_lambda::serve_step("parse", lake, step_parse::run).await
}
