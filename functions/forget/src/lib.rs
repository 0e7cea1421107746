//! Erasure: removes every version of an upload, its rows in every table and generation, and what the steps left of it, for good.
//!
//! 1. [`Selection::sql`] and [`Related`] find the recordings, [`plan`] the versions of their uploads.
//! 2. [`bury`] leaves tombstones, so that nothing of them is processed again, whichever way it comes back.
//! 3. [`erase`] removes. It is called again until [`Left`] is empty: large objects that a query may still read, or that have to be
//!    made anew without the rows, take time.
//!
//! Each can be repeated after it was interrupted. `docs/adr/0027-erasure.md` has the design, and what stays where.

#[cfg(feature = "lambda")]
mod lambda;
mod select;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ecg_core::{StepError, day, layout, recording_id};
use ecg_lake::{Lake, Phase, Waits, step_error, write_error};
use ecg_store::{ListedVersion, Location, StoreError};
use ecg_tables::{ErasedBy, REJECTIONS, TABLES};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[cfg(feature = "lambda")]
pub use lambda::{Answer, Places, Request, run};
pub use select::{Related, Row, Selection};

/// Largest list of recordings in bytes, as JSON.
pub const LIST_BYTES_MAX: u64 = 256 << 20;

/// Recordings that are looked at, or removed, at a time.
const AT_ONCE: usize = 8;

/// Largest notice of a failure, in bytes.
const NOTICE_BYTES_MAX: u64 = 1 << 20;

/// What the keys of [`layout::late_key`] begin with.
const LATE: &str = "late/";

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 3_600_000;

/// Recordings that are to be erased.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// The bucket of the uploads.
    pub raw: String,
    /// What is erased.
    pub recordings: Vec<Recording>,
    /// How many of them have tombstones.
    #[serde(default)]
    pub buried: usize,
    /// Of how many of them nothing is left but rows in large objects.
    #[serde(default)]
    pub removed: usize,
    /// Days of which generations up to this one have rows of them. Known once the small objects are gone.
    #[serde(default)]
    pub generations: BTreeMap<String, u32>,
}

/// A recording that is to be erased: one version of one upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Its id.
    pub recording_id: String,
    /// The key of the upload.
    pub key: String,
    /// The version of the upload.
    pub version: String,
    /// Size of the upload in bytes; 0 if only rows are left of it.
    pub bytes: u64,
    /// SHA-256 of the content, where a table has it.
    pub sha256: Option<String>,
    /// Days that may have rows of it.
    pub days: BTreeSet<String>,
}

/// What could not be removed yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Whether it stopped before the end, to go on in the next call.
    pub more: bool,
    /// Days of which large objects with its rows are there: until they are compacted again, and no query reads the old ones.
    pub days: BTreeSet<String>,
}

impl Erasure {
    fn ids(&self) -> BTreeSet<String> {
        let ids = self.recordings.iter();
        ids.map(|recording| recording.recording_id.clone()).collect()
    }

    /// Adds the recordings of an erasure that was interrupted.
    pub fn take_over(&mut self, unfinished: Erasure) {
        let known = self.ids();
        let others = unfinished.recordings.into_iter();
        self.recordings
            .extend(others.filter(|recording| !known.contains(&recording.recording_id)));
    }

    /// Every day that may have rows of them.
    pub fn days(&self) -> BTreeSet<&str> {
        let days = self.recordings.iter().flat_map(|recording| &recording.days);
        days.map(String::as_str).collect()
    }
}

/// What has to be erased with these rows: every version of their uploads, and the uploads below a prefix of the key, whether they have
/// rows or not.
///
/// # Errors
/// What the store says.
pub async fn plan(lake: &Lake, raw: &str, rows: &[Row], prefix: Option<&str>) -> Result<Erasure, StepError> {
    let mut found: BTreeMap<String, Recording> = BTreeMap::new();
    for row in rows {
        let recording = found
            .entry(row.recording_id.clone())
            .or_insert_with(|| Recording {
                recording_id: row.recording_id.clone(),
                key: row.key.clone(),
                version: row.version.clone(),
                bytes: 0,
                sha256: None,
                days: BTreeSet::new(),
            });
        recording.sha256 = recording.sha256.take().or_else(|| row.sha256.clone());
        recording.days.insert(row.day.clone());
    }
    let mut prefixes: BTreeSet<String> = rows.iter().map(|row| row.key.clone()).collect();
    let wanted = |key: &str| prefix.is_some_and(|prefix| key.starts_with(prefix));
    prefixes.retain(|key| !wanted(key));
    let keys = prefixes.clone();
    prefixes.extend(prefix.map(str::to_owned));
    let listings = prefixes.iter().map(|prefix| versions(lake, raw, prefix).boxed());
    let listed: Vec<Vec<ListedVersion>> = stream::iter(listings.collect::<Vec<_>>())
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    for upload in listed.into_iter().flatten() {
        let ours = keys.contains(&upload.key) || (wanted(&upload.key) && layout::is_recording(&upload.key));
        if upload.is_marker || !ours {
            continue;
        }
        let recording_id = recording_id(raw, &upload.key, &upload.version);
        let recording = found.entry(recording_id.clone()).or_insert_with(|| Recording {
            recording_id,
            key: upload.key,
            version: upload.version,
            bytes: 0,
            sha256: None,
            days: BTreeSet::new(),
        });
        recording.bytes = upload.size;
        // A row has the day of the event. S3 says when an upload in parts began, and clocks differ.
        let around = [-DAY_MS, 0, DAY_MS, 2 * DAY_MS].map(|ms| day::utc_day(upload.last_modified_ms + ms));
        recording.days.extend(around.into_iter().flatten());
    }
    Ok(Erasure {
        raw: raw.to_owned(),
        recordings: found.into_values().collect(),
        ..Erasure::default()
    })
}

/// Leaves tombstones for the next recordings, at most `most`: for the id of each, and for the hash of its content. An upload of which no
/// table knows the hash is read. Returns the recordings.
///
/// # Errors
/// What the store says.
pub async fn bury<'e>(
    lake: &Lake,
    erasure: &'e mut Erasure,
    most: usize,
) -> Result<&'e [Recording], StepError> {
    let batch = erasure.buried..erasure.recordings.len().min(erasure.buried.saturating_add(most));
    each(
        &erasure.recordings[batch.clone()],
        async |recording: &Recording| {
            let mut names = vec![recording.recording_id.clone()];
            match &recording.sha256 {
                Some(sha256) => names.push(sha256.clone()),
                None => names.extend(sha256_of(lake, &erasure.raw, recording).await?),
            }
            // In a lake on one machine the version is the MD5 of the content.
            names.push(recording.version.clone());
            for name in names {
                let tombstone = lake.processed(&layout::tombstone_key(&name));
                match lake
                    .store
                    .put_if_absent(&tombstone, Bytes::from_static(b"{}\n"))
                    .await
                {
                    Ok(_) | Err(StoreError::AlreadyExists(_) | StoreError::Conflict(_)) => {}
                    Err(error) => return Err(write_error(&error)),
                }
            }
            Ok(())
        },
    )
    .await?;
    erasure.buried = batch.end;
    Ok(&erasure.recordings[batch])
}

/// Names of executions that may run: of each recording, and of its reruns as far as they left something.
///
/// # Errors
/// What the store says.
pub async fn executions(lake: &Lake, recordings: &[Recording]) -> Result<BTreeSet<String>, StepError> {
    let mut names: BTreeSet<String> = (recordings.iter())
        .map(|recording| recording.recording_id.clone())
        .collect();
    let works = recordings.iter().map(|recording| work(lake, recording).boxed());
    let works: Vec<Vec<ListedVersion>> = stream::iter(works.collect::<Vec<_>>())
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let found = works.iter().flatten();
    let named = found.filter(|object| !object.key.starts_with(LATE));
    names.extend(named.filter_map(|object| Some(object.key.split_once('/')?.0.to_owned())));
    Ok(names)
}

/// Removes what can be removed now, of at most `most` recordings. `waits` as compaction has them; where they are 0 nobody else is at work in
/// the lake. `now_ms` is the time in milliseconds since 1970-01-01 UTC.
///
/// # Errors
/// `Throttled` while a day has to wait for a compaction, else what the store or the catalog says.
pub async fn erase(
    lake: &Lake,
    erasure: &mut Erasure,
    waits: &Waits,
    now_ms: i64,
    most: usize,
) -> Result<Left, StepError> {
    let batch = erasure.removed..erasure.recordings.len().min(erasure.removed.saturating_add(most));
    let recordings = &erasure.recordings[batch.clone()];
    each(recordings, async |recording: &Recording| {
        let objects = work(lake, recording).await?;
        purge(lake, &lake.work, objects).await?;
        for day in &recording.days {
            for table in TABLES {
                let prefix = layout::partition_prefix(table.name, day);
                let named = format!("{prefix}{}", recording.recording_id);
                let objects = versions(lake, &lake.processed, &named).await?;
                let of_recording = |object: &ListedVersion| {
                    let name = object.key.strip_prefix(&prefix);
                    let name = name.and_then(|name| name.strip_suffix(".parquet"));
                    name.is_some_and(|name| table.erased_by.is_of(&recording.recording_id, name))
                };
                let objects = objects.into_iter().filter(of_recording);
                purge(lake, &lake.processed, objects.collect()).await?;
            }
        }
        upload(lake, &erasure.raw, recording).await
    })
    .await?;
    let is_last = batch.end == erasure.recordings.len();
    if is_last && !batch.is_empty() {
        notices(lake, &erasure.ids()).await?;
    }
    erasure.removed = batch.end;
    if !is_last {
        return Ok(Left {
            more: true,
            ..Left::default()
        });
    }

    // Only now: whoever changes the small objects of a day tells its register afterwards.
    let days: BTreeSet<String> = erasure.days().into_iter().map(str::to_owned).collect();
    for name in &days {
        if erasure.generations.contains_key(name) {
            continue;
        }
        let of_day: BTreeSet<String> = (erasure.recordings.iter())
            .filter(|recording| recording.days.contains(name))
            .map(|recording| recording.recording_id.clone())
            .collect();
        let day = lake.day(name);
        day.erase(&of_day).await?;
        if let Some((register, _)) = day.read().await? {
            erasure.generations.insert(name.clone(), register.generation);
        }
    }
    let mut left = Left::default();
    let ids = erasure.ids();
    for (day, through) in &erasure.generations {
        if !generations(lake, day, *through, &ids, waits, now_ms).await? {
            left.days.insert(day.clone());
        }
    }
    Ok(left)
}

/// Removes what notify knows of failures of these recordings.
async fn notices(lake: &Lake, ids: &BTreeSet<String>) -> Result<(), StepError> {
    let all = versions(lake, &lake.work, "notices/").await?;
    each(&all, async |notice: &ListedVersion| {
        let location = lake.work(&notice.key);
        let text = match lake.store.get(&location, NOTICE_BYTES_MAX).await {
            Ok((_, bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(StoreError::NotFound(_)) => return Ok(()),
            Err(error) => return Err(write_error(&error)),
        };
        let mut names = [notice.key.as_str(), &text]
            .into_iter()
            .flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_'));
        let is_of = |name: &str| ErasedBy::Execution.recordings(name).any(|id| ids.contains(id));
        match names.any(is_of) {
            true => purge(lake, &lake.work, vec![notice.clone()]).await,
            false => Ok(()),
        }
    })
    .await
}

/// Removes the version of an upload, and what has no content without it: delete markers of its key, and a header that belongs to no
/// other recording. A version that came after the erasure was planned stays.
async fn upload(lake: &Lake, raw: &str, recording: &Recording) -> Result<(), StepError> {
    let key = &recording.key;
    let header = layout::header_key(key);
    let stem = header
        .as_ref()
        .map_or(key.as_str(), |header| header.trim_end_matches("hea"));
    let (mut removed, mut others) = (Vec::new(), Vec::new());
    for found in versions(lake, raw, stem).await? {
        match found.key == *key && found.version == recording.version && !found.is_marker {
            true => removed.push(found),
            false => others.push(found),
        }
    }
    let has_content = |key: &str| others.iter().any(|one| one.key == key && !one.is_marker);
    let needed = |header: &String| {
        let mut recordings = others.iter().filter(|one| !one.is_marker);
        recordings.any(|one| layout::header_key(&one.key).as_ref() == Some(header))
    };
    if !has_content(key) {
        removed.extend(others.iter().filter(|one| one.key == *key).cloned());
    }
    if let Some(header) = header.filter(|header| !needed(header)) {
        removed.extend(others.iter().filter(|one| one.key == header).cloned());
    }
    purge(lake, raw, removed).await
}

/// Removes the generations of a day up to `through`, which have the rows, where no query can need them. `false`: something is left.
async fn generations(
    lake: &Lake,
    name: &str,
    through: u32,
    ids: &BTreeSet<String>,
    waits: &Waits,
    now_ms: i64,
) -> Result<bool, StepError> {
    let day = lake.day(name);
    let alone = waits.query_ms == 0 && waits.request_ms == 0;
    let Some((register, seen)) = day.read().await? else {
        return Ok(true);
    };
    // One that was cancelled may still write.
    let cancelled = register.phase == Phase::Open && now_ms - seen.last_modified_ms < waits.request_ms;
    let at_work = register.phase.is_at_work() || register.phase == Phase::Opening || cancelled;
    let mut done = day.is_erased(ids).await? && !(at_work && register.generation <= through);
    for table in TABLES {
        let all = layout::generation_prefix(table.name, name, 0);
        let prefix = all.trim_end_matches("000000/");
        let mut removable = Vec::new();
        for object in versions(lake, &lake.processed, prefix).await? {
            if number(&object.key, prefix).is_none_or(|number| number > through) {
                continue;
            }
            // Compaction removes what no query can need: what it has removed is an old version.
            let read = register.current == number(&object.key, prefix);
            if read || (object.is_current && !object.is_marker && !alone) {
                done = false;
            } else {
                removable.push(object);
            }
        }
        if done || !alone {
            purge(lake, &lake.processed, removable).await?;
        }
    }
    // Its plans name the recordings.
    let prefix = format!("compact/{name}/");
    let plans = versions(lake, &lake.work, &prefix).await?.into_iter();
    let plans: Vec<ListedVersion> = plans
        .filter(|plan| number(&plan.key, &prefix).is_some_and(|number| number <= through))
        .collect();
    if at_work && register.generation <= through {
        done &= plans.is_empty();
    } else {
        purge(lake, &lake.work, plans).await?;
    }
    Ok(done)
}

/// The generation that a key names after its prefix.
fn number(key: &str, prefix: &str) -> Option<u32> {
    key.strip_prefix(prefix)?.split('/').next()?.parse().ok()
}

/// What the steps left of a recording, and of its reruns.
async fn work(lake: &Lake, recording: &Recording) -> Result<Vec<ListedVersion>, StepError> {
    let id = &recording.recording_id;
    let mut prefixes = vec![String::new(), LATE.to_owned()];
    // A failure that came late is marked by the key of its row.
    let rejections = recording
        .days
        .iter()
        .map(|day| layout::partition_prefix(REJECTIONS.name, day));
    prefixes.extend(rejections.map(|prefix| format!("{LATE}{prefix}")));
    let mut found = Vec::new();
    for prefix in prefixes {
        let of_recording = |object: &ListedVersion| {
            let rest = object.key.strip_prefix(&prefix).unwrap_or_default();
            let name = rest.split(['/', '.']).next().unwrap_or_default();
            ErasedBy::Execution.is_of(id, name)
        };
        let objects = versions(lake, &lake.work, &format!("{prefix}{id}")).await?;
        found.extend(objects.into_iter().filter(of_recording));
    }
    Ok(found)
}

/// SHA-256 of an upload; none if it is gone, or archived and cannot be read.
async fn sha256_of(lake: &Lake, raw: &str, recording: &Recording) -> Result<Option<String>, StepError> {
    let location = Location::new(raw, &recording.key).with_version(&recording.version);
    let meta = match lake.store.head(&location).await {
        Ok(meta) => meta,
        Err(error @ (StoreError::Throttled(_) | StoreError::Transient(_))) => return Err(step_error(&error)),
        Err(_) => return Ok(None),
    };
    let (chunk, mut at, mut hash) = (lake.store.chunk_bytes(), 0, Sha256::new());
    while at < meta.size {
        match lake.store.get_range(&meta.location, at..at + chunk).await {
            Ok(bytes) => hash.update(bytes),
            Err(error @ (StoreError::Throttled(_) | StoreError::Transient(_))) => {
                return Err(step_error(&error));
            }
            Err(_) => return Ok(None),
        }
        at += chunk;
    }
    let hex = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(hex))
}

async fn versions(lake: &Lake, bucket: &str, prefix: &str) -> Result<Vec<ListedVersion>, StepError> {
    let found = lake.store.versions(bucket, prefix).await;
    found.map_err(|error| write_error(&error))
}

async fn purge(lake: &Lake, bucket: &str, versions: Vec<ListedVersion>) -> Result<(), StepError> {
    if versions.is_empty() {
        return Ok(());
    }
    let removed = lake.store.purge(bucket, &versions).await;
    removed.map_err(|error| write_error(&error))
}

/// Removes everything below a prefix, with all versions.
///
/// # Errors
/// What the store says.
pub async fn purge_all(lake: &Lake, bucket: &str, prefix: &str) -> Result<(), StepError> {
    purge(lake, bucket, versions(lake, bucket, prefix).await?).await
}

/// Does something with each, some at a time.
async fn each<'a, T: Sync>(
    all: &'a [T],
    work: impl AsyncFn(&'a T) -> Result<(), StepError>,
) -> Result<(), StepError> {
    stream::iter(all)
        .map(Ok)
        .try_for_each_concurrent(AT_ONCE, |one| work(one))
        .await
}
