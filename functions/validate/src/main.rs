//! The Lambda `validate`: judges an upload. What it does is in the library; this only ties it to AWS.

use std::io::ErrorKind;

use ecg_recording::profiles::{self, Profile};

/// Profiles of data sets that are deployed with the function, beside its binary.
const PROFILES: &str = "ecg-profiles.toml";

#[tokio::main]
async fn main() -> Result<(), ecg_lambda::Error> {
    let lake = ecg_lambda::object_lake().await;
    let setup = lake.and_then(|lake| Ok((lake, deployed_profiles()?)));
    ecg_lambda::serve_step("validate", setup, async |(lake, profiles), message| {
        step_validate::run(lake, profiles, message).await
    })
    .await
}

/// The deployment's own profiles, then the built-in ones.
fn deployed_profiles() -> Result<Vec<Profile>, String> {
    let fail = |error: std::io::Error| format!("{PROFILES}: {error}");
    let path = std::env::current_exe().map_err(fail)?.with_file_name(PROFILES);
    let own = match std::fs::read_to_string(&path) {
        Ok(text) => profiles::parse(&text, PROFILES)?,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(fail(error)),
    };
    profiles::before_built_in(own)
}
