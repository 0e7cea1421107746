//! The Lambda `start`: starts an execution for every upload, and names those of a backfill. What it does is in the
//! library; this only ties it to AWS.

use ecg_lambda::config::{self, StartSettings};
use step_start::{Starter, StepFunctions};

#[tokio::main]
async fn main() -> Result<(), ecg_lambda::Error> {
    let lake = ecg_lambda::object_lake().await;
    let starter = match StartSettings::read(&config::optional).and_then(|settings| Ok((settings, lake?))) {
        Ok((settings, lake)) => {
            let client = aws_sdk_sfn::Client::new(&ecg_lambda::aws_config().await);
            let workflow = StepFunctions::new(client, settings.state_machine_arn);
            Ok(Starter {
                raw_bucket: settings.raw_bucket,
                workflow,
                lake,
            })
        }
        Err(reason) => Err(reason),
    };
    ecg_lambda::serve_batch("start", starter, step_start::answer).await
}
