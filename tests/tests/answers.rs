//! `ecg query` with large answers, on terminals, and the queries of docs/queries.md.

// A test that cannot go on stops: unwrap, expect and panic are how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use ecg_tests::cli::{binary, command, ecg, peak_resident_mb, start};
use ecg_tests::files::{malformed, recordings, workspace};
use ecg_tests::lake::{TestLake, text};
use ecg_tests::python;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Most resident memory of a query over signals, in MB.
const PEAK_MB: f64 = 450.0;

fn filled() -> TestLake {
    let lake = TestLake::new();
    lake.run(&recordings(), 0);
    lake
}

/// A lake with two hours of two leads: 5 million samples.
fn two_hours() -> TestLake {
    let lake = TestLake::new();
    let file = lake.beside("hours.mat");
    ecg(&["synth", text(&file), "--duration", "2h", "--leads", "2"]).expect(0);
    lake.run(&file, 0);
    lake
}

fn piped(lake: &TestLake, args: &[&str]) -> Child {
    command(&lake.args(args))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads the first line, and goes away.
fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    line
}

/// Nothing on standard error, and success.
fn assert_silent_success(child: &mut Child) {
    let status = child.wait().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
}

#[test]
fn the_first_rows_come_at_once_and_a_reader_that_goes_away_ends_the_query() {
    let lake = filled();
    for (format, first) in [
        ("csv", "value\n"),
        ("json", ""),
        ("table", "+-------+\n"),
        ("vertical", "-[ row 1 ]-\n"),
    ] {
        // A hundred thousand million rows: the whole answer would take days.
        let mut child = piped(
            &lake,
            &[
                "query",
                "select value from range(100000000000)",
                "--format",
                format,
            ],
        );
        if format == "json" {
            let mut start = [0; 12];
            child.stdout.take().unwrap().read_exact(&mut start).unwrap();
            assert_eq!(&start, b"[{\"value\":0}");
        } else {
            let line = first_line(&mut child);
            assert!(line.ends_with(first) || format == "table", "{format}: {line}");
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        while child.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                child.kill().unwrap();
                panic!("{format}: the query goes on without a reader");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_silent_success(&mut child);
    }
}

#[test]
fn an_answer_larger_than_memory_passes_within_the_limit() {
    let lake = two_hours();
    let mut child = piped(&lake, &["query", "select * from samples", "--format", "csv"]);
    assert!(first_line(&mut child).starts_with("recording_id,lead,"));
    let peak = peak_resident_mb(&mut child);
    assert_silent_success(&mut child);
    println!("csv of 5 million samples, one line read: {peak:.0} MB");
    assert!((1.0..=PEAK_MB).contains(&peak), "{peak:.0} MB");

    // A condition on segments alone makes them look few; they are not held all the same.
    let sql = "select count(*) as n from samples where segment < 700";
    for (args, rows) in [
        (
            ["query", "select * from samples limit 200000", "--format", "table"],
            200_004,
        ),
        (["query", sql, "--format", "csv"], 2),
    ] {
        let out = lake.beside("out");
        let mut child = start(&lake.args(&args), File::create(&out).unwrap());
        let peak = peak_resident_mb(&mut child);
        assert!(child.wait().unwrap().success());
        println!("{args:?}: {peak:.0} MB");
        assert!((1.0..=PEAK_MB).contains(&peak), "{args:?}: {peak:.0} MB");
        assert_eq!(
            fs::read_to_string(&out).unwrap().lines().count(),
            rows,
            "{args:?}"
        );
    }
}

/// What a terminal of this many columns and 24 lines shows of a command.
fn on_a_terminal(columns: usize, lake: &TestLake, args: &[&str]) -> Option<String> {
    const TERMINAL: &str = "
import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(sys.argv[1]), 0, 0))
    os.execv(sys.argv[2], sys.argv[2:])
shown = b''
while True:
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        break
    if not piece:
        break
    shown += piece
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
sys.stdout.buffer.write(shown.replace(b'\\r\\n', b'\\n'))
";
    let python = python::python_with(&["fcntl", "pty", "termios"])?;
    let (columns, binary) = (columns.to_string(), binary());
    let mut all = vec![columns.as_str(), text(&binary)];
    let lake = lake.args(args);
    all.extend(lake.iter().map(|arg| arg.to_str().unwrap()));
    Some(python::run(&python, TERMINAL, &all))
}

#[test]
fn an_answer_is_a_parquet_file_with_the_types_of_the_tables() {
    let lake = filled();
    let sql = "select recording_id, segment, mv, warnings from segments order by recording_id, lead, segment";
    let mut child = piped(&lake, &["query", sql, "--format", "parquet"]);
    let file = lake.beside("answer.parquet");
    std::io::copy(
        &mut child.stdout.take().unwrap(),
        &mut File::create(&file).unwrap(),
    )
    .unwrap();
    assert_silent_success(&mut child);
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&file).unwrap()).unwrap();
    let kinds: Vec<String> = reader
        .schema()
        .fields()
        .iter()
        .map(|field| field.data_type().to_string())
        .collect();
    assert!(
        kinds[2].contains("Float32") && kinds[2].starts_with("List"),
        "{kinds:?}"
    );
    let rows: usize = reader
        .build()
        .unwrap()
        .map(|batch| batch.unwrap().num_rows())
        .sum();
    assert_eq!(rows as u64, lake.count("select count(*) from segments"));
}

#[test]
fn a_row_that_is_wider_than_the_terminal_is_shown_vertically() {
    let lake = filled();
    let wide = "select * from segments order by recording_id, lead, segment limit 2";
    let Some(shown) = on_a_terminal(100, &lake, &["query", wide]) else {
        return;
    };
    assert!(
        shown.starts_with("-[ row 1 ]-\nrecording_id          | recordings-1-NSR-900m-0-"),
        "{shown}"
    );
    assert!(
        shown.contains("\nmv                    | [0.02, 0.05, 0.035,"),
        "{shown}"
    );
    assert_eq!(shown.matches("-[ row ").count(), 2, "{shown}");
    assert_eq!(
        lake.ecg(&["query", wide, "--format", "vertical"])
            .expect(0)
            .stdout,
        shown,
        "the same without a terminal, where it is asked for"
    );

    // 36 columns wide.
    let narrow = "select label, sampling_frequency_hz as hz, leads from recordings where label = 'SBR'";
    let table = lake.ecg(&["query", narrow]).expect(0).stdout;
    assert!(table.starts_with("+-------+-------+-------+\n"), "{table}");
    assert_eq!(on_a_terminal(25, &lake, &["query", narrow]).unwrap(), table);
    assert_eq!(
        on_a_terminal(24, &lake, &["query", narrow]).unwrap(),
        "-[ row 1 ]-\nlabel | SBR\nhz    | 360.0\nleads | 1\n"
    );
    let asked = ["query", narrow, "--format", "table"];
    assert_eq!(on_a_terminal(24, &lake, &asked).unwrap(), table);
}

#[test]
fn a_terminal_is_shown_a_part_and_told_of_the_rest() {
    let lake = filled();
    let sql = "select value from range(100)";
    let Some(shown) = on_a_terminal(80, &lake, &["query", sql]) else {
        return;
    };
    assert!(shown.contains("| 39    |\n+-------+\n60 rows more."), "{shown}");
    let table = lake.ecg(&["query", sql]).expect(0).stdout;
    assert!(table.ends_with("| 99    |\n+-------+\n"), "{table}");
    let endless = on_a_terminal(80, &lake, &["query", "select value from range(100000000000)"]).unwrap();
    assert!(endless.contains("\nmore than 1000000 rows more."), "{endless}");
}

#[test]
fn a_value_gives_no_orders_to_the_terminal() {
    let lake = filled();
    let sql = "select chr(27) || '[31m' as x";
    for format in ["table", "vertical", "csv", "json"] {
        let Some(shown) = on_a_terminal(80, &lake, &["query", sql, "--format", format]) else {
            return;
        };
        assert!(
            !shown.contains('\u{1b}') && shown.contains("[31m"),
            "{format}: {shown:?}"
        );
    }
    let csv = lake.ecg(&["query", sql, "--format", "csv"]).expect(0).stdout;
    assert_eq!(csv, "x\n\u{1b}[31m\n");
}

/// A query of docs/queries.md in the dialect of `ecg query`.
struct Documented {
    section: String,
    sql: String,
    answer: Vec<String>,
}

fn documented() -> Vec<Documented> {
    let page = fs::read_to_string(workspace().join("docs/queries.md")).unwrap();
    let mut found: Vec<Documented> = Vec::new();
    let mut lines = page.lines();
    let mut section = String::new();
    while let Some(line) = lines.next() {
        let mut block = || -> Vec<String> {
            let inside = lines.by_ref().take_while(|line| *line != "```");
            inside.map(str::to_owned).collect()
        };
        match line {
            "```sql" => found.push(Documented {
                section: section.clone(),
                sql: block().join("\n"),
                answer: Vec::new(),
            }),
            "```text" => {
                if let Some(query) = found.last_mut() {
                    query.answer = block();
                }
            }
            other => {
                if let Some(title) = other.strip_prefix("## ") {
                    section = title.to_owned();
                }
            }
        }
    }
    assert!(found.len() >= 20, "{} queries", found.len());
    found
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// A cell as the page shows it, where `...` stands for the rest.
fn fits(shown: &str, found: &str) -> bool {
    match shown.strip_suffix("...") {
        Some(beginning) => found.starts_with(beginning.trim_end()),
        None => shown == found,
    }
}

#[test]
fn the_queries_of_the_page_answer_as_it_says() {
    let lake = filled();
    lake.run(&malformed(), 1);
    let mut has_windows = false;
    for query in documented() {
        if !has_windows && query.sql.contains("from windows") {
            let folder = lake.beside("mine");
            fs::create_dir(&folder).unwrap();
            let file = folder.join("ten.mat");
            ecg(&["synth", text(&file), "--duration", "10m", "--rhythm", "ectopic"]).expect(0);
            lake.run(&folder, 0);
            has_windows = true;
        }
        let table = lake.ecg(&["query", &query.sql]).expect(0).stdout;
        let mut rows = table.lines().filter(|line| line.starts_with('|')).map(cells);
        let shown = query.answer.iter().filter(|line| *line != "...");
        for line in shown {
            let expected = cells(line);
            let there = rows
                .any(|row| row.len() == expected.len() && expected.iter().zip(&row).all(|(a, b)| fits(a, b)));
            assert!(there, "{}: expected {line}, found\n{table}", query.section);
        }
    }
}

fn physical_plan(lake: &TestLake, sql: &str) -> String {
    let plans = lake.query(&format!("explain {sql}"));
    let physical = plans.iter().find(|row| row["plan_type"] == "physical_plan");
    physical.unwrap()["plan"].as_str().unwrap().to_owned()
}

/// To sort the samples of a day takes minutes: a query that does so names a window.
#[test]
fn no_query_of_the_page_sorts_the_samples_of_a_whole_recording() {
    let lake = filled();
    let mut windows = 0;
    for query in documented() {
        let plan = physical_plan(&lake, &query.sql);
        // What is sorted stands below the sort, unless something was grouped in between.
        let below = plan.split("SortExec").nth(1).unwrap_or_default();
        let samples = below.split("AggregateExec").next().unwrap_or_default();
        if samples.contains("UnnestExec") && samples.contains("mv") {
            assert!(query.sql.contains("segment between"), "{}: {plan}", query.section);
            windows += 1;
        }
    }
    assert_eq!(windows, 2);
}

#[test]
fn no_query_of_the_page_compares_every_row_with_every_row() {
    let lake = filled();
    let mut joins = 0;
    for query in documented() {
        let plan = physical_plan(&lake, &query.sql);
        for line in plan.lines() {
            // A condition that is no equality: each pair of rows that agree on the rest is tried. `unresolved` compares
            // the few runs of one recording.
            let quadratic = ["NestedLoopJoinExec", "CrossJoinExec"]
                .iter()
                .any(|join| line.contains(join))
                || (line.contains("JoinExec") && line.contains("filter=") && !line.contains("LeftAnti"));
            assert!(!quadratic, "{}: {line}\n{plan}", query.section);
            joins += usize::from(line.contains("JoinExec"));
        }
    }
    assert!(joins >= 4, "{joins} joins");
}
