//! Signals that lie side by side: the file is a sequence of equal frames, and each frame has some samples of the first
//! signal, some of the second, and so on. That is a WFDB signal file, and with data records as frames an EDF file.

use std::io::{ErrorKind, Read, Seek, SeekFrom};

use ecg_core::Details;

use crate::{FormatError, Sink};

/// Samples that are read at a time. Even, so that a block of 12-bit samples ends with a whole pair.
const BLOCK: u64 = 16_384;

/// How a sample is stored. All are little-endian two's complement but for what the names say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// 8 bits with 128 added.
    Bits8Offset,
    /// 12 bits, two samples in three bytes.
    Bits12,
    Bits16,
    Bits16BigEndian,
    Bits24,
    Bits32,
}

/// Where the samples of a file are.
#[derive(Debug)]
pub(crate) struct Frames {
    /// Byte offset of the first frame.
    pub(crate) first_byte: u64,
    pub(crate) encoding: Encoding,
    /// Whether the lowest value that can be stored means that the sample is missing.
    pub(crate) lowest_is_missing: bool,
    /// Number of frames.
    pub(crate) frames: u64,
    /// The signals in the order in which they lie in a frame.
    pub(crate) slots: Vec<Slot>,
}

/// One signal in a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    /// Its samples in a frame.
    pub(crate) samples: u64,
    /// Frames by which it is stored too late.
    pub(crate) skew: u64,
}

impl Encoding {
    pub(crate) fn bits(self) -> u32 {
        match self {
            Self::Bits8Offset => 8,
            Self::Bits12 => 12,
            Self::Bits16 | Self::Bits16BigEndian => 16,
            Self::Bits24 => 24,
            Self::Bits32 => 32,
        }
    }

    /// Bytes of so many samples; `None` where 64 bits cannot count them.
    pub(crate) fn bytes(self, samples: u64) -> Option<u64> {
        match self {
            // A single sample at the end needs two of the three bytes.
            Self::Bits12 => samples.checked_mul(3).map(|halves| halves.div_ceil(2)),
            _ => samples.checked_mul(u64::from(self.bits() / 8)),
        }
    }

    /// Whole samples in so many bytes.
    pub(crate) fn samples(self, bytes: u64) -> u64 {
        match self {
            Self::Bits12 => bytes / 3 * 2 + u64::from(bytes % 3 == 2),
            _ => bytes / u64::from(self.bits() / 8),
        }
    }

    fn lowest(self) -> f64 {
        -f64::from(1_u32 << (self.bits() - 1))
    }

    fn decode(self, bytes: &[u8], values: &mut Vec<f64>) {
        values.clear();
        match self {
            Self::Bits8Offset => values.extend(bytes.iter().map(|byte| f64::from(*byte) - 128.0)),
            Self::Bits12 => {
                for group in bytes.chunks(3) {
                    if let [low, high, ..] = *group {
                        values.push(twelve(u16::from(low) | u16::from(high & 0x0f) << 8));
                    }
                    if let [_, high, low] = *group {
                        values.push(twelve(u16::from(low) | u16::from(high & 0xf0) << 4));
                    }
                }
            }
            Self::Bits16 => {
                let (pairs, _) = bytes.as_chunks();
                values.extend(pairs.iter().map(|pair| f64::from(i16::from_le_bytes(*pair))));
            }
            Self::Bits16BigEndian => {
                let (pairs, _) = bytes.as_chunks();
                values.extend(pairs.iter().map(|pair| f64::from(i16::from_be_bytes(*pair))));
            }
            Self::Bits24 => {
                let (triples, _) = bytes.as_chunks();
                // In the upper three bytes, so that the shift brings the sign along.
                let number =
                    |[low, middle, high]: &[u8; 3]| i32::from_le_bytes([0, *low, *middle, *high]) >> 8;
                values.extend(triples.iter().map(|triple| f64::from(number(triple))));
            }
            Self::Bits32 => {
                let (fours, _) = bytes.as_chunks();
                values.extend(fours.iter().map(|four| f64::from(i32::from_le_bytes(*four))));
            }
        }
    }
}

/// The number in the lower 12 bits.
fn twelve(bits: u16) -> f64 {
    f64::from((bits << 4).cast_signed() >> 4)
}

/// A lead while it is read.
struct Lead {
    values: Vec<f64>,
    /// Samples that are still to be dropped, because they belong before the first one.
    early: u64,
}

impl Frames {
    /// Samples of all signals in a frame; `None` where 64 bits cannot count them.
    pub(crate) fn samples_per_frame(slots: &[Slot]) -> Option<u64> {
        slots
            .iter()
            .try_fold(0_u64, |sum, slot| sum.checked_add(slot.samples))
    }

    /// Bytes of all frames; `None` where 64 bits cannot count them.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let samples = Self::samples_per_frame(&self.slots)?.checked_mul(self.frames)?;
        self.encoding.bytes(samples)
    }

    /// Streams the signals that lie in these slots, which are different ones: lead 0 is the first of them. Every lead gets
    /// as many samples as it has, and what a skew moves behind the end of the file is missing.
    pub(crate) fn stream(
        &self,
        source: &mut (impl Read + Seek),
        slots: &[usize],
        sink: Sink<'_>,
    ) -> Result<(), FormatError> {
        source
            .seek(SeekFrom::Start(self.first_byte))
            .map_err(FormatError::Io)?;
        let late = |slot: &Slot| slot.samples.saturating_mul(slot.skew);
        let mut lead_of = vec![None; self.slots.len()];
        let mut leads = Vec::new();
        for (lead, slot) in slots.iter().enumerate() {
            lead_of[*slot] = Some(lead);
            leads.push(Lead {
                values: Vec::new(),
                early: late(&self.slots[*slot]),
            });
        }
        let per_frame = Self::samples_per_frame(&self.slots).unwrap_or(u64::MAX);
        let mut left = per_frame.saturating_mul(self.frames);
        let mut bytes = Vec::new();
        let mut values = Vec::new();
        let mut offset = self.first_byte;
        let (mut slot, mut left_in_slot) = (0, self.slots.first().map_or(0, |slot| slot.samples));
        while left > 0 {
            let count = left.min(BLOCK);
            left -= count;
            bytes.resize(self.encoding.bytes(count).unwrap_or(0) as usize, 0);
            read_exact(source, &mut bytes, "samples", offset)?;
            offset += bytes.len() as u64;
            self.encoding.decode(&bytes, &mut values);
            if self.lowest_is_missing {
                let lowest = self.encoding.lowest();
                for value in values.iter_mut().filter(|value| **value == lowest) {
                    *value = f64::NAN;
                }
            }

            let mut rest = values.as_slice();
            while !rest.is_empty() {
                while left_in_slot == 0 {
                    slot = (slot + 1) % self.slots.len();
                    left_in_slot = self.slots[slot].samples;
                }
                let (run, others) = rest.split_at((rest.len() as u64).min(left_in_slot) as usize);
                if let Some(lead) = lead_of[slot] {
                    let Lead { values, early } = &mut leads[lead];
                    let dropped = (run.len() as u64).min(*early);
                    *early -= dropped;
                    values.extend(&run[dropped as usize..]);
                }
                left_in_slot -= run.len() as u64;
                rest = others;
            }
            for (number, lead) in leads.iter_mut().enumerate() {
                if !lead.values.is_empty() && sink(number, &lead.values).is_break() {
                    return Ok(());
                }
                lead.values.clear();
                // A lead may fill a whole block, and there may be many: together they keep one.
                lead.values.shrink_to(BLOCK as usize / slots.len());
            }
        }
        for (number, slot) in slots.iter().enumerate() {
            let mut missing = late(&self.slots[*slot]);
            while missing > 0 {
                let count = missing.min(BLOCK);
                missing -= count;
                values.clear();
                values.resize(count as usize, f64::NAN);
                if sink(number, &values).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Length of the source in bytes.
pub(crate) fn length(source: &mut impl Seek) -> Result<u64, FormatError> {
    source.seek(SeekFrom::End(0)).map_err(FormatError::Io)
}

/// Fills `bytes` from where the source stands, which is `offset`. `what` names what is read.
pub(crate) fn read_exact(
    source: &mut impl Read,
    bytes: &mut [u8],
    what: &str,
    offset: u64,
) -> Result<(), FormatError> {
    source.read_exact(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => truncated(
            what,
            format!("{} more bytes", bytes.len()),
            "the end of the file",
            offset,
        ),
        _ => FormatError::Io(error),
    })
}

/// The end of the file is missing.
pub(crate) fn truncated(
    what: &str,
    expected: impl Into<String>,
    found: impl Into<String>,
    offset: u64,
) -> FormatError {
    let details = Details::new(format!("truncated {what}"), expected, found);
    FormatError::Rejected(details.at(Some(offset)))
}
