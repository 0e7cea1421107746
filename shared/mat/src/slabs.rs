//! Splits an HDF5 dataset into slabs. The slabs are in storage order, fit into the memory limit, and read each chunk as
//! few times as possible.

use hdf5_reader::{Dataset, SliceInfo, SliceInfoElem};

use crate::error::MatError;
use crate::hdf5_source::mat_error;
use crate::limits::Limits;
use crate::matrix::Request;

/// The target size of a slab, in bytes.
const SLAB_BYTES: u64 = 1 << 20;
/// The maximum number of times that a chunk is decoded. A chunk that contains several leads is decoded once for each
/// lead.
const MAX_DECODES: u64 = 64;

/// An iterator over the slabs of a dataset, in storage order.
pub(crate) struct Slabs {
    shape: Vec<u64>,
    /// The axis that is split. A slab has one index of each axis before it, and the whole of each axis after it.
    axis: usize,
    step: u64,
    /// The first index of the next slab on each axis. Axes after `axis` stay at 0. `None` after the last slab.
    next: Option<Vec<u64>>,
}

impl Slabs {
    pub(crate) fn new(dataset: &Dataset, limits: &Limits, what: Request<'_>) -> Result<Self, MatError> {
        let shape = dataset.shape().to_vec();
        let size = dataset
            .raw_element_size()
            .map_err(|error| mat_error(error, what.name))? as u64;
        let chunk: Vec<u64> = match dataset.chunks() {
            Some(dims) => dims.into_iter().map(u64::from).collect(),
            None => vec![1; shape.len()],
        };
        Self::cut(shape, &chunk, size, limits.max_chunk_bytes as u64).map_err(|found| {
            let expected = format!(
                "chunks of at most {} bytes, each met at most {MAX_DECODES} times",
                limits.max_chunk_bytes
            );
            MatError::limit(what.name, expected, found, None)
        })
    }

    /// Splits at the first axis for which as many rows as a chunk has fit into `max_bytes`.
    fn cut(shape: Vec<u64>, chunk: &[u64], size: u64, max_bytes: u64) -> Result<Self, String> {
        let next = Some(vec![0; shape.len()]);
        if shape.is_empty() {
            return Ok(Self {
                shape,
                axis: 0,
                step: 1,
                next,
            });
        }
        if chunk.len() < shape.len() || chunk.contains(&0) {
            return Err(format!("chunks of {chunk:?}"));
        }
        let mut decodes = 1_u64;
        for axis in 0..shape.len() {
            let row = shape[axis + 1..]
                .iter()
                .fold(size.max(1), |bytes, dim| bytes.saturating_mul((*dim).max(1)));
            let unit = chunk[axis].min(shape[axis].max(1));
            if row.saturating_mul(unit) <= max_bytes {
                let units = (SLAB_BYTES / row.saturating_mul(unit).max(1)).max(1);
                if decodes > MAX_DECODES {
                    return Err(format!("chunks of {chunk:?} in {shape:?}"));
                }
                return Ok(Self {
                    axis,
                    step: unit.saturating_mul(units),
                    shape,
                    next,
                });
            }
            decodes = decodes.saturating_mul(unit);
        }
        Err(format!("chunks of {chunk:?} of {size} bytes each"))
    }
}

impl Iterator for Slabs {
    type Item = SliceInfo;

    fn next(&mut self) -> Option<SliceInfo> {
        let first = self.next.take()?;
        let mut selections = Vec::with_capacity(self.shape.len());
        for (axis, (&start, &len)) in first.iter().zip(&self.shape).enumerate() {
            let (start, end) = match axis.cmp(&self.axis) {
                std::cmp::Ordering::Less => (start, start + 1),
                std::cmp::Ordering::Equal => (start, start.saturating_add(self.step).min(len)),
                std::cmp::Ordering::Greater => (0, len),
            };
            selections.push(SliceInfoElem::Slice { start, end, step: 1 });
        }
        // Advance the split axis. At its end, advance the axis before it, and so on.
        let mut following = first;
        for axis in (0..=self.axis).rev() {
            let (Some(index), Some(len)) = (following.get_mut(axis), self.shape.get(axis)) else {
                break;
            };
            *index = index.saturating_add(if axis == self.axis { self.step } else { 1 });
            if *index < *len {
                self.next = Some(following);
                break;
            }
            *index = 0;
        }
        Some(SliceInfo { selections })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns each slab as a list of (start, end) per axis.
    fn slabs(shape: &[u64], chunk: &[u64], size: u64, max_bytes: u64) -> Vec<Vec<(u64, u64)>> {
        Slabs::cut(shape.to_vec(), chunk, size, max_bytes)
            .unwrap()
            .map(|slab| {
                let range = |selection: &SliceInfoElem| match selection {
                    SliceInfoElem::Slice { start, end, .. } => (*start, *end),
                    SliceInfoElem::Index(index) => (*index, *index),
                };
                slab.selections.iter().map(range).collect()
            })
            .collect()
    }

    #[test]
    fn a_long_dataset_is_cut_along_its_slow_axis() {
        let cut = slabs(&[650_000, 2], &[1000, 2], 2, 8 << 20);
        assert_eq!(cut[0], [(0, 262_000), (0, 2)]);
        assert_eq!(cut.len(), 3);
        assert_eq!(cut[2], [(524_000, 650_000), (0, 2)]);
    }

    #[test]
    fn leads_that_follow_each_other_are_read_one_after_the_other() {
        let cut = slabs(&[2, 10], &[2, 4], 1, 16);
        assert_eq!(cut, [[(0, 1), (0, 10)], [(1, 2), (0, 10)]].map(Vec::from));
    }

    #[test]
    fn chunks_across_many_rows_are_refused() {
        assert!(Slabs::cut(vec![1_000_000, 1_000_000], &[1000, 1000], 8, 8 << 20).is_err());
        assert!(Slabs::cut(vec![10, 10], &[0, 10], 8, 8 << 20).is_err());
    }
}
