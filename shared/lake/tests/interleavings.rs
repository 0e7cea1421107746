//! Compaction, publication, reruns and erasure of one day in random orders: the model that goes with ADR 0025.
//!
//! The code under test is `ecg_lake::Day` itself. Around it is a world in which a scheduler chooses what happens next: an actor
//! goes on, a request arrives, an answer is lost, an actor is killed. A request of a killed actor may still arrive, at the
//! latest after [`REQUEST_MS`]; an invocation lasts at most [`INVOCATION_MS`]. What the world cannot show is whether S3 and Glue
//! keep what they document: that a change which was answered is seen by every later read.

// A test that cannot go on stops.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unimplemented,
    clippy::print_stdout
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use ecg_core::{StepError, layout};
use ecg_lake::{Begun, Generation, Lake, Waits};
use ecg_store::{
    Catalog, CatalogError, ErrorContext, ListedObject, ListedVersion, Location, ObjectMeta, Partition, Store,
    StoreError, TableChange, TableName, TableSpec, Upload, WrittenObject,
};
use ecg_tables::{RECORDINGS, SEGMENTS, Table};
use ecg_testing::MemoryStore;
use futures::FutureExt;
use futures::future::poll_fn;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

const DAY: &str = "2026-11-23";
const TABLES: [&Table; 2] = [&SEGMENTS, &RECORDINGS];

/// Turns of the scheduler. Each takes a millisecond.
const TURNS: i64 = 30_000;
const INVOCATION_MS: i64 = 1_500;
const REQUEST_MS: i64 = 400;

/// The store tells times in steps of this.
const CLOCK_MS: i64 = 8;

const WAITS: Waits = Waits {
    request_ms: INVOCATION_MS + REQUEST_MS,
    query_ms: 1_200,
    keep_ms: 2_500,
    given_up_ms: 2_500,
    listed_ms: CLOCK_MS,
};

#[test]
fn no_order_of_events_shows_a_wrong_row() {
    let mut seen = Seen::default();
    for seed in 0..60 {
        World::run(seed, true, &mut seen);
    }
    for seed in 1_000..1_010 {
        World::run(seed, false, &mut seen);
    }
    println!("{seen:?}");
    // Otherwise the test shows less than it says.
    for (what, found, least) in [
        ("executions that succeeded", seen.succeeded, 500),
        ("executions that waited for a sealed day", seen.waited, 20),
        ("erasures", seen.erased, 30),
        ("generations that were read", seen.moved, 100),
        ("generations that were cancelled", seen.cancelled, 20),
        ("sealed days whose small objects were removed", seen.collected, 20),
        ("queries", seen.queries, 1_000),
        ("kills", seen.kills, 500),
        (
            "requests that arrived after their sender was killed",
            seen.late_requests,
            50,
        ),
    ] {
        assert!(found >= least, "{what}: expected at least {least}, found {found}");
    }
}

#[derive(Debug, Default)]
struct Seen {
    succeeded: usize,
    waited: usize,
    erased: usize,
    moved: usize,
    cancelled: usize,
    collected: usize,
    queries: usize,
    kills: usize,
    late_requests: usize,
}

/// What has been promised of a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Promise {
    /// Nothing yet: its first execution is under way.
    Nothing,
    /// The rows of this version, or of a newer one.
    Rows(u32),
    /// It is being erased.
    Erasing,
    /// No rows.
    Erased,
}

/// A request on its way. It has an effect when it arrives, and then gives the answer.
struct Request {
    from: usize,
    sent_ms: i64,
    arrive: Box<dyn FnOnce() -> Answer + Send>,
}

type Answer = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    now_ms: i64,
    /// The invocation that goes on at the moment, and those that have not ended.
    invocation: usize,
    invocations: BTreeSet<usize>,
    requests: Vec<Request>,
    /// The catalog: the location of each table's partition.
    locations: BTreeMap<String, String>,
    promises: BTreeMap<String, Promise>,
    /// Recordings with a running execution.
    running: BTreeSet<String>,
    seen: Seen,
}

#[derive(Clone)]
struct World {
    state: Arc<Mutex<State>>,
    memory: MemoryStore,
    kills: bool,
}

type Actor = Pin<Box<dyn Future<Output = ()>>>;

impl World {
    fn run(seed: u64, kills: bool, total: &mut Seen) {
        let world = World {
            state: Arc::default(),
            memory: MemoryStore::default(),
            kills,
        };
        world.state().seen = std::mem::take(total);
        for table in TABLES {
            let small = world.lake().location(&layout::partition_prefix(table.name, DAY));
            world.state().locations.insert(table.name.to_owned(), small);
        }
        let mut rng = StdRng::seed_from_u64(seed);
        let mut alive: Vec<Actor> = Vec::new();
        for turn in 0..TURNS {
            world.state().now_ms = turn;
            world.memory.set_time_ms(turn / CLOCK_MS * CLOCK_MS);
            if alive.len() < 6 && rng.random_bool(0.02) {
                // Now much, now little, so that the day is sealed.
                let comes = rng.random_bool(if turn % 10_000 < 3_000 { 0.5 } else { 0.04 });
                let new = match rng.random_range(0..10) {
                    0..5 if comes => world.execution(&mut rng),
                    5 if comes && rng.random_bool(0.4) => world.erasure(&mut rng),
                    6..8 => Some(
                        world
                            .clone()
                            .compaction(format!("c{turn}"), rng.random())
                            .boxed_local(),
                    ),
                    8.. => Some(world.clone().query(TABLES[rng.random_range(0..2)]).boxed_local()),
                    _ => None,
                };
                alive.extend(new);
            }
            world.deliver(&mut rng);
            if !alive.is_empty() {
                let chosen = rng.random_range(0..alive.len());
                let mut context = Context::from_waker(Waker::noop());
                if alive[chosen].as_mut().poll(&mut context).is_ready() {
                    drop(alive.swap_remove(chosen));
                }
            }
            if turn % 16 == 0 {
                world.check(seed);
            }
        }
        *total = std::mem::take(&mut world.state().seen);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn now_ms(&self) -> i64 {
        self.state().now_ms
    }

    fn lake(&self) -> Lake {
        Lake {
            store: Arc::new(self.clone()),
            catalog: Some(Arc::new(self.clone())),
            work: "work".to_owned(),
            processed: "processed".to_owned(),
            database: "ecg".to_owned(),
        }
    }

    /// Lets a request arrive, and sometimes loses its answer.
    fn deliver(&self, rng: &mut StdRng) {
        let mut state = self.state();
        let now_ms = state.now_ms;
        let last = |request: &Request| now_ms - request.sent_ms >= REQUEST_MS - 1;
        let due = state.requests.iter().position(last);
        let Some(chosen) = due.or_else(|| (0..state.requests.len()).collect::<Vec<_>>().choose(rng).copied())
        else {
            return;
        };
        let late = !state.invocations.contains(&state.requests[chosen].from);
        // A request without a sender mostly takes long.
        if late && due.is_none() && rng.random_bool(0.98) {
            return;
        }
        let request = state.requests.swap_remove(chosen);
        state.seen.late_requests += usize::from(late);
        drop(state);
        let answer = (request.arrive)();
        if !(self.kills && rng.random_bool(0.01)) {
            answer();
        }
    }

    /// Sends a request that changes something, and waits for its answer.
    async fn send<T: Send + 'static>(&self, effect: impl FnOnce() -> T + Send + 'static) -> T {
        let slot: Arc<Mutex<Option<T>>> = Arc::default();
        let answer = slot.clone();
        let arrive = Box::new(move || {
            let result = effect();
            Box::new(move || *answer.lock().unwrap() = Some(result)) as Answer
        });
        {
            let mut state = self.state();
            let (from, sent_ms) = (state.invocation, state.now_ms);
            state.requests.push(Request {
                from,
                sent_ms,
                arrive,
            });
        }
        poll_fn(move |_| slot.lock().unwrap().take().map_or(Poll::Pending, Poll::Ready)).await
    }

    /// Lets others go on.
    async fn pause(&self) {
        let mut waited = false;
        poll_fn(|_| {
            if std::mem::replace(&mut waited, true) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// An invocation of a function. `None`: it was killed, at its time limit or at any moment before.
    async fn invoke<T>(&self, rng: &mut StdRng, work: impl Future<Output = T>) -> Option<T> {
        let begun = self.now_ms();
        let killed = self.kills && rng.random_bool(0.15);
        let limit = if killed {
            rng.random_range(1..300)
        } else {
            INVOCATION_MS
        };
        let mut work = Box::pin(work);
        let number = rng.random_range(0..usize::MAX);
        self.state().invocations.insert(number);
        let outcome = poll_fn(|context| {
            self.state().invocation = number;
            if self.now_ms() - begun >= limit {
                return Poll::Ready(None);
            }
            work.poll_unpin(context).map(Some)
        })
        .await;
        let mut state = self.state();
        state.invocations.remove(&number);
        state.seen.kills += usize::from(outcome.is_none());
        outcome
    }

    /// An invocation that is repeated until it succeeds, as the workflow does it for what is `Throttled` or `Transient` and for
    /// functions that were killed.
    async fn invoke_until<T>(
        &self,
        rng: &mut StdRng,
        mut attempts: usize,
        mut work: impl AsyncFnMut() -> Result<T, StepError>,
    ) -> Option<T> {
        while attempts > 0 {
            attempts -= 1;
            match self.invoke(rng, work()).await {
                Some(Ok(answer)) => return Some(answer),
                Some(Err(StepError::Throttled(_) | StepError::Transient(_))) | None => {}
                Some(Err(other)) => panic!("{other}"),
            }
            let long = rng.random_bool(0.1);
            for _ in 0..rng.random_range(1..if long { 400 } else { 20 }) {
                self.pause().await;
            }
        }
        None
    }

    /// An execution of a recording: the first one, or a rerun.
    fn execution(&self, rng: &mut StdRng) -> Option<Actor> {
        let id = format!("r{}", rng.random_range(0..30));
        let mut state = self.state();
        let promise = *state.promises.entry(id.clone()).or_insert(Promise::Nothing);
        if matches!(promise, Promise::Erasing | Promise::Erased) || !state.running.insert(id.clone()) {
            return None;
        }
        let version = state.seen.succeeded as u32 + 1;
        drop(state);
        let (world, mut rng) = (self.clone(), StdRng::seed_from_u64(rng.random()));
        let execution = async move {
            let name = format!("{id}-{version}");
            let lake = world.lake();
            let mut waited = false;
            let publish = async || {
                for table in TABLES {
                    let key = layout::table_key(table.name, DAY, &id);
                    let row = Bytes::from(format!("{id} {version}\n"));
                    let written = lake.store.put(&lake.processed(&key), row).await;
                    written.map_err(|error| ecg_lake::write_error(&error))?;
                }
                let settled = lake.day(DAY).settle(&name).await;
                waited |= settled
                    .as_ref()
                    .is_err_and(|error| error.to_string().contains("sealed"));
                settled
            };
            world.invoke_until(&mut rng, usize::MAX, publish).await;
            let mut state = world.state();
            state.promises.insert(id.clone(), Promise::Rows(version));
            state.running.remove(&id);
            state.seen.succeeded += 1;
            state.seen.waited += usize::from(waited);
        };
        Some(execution.boxed_local())
    }

    /// The erasure of a recording that has no running execution, and gets none afterwards.
    fn erasure(&self, rng: &mut StdRng) -> Option<Actor> {
        let mut state = self.state();
        let there = state
            .promises
            .iter()
            .filter(|(_, promise)| matches!(promise, Promise::Rows(_)));
        let idle = there.map(|(id, _)| id).filter(|id| !state.running.contains(*id));
        let id = idle.cloned().collect::<Vec<_>>().choose(rng)?.clone();
        state.promises.insert(id.clone(), Promise::Erasing);
        drop(state);
        let (world, mut rng) = (self.clone(), StdRng::seed_from_u64(rng.random()));
        let erasure = async move {
            let lake = world.lake();
            let ids = BTreeSet::from([id.clone()]);
            let erase = async || {
                for table in TABLES {
                    let key = layout::table_key(table.name, DAY, &id);
                    let removed = lake.store.delete(&lake.processed(&key)).await;
                    removed.map_err(|error| ecg_lake::write_error(&error))?;
                }
                lake.day(DAY).erase(&ids).await
            };
            if world.invoke_until(&mut rng, usize::MAX, erase).await == Some(false) {
                let is_erased = async || match lake.day(DAY).is_erased(&ids).await? {
                    true => Ok(()),
                    false => Err(StepError::Throttled("it is sealed".to_owned())),
                };
                world.invoke_until(&mut rng, usize::MAX, is_erased).await;
            }
            let mut state = world.state();
            state.promises.insert(id, Promise::Erased);
            state.seen.erased += 1;
        };
        Some(erasure.boxed_local())
    }

    /// An execution of the compaction workflow.
    async fn compaction(self, name: String, seed: u64) {
        let (lake, mut rng) = (self.lake(), StdRng::seed_from_u64(seed));
        let day = lake.day(DAY);
        let begun = self
            .invoke_until(&mut rng, 3, async || {
                day.begin(&name, self.now_ms(), &WAITS).await
            })
            .await;
        if let Some(Begun::Generation(generation)) = begun {
            if self
                .invoke_until(&mut rng, 2, async || self.merge(&generation).await)
                .await
                .is_none()
            {
                if rng.random() {
                    let give_up = async { day.give_up(generation.number, &name, self.now_ms()).await };
                    let _ = self.invoke(&mut rng, give_up).await;
                }
                return;
            }
            let move_to = async || day.move_to(&generation, &name, self.now_ms(), &WAITS).await;
            if let Some(moved) = self.invoke_until(&mut rng, 2, move_to).await {
                let mut state = self.state();
                state.seen.moved += usize::from(moved);
                state.seen.cancelled += usize::from(!moved);
            }
        }
        let most = rng.random_range(1..30);
        let clean = async || day.clean(self.now_ms(), &WAITS, most).await;
        self.invoke_until(&mut rng, 1, clean).await;
        if let Ok(Some((register, _))) = day.read().await {
            self.state().seen.collected += usize::from(register.collected);
        }
    }

    /// Makes the objects of a generation, two for each table.
    async fn merge(&self, generation: &Generation) -> Result<(), StepError> {
        let lake = self.lake();
        for table in TABLES {
            let mut sources = Vec::new();
            if let Some(base) = generation.base {
                let prefix = layout::generation_prefix(table.name, DAY, base);
                let listed = lake.store.list("processed", &prefix).await;
                sources.extend(listed.map_err(|error| ecg_lake::step_error(&error))?);
            }
            sources.extend(lake.day(DAY).small_objects(table).await?);
            let mut rows = BTreeMap::new();
            for source in sources {
                match lake.store.get(&lake.processed(&source.key), 1 << 20).await {
                    Ok((_, text)) => rows.extend(parse(&text)),
                    // Erased since it was listed: this cancels the generation.
                    Err(StoreError::NotFound(_)) => {}
                    Err(error) => return Err(ecg_lake::step_error(&error)),
                }
            }
            rows.retain(|id, _| !generation.erased.contains(&layout::tombstone(id)));
            let prefix = layout::generation_prefix(table.name, DAY, generation.number);
            for part in [0, 1] {
                let rows = rows.iter().filter(|(id, _)| id.len() % 2 == part);
                let text: String = rows.map(|(id, version)| format!("{id} {version}\n")).collect();
                let written = lake
                    .store
                    .put(&lake.processed(&format!("{prefix}{part}")), text.into())
                    .await;
                written.map_err(|error| ecg_lake::write_error(&error))?;
            }
        }
        Ok(())
    }

    /// A query: finds the location of a table, then lists and reads, as long as it may.
    async fn query(self, table: &Table) {
        let begun = self.now_ms();
        let location = self.state().locations[table.name].clone();
        let promised = self.state().promises.clone();
        for _ in 0..40 {
            self.pause().await;
        }
        let listed = self.memory.list("processed", prefix_of(&location)).await.unwrap();
        let (mut rows, mut missing) = (Rows::new(), Vec::new());
        for object in listed {
            for _ in 0..4 {
                self.pause().await;
            }
            match self
                .memory
                .get(&Location::new("processed", &object.key), 1 << 20)
                .await
            {
                Ok((_, text)) => add(&mut rows, &text),
                Err(_) => missing.push(object.key),
            }
        }
        if self.now_ms() - begun > WAITS.query_ms {
            return;
        }
        let mut state = self.state();
        state.seen.queries += 1;
        for (id, promise) in &promised {
            // What is being erased may be there or not.
            if let (Promise::Rows(version), Promise::Rows(_)) = (promise, state.promises[id]) {
                let found = rows.get(id).cloned().unwrap_or_default();
                assert!(
                    found.len() == 1 && found[0] >= *version,
                    "{location}, begun {begun}: {id}: expected {version}, found {found:?}; gone: {missing:?}"
                );
            }
        }
    }

    /// Checks what a query would get that took no time.
    fn check(&self, seed: u64) {
        let state = self.state();
        for location in state.locations.values() {
            let objects = now(self.memory.list("processed", prefix_of(location))).unwrap();
            let mut rows = Rows::new();
            for object in objects {
                let at = Location::new("processed", object.key);
                add(&mut rows, &now(self.memory.get(&at, 1 << 20)).unwrap().1);
            }
            for (id, promise) in &state.promises {
                let found = rows.get(id).cloned().unwrap_or_default();
                let right = match promise {
                    Promise::Rows(version) => found.len() == 1 && found[0] >= *version,
                    Promise::Erased => found.is_empty(),
                    Promise::Nothing | Promise::Erasing => found.len() <= 1,
                };
                let at = state.now_ms;
                assert!(
                    right,
                    "seed {seed}, {at} ms: {location}: {id}: expected {promise:?}, found {found:?}"
                );
            }
        }
    }
}

/// The versions of each recording.
type Rows = BTreeMap<String, Vec<u32>>;

fn add(rows: &mut Rows, text: &[u8]) {
    for (id, version) in parse(text) {
        rows.entry(id).or_default().push(version);
    }
}

fn parse(text: &[u8]) -> impl Iterator<Item = (String, u32)> {
    let rows = std::str::from_utf8(text).unwrap().lines();
    rows.map(|row| row.split_once(' ').unwrap())
        .map(|(id, version)| (id.to_owned(), version.parse().unwrap()))
}

fn prefix_of(location: &str) -> &str {
    location.strip_prefix("s3://processed/").unwrap()
}

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

impl fmt::Debug for World {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("World")
    }
}

#[async_trait]
impl Store for World {
    async fn head(&self, location: &Location) -> Result<ObjectMeta, StoreError> {
        self.pause().await;
        self.memory.head(location).await
    }

    async fn get_range(&self, location: &Location, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.memory.get_range(location, range).await
    }

    async fn put(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError> {
        let (memory, location) = (self.memory.clone(), location.clone());
        self.send(move || now(memory.put(&location, bytes))).await
    }

    async fn put_if_absent(&self, location: &Location, bytes: Bytes) -> Result<WrittenObject, StoreError> {
        let (memory, location) = (self.memory.clone(), location.clone());
        self.send(move || now(memory.put_if_absent(&location, bytes)))
            .await
    }

    /// Sometimes an answer is lost, and the second attempt of the client meets what the first one wrote.
    async fn put_if_unchanged(
        &self,
        location: &Location,
        etag: &str,
        bytes: Bytes,
    ) -> Result<WrittenObject, StoreError> {
        let (memory, location, etag) = (self.memory.clone(), location.clone(), etag.to_owned());
        let lost = self.kills && self.now_ms() % 29 == 0;
        let write = move || {
            let written = now(memory.put_if_unchanged(&location, &etag, bytes))?;
            if lost {
                let context = ErrorContext::new("writing", &location, "it was written by the first attempt");
                return Err(StoreError::AlreadyExists(context));
            }
            Ok(written)
        };
        self.send(write).await
    }

    async fn delete(&self, location: &Location) -> Result<(), StoreError> {
        let (memory, location) = (self.memory.clone(), location.clone());
        self.send(move || now(memory.delete(&location))).await
    }

    async fn copy(&self, _: &Location, _: &Location) -> Result<(), StoreError> {
        unimplemented!()
    }

    async fn begin_upload(&self, _: &Location) -> Result<Box<dyn Upload>, StoreError> {
        unimplemented!()
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<ListedObject>, StoreError> {
        self.pause().await;
        self.memory.list(bucket, prefix).await
    }

    async fn versions(&self, _: &str, _: &str) -> Result<Vec<ListedVersion>, StoreError> {
        unimplemented!()
    }

    async fn purge(&self, _: &str, _: &[ListedVersion]) -> Result<(), StoreError> {
        unimplemented!()
    }
}

#[async_trait]
impl Catalog for World {
    /// Sometimes no answer comes, and the request arrives later all the same.
    async fn move_partition(
        &self,
        spec: &TableSpec,
        _: &[String],
        location: &str,
    ) -> Result<(), CatalogError> {
        let (world, table, location) = (self.clone(), spec.name.clone(), location.to_owned());
        let (operation, object) = ("moving".to_owned(), table.clone());
        if !TABLES.iter().any(|known| known.name == table) {
            let message = "there is no such partition".to_owned();
            return Err(CatalogError::NotFound {
                operation,
                object,
                message,
            });
        }
        self.pause().await;
        let moving = self.send(move || world.state().locations.insert(table, location));
        if self.kills && self.now_ms() % 23 == 0 {
            let _ = moving.now_or_never();
            let message = "no answer".to_owned();
            return Err(CatalogError::Transient {
                operation,
                object,
                message,
            });
        }
        moving.await;
        Ok(())
    }

    async fn partition_location(
        &self,
        table: &TableName,
        _: &[String],
    ) -> Result<Option<String>, CatalogError> {
        self.pause().await;
        Ok(self.state().locations.get(&table.name).cloned())
    }

    async fn ensure_database(&self, _: &str, _: &str) -> Result<(), CatalogError> {
        unimplemented!()
    }

    async fn ensure_table(&self, _: &TableSpec) -> Result<TableChange, CatalogError> {
        unimplemented!()
    }

    async fn has_partition(&self, _: &TableSpec, _: &[String]) -> Result<bool, CatalogError> {
        unimplemented!()
    }

    async fn ensure_partition(&self, _: &TableSpec, _: &[String], _: &str) -> Result<(), CatalogError> {
        unimplemented!()
    }

    async fn describe(&self, _: &TableName) -> Result<TableSpec, CatalogError> {
        unimplemented!()
    }

    async fn partitions(&self, _: &TableName) -> Result<Vec<Partition>, CatalogError> {
        unimplemented!()
    }

    async fn start_crawler(&self, _: &str) -> Result<(), CatalogError> {
        unimplemented!()
    }
}
