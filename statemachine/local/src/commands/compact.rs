//! `ecg compact`: make few large objects of the many small ones of each day.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use ecg_journal::lake_option;
use ecg_lake::Waits;
use serde_json::{Value, json};

use crate::args::LakeArg;
use crate::compact::Compaction;
use crate::open_lake::OpenLake;
use crate::output::{Answer, print_answer};
use crate::runtime::{processors, runtime};

#[derive(Args)]
#[command(after_help = "\
A query over a day of many recordings opens a file for each of them and table. After this it opens one or a few. Queries give the same answers before, meanwhile and after.

The small files stay for --keep-days, because a recording that comes later moves its day back to them until the day is compacted again. After that only the large ones are kept.

On AWS a schedule does the same, with the same workflow file, statemachine/compact.asl.json.

Example:
  ecg compact --day 2026-11-23")]
pub(crate) struct CompactArgs {
    /// Only this day; otherwise every day that has changed
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    day: Option<String>,
    /// Keep the small files of a day for so many days
    #[arg(long, value_name = "D", default_value_t = 30)]
    keep_days: u32,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    lake: LakeArg,
}

pub(crate) fn run(args: &CompactArgs) -> Result<ExitCode, String> {
    let place = args.lake.place();
    place.existing()?;
    let open = OpenLake::open(&place)?;
    let waits = Waits {
        keep_ms: i64::from(args.keep_days) * 24 * 3_600_000,
        ..Waits::LOCAL
    };
    let compaction = Compaction::new(open.lake.clone(), open.journal.clone(), waits);
    let input = match &args.day {
        Some(day) => crate::compact::of_day(day),
        // Nobody else is at work in the lake, so today can be compacted as well.
        None => json!({ "after_hours": -24 }),
    };
    let days = runtime(processors())?.block_on(compaction.run(input));
    open.journal.close().map_err(|error| error.to_string())?;
    let done = Done {
        days: days?.as_array().cloned().unwrap_or_default(),
        lake: args.lake.text(),
    };
    print_answer(&done, args.json)
}

struct Done {
    days: Vec<Value>,
    lake: String,
}

impl Answer for Done {
    fn text(&self) -> String {
        let mut text = String::new();
        for day in &self.days {
            let number = |name: &str| day[name].as_u64().unwrap_or(0);
            let what = match day["moved"].as_bool() {
                Some(true) => format!(
                    "{} files of {} rows became {} of {:.1} MB",
                    number("objects"),
                    number("rows"),
                    number("slices"),
                    number("bytes") as f64 / 1e6
                ),
                Some(false) => "its files have changed meanwhile; run this again".to_owned(),
                None => "nothing to compact; what no query needs any more is removed".to_owned(),
            };
            let _ = writeln!(text, "{}: {what}", day["day"].as_str().unwrap_or_default());
        }
        if self.days.is_empty() {
            text.push_str("nothing has changed since the last compaction\n");
        } else {
            let _ = writeln!(
                text,
                "\nThe tables answer as before:\n  ecg query \"select dt, count(*) from recordings group by dt\"{}",
                lake_option(&self.lake)
            );
        }
        text
    }

    fn json(&self) -> Value {
        json!({ "days": self.days })
    }

    fn well(&self) -> bool {
        true
    }
}

fn day(text: &str) -> Result<String, String> {
    chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map(|day| day.format("%Y-%m-%d").to_string())
        .map_err(|_| "expected a day such as 2026-11-23".to_owned())
}
