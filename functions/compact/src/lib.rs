//! Compaction: the small objects of a day, one for each recording and table, become few large ones, and the partitions of the
//! catalog move to these. `statemachine/compact.asl.json` calls it task by task. `docs/adr/0025-compaction.md` says why a
//! reader gets the right rows at every moment; what a day is at is in [`ecg_lake::Day`].
//!
//! A slice is a part of a table's rows in the order of their names, and becomes one object. The rows of a name (a recording, or
//! in `rejections` an execution) are in one slice only, and keep their order.

mod merge;
mod source;

use ecg_core::{StepError, day, layout};
use ecg_lake::{Begun, Generation, Lake, Waits, catalog_error, step_error, write_error};
use ecg_store::CatalogError;
use ecg_tables::{ErasedBy, RECORDINGS, REJECTIONS, TABLES, Table};
use serde::{Deserialize, Serialize};

/// Most small objects of a slice.
const SLICE_OBJECTS: usize = 16_384;

/// What is read for a slice, in bytes: one more object may go above.
const SLICE_BYTES: u64 = 256 << 20;

/// Small objects that one call of the task `divide` lists, and those of one more table: a thousand take some 0.1 s.
const DIVIDED: usize = 1_000_000;

/// Most days that one execution compacts, the oldest first.
const DAYS: usize = 100;

/// Largest plan, and list of the objects of a slice, in bytes.
const PLAN_BYTES_MAX: u64 = 64 << 20;

/// Most objects that one call of the task `clean` removes.
const REMOVED: usize = 400_000;

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Request {
    /// Finds the days that need something.
    Days {
        /// Only this one, whether it is closed or not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        day: Option<String>,
        /// A day is closed so many hours after its end. -24: today as well.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after_hours: Option<i32>,
    },
    /// Begins a generation of a day.
    Begin {
        /// The day, `YYYY-MM-DD`.
        day: String,
        /// Name of the execution.
        execution: String,
    },
    /// Divides the next tables of the day into slices: to list millions of objects takes minutes.
    Divide {
        /// The day.
        day: String,
        /// The generation.
        generation: u32,
    },
    /// Makes the object of a slice.
    Merge {
        /// The day.
        day: String,
        /// The generation.
        generation: u32,
        /// The slice, from 0.
        slice: u32,
    },
    /// Moves the partitions to the generation.
    Move {
        /// The day.
        day: String,
        /// The generation.
        generation: u32,
        /// Name of the execution.
        execution: String,
    },
    /// Gives up a generation that could not be made.
    GiveUp {
        /// The day.
        day: String,
        /// The generation.
        generation: u32,
        /// Name of the execution.
        execution: String,
    },
    /// Removes what no query needs any more.
    Clean {
        /// The day.
        day: String,
    },
}

/// The answer to a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// To `days`.
    Days {
        /// Days that need something, the oldest first.
        days: Vec<String>,
    },
    /// To `begin` and `divide`: a generation, and how many slices it has so far. To nothing to be done: generation 0.
    Begun {
        /// The generation.
        generation: u32,
        /// Its slices.
        slices: u32,
        /// Whether there are tables that are not divided yet.
        more: bool,
        /// Why there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        busy: Option<String>,
    },
    /// To `merge`.
    Merged {
        /// Small objects whose rows are in the slice.
        objects: u64,
        /// Rows.
        rows: u64,
        /// Size of the object.
        bytes: u64,
    },
    /// To `move`: whether the generation is read now. Otherwise the small objects have changed meanwhile.
    Moved {
        /// Whether it is read.
        moved: bool,
    },
    /// To `clean` and `give_up`.
    More {
        /// Whether there is more to remove.
        more: bool,
    },
}

#[cfg(feature = "lambda")]
impl ecg_lambda::Counts for Answer {}

/// What begin leaves for the tasks after it: `compact/<day>/<generation>/plan.json` in the work bucket.
#[derive(Debug, Serialize, Deserialize)]
struct Plan {
    generation: Generation,
    /// Tables that are divided.
    tables: usize,
    /// The objects of the generation.
    slices: Vec<String>,
}

/// A slice: `compact/<day>/<generation>/<slice>.json` in the work bucket.
#[derive(Debug, Serialize, Deserialize)]
struct Slice {
    table: String,
    /// The object of the generation before whose rows it takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    /// Names and sizes of the small objects, sorted by name.
    objects: Vec<(String, u64)>,
    /// Size of all that is read for it.
    bytes: u64,
}

impl Slice {
    fn new(table: &Table, base: Option<String>, bytes: u64) -> Slice {
        Slice {
            table: table.name.to_owned(),
            base,
            objects: Vec::new(),
            bytes,
        }
    }

    fn push(&mut self, object: (String, u64)) {
        self.bytes += object.1;
        self.objects.push(object);
    }

    fn is_full(&self) -> bool {
        self.objects.len() >= SLICE_OBJECTS || self.bytes >= SLICE_BYTES
    }
}

/// Does a task. `now_ms` is the time in milliseconds since 1970-01-01 UTC.
///
/// # Errors
/// `Throttled` where it has to wait for another compaction, `Internal` if an object is not what it should be, else what the store
/// or the catalog says.
pub async fn run(lake: &Lake, waits: &Waits, now_ms: i64, request: Request) -> Result<Answer, StepError> {
    match request {
        Request::Days { day: Some(day), .. } => Ok(Answer::Days { days: vec![day] }),
        Request::Days {
            day: None,
            after_hours,
        } => {
            let days = days(lake, waits, now_ms, after_hours.unwrap_or(0)).await?;
            Ok(Answer::Days { days })
        }
        Request::Begin { day, execution } => begin(lake, waits, now_ms, &day, &execution).await,
        Request::Divide { day, generation } => divide(lake, &day, generation).await,
        Request::Merge {
            day,
            generation,
            slice,
        } => {
            let plan = plan(lake, &day, generation).await?;
            let target = plan.slices.get(slice as usize);
            let target =
                target.ok_or_else(|| StepError::Internal(format!("{day}: there is no slice {slice}")))?;
            let slice: Slice = lake
                .read_long_json(&slice_key(&day, generation, slice), PLAN_BYTES_MAX)
                .await?;
            merge::run(lake, &day, &plan.generation, &slice, target).await
        }
        Request::Move {
            day,
            generation,
            execution,
        } => {
            let plan = plan(lake, &day, generation).await?;
            for slice in &plan.slices {
                let location = lake.processed(slice);
                let found = lake.store.head(&location).await;
                found.map_err(|error| lake.error_at(&location, &error))?;
            }
            let moved = lake
                .day(&day)
                .move_to(&plan.generation, &execution, now_ms, waits)
                .await?;
            Ok(Answer::Moved { moved })
        }
        Request::GiveUp {
            day,
            generation,
            execution,
        } => {
            lake.day(&day).give_up(generation, &execution, now_ms).await?;
            Ok(Answer::More { more: false })
        }
        Request::Clean { day } => {
            let prefix = format!("compact/{day}/");
            let plans = lake.store.list(&lake.work, &prefix).await;
            // A compaction that is at work needs its own.
            let at_work = match lake.day(&day).read().await? {
                Some((register, _)) if register.phase.is_at_work() => register.generation,
                _ => u32::MAX,
            };
            let over = |key: &str| {
                let number = key.strip_prefix(&prefix)?.split('/').next()?;
                Some(number.parse::<u32>().ok()? < at_work)
            };
            for plan in plans.map_err(|error| step_error(&error))? {
                if over(&plan.key) == Some(false) {
                    continue;
                }
                let removed = lake.store.delete(&lake.work(&plan.key)).await;
                removed.map_err(|error| write_error(&error))?;
            }
            let more = lake.day(&day).clean(now_ms, waits, REMOVED).await?;
            Ok(Answer::More { more })
        }
    }
}

/// The closed days that need something.
async fn days(lake: &Lake, waits: &Waits, now_ms: i64, after_hours: i32) -> Result<Vec<String>, StepError> {
    let catalog = lake.catalog()?;
    let open_from = day::utc_day(now_ms - i64::from(after_hours) * 3_600_000);
    let mut days = Vec::new();
    for table in [&RECORDINGS, &REJECTIONS] {
        match catalog.partitions(&lake.table_spec(table).table()).await {
            Ok(found) => days.extend(found.into_iter().flat_map(|partition| partition.values)),
            Err(CatalogError::NotFound { .. }) => {}
            Err(error) => return Err(catalog_error(&error)),
        }
    }
    days.sort();
    days.dedup();
    let mut needy = Vec::new();
    for day in days {
        let closed = open_from.as_ref().is_some_and(|open| day < *open);
        if closed && needy.len() < DAYS && lake.day(&day).needs_compaction(now_ms, waits).await? {
            needy.push(day);
        }
    }
    Ok(needy)
}

async fn begin(
    lake: &Lake,
    waits: &Waits,
    now_ms: i64,
    day: &str,
    execution: &str,
) -> Result<Answer, StepError> {
    let nothing = |busy| Answer::Begun {
        generation: 0,
        slices: 0,
        more: false,
        busy,
    };
    let generation = match lake.day(day).begin(execution, now_ms, waits).await? {
        Begun::Generation(generation) => generation,
        Begun::Nothing => return Ok(nothing(None)),
        Begun::Busy(by) => return Ok(nothing(Some(by))),
    };
    let number = generation.number;
    let plan = Plan {
        generation,
        tables: 0,
        slices: Vec::new(),
    };
    if let Err(error) = lake.write_json(&plan_key(day, number), &plan).await {
        // Else the day would wait for an execution that does not go on.
        lake.day(day).give_up(number, execution, now_ms).await?;
        return Err(error);
    }
    Ok(plan.answer())
}

/// Divides the next tables. It can be repeated: the plan says where it was.
async fn divide(lake: &Lake, day: &str, generation: u32) -> Result<Answer, StepError> {
    let mut plan = plan(lake, day, generation).await?;
    let mut objects = 0;
    while let Some(table) = TABLES.get(plan.tables).filter(|_| objects < DIVIDED) {
        let prefix = layout::generation_prefix(table.name, day, generation);
        let slices = slices(lake, day, table, &plan.generation).await?;
        for (within, slice) in slices.iter().enumerate() {
            let key = slice_key(day, generation, plan.slices.len() as u32);
            lake.write_json(&key, slice).await?;
            plan.slices.push(format!("{prefix}{within:05}.parquet"));
            objects += slice.objects.len();
        }
        plan.tables += 1;
    }
    lake.write_json(&plan_key(day, generation), &plan).await?;
    Ok(plan.answer())
}

impl Plan {
    fn answer(&self) -> Answer {
        Answer::Begun {
            generation: self.generation.number,
            slices: self.slices.len() as u32,
            more: self.tables < TABLES.len(),
            busy: None,
        }
    }
}

/// Divides the rows of a table.
async fn slices(
    lake: &Lake,
    day: &str,
    table: &'static Table,
    generation: &Generation,
) -> Result<Vec<Slice>, StepError> {
    let listed = lake.day(day).small_objects(table).await?;
    let prefix = layout::partition_prefix(table.name, day);
    let name = |key: &str| Some(key.strip_prefix(&prefix)?.strip_suffix(".parquet")?.to_owned());
    let mut objects: Vec<(String, u64)> = listed
        .iter()
        .filter_map(|object| Some((name(&object.key)?, object.size)))
        .collect();
    // By name and not by key: `a-1.parquet` is before `a.parquet`.
    objects.sort();
    let mut objects = objects.into_iter().peekable();
    let mut slices = Vec::new();
    for (base, size, last) in bases(lake, day, table, generation).await? {
        let mut slice = Slice::new(table, Some(base), size);
        while let Some(object) = objects.next_if(|(name, _)| *name <= last) {
            slice.push(object);
        }
        slices.push(slice);
    }
    for object in objects {
        match slices.last_mut().filter(|slice| !slice.is_full()) {
            Some(slice) => slice.push(object),
            None => {
                let mut slice = Slice::new(table, None, 0);
                slice.push(object);
                slices.push(slice);
            }
        }
    }
    Ok(slices)
}

/// The objects of the generation whose rows are taken over, each with its size and the last name in it.
async fn bases(
    lake: &Lake,
    day: &str,
    table: &'static Table,
    generation: &Generation,
) -> Result<Vec<(String, u64, String)>, StepError> {
    let Some(base) = generation.base else {
        return Ok(Vec::new());
    };
    let prefix = layout::generation_prefix(table.name, day, base);
    let listed = lake.store.list(&lake.processed, &prefix).await;
    let mut bases = Vec::new();
    for object in listed.map_err(|error| step_error(&error))? {
        let names = merge::names_in(lake, table, &lake.processed(&object.key)).await?;
        if let Some((last, _)) = names.last() {
            bases.push((object.key, object.size, last.clone()));
        }
    }
    Ok(bases)
}

/// The column by which the small objects of a table are named.
fn name_column(table: &Table) -> &'static str {
    match table.erased_by {
        ErasedBy::Execution => "execution",
        ErasedBy::Recording => "recording_id",
    }
}

async fn plan(lake: &Lake, day: &str, generation: u32) -> Result<Plan, StepError> {
    lake.read_long_json(&plan_key(day, generation), PLAN_BYTES_MAX)
        .await
}

fn plan_key(day: &str, generation: u32) -> String {
    format!("compact/{day}/{generation:06}/plan.json")
}

fn slice_key(day: &str, generation: u32, slice: u32) -> String {
    format!("compact/{day}/{generation:06}/{slice:05}.json")
}
