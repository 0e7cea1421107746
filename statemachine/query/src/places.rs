//! The objects of the tables where the catalog has them, under the names `<table>/dt=<day>/<object>`.
//!
//! A partition is in the small objects of its recordings or, once it was compacted, elsewhere. Here it always has the same
//! place, so that DataFusion finds the day in the path. Nothing can be written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::common::DataFusionError;
use ecg_store::{Catalog, CatalogError, LocalCatalog, TableName};
use ecg_tables::{DATABASE, PARTITION, TABLES};
use futures::future::ready;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// A day was moved while it was listed.
#[derive(Debug, thiserror::Error)]
#[error("the rows of {0} were moved while the query began; run it again")]
pub(super) struct Moved(String);

/// The files of a lake, and where each partition is.
#[derive(Debug)]
pub struct Places {
    files: LocalFileSystem,
    catalog: Arc<LocalCatalog>,
    /// The folder below the tables' folder, by `<table>/dt=<day>`.
    partitions: BTreeMap<String, String>,
    /// Where the small objects of some recordings only are to be seen.
    recordings: Option<Arc<BTreeSet<String>>>,
}

impl Places {
    /// The partitions that the catalog of a lake has now.
    pub async fn open(lake: &Path) -> Result<Places, DataFusionError> {
        let failed = |error: CatalogError| DataFusionError::External(Box::new(error));
        let processed = lake.join("processed");
        let mut partitions = BTreeMap::new();
        let catalog = Arc::new(LocalCatalog::at(lake.join("catalog")));
        if processed.is_dir() {
            for table in TABLES {
                let found = match catalog.partitions(&TableName::new(DATABASE, table.name)).await {
                    Ok(found) => found,
                    Err(CatalogError::NotFound { .. }) => continue,
                    Err(error) => return Err(failed(error)),
                };
                for partition in found {
                    let place = partition
                        .location
                        .strip_prefix("s3://processed/")
                        .map(|place| place.trim_end_matches('/'));
                    if let (Some(place), [day]) = (place, partition.values.as_slice()) {
                        partitions.insert(format!("{}/{PARTITION}={day}", table.name), place.to_owned());
                    }
                }
            }
        }
        let files = match processed.is_dir() {
            true => LocalFileSystem::new_with_prefix(processed)?,
            false => LocalFileSystem::new(),
        };
        Ok(Places {
            files,
            catalog,
            partitions,
            recordings: None,
        })
    }

    /// Only the days of these recordings, and of the small objects there only theirs.
    pub(crate) fn of_recordings(mut self, only: &[(&str, &str)]) -> Places {
        let days: BTreeSet<String> = only.iter().map(|(day, _)| format!("{PARTITION}={day}")).collect();
        self.partitions.retain(|partition, _| {
            partition
                .split_once('/')
                .is_some_and(|(_, day)| days.contains(day))
        });
        let ids = only.iter().map(|(_, id)| (*id).to_owned());
        self.recordings = Some(Arc::new(ids.collect()));
        self
    }

    /// The partitions of a table: each day with its folder below that of the tables.
    pub fn of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.partitions.iter().filter_map(move |(name, place)| {
            let day = name
                .strip_prefix(table)?
                .strip_prefix('/')?
                .strip_prefix(PARTITION)?
                .strip_prefix('=')?;
            Some((day, place.as_str()))
        })
    }

    /// Nothing, or an error where a partition was moved since: an erasure removes large objects once it has moved the partition away from
    /// them, and then the listing may be of a part of them.
    fn still_there(&self, partition: &str, place: &str) -> BoxStream<'static, Result<ObjectMeta>> {
        let (table, day) = partition.split_once('/').unwrap_or_default();
        let name = TableName::new(DATABASE, table);
        let day = day
            .trim_start_matches(PARTITION)
            .trim_start_matches('=')
            .to_owned();
        let (catalog, place) = (self.catalog.clone(), place.to_owned());
        let check = async move {
            let found = catalog
                .partition_location(&name, std::slice::from_ref(&day))
                .await;
            let found = found.ok().flatten().unwrap_or_default();
            let found = found.strip_prefix("s3://processed/").unwrap_or_default();
            match found.trim_end_matches('/') == place {
                true => None,
                false => Some(Err(Error::Generic {
                    store: "lake",
                    source: Box::new(Moved(day)),
                })),
            }
        };
        stream::once(check).filter_map(std::future::ready).boxed()
    }

    fn place(&self, key: &Key) -> Result<Key> {
        let (partition, object) = key.as_ref().rsplit_once('/').unwrap_or_default();
        match self.partitions.get(partition) {
            Some(place) => Ok(Key::from(format!("{place}/{object}"))),
            None => Err(Error::NotFound {
                path: key.to_string(),
                source: "no such partition".into(),
            }),
        }
    }
}

impl fmt::Display for Places {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Places({})", self.files)
    }
}

#[async_trait]
impl ObjectStore for Places {
    async fn get_opts(&self, key: &Key, options: GetOptions) -> Result<GetResult> {
        let mut found = self.files.get_opts(&self.place(key)?, options).await?;
        found.meta.location = key.clone();
        Ok(found)
    }

    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<ObjectMeta>> {
        let below = |partition: &str| {
            prefix.is_none_or(|prefix| {
                let rest = partition.strip_prefix(prefix.as_ref());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        let chosen = self.partitions.iter().filter(|(partition, _)| below(partition));
        let listed: Vec<_> = chosen
            .map(|(partition, place)| {
                let recordings = self.recordings.clone();
                let (partition, moved) = (partition.clone(), partition.clone());
                // The small objects are where the partition is called so.
                let small = *place == partition;
                self.files
                    .list(Some(&Key::from(place.as_str())))
                    .try_filter(move |object| {
                        let only = recordings.as_ref().filter(|_| small);
                        let name = object
                            .location
                            .filename()
                            .and_then(|name| name.strip_suffix(".parquet"));
                        ready(only.is_none_or(|only| name.is_some_and(|name| only.contains(name))))
                    })
                    .map_ok(move |mut object| {
                        let name = object.location.filename().unwrap_or_default();
                        object.location = Key::from(format!("{partition}/{name}"));
                        object
                    })
                    .chain(self.still_there(&moved, place))
                    .boxed()
            })
            .collect();
        stream::iter(listed).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> Result<ListResult> {
        let depth = prefix.map_or(0, |prefix| prefix.parts().count());
        let mut found = ListResult {
            common_prefixes: Vec::new(),
            objects: Vec::new(),
        };
        for object in self.list(prefix).try_collect::<Vec<_>>().await? {
            if object.location.parts().count() == depth + 1 {
                found.objects.push(object);
            } else {
                found
                    .common_prefixes
                    .push(object.location.parts().take(depth + 1).collect());
            }
        }
        found.common_prefixes.dedup();
        Ok(found)
    }

    async fn put_opts(&self, _: &Key, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(Error::NotImplemented {
            operation: "put".to_owned(),
            implementer: self.to_string(),
        })
    }

    async fn put_multipart_opts(&self, _: &Key, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented {
            operation: "put".to_owned(),
            implementer: self.to_string(),
        })
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Key>>) -> BoxStream<'static, Result<Key>> {
        let refused = Error::NotImplemented {
            operation: "delete".to_owned(),
            implementer: self.to_string(),
        };
        drop(keys);
        stream::once(async { Err(refused) }).boxed()
    }

    async fn copy_opts(&self, _: &Key, _: &Key, _: CopyOptions) -> Result<()> {
        Err(Error::NotImplemented {
            operation: "copy".to_owned(),
            implementer: self.to_string(),
        })
    }
}
