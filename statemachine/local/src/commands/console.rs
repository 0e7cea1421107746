//! `ecg console`: pages over the lake.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use ecg_console::Console;
use ecg_journal::lake_option;

use crate::args::{AwsArgs, LakeArg};
use crate::console_actions::ConsoleActions;
use crate::execute::WORKFLOW;
use crate::output::print;
use crate::progress::tell;
use crate::runtime::{processors, runtime};

#[derive(Args)]
#[command(after_help = "\
The address has a token: open the whole of it. Only this machine can reach it. Ctrl-C ends the console.

Examples:
  ecg console
  ecg console --lake study-a --port 8000 --no-open
  ecg console --aws")]
pub(crate) struct ConsoleArgs {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 7325)]
    pub(crate) port: u16,
    /// Print the address only, and open no browser
    #[arg(long)]
    pub(crate) no_open: bool,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    #[command(flatten)]
    pub(crate) lake: LakeArg,
}

pub(crate) fn run(args: &ConsoleArgs) -> Result<ExitCode, String> {
    let console = if args.aws.aws {
        on_aws(args)?
    } else {
        let place = args.lake.place();
        place.is_no_file()?;
        if place.is_lake() {
            place.existing()?;
        }
        Console {
            lake: place.clone(),
            remote: None,
            workflow: WORKFLOW.to_owned(),
            actions: Arc::new(ConsoleActions::new(place)),
            options: lake_option(&args.lake.text()),
        }
    };
    let open = !args.no_open;
    let serving = ecg_console::serve(console, args.port, |address| {
        // A reader that goes away does not end the console.
        let _ = print(&format!("{address}\n"));
        if open {
            open_browser(address);
        }
    });
    runtime(processors())?.block_on(async {
        tokio::select! {
            served = serving => served,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "aws")]
fn on_aws(args: &ConsoleArgs) -> Result<Console, String> {
    use ecg_console::Remote;

    use crate::args::PIPELINE;
    use crate::executions::aws::OnAws;

    let machine = Arc::new(OnAws {
        state_machine: args.aws.state_machine.clone(),
    });
    // Without a region, credentials or rights no page could be shown.
    machine.list(false, 1)?;
    let options = match args.aws.state_machine.as_str() {
        PIPELINE => " --aws".to_owned(),
        other => format!(" --aws --state-machine {}", crate::terminal::shell_word(other)),
    };
    Ok(Console {
        // Nothing is there, and nothing is asked of it.
        lake: args.lake.place(),
        remote: Some(machine.clone()),
        workflow: WORKFLOW.to_owned(),
        actions: machine,
        options,
    })
}

#[cfg(not(feature = "aws"))]
fn on_aws(_: &ConsoleArgs) -> Result<Console, String> {
    Err(crate::executions::WITHOUT_AWS.to_owned())
}

fn open_browser(address: &str) {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let opened = std::process::Command::new(opener)
        .arg(address)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn();
    if opened.is_err() {
        tell("no browser could be opened: open the address above yourself");
    }
}
