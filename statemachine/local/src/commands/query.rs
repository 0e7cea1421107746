//! `ecg query`: answer SQL over the tables and views.

use std::io::{self, Read};
use std::process::ExitCode;

use clap::Args;

use crate::args::LakeArg;
use crate::output::{Stopped, unless_closed};
use crate::query;
use crate::runtime::{processors, runtime};

#[derive(Args)]
#[command(after_help = "\
Tables: recordings, segments, beats, windows, rejections, annotations. Views: samples, current, unresolved.
`ecg query 'describe segments'` lists the columns; docs/tables.md explains them.

Examples:
  ecg query 'select label, count(*) from recordings group by label'
  ecg query 'select * from segments limit 1' --format vertical
  ecg query 'select source_key, cause from unresolved' --format json
Into a file:
  ecg query 'select * from beats' --format csv > beats.csv
  ecg query 'select * from beats' --format parquet > beats.parquet
  ecg query \"select time_s, mv from samples where recording_id = '...' order by time_s\" --format csv > signal.csv

csv and json have every row, and lists whole. On a terminal, table and vertical show as many rows as it has lines, at least 40, and say how many there are. Elsewhere the first 1000 rows decide how wide a table is; a wider cell after them is printed whole.")]
pub(crate) struct QueryArgs {
    /// The query; `-` reads it from standard input
    pub(crate) sql: String,
    /// How the answer is printed [default: table, or vertical on a terminal that is too narrow for it]
    #[arg(long, value_enum)]
    pub(crate) format: Option<query::Format>,
    #[command(flatten)]
    pub(crate) lake: LakeArg,
}

pub(crate) fn run(args: &QueryArgs) -> Result<ExitCode, String> {
    let mut sql = args.sql.clone();
    if sql == "-" {
        sql.clear();
        io::stdin()
            .read_to_string(&mut sql)
            .map_err(|error| format!("standard input: {error}"))?;
    }
    let place = args.lake.place();
    place.existing()?;
    let printed: Result<(), Stopped> = runtime(processors())?.block_on(async {
        let answer = ecg_query::ask(place.root(), &sql, true).await?;
        let window = query::Window::of_stdout();
        query::print(answer, args.format, window, &mut io::stdout().lock()).await
    });
    unless_closed(printed)?;
    Ok(ExitCode::SUCCESS)
}
