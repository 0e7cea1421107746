//! Where the rows of a day are read: in the small objects that crawl publishes, or in the large ones that compaction made of
//! them.
//!
//! A partition of the catalog has one location, so a query sees either. For each day a register, the object
//! `compact/days/<day>.json` in the processed bucket, says what holds for all tables of it. It changes by conditional writes
//! only. `docs/adr/0025-compaction.md` has the argument that a reader never misses a row and never sees one twice; the test
//! `interleavings` runs this code in random orders, with kills and requests that arrive late.
//!
//! Whoever changes the small objects of a day calls [`Day::settle`] afterwards.

use std::collections::{BTreeMap, BTreeSet};

use ecg_core::{StepError, layout};
use ecg_store::{CatalogError, Location, ObjectMeta, StoreError};
use ecg_tables::{TABLES, Table};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::{Lake, catalog_error, write_error};

/// Largest register in bytes.
const REGISTER_BYTES_MAX: u64 = 16 << 20;

/// Objects that are removed at a time: S3 takes 3,500 removals a second below a prefix.
const REMOVED_AT_ONCE: usize = 64;

/// How often a change is tried that others overtake.
const ATTEMPTS: u32 = 16;

/// What holds for a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// What is being done.
    pub phase: Phase,
    /// Number of the compaction that was begun last, from 1. Its objects are a generation.
    pub generation: u32,
    /// The generation that readers have; none while they have the small objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<u32>,
    /// The execution that began the compaction.
    pub by: String,
    /// When compaction changed this last, by its own clock, in milliseconds since 1970-01-01 UTC.
    pub since_ms: i64,
    /// Small objects that are older than this are in `current`.
    #[serde(default)]
    pub listed_ms: i64,
    /// What the partitions move to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Generation>,
    /// Earlier generations, each with the time since when no query begins to read it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<u32, i64>,
    /// Whether small objects came after the day was sealed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub late: bool,
    /// Whether the small objects of a sealed day are removed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub collected: bool,
    /// Recordings whose rows the next generation leaves out, as [`layout::tombstone`] names them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub erased: BTreeSet<String>,
}

/// What is being done with a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Nothing: the small objects are read.
    Open,
    /// A generation is made. A change of the small objects cancels it, unless the day is sealed: there is a `current` one.
    Announced,
    /// The partitions move to the generation.
    Moving,
    /// The generation is read. The small objects are still complete.
    Compacted,
    /// The partitions move back to the small objects.
    Opening,
    /// The generation is read. Small objects are only what came later.
    Sealed,
}

/// How long compaction waits, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// Until a request that got no answer can no longer arrive: longer than a function may run.
    pub request_ms: i64,
    /// Until no query reads what it found before: longer than a query may run.
    pub query_ms: i64,
    /// Until a day is sealed.
    pub keep_ms: i64,
    /// Until another compaction that has begun counts as given up.
    pub given_up_ms: i64,
    /// An object counts as listed only if it is that much older than the listing: clocks of a store differ, and S3 tells whole
    /// seconds.
    pub listed_ms: i64,
}

impl Waits {
    /// On AWS. A function runs at most 15 minutes, a query of Athena 30 minutes (4 hours, if the quota is raised), a failed
    /// execution can be redriven for 14 days.
    pub const ON_AWS: Waits = Waits {
        request_ms: 20 * MINUTE_MS,
        query_ms: 24 * HOUR_MS,
        keep_ms: 30 * 24 * HOUR_MS,
        given_up_ms: 6 * HOUR_MS,
        listed_ms: MINUTE_MS,
    };

    /// In a lake on one machine, where the process that holds the lock is the only one that changes anything.
    pub const LOCAL: Waits = Waits {
        request_ms: 0,
        query_ms: HOUR_MS,
        keep_ms: 30 * 24 * HOUR_MS,
        given_up_ms: 0,
        listed_ms: 0,
    };
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// What [`Day::begin`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// A generation can be made: list the small objects now.
    Generation(Generation),
    /// Nothing has to be done.
    Nothing,
    /// Another execution compacts the day.
    Busy(String),
}

/// A generation to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Its number.
    pub number: u32,
    /// The generation whose rows it takes over, besides those of the small objects. A small object replaces the rows of its
    /// recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<u32>,
    /// Small objects that are older than this, in milliseconds since 1970-01-01 UTC, are in it.
    pub listed_ms: i64,
    /// Recordings that it leaves out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub erased: BTreeSet<String>,
}

/// A day of all tables.
#[derive(Debug, Clone, Copy)]
pub struct Day<'a> {
    lake: &'a Lake,
    day: &'a str,
}

impl Lake {
    /// A day, as `YYYY-MM-DD`.
    pub fn day<'a>(&'a self, day: &'a str) -> Day<'a> {
        Day { lake: self, day }
    }
}

impl Day<'_> {
    /// Makes sure that readers get the small objects as they are now, after some of them were written. Of a sealed day they are read
    /// once compaction has taken them over. `published` names what was written, by a key that no other execution has.
    ///
    /// # Errors
    /// `Throttled` while the change has to wait for a compaction, else what the store or the catalog says.
    pub async fn settle(&self, published: &str) -> Result<(), StepError> {
        for _ in 0..ATTEMPTS {
            let Some((register, etag)) = self.open().await? else {
                return Ok(());
            };
            if self.published_ms(published).await? < register.listed_ms {
                return Ok(());
            }
            let late = Register {
                late: true,
                ..register.clone()
            };
            if register.late || self.change(&etag, &late).await?.is_some() {
                return Err(self.waits("it is sealed, and the next compaction takes the new rows over"));
            }
        }
        Err(self.waits("others change it all the time"))
    }

    /// Makes sure that readers get no row of recordings whose small objects are removed. `false`: the day is sealed, and they
    /// are gone with its next generation, see [`Self::is_erased`].
    ///
    /// # Errors
    /// As [`Self::settle`].
    pub async fn erase(&self, recordings: &BTreeSet<String>) -> Result<bool, StepError> {
        for _ in 0..ATTEMPTS {
            let Some((register, etag)) = self.open().await? else {
                return Ok(true);
            };
            let mut erasing = register.clone();
            erasing
                .erased
                .extend(recordings.iter().map(|id| layout::tombstone(id)));
            if erasing == register || self.change(&etag, &erasing).await?.is_some() {
                return Ok(false);
            }
        }
        Err(self.waits("others change it all the time"))
    }

    /// Whether no generation that readers get has rows of these recordings, after [`Self::erase`].
    ///
    /// # Errors
    /// What the store says.
    pub async fn is_erased(&self, recordings: &BTreeSet<String>) -> Result<bool, StepError> {
        let register = self.read().await?;
        Ok(register.is_none_or(|(register, _)| {
            recordings
                .iter()
                .all(|id| !register.erased.contains(&layout::tombstone(id)))
        }))
    }

    /// Makes the small objects what readers get, unless the day is sealed: then returns its register with its ETag.
    async fn open(&self) -> Result<Option<(Register, String)>, StepError> {
        for _ in 0..ATTEMPTS {
            let Some((register, seen)) = self.read().await? else {
                return Ok(None);
            };
            match (register.phase, register.current) {
                (Phase::Open, _) => return Ok(None),
                (Phase::Announced, None) => {
                    if self
                        .change(&seen.etag, &register.to(Phase::Open))
                        .await?
                        .is_some()
                    {
                        return Ok(None);
                    }
                }
                (Phase::Compacted, _) => {
                    self.change(&seen.etag, &register.to(Phase::Opening)).await?;
                }
                (Phase::Opening, _) => {
                    if self.finish_opening(&register, &seen.etag).await? {
                        return Ok(None);
                    }
                }
                (Phase::Moving, None) => return Err(self.waits("its tables are being moved by compaction")),
                (Phase::Sealed | Phase::Announced | Phase::Moving, _) => {
                    return Ok(Some((register, seen.etag)));
                }
            }
        }
        Err(self.waits("others change it all the time"))
    }

    /// Whether the small objects of the day are no longer complete.
    ///
    /// # Errors
    /// What the store says.
    pub async fn is_sealed(&self) -> Result<bool, StepError> {
        let register = self.read().await?;
        Ok(register.is_some_and(|(register, _)| register.is_sealed()))
    }

    /// Whether compaction has something to do, now or after a while that is over.
    ///
    /// # Errors
    /// What the store says.
    pub async fn needs_compaction(&self, now_ms: i64, waits: &Waits) -> Result<bool, StepError> {
        let Some((register, _)) = self.read().await? else {
            return Ok(true);
        };
        let is_over = |since_ms: i64, wait_ms: i64| now_ms - since_ms >= wait_ms;
        let removal_ms = waits.query_ms + waits.request_ms;
        let left = register
            .left
            .values()
            .any(|since_ms| is_over(*since_ms, removal_ms));
        Ok(left
            || match register.phase {
                Phase::Open | Phase::Announced | Phase::Moving | Phase::Opening => true,
                Phase::Compacted => is_over(register.since_ms, waits.keep_ms),
                Phase::Sealed => {
                    let collectable = !register.collected && is_over(register.since_ms, removal_ms);
                    register.late || !register.erased.is_empty() || collectable
                }
            })
    }

    /// Begins a compaction, if the day needs one, after it has finished what an earlier one or a change left half done.
    ///
    /// # Errors
    /// `Throttled` while it has to wait for requests of another one, else what the store or the catalog says.
    pub async fn begin(&self, by: &str, now_ms: i64, waits: &Waits) -> Result<Begun, StepError> {
        for _ in 0..ATTEMPTS {
            let Some((register, seen)) = self.read().await? else {
                let first = Register {
                    phase: Phase::Announced,
                    generation: 1,
                    current: None,
                    by: by.to_owned(),
                    since_ms: now_ms,
                    listed_ms: 0,
                    next: None,
                    left: BTreeMap::new(),
                    late: false,
                    collected: false,
                    erased: BTreeSet::new(),
                };
                match self
                    .lake
                    .store
                    .put_if_absent(&self.register(), first.bytes()?)
                    .await
                {
                    Ok(_) => return self.announced(&first, waits).await,
                    Err(StoreError::AlreadyExists(_) | StoreError::Conflict(_)) => continue,
                    Err(error) => return Err(write_error(&error)),
                }
            };
            let mut left = register.left.clone();
            match register.phase {
                // Readers left it at the latest when this was written.
                Phase::Open => {
                    left.insert(register.generation, seen.last_modified_ms);
                }
                Phase::Announced if register.by != by && now_ms - register.since_ms < waits.given_up_ms => {
                    return Ok(Begun::Busy(register.by));
                }
                // Nobody has read it, but its execution may still write.
                Phase::Announced => {
                    left.insert(register.generation, now_ms);
                }
                Phase::Moving => {
                    self.finish_moving(register, &seen.etag, now_ms, waits).await?;
                    continue;
                }
                Phase::Opening => {
                    self.finish_opening(&register, &seen.etag).await?;
                    continue;
                }
                Phase::Compacted if now_ms - register.since_ms < waits.keep_ms => return Ok(Begun::Nothing),
                Phase::Compacted => {
                    let sealed = Register {
                        since_ms: now_ms,
                        ..register.to(Phase::Sealed)
                    };
                    self.change(&seen.etag, &sealed).await?;
                    continue;
                }
                Phase::Sealed => {
                    let changed = register.late || !register.erased.is_empty();
                    if !changed && (register.collected || self.is_at(register.current).await?) {
                        return Ok(Begun::Nothing);
                    }
                }
            }
            let next = Register {
                phase: Phase::Announced,
                generation: register.generation + 1,
                by: by.to_owned(),
                since_ms: now_ms,
                left,
                late: false,
                ..register
            };
            if self.change(&seen.etag, &next).await?.is_some() {
                return self.announced(&next, waits).await;
            }
        }
        Err(self.waits("others change it all the time"))
    }

    /// Moves all tables to a generation that is complete. `false`: the small objects have changed meanwhile, and it must not
    /// be read.
    ///
    /// # Errors
    /// `Throttled` while it has to wait for requests that got no answer, else what the store or the catalog says. To call it
    /// again is safe.
    pub async fn move_to(
        &self,
        generation: &Generation,
        by: &str,
        now_ms: i64,
        waits: &Waits,
    ) -> Result<bool, StepError> {
        for _ in 0..ATTEMPTS {
            let Some((register, seen)) = self.read().await? else {
                return Ok(false);
            };
            if register.generation != generation.number || register.by != by {
                return Ok(false);
            }
            match register.phase {
                Phase::Announced => {
                    let moving = Register {
                        since_ms: now_ms,
                        next: Some(generation.clone()),
                        ..register.to(Phase::Moving)
                    };
                    if let Some(etag) = self.change(&seen.etag, &moving).await? {
                        self.finish_own_moving(moving, &etag).await?;
                    }
                }
                Phase::Moving => self.finish_moving(register, &seen.etag, now_ms, waits).await?,
                Phase::Compacted | Phase::Sealed | Phase::Opening => return Ok(true),
                Phase::Open => return Ok(false),
            }
        }
        Err(self.waits("others change it all the time"))
    }

    /// Gives up a generation that was begun.
    ///
    /// # Errors
    /// What the store says.
    pub async fn give_up(&self, generation: u32, by: &str, now_ms: i64) -> Result<(), StepError> {
        if let Some((register, seen)) = self.read().await?
            && (register.generation, register.by.as_str(), register.phase)
                == (generation, by, Phase::Announced)
        {
            let mut back = register.to(if register.current.is_some() {
                Phase::Sealed
            } else {
                Phase::Open
            });
            back.left.insert(generation, now_ms);
            back.late = register.current.is_some();
            self.change(&seen.etag, &back).await?;
        }
        Ok(())
    }

    /// Removes what no query can need any more: generations that were left, and the small objects of a sealed day, at most
    /// `most` objects. Returns whether there is more to remove.
    ///
    /// # Errors
    /// What the store or the catalog says.
    pub async fn clean(&self, now_ms: i64, waits: &Waits, most: usize) -> Result<bool, StepError> {
        let Some((register, seen)) = self.read().await? else {
            return Ok(false);
        };
        let old: Vec<u32> = register
            .left
            .iter()
            .filter(|(_, since_ms)| now_ms - **since_ms >= waits.query_ms + waits.request_ms)
            .map(|(number, _)| *number)
            .collect();
        let mut left = most;
        for number in &old {
            for table in TABLES {
                let prefix = layout::generation_prefix(table.name, self.day, *number);
                let objects = self.list(&prefix).await?.into_iter();
                let objects = objects.map(|object| Location::new(&self.lake.processed, object.key));
                if !self.remove_all(objects.collect(), &mut left).await? {
                    return Ok(true);
                }
            }
        }
        let sealed = register.phase == Phase::Sealed && !register.collected;
        let collect = sealed
            && now_ms - register.since_ms >= waits.query_ms + waits.request_ms
            && self.is_at(register.current).await?;
        if collect {
            for table in TABLES {
                let objects = self.list(&layout::partition_prefix(table.name, self.day)).await?;
                let before = objects
                    .into_iter()
                    .filter(|object| object.last_modified_ms < register.listed_ms);
                let listed = before.map(|object| {
                    let location = Location::new(&self.lake.processed, object.key);
                    match object.etag {
                        Some(etag) => location.with_version(&etag),
                        None => location,
                    }
                });
                if !self.remove_all(listed.collect(), &mut left).await? {
                    return Ok(true);
                }
            }
        }
        if collect || !old.is_empty() {
            let mut next = register.clone();
            next.left.retain(|number, _| !old.contains(number));
            next.collected = collect || register.collected;
            return Ok(self.change(&seen.etag, &next).await?.is_none());
        }
        Ok(false)
    }

    /// The small objects of a table, sorted by key.
    ///
    /// # Errors
    /// What the store says.
    pub async fn small_objects(&self, table: &Table) -> Result<Vec<ecg_store::ListedObject>, StepError> {
        self.list(&layout::partition_prefix(table.name, self.day)).await
    }

    /// What is recorded of the day; `None` if it was never compacted.
    ///
    /// # Errors
    /// What the store says.
    pub async fn read(&self) -> Result<Option<(Register, ObjectMeta)>, StepError> {
        let location = self.register();
        match self.lake.store.get(&location, REGISTER_BYTES_MAX).await {
            Ok((meta, bytes)) => {
                let register = serde_json::from_slice(&bytes)
                    .map_err(|error| StepError::Internal(format!("{location}: {error}")))?;
                Ok(Some((register, meta)))
            }
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(self.lake.error_at(&location, &error)),
        }
    }

    /// The generation that was announced, with a time of the store before the listing.
    async fn announced(&self, register: &Register, waits: &Waits) -> Result<Begun, StepError> {
        let location = self.register();
        let seen = self.lake.store.head(&location).await;
        let seen = seen.map_err(|error| self.lake.error_at(&location, &error))?;
        Ok(Begun::Generation(Generation {
            number: register.generation,
            base: register.current,
            listed_ms: seen.last_modified_ms - waits.listed_ms,
            erased: register.erased.clone(),
        }))
    }

    /// Finishes what another call began, when none of its requests can arrive any more.
    async fn finish_moving(
        &self,
        register: Register,
        etag: &str,
        now_ms: i64,
        waits: &Waits,
    ) -> Result<(), StepError> {
        if now_ms - register.since_ms < waits.request_ms {
            return Err(self.waits("its tables are being moved by another compaction"));
        }
        let mine = Register {
            since_ms: now_ms,
            ..register
        };
        if let Some(etag) = self.change(etag, &mine).await? {
            self.finish_own_moving(mine, &etag).await?;
        }
        Ok(())
    }

    /// Moves all tables to the generation, and says so once every request has been answered.
    async fn finish_own_moving(&self, mut register: Register, etag: &str) -> Result<(), StepError> {
        let number = register.generation;
        self.move_tables(|table| layout::generation_prefix(table, self.day, number))
            .await?;
        let mut etag = etag.to_owned();
        for _ in 0..ATTEMPTS {
            let mut moved = register.clone();
            moved.phase = Phase::Compacted;
            if let Some(base) = moved.current.replace(number) {
                // No invocation lasts an hour, and until its end queries may have found the old one.
                moved.left.insert(base, register.since_ms + HOUR_MS);
                moved.phase = Phase::Sealed;
                moved.collected = false;
            }
            if let Some(next) = moved.next.take() {
                moved.listed_ms = next.listed_ms;
                moved.erased.retain(|name| !next.erased.contains(name));
            }
            if self.change(&etag, &moved).await?.is_some() {
                break;
            }
            // Of a sealed day others may say meanwhile that something came late, or is erased.
            match self.read().await? {
                Some((found, seen)) if found.is_same_move(&register) => (register, etag) = (found, seen.etag),
                _ => break,
            }
        }
        Ok(())
    }

    async fn finish_opening(&self, register: &Register, etag: &str) -> Result<bool, StepError> {
        self.move_tables(|table| layout::partition_prefix(table, self.day))
            .await?;
        let open = Register {
            current: None,
            ..register.to(Phase::Open)
        };
        Ok(self.change(etag, &open).await?.is_some())
    }

    async fn move_tables(&self, prefix: impl Fn(&str) -> String) -> Result<(), StepError> {
        let catalog = self.lake.catalog()?;
        for table in TABLES {
            let spec = self.lake.table_spec(table);
            let location = self.lake.location(&prefix(table.name));
            match catalog
                .move_partition(&spec, &[self.day.to_owned()], &location)
                .await
            {
                // It has no rows of this day.
                Ok(()) | Err(CatalogError::NotFound { .. }) => {}
                Err(error) => return Err(catalog_error(&error)),
            }
        }
        Ok(())
    }

    /// Whether every table is at this generation.
    async fn is_at(&self, generation: Option<u32>) -> Result<bool, StepError> {
        let Some(generation) = generation else {
            return Ok(false);
        };
        let catalog = self.lake.catalog()?;
        for table in TABLES {
            let name = self.lake.table_spec(table).table();
            let found = catalog.partition_location(&name, &[self.day.to_owned()]).await;
            let wanted = layout::generation_prefix(table.name, self.day, generation);
            if found
                .map_err(|error| catalog_error(&error))?
                .is_some_and(|found| found != self.lake.location(&wanted))
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The time, of the store, at which the objects of an execution were all there, whichever attempt it was; a later
    /// attempt publishes the same bytes.
    async fn published_ms(&self, published: &str) -> Result<i64, StepError> {
        let marker = self.lake.work(&layout::late_key(published));
        match self
            .lake
            .store
            .put_if_absent(&marker, bytes::Bytes::from_static(b"{}\n"))
            .await
        {
            Ok(_) | Err(StoreError::AlreadyExists(_) | StoreError::Conflict(_)) => {}
            Err(error) => return Err(write_error(&error)),
        }
        let found = self.lake.store.head(&marker).await;
        Ok(found
            .map_err(|error| self.lake.error_at(&marker, &error))?
            .last_modified_ms)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ecg_store::ListedObject>, StepError> {
        let listed = self.lake.store.list(&self.lake.processed, prefix).await;
        listed.map_err(|error| crate::step_error(&error))
    }

    /// Removes objects, at most `left` of them. `false`: there are more.
    async fn remove_all(&self, locations: Vec<Location>, left: &mut usize) -> Result<bool, StepError> {
        let all = locations.len() <= *left;
        let now = locations.into_iter().take(*left);
        let removals: Vec<_> = now.map(|location| self.remove(location).boxed()).collect();
        *left -= removals.len();
        stream::iter(removals)
            .buffer_unordered(REMOVED_AT_ONCE)
            .try_collect::<()>()
            .await?;
        Ok(all)
    }

    /// Removes an object, unless it was replaced meanwhile.
    async fn remove(&self, location: Location) -> Result<(), StepError> {
        match self.lake.store.delete(&location).await {
            Ok(()) | Err(StoreError::AlreadyExists(_)) => Ok(()),
            Err(error) => Err(write_error(&error)),
        }
    }

    /// Writes the register, if it is still what was seen, and returns its new ETag.
    async fn change(&self, etag: &str, next: &Register) -> Result<Option<String>, StepError> {
        let location = self.register();
        match self
            .lake
            .store
            .put_if_unchanged(&location, etag, next.bytes()?)
            .await
        {
            Ok(written) => Ok(Some(written.etag)),
            Err(StoreError::AlreadyExists(_) | StoreError::Conflict(_) | StoreError::NotFound(_)) => Ok(None),
            Err(error) => Err(write_error(&error)),
        }
    }

    fn register(&self) -> Location {
        self.lake.processed(&layout::register_key(self.day))
    }

    fn waits(&self, why: &str) -> StepError {
        StepError::Throttled(format!("the day {} has to wait: {why}", self.day))
    }
}

impl Phase {
    /// Whether a compaction is under way.
    pub fn is_at_work(self) -> bool {
        matches!(self, Phase::Announced | Phase::Moving)
    }
}

impl Register {
    /// Whether the small objects are no longer complete.
    fn is_sealed(&self) -> bool {
        match self.phase {
            Phase::Sealed => true,
            Phase::Announced | Phase::Moving => self.current.is_some(),
            Phase::Open | Phase::Compacted | Phase::Opening => false,
        }
    }

    /// Whether the tables are being moved by the same call.
    fn is_same_move(&self, other: &Register) -> bool {
        (self.phase, self.generation, &self.by, self.since_ms)
            == (other.phase, other.generation, &other.by, other.since_ms)
    }

    fn to(&self, phase: Phase) -> Register {
        Register {
            phase,
            ..self.clone()
        }
    }

    fn bytes(&self) -> Result<bytes::Bytes, StepError> {
        let json = serde_json::to_vec(self).map_err(|error| StepError::Internal(error.to_string()))?;
        Ok(json.into())
    }
}

impl Lake {
    /// The location of a prefix of the processed bucket, as the catalog has it.
    pub fn location(&self, prefix: &str) -> String {
        format!("s3://{}/{prefix}", self.processed)
    }
}

fn is_false(value: &bool) -> bool {
    !value
}
