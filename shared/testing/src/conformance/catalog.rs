//! The conformance suite of [`Catalog`]: every rule of the interface, one function each.

use std::sync::Arc;

use ecg_store::{Catalog, CatalogError, ColumnSpec, Partition, TableChange, TableName, TableSpec};

/// A catalog under test.
#[derive(Debug, Clone)]
pub struct CatalogSuite {
    /// The catalog; it has no database of the name below.
    pub catalog: Arc<dyn Catalog>,
    /// A database for the suite to make.
    pub database: String,
    /// Where the suite's tables pretend to have their files.
    pub location: String,
    /// How many partitions the listing rule makes; more than 1000 crosses the page size of Glue.
    pub many_partitions: usize,
    /// Whether it refuses a partition of a table that is not there, as Glue does; the emulator makes it.
    pub knows_its_tables: bool,
}

impl CatalogSuite {
    /// Runs every rule and panics at the first that does not hold.
    pub async fn run(&self) {
        missing(self).await;
        databases(self).await;
        tables(self).await;
        evolution(self).await;
        incompatible(self).await;
        unusable(self).await;
        partitions(self).await;
        many_partitions(self).await;
        all_at_once(self).await;
        concurrent_tables(self).await;
        concurrent_partitions(self).await;
    }

    fn spec(&self, name: &str) -> TableSpec {
        TableSpec {
            database: self.database.clone(),
            name: name.to_owned(),
            comment: "One row per recording, lead and 10-second window".to_owned(),
            columns: vec![
                ColumnSpec::new("recording_id", "string", "Id of the recording"),
                ColumnSpec::new("mv", "array<float>", "Signal in mV: (adu - baseline) / gain"),
                ColumnSpec::new("samples", "bigint", "Length of mv"),
            ],
            partition_keys: vec![ColumnSpec::new("dt", "date", "UTC day of the upload")],
            location: format!("{}/{name}/", self.location),
        }
    }

    fn partition(&self, table: &TableName, day: &str) -> Partition {
        Partition {
            values: vec![day.to_owned()],
            location: format!("{}/{}/dt={day}/", self.location, table.name),
        }
    }

    async fn ensure(&self, spec: &TableSpec, partition: &Partition) {
        self.catalog
            .ensure_partition(spec, &partition.values, &partition.location)
            .await
            .unwrap();
    }

    async fn has(&self, spec: &TableSpec, partition: &Partition) -> bool {
        self.catalog.has_partition(spec, &partition.values).await.unwrap()
    }
}

async fn missing(suite: &CatalogSuite) {
    let table = TableName::new(&suite.database, "no_such_table");
    let mut answers = vec![
        suite
            .catalog
            .ensure_table(&suite.spec("no_such_table"))
            .await
            .err(),
        suite.catalog.describe(&table).await.err(),
        suite.catalog.partitions(&table).await.err(),
        suite.catalog.start_crawler("no-such-crawler").await.err(),
    ];
    let spec = suite.spec("no_such_table");
    let day = suite.partition(&table, "2024-05-01");
    assert!(!suite.has(&spec, &day).await);
    if suite.knows_its_tables {
        let made = suite
            .catalog
            .ensure_partition(&spec, &day.values, &day.location)
            .await;
        answers.push(made.err());
    }
    for answer in answers {
        assert!(
            matches!(answer, Some(CatalogError::NotFound { .. })),
            "expected NotFound, found {answer:?}"
        );
    }
}

async fn databases(suite: &CatalogSuite) {
    for _ in 0..2 {
        suite
            .catalog
            .ensure_database(&suite.database, "ECG recordings")
            .await
            .unwrap();
    }
    let missing = suite
        .catalog
        .describe(&TableName::new(&suite.database, "no_such_table"))
        .await;
    assert!(
        matches!(missing, Err(CatalogError::NotFound { .. })),
        "{missing:?}"
    );
    let refused = suite.catalog.ensure_database("Upper-Case", "").await;
    assert!(
        matches!(refused, Err(CatalogError::Invalid { .. })),
        "{refused:?}"
    );
}

async fn tables(suite: &CatalogSuite) {
    let spec = suite.spec("segments");
    assert_eq!(
        suite.catalog.ensure_table(&spec).await.unwrap(),
        TableChange::Created
    );
    assert_eq!(suite.catalog.describe(&spec.table()).await.unwrap(), spec);
    assert_eq!(
        suite.catalog.ensure_table(&spec).await.unwrap(),
        TableChange::Unchanged
    );
    assert_eq!(suite.catalog.describe(&spec.table()).await.unwrap(), spec);
    assert_eq!(suite.catalog.partitions(&spec.table()).await.unwrap(), []);
}

async fn evolution(suite: &CatalogSuite) {
    let first = suite.spec("evolving");
    suite.catalog.ensure_table(&first).await.unwrap();
    let day = suite.partition(&first.table(), "2024-05-01");
    suite.ensure(&first, &day).await;

    let mut wanted = first.clone();
    wanted
        .columns
        .insert(0, ColumnSpec::new("quality", "string", "good or warn"));
    wanted.columns[2].comment = "Signal in millivolts".to_owned();
    wanted.comment = "Another comment".to_owned();
    assert_eq!(
        suite.catalog.ensure_table(&wanted).await.unwrap(),
        TableChange::Updated
    );
    assert_eq!(
        suite.catalog.ensure_table(&wanted).await.unwrap(),
        TableChange::Unchanged
    );

    let evolved = suite.catalog.describe(&first.table()).await.unwrap();
    let names: Vec<&str> = evolved
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["recording_id", "mv", "samples", "quality"],
        "new columns go to the end"
    );
    assert_eq!(evolved.columns[1].comment, "Signal in millivolts");
    assert_eq!(evolved.comment, "Another comment");
    assert_eq!(evolved.location, first.location);
    assert_eq!(
        suite.catalog.partitions(&first.table()).await.unwrap(),
        [day],
        "partitions stay"
    );

    // Older code beside newer code takes no column away.
    let mut older = first.clone();
    older.comment.clone_from(&wanted.comment);
    older.columns[1].comment = "Signal in millivolts".to_owned();
    assert_eq!(
        suite.catalog.ensure_table(&older).await.unwrap(),
        TableChange::Unchanged
    );
    assert_eq!(suite.catalog.describe(&first.table()).await.unwrap(), evolved);
}

async fn incompatible(suite: &CatalogSuite) {
    let spec = suite.spec("incompatible");
    suite.catalog.ensure_table(&spec).await.unwrap();
    let mut other = spec.clone();
    other.columns[1].hive_type = "array<double>".to_owned();
    other.columns.push(ColumnSpec::new("extra", "int", ""));
    let refused = suite.catalog.ensure_table(&other).await.unwrap_err();
    assert!(matches!(refused, CatalogError::Incompatible { .. }), "{refused}");
    let said = refused.to_string();
    for part in [
        &*spec.table().to_string(),
        "`mv`",
        "`array<double>`",
        "`array<float>`",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    assert_eq!(
        suite.catalog.describe(&spec.table()).await.unwrap(),
        spec,
        "a refused change changes nothing"
    );
}

async fn unusable(suite: &CatalogSuite) {
    let mut twice = suite.spec("twice");
    twice.columns.push(twice.columns[0].clone());
    let mut upper = suite.spec("upper");
    upper.columns[0].name = "RecordingId".to_owned();
    let path = suite.spec("../outside");
    let mut wordy = suite.spec("wordy");
    wordy.columns[0].comment = "c".repeat(256);
    for spec in [twice, upper, path, wordy] {
        let refused = suite.catalog.ensure_table(&spec).await;
        assert!(
            matches!(refused, Err(CatalogError::Invalid { .. })),
            "{refused:?}"
        );
    }
}

async fn partitions(suite: &CatalogSuite) {
    let spec = suite.spec("partitioned");
    let table = spec.table();
    suite.catalog.ensure_table(&spec).await.unwrap();
    let later = suite.partition(&table, "2024-05-02");
    let earlier = suite.partition(&table, "2024-05-01");
    assert!(!suite.has(&spec, &later).await);
    for partition in [&later, &earlier, &later] {
        suite.ensure(&spec, partition).await;
        assert!(suite.has(&spec, partition).await);
    }
    assert_eq!(
        suite.catalog.partitions(&table).await.unwrap(),
        [earlier.clone(), later.clone()]
    );
    let moved = Partition {
        location: format!("{}/moved/", suite.location),
        ..later
    };
    // To ensure it again does not move it.
    suite.ensure(&spec, &moved).await;
    let place = async |day: &str| {
        suite
            .catalog
            .partition_location(&table, &[day.to_owned()])
            .await
            .unwrap()
    };
    assert_eq!(
        place("2024-05-02").await,
        Some(format!("{}/partitioned/dt=2024-05-02/", suite.location))
    );
    suite
        .catalog
        .move_partition(&spec, &moved.values, &moved.location)
        .await
        .unwrap();
    assert_eq!(place("2024-05-02").await.as_ref(), Some(&moved.location));
    suite.ensure(&spec, &suite.partition(&table, "2024-05-02")).await;
    assert!(suite.has(&spec, &moved).await);
    assert_eq!(place("2024-05-03").await, None);
    let absent = suite
        .catalog
        .move_partition(&spec, &["2024-05-03".to_owned()], "x")
        .await;
    assert!(matches!(absent, Err(CatalogError::NotFound { .. })), "{absent:?}");
    assert_eq!(suite.catalog.partitions(&table).await.unwrap(), [earlier, moved]);
    for values in [vec![], vec!["a".to_owned(), "b".to_owned()], vec![String::new()]] {
        let refused = suite.catalog.ensure_partition(&spec, &values, "x").await;
        assert!(
            matches!(refused, Err(CatalogError::Invalid { .. })),
            "{values:?}: {refused:?}"
        );
    }

    let mut spec = suite.spec("two_keys");
    spec.partition_keys
        .push(ColumnSpec::new("kind", "string", "Anything"));
    suite.catalog.ensure_table(&spec).await.unwrap();
    let mut expected = Vec::new();
    for kind in ["../up", "a b", "a%2Fb", "a/b", "é"] {
        let values = vec!["2024-05-01".to_owned(), kind.to_owned()];
        let partition = Partition {
            values,
            location: format!("{}/two/{}/", suite.location, expected.len()),
        };
        suite.ensure(&spec, &partition).await;
        expected.push(partition);
    }
    assert_eq!(suite.catalog.partitions(&spec.table()).await.unwrap(), expected);
}

/// A partition that was made before its table gained a column is not complete until it is ensured again; older code beside
/// newer code takes nothing away.
async fn all_at_once(suite: &CatalogSuite) {
    let specs = [suite.spec("first_of_two"), suite.spec("second_of_two")];
    let ensure = async |specs: &[TableSpec]| {
        let done = suite.catalog.ensure_tables(&suite.database, "", specs).await;
        done.unwrap();
    };
    for _ in 0..2 {
        ensure(&specs).await;
        for spec in &specs {
            assert_eq!(suite.catalog.describe(&spec.table()).await.unwrap(), *spec);
        }
    }
    let day = suite.partition(&specs[1].table(), "2024-05-01");
    suite.ensure(&specs[1], &day).await;
    let mut newer = specs.clone();
    newer[1].columns.push(ColumnSpec::new("quality", "string", ""));
    assert!(!suite.has(&newer[1], &day).await, "it lacks a column");
    ensure(&newer).await;
    suite.ensure(&newer[1], &day).await;
    for _ in 0..2 {
        for spec in [&newer[1], &specs[1]] {
            assert!(suite.has(spec, &day).await, "{spec:?}");
        }
        assert_eq!(suite.catalog.describe(&newer[1].table()).await.unwrap(), newer[1]);
        ensure(&specs).await;
        suite.ensure(&specs[1], &day).await;
    }
}

async fn many_partitions(suite: &CatalogSuite) {
    let mut spec = suite.spec("many");
    spec.partition_keys[0].hive_type = "string".to_owned();
    suite.catalog.ensure_table(&spec).await.unwrap();
    let table = spec.table();
    let expected: Vec<Partition> = (0..suite.many_partitions)
        .map(|number| suite.partition(&table, &format!("day-{number:05}")))
        .collect();
    let mut writers = tokio::task::JoinSet::new();
    for partition in &expected {
        let (suite, spec, partition) = (suite.clone(), spec.clone(), partition.clone());
        writers.spawn(async move { suite.ensure(&spec, &partition).await });
        if writers.len() >= 16 {
            writers.join_next().await.unwrap().unwrap();
        }
    }
    writers.join_all().await;
    assert_eq!(suite.catalog.partitions(&table).await.unwrap(), expected);
}

/// Eight callers at once, each with a column of its own: all settle, no column is lost.
async fn concurrent_tables(suite: &CatalogSuite) {
    let spec = suite.spec("contended");
    let callers = (0..8).map(|caller| {
        let mut spec = spec.clone();
        spec.columns
            .push(ColumnSpec::new(format!("extra_{caller}"), "int", ""));
        let suite = suite.clone();
        tokio::spawn(async move {
            suite
                .catalog
                .ensure_database(&suite.database, "ECG recordings")
                .await
                .unwrap();
            loop {
                match suite.catalog.ensure_table(&spec).await {
                    Ok(change) => return change,
                    Err(error) => assert!(matches!(error, CatalogError::Transient { .. }), "{error}"),
                }
            }
        })
    });
    let mut created = 0;
    for caller in callers.collect::<Vec<_>>() {
        created += usize::from(caller.await.unwrap() == TableChange::Created);
    }
    assert_eq!(created, 1);
    let mut names: Vec<String> = suite
        .catalog
        .describe(&spec.table())
        .await
        .unwrap()
        .columns
        .into_iter()
        .map(|c| c.name)
        .collect();
    assert_eq!(names[..3], ["recording_id", "mv", "samples"]);
    names[3..].sort();
    let expected: Vec<String> = (0..8).map(|caller| format!("extra_{caller}")).collect();
    assert_eq!(names[3..], expected);
}

async fn concurrent_partitions(suite: &CatalogSuite) {
    let spec = suite.spec("contended_days");
    suite.catalog.ensure_table(&spec).await.unwrap();
    let table = spec.table();
    let days: Vec<Partition> = (1..=4)
        .map(|day| suite.partition(&table, &format!("2024-05-{day:02}")))
        .collect();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..16 {
        let (suite, spec, day) = (suite.clone(), spec.clone(), days[caller % 4].clone());
        callers.spawn(async move { suite.ensure(&spec, &day).await });
    }
    callers.join_all().await;
    assert_eq!(suite.catalog.partitions(&table).await.unwrap(), days);
}
