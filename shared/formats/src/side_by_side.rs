//! WFDB and EDF files as recordings: signals side by side, each with its own calibration.

use std::io::Read;
use std::ops::ControlFlow;

use ecg_core::Details;
use ecg_core::settings::Settings;
use ecg_mat::SNIFF_BYTES;

use crate::edf::{EdfFile, Kind};
use crate::wfdb::{Header, WfdbFile};
use crate::{
    Bytes, Checks, Choice, Content, FormatError, Layout, Named, Origin, Part, Refused, SampleClass,
    SignalFile, SignalInfo, Signals, Sink, Values, first_and_further, names_of,
};

/// An open file.
pub(crate) struct SideBySide {
    file: File,
    contents: Vec<Content>,
}

enum File {
    /// With the text of the header that it is read by.
    Wfdb(WfdbFile<Box<dyn Bytes>>, String),
    Edf(EdfFile<Box<dyn Bytes>>),
}

impl SideBySide {
    /// Opens the WFDB signal file of this name with the text of the header of its record.
    pub(crate) fn wfdb(
        mut bytes: Box<dyn Bytes>,
        name: &str,
        header: Option<&str>,
    ) -> Result<Self, FormatError> {
        let Some(text) = header else {
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            if let Some((format, ending)) = another_format(&mut bytes)? {
                let expected = format!("WFDB signals, because of the name `{name}`");
                let found = format!("{format}; name it `{stem}.{ending}`");
                return Err(Details::new("file", expected, found).into());
            }
            let expected = format!("`{stem}.hea` beside `{name}`, which says how the samples lie in it");
            return Err(Details::new("header (.hea)", expected, "none").into());
        };
        let file = WfdbFile::open(bytes, &Header::parse(text)?, name)?;
        Ok(Self::new(File::Wfdb(file, text.to_owned())))
    }

    /// Opens an EDF or BDF file.
    pub(crate) fn edf(bytes: Box<dyn Bytes>) -> Result<Self, FormatError> {
        Ok(Self::new(File::Edf(EdfFile::open(bytes)?)))
    }

    fn new(file: File) -> Self {
        let contents = signals(&file).iter().map(|signal| {
            let class = class(signal);
            Content {
                name: signal.name.clone(),
                class: class.name().to_owned(),
                numbers: Some(class),
                dims: vec![1, signal.samples],
                complex: false,
                compressed: false,
                offset: 0,
            }
        });
        Self {
            contents: contents.collect(),
            file,
        }
    }

    fn stream_of(&mut self, indices: &[usize], sink: Sink<'_>) -> Result<(), FormatError> {
        match &mut self.file {
            File::Wfdb(file, _) => file.stream(indices, sink),
            File::Edf(file) => file.stream(indices, sink),
        }
    }
}

/// The format of a file that has the name of a WFDB file and tells by itself what it is, and the ending for its name.
fn another_format(bytes: &mut dyn Bytes) -> Result<Option<(String, &'static str)>, FormatError> {
    let mut begin = Vec::new();
    bytes
        .take(SNIFF_BYTES as u64)
        .read_to_end(&mut begin)
        .map_err(FormatError::Io)?;
    Ok(match (ecg_mat::sniff(&begin), Kind::of(&begin)) {
        (Some(format), _) => Some((format.to_string(), "mat")),
        (None, Ok(kind)) => Some((kind.to_string(), "edf")),
        (None, Err(_)) => None,
    })
}

fn signals(file: &File) -> &[SignalInfo] {
    match file {
        File::Wfdb(file, _) => file.signals(),
        File::Edf(file) => file.signals(),
    }
}

/// The class of the samples.
fn class(signal: &SignalInfo) -> SampleClass {
    match signal.bits {
        8 => SampleClass::Int8,
        12 => SampleClass::Int12,
        16 => SampleClass::Int16,
        24 => SampleClass::Int24,
        _ => SampleClass::Int32,
    }
}

impl SignalFile for SideBySide {
    fn format(&self) -> String {
        match &self.file {
            File::Wfdb(file, _) => format!("WFDB format {}", file.format()),
            File::Edf(file) => file.kind().to_string(),
        }
    }

    fn contents(&self) -> &[Content] {
        &self.contents
    }

    fn choose(&self, named: &Named<'_>, checks: &mut Checks) -> Result<Signals, Refused> {
        let choice = match &self.file {
            File::Wfdb(file, _) => file.choose(named),
            File::Edf(file) => file.choose(named),
        };
        let Choice { leads, left_out } = checks.choice("signals", "those of an ECG", choice, |choice| {
            names_of(&self.contents, &choice.leads)
        })?;
        let (variable, further_variables) = first_and_further(&self.contents, &leads);
        let first = &signals(&self.file)[variable.index];
        Ok(Signals {
            format: self.format(),
            variable: variable.name,
            variable_index: variable.index,
            leads: further_variables.len() as u64 + 1,
            further_variables,
            class: class(first),
            layout: Layout::LeadPerVariable,
            samples: first.samples,
            left_out,
            header: match &self.file {
                File::Wfdb(_, text) => Some(text.clone()),
                File::Edf(_) => None,
            },
        })
    }

    fn settings(&mut self, chosen: &Signals, _: &Settings) -> Result<Settings, FormatError> {
        let all = signals(&self.file);
        let leads: Vec<&SignalInfo> = chosen.variables().map(|(_, index)| &all[index]).collect();
        Ok(Settings {
            sampling_frequency_hz: leads.first().map(|lead| lead.sampling_frequency_hz),
            gain: leads.iter().map(|lead| lead.gain).collect(),
            baseline: leads.iter().map(|lead| lead.baseline).collect(),
            units: leads.iter().map(|lead| lead.units.clone()).collect(),
            leads: leads.iter().map(|lead| lead.name.clone()).collect(),
            variables: Vec::new(),
        })
    }

    fn settings_source(&self) -> &'static str {
        "header"
    }

    fn origin(&mut self, _: &Signals, origin: &mut Origin) -> Result<(), FormatError> {
        match &self.file {
            // Its header says it, which is beside the file.
            File::Wfdb(..) => {}
            File::Edf(file) => file.say_origin(origin),
        }
        Ok(())
    }

    fn stream(&mut self, chosen: &Signals, sink: Sink<'_>) -> Result<(), FormatError> {
        let indices: Vec<usize> = chosen.variables().map(|(_, index)| index).collect();
        self.stream_of(&indices, sink)
    }

    fn read(
        &mut self,
        index: usize,
        part: Part,
        block: &mut dyn FnMut(Values<'_>) -> ControlFlow<()>,
    ) -> Result<(), FormatError> {
        if part == Part::Imaginary {
            let name = self.contents[index].name.clone();
            return Err(Details::new(name, "complex numbers", "real ones").into());
        }
        self.stream_of(&[index], &mut |_, samples| block(Values::F64(samples)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_file_without_a_header_may_have_the_wrong_name() {
        let message = |bytes: &[u8]| {
            let opened = SideBySide::wfdb(Box::new(Cursor::new(bytes.to_vec())), "a.b.dat", None);
            opened.err().map(|error| error.to_string()).unwrap_or_default()
        };
        let level_4: Vec<u8> = [30_u32, 1, 1, 0, 2]
            .into_iter()
            .flat_map(u32::to_le_bytes)
            .collect();
        assert_eq!(
            message(&[level_4.as_slice(), b"a\0\x01\0"].concat()),
            "file: expected WFDB signals, because of the name `a.b.dat`, found MAT level 4; name it `a.b.mat`"
        );
        assert!(message(b"0       X").ends_with("found EDF; name it `a.b.edf`"));
        assert!(message(&[1; 200]).starts_with("header (.hea): expected `a.b.hea` beside `a.b.dat`"));
    }
}
