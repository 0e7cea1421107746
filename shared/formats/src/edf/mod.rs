//! EDF, EDF+, BDF and BDF+ files.
//!
//! Sources: Kemp et al., *A simple format for exchange of digitized polygraphic recordings*, Electroencephalography and
//! Clinical Neurophysiology 82, 1992; Kemp and Olivan, *European data format 'plus' (EDF+)*, Clinical Neurophysiology 114,
//! 2003; BioSemi's description of BDF, which is EDF with 24 bits.
//!
//! The annotation signals of EDF+ and BDF+ are passed over. Refused are discontinuous files (EDF+D, BDF+D): their records
//! have gaps between them, and samples here have none.

mod header;

use std::io::{Read, Seek, SeekFrom};

use ecg_core::{Details, counted};

use crate::frames::{Frames, Slot, length, read_exact, truncated};
use crate::leads::{self, Choice, Unnamed};
use crate::{FormatError, Named, Origin, Refused, SignalInfo, Sink};
use header::{FIRST_PART, Header};

pub use header::Kind;

/// An open EDF or BDF file.
///
/// ```no_run
/// use ecg_formats::Named;
/// use ecg_formats::edf::EdfFile;
/// use std::ops::ControlFlow;
///
/// let mut file = EdfFile::open(std::fs::File::open("night.edf")?)?;
/// let choice = file.choose(&Named::default()).map_err(|refused| refused.details.to_string())?;
/// for signal in &choice.left_out {
///     println!("{} is left out: {}", signal.name, signal.reason);
/// }
/// file.stream(&choice.leads, &mut |lead, samples| {
///     println!("{} samples of lead {lead}", samples.len());
///     ControlFlow::Continue(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct EdfFile<R> {
    source: R,
    kind: Kind,
    signals: Vec<SignalInfo>,
    /// What is wrong with those of the signals whose scale cannot be read, by their places.
    without_scale: Vec<(usize, Details)>,
    /// Where each of the signals lies in a record.
    slots: Vec<usize>,
    frames: Frames,
    /// The fields that say who was recorded, with what and when.
    origin: [String; 4],
}

impl<R: Read + Seek> EdfFile<R> {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// It is none of these formats, contradicts itself, is discontinuous, or is shorter or longer than its header says.
    pub fn open(mut source: R) -> Result<Self, FormatError> {
        let length = length(&mut source)?;
        source.seek(SeekFrom::Start(0)).map_err(FormatError::Io)?;
        let mut first = [0; FIRST_PART];
        if length < FIRST_PART as u64 {
            let mut begin = vec![0; length as usize];
            read_exact(&mut source, &mut begin, "file", 0)?;
            Kind::of(&begin)?;
            let expected = format!("{FIRST_PART} bytes");
            return Err(truncated("header", expected, length.to_string(), 0));
        }
        read_exact(&mut source, &mut first, "header", 0)?;
        let start = header::Start::parse(&first)?;
        // As many as the header says, which is held to a limit first.
        let mut rest = vec![0; start.signals * FIRST_PART];
        let needed = (FIRST_PART + rest.len()) as u64;
        if length < needed {
            let expected = format!(
                "{needed} bytes for {}",
                counted(start.signals as u64, "signal", "signals")
            );
            return Err(truncated("header", expected, length.to_string(), 0));
        }
        read_exact(&mut source, &mut rest, "header", FIRST_PART as u64)?;
        let header = Header::parse(start, &rest)?;

        let slots = header.signals.iter().map(|signal| Slot {
            samples: signal.samples_per_record,
            skew: 0,
        });
        let mut frames = Frames {
            first_byte: needed,
            encoding: header.kind.encoding(),
            lowest_is_missing: false,
            frames: 1,
            slots: slots.collect(),
        };
        let record = frames.bytes().unwrap_or(u64::MAX);
        let found = length - needed;
        let expected = match header.records {
            Some(records) => {
                frames.frames = records;
                let bytes = record.checked_mul(records);
                let bytes = bytes.map_or("more bytes than 64 bits can count".to_owned(), |bytes| {
                    format!("{bytes} bytes")
                });
                format!("{bytes} for {records} data records of {record} bytes")
            }
            None => {
                frames.frames = found / record;
                format!("whole data records of {record} bytes (the header does not say how many)")
            }
        };
        let bytes = record.saturating_mul(frames.frames);
        if found < bytes || (header.records.is_none() && found > bytes) {
            return Err(truncated("file", expected, found.to_string(), needed));
        }
        if found > bytes {
            let details = Details::new("file", expected, found.to_string());
            return Err(details.at(Some(needed)).into());
        }

        let read: Vec<usize> = (0..header.signals.len())
            .filter(|index| !header.signals[*index].annotations)
            .collect();
        let mut without_scale = Vec::new();
        let signals = read.iter().enumerate().map(|(place, index)| {
            let signal = &header.signals[*index];
            let (gain, baseline) = signal.scale.clone().unwrap_or_else(|details| {
                without_scale.push((place, details));
                (1.0, 0.0)
            });
            SignalInfo {
                name: signal.label.clone(),
                // No overflow: there are as many in the file.
                samples: frames.frames * signal.samples_per_record,
                sampling_frequency_hz: signal.samples_per_record as f64 / header.record_duration_s,
                bits: frames.encoding.bits(),
                gain,
                baseline,
                units: signal.units.clone(),
            }
        });
        Ok(Self {
            source,
            kind: header.kind,
            signals: signals.collect(),
            without_scale,
            slots: read,
            frames,
            origin: header.origin,
        })
    }

    /// Which of the formats it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The signals in the order of the file, without annotations.
    pub fn signals(&self) -> &[SignalInfo] {
        &self.signals
    }

    /// Adds who was recorded, with what and when, as far as the header says it in a form that can be read: EDF+ and BDF+ have one,
    /// of EDF and BDF only the start.
    pub fn say_origin(&self, origin: &mut Origin) {
        let plus = matches!(self.kind, Kind::EdfPlus | Kind::BdfPlus);
        origin.say_edf(plus, self.origin.each_ref().map(String::as_str));
    }

    /// Chooses the leads: the signals that are named. Without names, those of voltage that are named as an ECG or its leads;
    /// else the numbered channels; else the only voltage that is not named as something else. They have one sampling
    /// frequency.
    ///
    /// # Errors
    /// There are none, several could be meant, or those that were named are not there; or the scale of one cannot be read.
    pub fn choose(&self, named: &Named<'_>) -> Result<Choice, Refused> {
        let choice = leads::choose(&self.signals, named, Unnamed::OnlyAlone)?;
        let wrong = self
            .without_scale
            .iter()
            .find(|(place, _)| choice.leads.contains(place));
        match wrong {
            Some((_, details)) => Err(details.clone().into()),
            None => Ok(choice),
        }
    }

    /// Streams these signals (different ones; lead 0 is the first) as they lie in the file, in blocks of bounded size. If
    /// the sink never breaks and the result is `Ok`, each lead got all its samples.
    ///
    /// # Errors
    /// The file could not be read, or is shorter than when it was opened.
    pub fn stream(&mut self, leads: &[usize], sink: Sink<'_>) -> Result<(), FormatError> {
        let slots: Vec<usize> = leads.iter().map(|lead| self.slots[*lead]).collect();
        self.frames.stream(&mut self.source, &slots, sink)
    }
}
