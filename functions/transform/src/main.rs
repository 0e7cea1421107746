//! The Lambda `transform`: applies the recipe. What it does is in the library; this only ties it to AWS.

#[tokio::main]
async fn main() -> Result<(), ecg_lambda::Error> {
    let lake = ecg_lambda::object_lake().await;
    ecg_lambda::serve_step("transform", lake, step_transform::run).await
}
