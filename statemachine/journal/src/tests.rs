use std::path::{Path, PathBuf};

use asl_engine::{Checkpoint, HistoryEvent, Recorder, Status};
use ecg_core::message::{ExecutionInput, Rerun, Source};
use rusqlite::Connection;
use serde_json::{Map, Value, json};

use super::*;

fn input(id: &str, run: u32) -> ExecutionInput {
    let source = Source {
        bucket: "local".to_owned(),
        key: format!("ward/{id}.mat"),
        version: format!("version of {id}"),
        etag: String::new(),
        size: 1,
        uploaded_at_ms: 1_700_000_000_000,
        sequencer: None,
    };
    let rerun = (run > 0).then(|| Rerun {
        number: run,
        reason: "asked for".to_owned(),
    });
    ExecutionInput {
        rerun,
        ..ExecutionInput::new(id.to_owned(), source)
    }
}

fn event(id: u64, event_type: &str, name: Option<&str>) -> HistoryEvent {
    let details = name.map(|name| ("stateEnteredEventDetails".to_owned(), json!({ "name": name })));
    HistoryEvent {
        timestamp: 100.0 + id as f64,
        event_type: event_type.to_owned(),
        id,
        previous_event_id: id - 1,
        details: Map::from_iter(details),
    }
}

fn checkpoint(state: &str, last_event_id: u64) -> Checkpoint {
    Checkpoint {
        state: state.to_owned(),
        input: Value::Null,
        variables: Default::default(),
        previous_event_id: last_event_id,
        last_event_id,
        redrive_count: 0,
    }
}

fn outcome(status: Status) -> Closed {
    let failed = status != Status::Succeeded;
    Closed {
        status,
        output: (!failed).then(|| json!({"tables": 3})),
        error: failed.then(|| "Rejected".to_owned()),
        cause: failed.then(|| "because".to_owned()),
    }
}

fn open(file: &Path, boot: &str) -> (Journal, Vec<String>) {
    let mut lost = Vec::new();
    let journal = Journal::open(file, boot, |gone| {
        lost.extend(gone.iter().map(|gone| gone.execution.clone()));
        Ok(())
    });
    (journal.unwrap(), lost)
}

/// An execution that is begun, and has entered a state.
fn begun(journal: &Journal, name: &str, run: u32) -> OpenExecution {
    let id = name.split("-r").next().unwrap();
    let open = journal.begin(name, &input(id, run), Path::new("/data/x.mat"));
    let recorder = open.recorder(&[]);
    recorder.event(&event(1, "ExecutionStarted", None)).unwrap();
    recorder.checkpoint(&checkpoint("Validate", 1)).unwrap();
    recorder
        .event(&event(2, "TaskStateEntered", Some("Validate")))
        .unwrap();
    recorder.checkpoint(&checkpoint("Parse", 2)).unwrap();
    recorder
        .event(&event(3, "TaskStateEntered", Some("Parse")))
        .unwrap();
    open
}

#[test]
fn what_was_recorded_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let (journal, _) = open(&file, "boot");
    let left = folder.path().join("left-over");
    std::fs::write(&left, "x").unwrap();
    begun(&journal, "a", 0).close(
        &outcome(Status::Succeeded),
        Some("AFIB".to_owned()),
        Some("subject 1".to_owned()),
        vec![left.clone()],
    );
    let failing = begun(&journal, "b", 0);
    journal.notify("b", "it failed".to_owned()).unwrap();
    failing.close(&outcome(Status::Failed), None, None, Vec::new());
    assert!(journal.notify("b", "again".to_owned()).is_err(), "it has ended");
    begun(&journal, "b-r1", 1);
    journal.close().unwrap();
    assert!(!left.exists(), "it goes with the outcome");

    let reader = Reader::open(&file).unwrap();
    let find = |name: &str| reader.named(name).unwrap().unwrap();
    let (a, b, rerun) = (find("a"), find("b"), find("b-r1"));
    assert_eq!(
        (a.started, a.seconds, a.step.as_deref()),
        (Some(101.0), 2.0, Some("Parse"))
    );
    assert_eq!(reader.input(&a).unwrap(), input("a", 0));
    assert_eq!(reader.output(&a).unwrap(), outcome(Status::Succeeded).output);
    assert_eq!(reader.history(&a).unwrap().len(), 3);
    assert_eq!(
        reader.history(&a).unwrap()[2],
        event(3, "TaskStateEntered", Some("Parse"))
    );
    assert_eq!(reader.checkpoint(&a).unwrap(), None, "it will not be run again");
    assert_eq!(b.closed, Some(outcome(Status::Failed)));
    assert_eq!(reader.notification(&b).unwrap().as_deref(), Some("it failed"));
    assert_eq!(
        reader.checkpoint_of(&b, "Validate").unwrap(),
        Some(checkpoint("Validate", 1))
    );
    assert_eq!(rerun.closed, None);
    assert_eq!(reader.checkpoint(&rerun).unwrap(), Some(checkpoint("Parse", 2)));
    assert_eq!(reader.last_run_of("b").unwrap().unwrap().name, "b-r1");
    assert_eq!(reader.of_file(Path::new("/data/x.mat")).unwrap().len(), 3);
    assert_eq!(reader.of_key("ward/b.mat").unwrap().len(), 2);
    assert_eq!(reader.fitting("ward/", 2).unwrap().len(), 2);

    let cases: [(Filter, Option<usize>, &[&str]); 7] = [
        (filter(|_| {}), Some(2), &["b-r1", "b"]),
        (filter(|only| only.failed = true), None, &["b"]),
        (filter(|only| only.label = Some("AFIB".into())), None, &["a"]),
        (
            filter(|only| only.key = Some("ward/b".into())),
            None,
            &["b-r1", "b"],
        ),
        (filter(|only| only.step = Some("Parse".into())), None, &["b"]),
        (
            filter(|only| (only.error, only.since) = (Some("Rejected".into()), Some(101.0))),
            None,
            &["b"],
        ),
        (filter(|only| only.since = Some(101.5)), None, &[]),
    ];
    for (filter, limit, expected) in cases {
        let listed = reader.list(&filter, limit).unwrap();
        let names: Vec<String> = listed.into_iter().map(|execution| execution.name).collect();
        assert_eq!(names, expected, "{filter:?}");
    }
}

fn filter(set: impl FnOnce(&mut Filter)) -> Filter {
    let mut filter = Filter::default();
    set(&mut filter);
    filter
}

#[test]
fn pages_follow_each_other_in_every_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let (journal, _) = open(&file, "boot");
    for at in 0..20 {
        let status = match at % 4 {
            0 => Status::Failed,
            _ => Status::Succeeded,
        };
        let open = begun(&journal, &format!("e{at:02}"), 0);
        if at % 5 != 4 {
            open.close(
                &outcome(status),
                None,
                Some(format!("subject {}", at % 2)),
                Vec::new(),
            );
        }
    }
    journal.close().unwrap();
    let reader = Reader::open(&file).unwrap();
    for order in [Order::Newest, Order::Oldest, Order::Longest, Order::FailedFirst] {
        let whole = reader.page(&Filter::default(), order, None, 100).unwrap();
        let mut paged: Vec<Execution> = Vec::new();
        loop {
            let after = paged.last().map(|last| last.id);
            let page = reader.page(&Filter::default(), order, after, 3).unwrap();
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        let names = |executions: &[Execution]| -> Vec<String> {
            executions
                .iter()
                .map(|execution| execution.name.clone())
                .collect()
        };
        assert_eq!(names(&paged), names(&whole), "{order:?}");
        assert_eq!(whole.len(), if order == Order::Longest { 16 } else { 20 });
        if order == Order::FailedFirst {
            assert!(whole[..4].iter().all(Execution::failed) && !whole[4].failed());
        }
    }
    let overview = reader.overview(&filter(|only| only.failed = true)).unwrap();
    assert_eq!((overview.succeeded, overview.failed, overview.open), (12, 4, 4));
    assert_eq!(
        overview.durations,
        Some(Durations {
            median: 2.0,
            p95: 2.0
        })
    );
    let one = reader
        .overview(&filter(|only| only.subject = Some("subject 0".into())))
        .unwrap();
    assert_eq!((one.succeeded, one.failed, one.open), (4, 4, 0));
    let none = reader
        .overview(&filter(|only| only.text = Some("nowhere".into())))
        .unwrap();
    assert_eq!(none, Overview::default());
    let because = reader.page(
        &filter(|only| only.text = Some("because".into())),
        Order::Newest,
        None,
        9,
    );
    assert_eq!(because.unwrap().len(), 4);
}

#[test]
fn failures_of_one_cause_are_one_group() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let (journal, _) = open(&file, "boot");
    for (name, cause) in [
        (
            "a",
            "val: expected 7200 bytes from the header, found 4792, at offset 24",
        ),
        (
            "b",
            "val: expected 3600 bytes from the header, found 1, at offset 24",
        ),
        ("c", "val: expected a numeric class, found char"),
    ] {
        let failed = Closed {
            cause: Some(cause.to_owned()),
            ..outcome(Status::Failed)
        };
        begun(&journal, name, 0).close(&failed, None, None, Vec::new());
    }
    journal.close().unwrap();
    let reader = Reader::open(&file).unwrap();
    let groups = reader.failure_groups(&Filter::default(), 10).unwrap();
    let told: Vec<_> = groups
        .iter()
        .map(|group| (group.count, group.newest.name.as_str()))
        .collect();
    assert_eq!(told, [(2, "b"), (1, "c")]);
    let group = Some(groups[0].group.clone());
    let listed = reader.list(&filter(|only| only.group = group), None).unwrap();
    assert_eq!(listed.len(), 2);
}

#[test]
fn logs_are_kept_of_what_runs_here() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let (journal, _) = open(&file, "boot");
    let execution = begun(&journal, "a", 0);
    assert_eq!(
        (
            journal.next_attempt("a", "parse"),
            journal.next_attempt("a", "parse")
        ),
        (1, 2)
    );
    assert_eq!(journal.next_attempt("elsewhere", "parse"), 0);
    journal.log("a", b"{\"n\":1}\n");
    journal.log("elsewhere", b"lost\n");
    execution.history().unwrap();
    journal.log("a", b"{\"n\":2}\n");
    journal.close().unwrap();
    let reader = Reader::open(&file).unwrap();
    let a = reader.named("a").unwrap().unwrap();
    assert_eq!(reader.logs(&a).unwrap(), "{\"n\":1}\n{\"n\":2}\n");
}

/// A journal of version 1 is read by its next writer, and has what the new columns are for.
#[test]
fn a_journal_of_version_1_is_brought_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let (journal, _) = open(&file, "boot");
    begun(&journal, "a", 0).close(&outcome(Status::Failed), None, None, Vec::new());
    journal.close().unwrap();
    let group = Reader::open(&file)
        .unwrap()
        .named("a")
        .unwrap()
        .unwrap()
        .cause_group;
    assert!(group.is_some());
    let connection = Connection::open(&file).unwrap();
    connection
        .execute_batch(
            "drop table annotations; drop table logs; drop index executions_by_subject; drop index executions_by_group; \
             drop index executions_by_seconds; alter table executions drop column subject; \
             alter table executions drop column cause_group; pragma user_version = 1",
        )
        .unwrap();
    let error = Reader::open(&file).unwrap_err().to_string();
    assert!(
        error.contains("found version 1") && error.contains("`ecg run`"),
        "{error}"
    );
    open(&file, "boot").0.close().unwrap();
    let reader = Reader::open(&file).unwrap();
    assert_eq!(reader.named("a").unwrap().unwrap().cause_group, group);
    let schema = |connection: &Connection| -> Vec<String> {
        let mut statement = connection
            .prepare("select name from sqlite_schema order by name")
            .unwrap();
        let names = statement.query_map([], |row| row.get(0)).unwrap();
        names.collect::<rusqlite::Result<_>>().unwrap()
    };
    let new = folder.path().join("new.sqlite");
    open(&new, "boot").0.close().unwrap();
    assert_eq!(schema(&connection), schema(&Connection::open(&new).unwrap()));
}

/// What a list or a lookup costs must not grow with the number of executions.
#[test]
fn lists_and_lookups_go_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    open(&file, "boot").0.close().unwrap();
    let connection = Connection::open(&file).unwrap();
    // As for every reader.
    connection
        .set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .unwrap();
    let text = || Some("a".to_owned());
    let filters = [
        filter(|_| {}),
        filter(|only| only.failed = true),
        filter(|only| only.step = text()),
        filter(|only| only.error = text()),
        filter(|only| only.label = text()),
        filter(|only| only.key = text()),
        filter(|only| only.since = Some(1.0)),
        filter(|only| only.subject = text()),
        filter(|only| only.group = text()),
        filter(|only| only.status = text()),
    ];
    let lists = filters.iter().map(|filter| read::listed(filter, Some(50)).0);
    let lookups = [read::NAMED, read::LAST_RUN, read::OF_KEY, read::OF_FILE].map(str::to_owned);
    for condition in lists.chain(lookups) {
        let sql = format!("explain query plan select * from executions where {condition}");
        let mut statement = connection.prepare(&sql).unwrap();
        let mut plan = Vec::new();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().unwrap() {
            plan.push(row.get::<_, String>(3).unwrap());
        }
        assert!(plan[0].contains("USING INDEX"), "{condition}: {plan:?}");
    }
}

/// After a power cut the objects of the last executions may not be whole: they are taken back, and nothing else is.
#[test]
fn executions_that_were_not_on_the_disk_are_lost_with_the_power() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let (journal, _) = open(&file, "first start");
    begun(&journal, "a", 0).close(&outcome(Status::Succeeded), None, None, Vec::new());
    begun(&journal, "b", 0).close(&outcome(Status::Succeeded), None, None, Vec::new());
    journal.finish().unwrap();
    begun(&journal, "b-r1", 1).close(&outcome(Status::Succeeded), None, None, Vec::new());
    let last = begun(&journal, "c", 0);
    last.close(&outcome(Status::Failed), None, None, Vec::new());
    // Committed, but the disk has not been asked for.
    last.history().unwrap();
    let started = Reader::open(&file).unwrap().named("b").unwrap().unwrap().started;
    assert!(started.is_some());

    // A process that was killed loses nothing.
    assert_eq!(open(&file, "first start").1, [""; 0]);
    let (journal, lost) = open(&file, "second start");
    assert_eq!(lost, ["b-r1", "c"]);
    let reader = Reader::open(&file).unwrap();
    assert_eq!(
        reader.named("a").unwrap().unwrap().closed,
        Some(Closed {
            output: None,
            ..outcome(Status::Succeeded)
        })
    );
    assert!(reader.named("c").unwrap().is_none() && reader.named("b-r1").unwrap().is_none());
    // The objects of the rerun had replaced those of the first run, which therefore runs again.
    let b = reader.named("b").unwrap().unwrap();
    assert_eq!((b.closed.is_none(), reader.checkpoint(&b).unwrap()), (true, None));
    assert!(reader.history(&b).unwrap().is_empty());
    // A list goes on with the next page at it.
    assert_eq!(b.started, started);
    journal.close().unwrap();
    assert_eq!(
        open(&file, "third start").1,
        ["b"],
        "until it has ended it is not on the disk"
    );
}

/// What cannot be written stops the executions, waits, and is written when that is possible again.
#[test]
fn what_cannot_be_written_waits() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let (journal, _) = open(&file, "boot");
    let other = Connection::open(&file).unwrap();
    other
        .execute_batch("alter table history rename to elsewhere")
        .unwrap();
    let execution = begun(&journal, "a", 0);
    let error = execution.history().unwrap_err().to_string();
    assert!(error.contains(FILE) && error.contains("no such table"), "{error}");
    let recorder = execution.recorder(&[]);
    assert!(
        recorder
            .event(&event(4, "TaskStateEntered", Some("Write")))
            .is_err()
    );
    assert!(recorder.checkpoint(&checkpoint("Write", 4)).is_err());
    other
        .execute_batch("alter table elsewhere rename to history")
        .unwrap();
    assert_eq!(execution.history().unwrap().len(), 3);
    recorder
        .event(&event(4, "TaskStateEntered", Some("Write")))
        .unwrap();
    assert_eq!(execution.history().unwrap().len(), 4);
    journal.close().unwrap();
}

#[test]
fn another_file_is_no_journal() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.sqlite");
    Connection::open(&other)
        .unwrap()
        .execute_batch("create table t (a)")
        .unwrap();
    let text = folder.path().join("text");
    std::fs::write(
        &text,
        "not a database at all, but long enough to look for its header in it",
    )
    .unwrap();
    let newer = folder.path().join("newer.sqlite");
    open(&newer, "boot").0.close().unwrap();
    Connection::open(&newer)
        .unwrap()
        .pragma_update(None, "user_version", 9)
        .unwrap();
    let cases: [(&PathBuf, &str); 3] = [
        (&other, "an SQLite file of another program"),
        (&text, "not a database"),
        (&newer, "found version 9"),
    ];
    for (file, expected) in cases {
        let error = Reader::open(file).unwrap_err().to_string();
        assert!(
            error.contains(expected) && error.contains(&file.display().to_string()),
            "{error}"
        );
        assert!(Journal::open(file, "boot", |_| Ok(())).is_err(), "{expected}");
    }
    assert!(Reader::open(&folder.path().join("nothing")).is_err());
}
