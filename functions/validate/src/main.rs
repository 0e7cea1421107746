//! The Lambda `validate`: judges an upload. What it does is in the library; this only ties it to AWS.

#[tokio::main]
async fn main() -> Result<(), ecg_boot::Error> {
    let lake = ecg_boot::object_lake().await;
    ecg_boot::serve_step("validate", lake, step_validate::run).await
}
