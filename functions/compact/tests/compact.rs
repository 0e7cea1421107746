//! The tasks of compaction over small objects of a day, and what is read afterwards.

// Helpers of tests fail the test.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow_schema::FieldRef;
use ecg_core::{StepError, layout};
use ecg_lake::{Lake, Phase, Waits};
use ecg_store::LocalCatalog;
use ecg_tables::{BEATS, TABLES, Table};
use ecg_testing::MemoryStore;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use step_compact::{Answer, Request};

const DAY: &str = "2026-11-23";
const MINUTE: i64 = 60_000;

const WAITS: Waits = Waits {
    request_ms: MINUTE,
    query_ms: 10 * MINUTE,
    keep_ms: 100 * MINUTE,
    given_up_ms: 50 * MINUTE,
    listed_ms: 0,
};

/// A lake whose clock a test sets.
struct Fixture {
    lake: Lake,
    store: MemoryStore,
    now_ms: i64,
    executions: u32,
    _catalog: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let store = MemoryStore::default();
        let lake = Lake {
            store: Arc::new(store.clone()),
            catalog: Some(Arc::new(LocalCatalog::open(Path::new(folder.path())).unwrap())),
            work: "work".to_owned(),
            processed: "processed".to_owned(),
            database: "ecg".to_owned(),
        };
        let catalog = lake.catalog().unwrap();
        let specs = TABLES.map(|table| lake.table_spec(table));
        catalog.ensure_tables("ecg", "", &specs).await.unwrap();
        for table in TABLES {
            let small = lake.location(&layout::partition_prefix(table.name, DAY));
            catalog
                .ensure_partition(&lake.table_spec(table), &[DAY.to_owned()], &small)
                .await
                .unwrap();
        }
        Fixture {
            lake,
            store,
            now_ms: 0,
            executions: 0,
            _catalog: folder,
        }
    }

    fn wait(&mut self, minutes: i64) {
        self.now_ms += minutes * MINUTE;
        self.store.set_time_ms(self.now_ms);
    }

    /// Publishes beats of a recording, as crawl does.
    async fn publish(&mut self, id: &str, samples: &[i64]) -> Result<(), StepError> {
        let batch = beats(id, samples);
        let mut bytes = Vec::new();
        ecg_parquet::encode(&batch.schema(), std::iter::once(Ok(batch)), &mut bytes).unwrap();
        let key = layout::table_key("beats", DAY, id);
        self.lake
            .store
            .put(&self.lake.processed(&key), bytes.into())
            .await
            .unwrap();
        self.lake
            .day(DAY)
            .settle(&format!("{id}-{}", samples.len()))
            .await
    }

    async fn task(&self, request: Request) -> Result<Answer, StepError> {
        step_compact::run(&self.lake, &WAITS, self.now_ms, request).await
    }

    /// Compacts the day as the workflow does; whether its tables moved.
    async fn compact(&mut self) -> bool {
        let (generation, execution) = match self.begin().await {
            Some(begun) => begun,
            None => {
                while self.task(Request::Clean { day: DAY.to_owned() }).await.unwrap()
                    == (Answer::More { more: true })
                {}
                return false;
            }
        };
        let moved = self.finish(generation, execution).await;
        while self.task(Request::Clean { day: DAY.to_owned() }).await.unwrap()
            == (Answer::More { more: true })
        {}
        moved
    }

    async fn begin(&mut self) -> Option<((u32, u32), String)> {
        self.executions += 1;
        let execution = format!("c{}", self.executions);
        let begin = Request::Begin {
            day: DAY.to_owned(),
            execution: execution.clone(),
        };
        let mut answer = self.task(begin).await.unwrap();
        loop {
            let Answer::Begun {
                generation,
                slices,
                more,
                ..
            } = answer
            else {
                panic!("{answer:?}")
            };
            if generation == 0 {
                return None;
            }
            if !more {
                return Some(((generation, slices), execution));
            }
            let day = DAY.to_owned();
            answer = self.task(Request::Divide { day, generation }).await.unwrap();
        }
    }

    async fn finish(&mut self, (generation, slices): (u32, u32), execution: String) -> bool {
        let day = || DAY.to_owned();
        for slice in 0..slices {
            self.task(Request::Merge {
                day: day(),
                generation,
                slice,
            })
            .await
            .unwrap();
        }
        let moved = self
            .task(Request::Move {
                day: day(),
                generation,
                execution,
            })
            .await
            .unwrap();
        moved == (Answer::Moved { moved: true })
    }

    /// The samples of each recording, as a query finds them.
    async fn rows(&self) -> BTreeMap<String, Vec<i64>> {
        self.read(&self.prefix(&BEATS).await).await
    }

    async fn prefix(&self, table: &Table) -> String {
        let name = self.lake.table_spec(table).table();
        let found = self
            .lake
            .catalog()
            .unwrap()
            .partition_location(&name, &[DAY.to_owned()])
            .await;
        found
            .unwrap()
            .unwrap()
            .strip_prefix("s3://processed/")
            .unwrap()
            .to_owned()
    }

    async fn read(&self, prefix: &str) -> BTreeMap<String, Vec<i64>> {
        let mut rows: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for object in self.lake.store.list("processed", prefix).await.unwrap() {
            let (_, bytes) = self
                .lake
                .store
                .get(&self.lake.processed(&object.key), 1 << 30)
                .await
                .unwrap();
            for batch in ParquetRecordBatchReaderBuilder::try_new(bytes)
                .unwrap()
                .build()
                .unwrap()
            {
                let batch = batch.unwrap();
                let ids = batch
                    .column_by_name("recording_id")
                    .unwrap()
                    .as_string::<i32>()
                    .clone();
                let samples = batch
                    .column_by_name("sample")
                    .unwrap()
                    .as_primitive::<Int64Type>()
                    .clone();
                for (id, sample) in ids.iter().zip(&samples) {
                    rows.entry(id.unwrap().to_owned())
                        .or_default()
                        .push(sample.unwrap());
                }
            }
        }
        rows
    }

    async fn count(&self, prefix: &str) -> usize {
        self.lake.store.list("processed", prefix).await.unwrap().len()
    }

    async fn phase(&self) -> Phase {
        self.lake.day(DAY).read().await.unwrap().unwrap().0.phase
    }
}

fn beats(id: &str, samples: &[i64]) -> RecordBatch {
    let schema = ecg_tables::arrow::schema(&BEATS);
    let column = |field: &FieldRef| -> ArrayRef {
        match field.name().as_str() {
            "recording_id" => Arc::new(StringArray::from_iter_values(samples.iter().map(|_| id))),
            "lead" => Arc::new(Int32Array::from_iter_values(samples.iter().map(|_| 0))),
            "lead_name" => Arc::new(StringArray::from_iter_values(samples.iter().map(|_| "I"))),
            "sample" => Arc::new(Int64Array::from(samples.to_vec())),
            "time_s" => Arc::new(Float64Array::from_iter_values(samples.iter().map(|n| *n as f64))),
            "r_mv" => Arc::new(arrow_array::Float32Array::from_iter_values(
                samples.iter().map(|_| 1.0),
            )),
            _ => new_null_array(field.data_type(), samples.len()),
        }
    };
    RecordBatch::try_new(schema.clone(), schema.fields().iter().map(column).collect()).unwrap()
}

fn expected(rows: &[(&str, &[i64])]) -> BTreeMap<String, Vec<i64>> {
    rows.iter()
        .map(|(id, samples)| ((*id).to_owned(), samples.to_vec()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_becomes_one_object_with_the_same_rows_in_the_order_of_names() {
    let mut day = Fixture::new().await;
    let ids: Vec<String> = (0..50).map(|number| format!("r{number:02}")).collect();
    for id in ids.iter().rev() {
        day.publish(id, &[1, 2, 3]).await.unwrap();
    }
    // `a-1.parquet` is before `a.parquet`, but `a` is before `a-1`.
    day.publish("a", &[7]).await.unwrap();
    day.publish("a-1", &[8]).await.unwrap();
    let before = day.rows().await;
    assert!(day.compact().await);
    let prefix = day.prefix(&BEATS).await;
    assert_eq!(prefix, "compact/beats/dt=2026-11-23/000001/");
    assert_eq!((day.count(&prefix).await, day.rows().await), (1, before));
    let object = day.lake.store.list("processed", &prefix).await.unwrap().remove(0);
    let (_, bytes) = day
        .lake
        .store
        .get(&day.lake.processed(&object.key), 1 << 30)
        .await
        .unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    assert_eq!(
        reader.schema().fields(),
        ecg_tables::arrow::schema(&BEATS).fields()
    );
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    let ids = batch.column_by_name("recording_id").unwrap().as_string::<i32>();
    assert!(ids.iter().is_sorted() && ids.value(1) == "a-1");
    // Nothing more to do.
    assert!(!day.compact().await);
    assert_eq!(day.count("beats/").await, 52, "the small objects stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_late_and_what_runs_again_moves_the_day_back_and_it_is_compacted_again() {
    let mut day = Fixture::new().await;
    day.publish("a", &[1]).await.unwrap();
    day.publish("b", &[2]).await.unwrap();
    assert!(day.compact().await);
    day.publish("c", &[3]).await.unwrap();
    assert_eq!(day.prefix(&BEATS).await, "beats/dt=2026-11-23/");
    day.publish("a", &[4, 5]).await.unwrap();
    let rows = expected(&[("a", &[4, 5]), ("b", &[2]), ("c", &[3])]);
    assert_eq!(day.rows().await, rows);
    assert!(day.compact().await);
    assert_eq!(
        (day.rows().await, day.prefix(&BEATS).await),
        (rows, "compact/beats/dt=2026-11-23/000002/".to_owned())
    );
    // A query may still read the generation that was left.
    assert_eq!(day.count("compact/beats/dt=2026-11-23/000001/").await, 1);
    day.wait(12);
    assert!(!day.compact().await);
    assert_eq!(day.count("compact/beats/dt=2026-11-23/000001/").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_while_a_generation_is_made_cancels_it() {
    let mut day = Fixture::new().await;
    day.publish("a", &[1]).await.unwrap();
    let (begun, execution) = day.begin().await.unwrap();
    day.publish("b", &[2]).await.unwrap();
    assert!(!day.finish(begun, execution).await);
    assert_eq!(day.rows().await, expected(&[("a", &[1]), ("b", &[2])]));
    // Another execution does not disturb one that is at work, and takes over what was given up.
    let (begun, execution) = day.begin().await.unwrap();
    assert!(day.begin().await.is_none());
    day.wait(60);
    let (second, successor) = day.begin().await.unwrap();
    assert!(!day.finish(begun, execution).await);
    assert!(day.finish(second, successor).await);
    assert_eq!(day.rows().await, expected(&[("a", &[1]), ("b", &[2])]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_sealed_day_only_the_generation_is_kept_and_what_comes_late_waits_for_the_next_one() {
    let mut day = Fixture::new().await;
    for (id, samples) in [("a", &[1_i64][..]), ("b", &[2]), ("c", &[3])] {
        day.publish(id, samples).await.unwrap();
    }
    day.wait(1);
    assert!(day.compact().await);
    day.wait(120);
    assert!(!day.compact().await);
    assert_eq!((day.phase().await, day.count("beats/").await), (Phase::Sealed, 3));
    day.wait(12);
    assert!(!day.compact().await);
    assert_eq!((day.phase().await, day.count("beats/").await), (Phase::Sealed, 0));
    let kept = expected(&[("a", &[1]), ("b", &[2]), ("c", &[3])]);
    assert_eq!(day.rows().await, kept);

    // A rerun, and a recording that belongs between two others.
    for (id, samples) in [("b", &[20_i64, 21][..]), ("bb", &[4])] {
        let waits = day.publish(id, samples).await.unwrap_err();
        assert_eq!(waits.name(), "Throttled");
        assert!(
            waits.to_string().contains("2026-11-23 has to wait: it is sealed"),
            "{waits}"
        );
    }
    assert_eq!(day.rows().await, kept);
    day.wait(1);
    assert!(day.compact().await);
    let all = expected(&[("a", &[1]), ("b", &[20, 21]), ("bb", &[4]), ("c", &[3])]);
    assert_eq!(
        (day.rows().await, day.phase().await),
        (all.clone(), Phase::Sealed)
    );
    day.wait(1);
    // The workflow tries again, and finds that its rows are there.
    day.publish("b", &[20, 21]).await.unwrap();
    day.publish("bb", &[4]).await.unwrap();
    assert_eq!(day.rows().await, all);

    // An erasure.
    let erased = ["a".to_owned()].into();
    assert!(!day.lake.day(DAY).erase(&erased).await.unwrap());
    assert!(!day.lake.day(DAY).is_erased(&erased).await.unwrap());
    assert!(day.compact().await);
    assert!(day.lake.day(DAY).is_erased(&erased).await.unwrap());
    assert_eq!(
        day.rows().await,
        expected(&[("b", &[20, 21]), ("bb", &[4]), ("c", &[3])])
    );
    day.wait(120);
    day.compact().await;
    assert_eq!(day.count("compact/beats/").await, 1, "one generation is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_belong_into_an_object_is_refused_and_the_day_stays_as_it_is() {
    let mut day = Fixture::new().await;
    day.publish("a", &[1]).await.unwrap();
    let other = beats("b", &[2]);
    let mut bytes = Vec::new();
    ecg_parquet::encode(&other.schema(), std::iter::once(Ok(other)), &mut bytes).unwrap();
    let key = layout::table_key("beats", DAY, "c");
    day.lake
        .store
        .put(&day.lake.processed(&key), bytes.into())
        .await
        .unwrap();
    let ((generation, _), execution) = day.begin().await.unwrap();
    let merge = Request::Merge {
        day: DAY.to_owned(),
        generation,
        slice: 0,
    };
    let error = day.task(merge).await.unwrap_err();
    assert_eq!(error.name(), "Internal");
    assert!(
        error
            .to_string()
            .contains("beats, c: expected its rows only, found some of b"),
        "{error}"
    );
    let moved = Request::Move {
        day: DAY.to_owned(),
        generation,
        execution: execution.clone(),
    };
    let error = day.task(moved).await.unwrap_err();
    assert_eq!(error.name(), "Internal", "{error}");
    day.task(Request::GiveUp {
        day: DAY.to_owned(),
        generation,
        execution,
    })
    .await
    .unwrap();
    assert_eq!(
        (day.phase().await, day.prefix(&BEATS).await),
        (Phase::Open, "beats/dt=2026-11-23/".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_closed_days_with_something_to_do_are_named() {
    let mut day = Fixture::new().await;
    let days = |after_hours| Request::Days {
        day: None,
        after_hours,
    };
    let noon = 1_795_478_400_000; // 24 November 2026, 00:00 UTC
    day.now_ms = noon;
    day.store.set_time_ms(noon);
    let found = |days: &[&str]| Answer::Days {
        days: days.iter().map(|day| (*day).to_owned()).collect(),
    };
    assert_eq!(day.task(days(Some(6))).await.unwrap(), found(&[]));
    assert_eq!(day.task(days(None)).await.unwrap(), found(&[DAY]));
    day.publish("a", &[1]).await.unwrap();
    assert!(day.compact().await);
    assert_eq!(day.task(days(None)).await.unwrap(), found(&[]));
    day.publish("b", &[1]).await.unwrap();
    assert_eq!(day.task(days(None)).await.unwrap(), found(&[DAY]));
}
