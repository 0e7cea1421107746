//! MAT files of level 4, 5 and 7.3 as recordings: one matrix, or one vector per lead, and variables that calibrate it.

mod samples;
mod select;
mod settings;

use std::ops::ControlFlow;

use ecg_core::settings::Settings;
use ecg_mat::{Class, Limits, MatFile, Part, Values};

use crate::{
    Bytes, Checks, Content, FormatError, Layout, Named, Origin, Refused, SampleClass, SignalFile, Signals,
    Sink, first_and_further, names_of, shape, subject,
};

pub use samples::to_adu;

/// An open MAT file.
pub(crate) struct MatRecording {
    file: MatFile<Box<dyn Bytes>>,
    contents: Vec<Content>,
}

impl MatRecording {
    /// Opens a file and lists its variables.
    pub(crate) fn open(bytes: Box<dyn Bytes>, max_values: u64) -> Result<Self, FormatError> {
        let limits = Limits {
            max_values,
            ..Limits::default()
        };
        let file = MatFile::open(bytes, limits)?;
        let contents = file.variables().iter().map(|variable| Content {
            name: variable.name.clone(),
            class: variable.class.to_string(),
            numbers: variable.class.number_type().map(SampleClass::from),
            dims: variable.dims.clone(),
            complex: variable.complex,
            compressed: variable.compressed,
            offset: variable.offset,
        });
        Ok(Self {
            contents: contents.collect(),
            file,
        })
    }
}

impl SignalFile for MatRecording {
    fn format(&self) -> String {
        self.file.format().to_string()
    }

    fn contents(&self) -> &[Content] {
        &self.contents
    }

    fn choose(&self, named: &Named<'_>, checks: &mut Checks) -> Result<Signals, Refused> {
        let variables = self.file.variables();
        let indices = checks.choice(
            "variable",
            "one that holds the samples",
            select::choose(variables, named),
            |indices| names_of(&self.contents, indices),
        )?;
        let (variable, further_variables) = first_and_further(&self.contents, &indices);

        // What several variables are together, the first one tells: they are alike.
        let first = &variables[variable.index];
        let subject = subject(&variable.name, &further_variables);
        let number = match first.class {
            Class::Number(number) => Some(number),
            _ => None,
        };
        let class = match first.class {
            Class::Struct => format!(
                "struct; save('x.mat', '-struct', '{}') makes its fields variables",
                variable.name
            ),
            class => class.to_string(),
        };
        checks.check(
            &format!("{subject}: class"),
            class,
            "a numeric class",
            number.is_some(),
        )?;
        checks.check(
            &format!("{subject}: numbers"),
            if first.complex { "complex" } else { "real" },
            "real",
            !first.complex,
        )?;
        let dimensions = format!("{} ({})", first.dims.len(), shape(&first.dims));
        let two = first.dims.len() == 2;
        checks.check(&format!("{subject}: dimensions"), dimensions, "2", two)?;
        let (rows, columns) = (first.dims[0], first.dims[1]);
        let (layout, leads, samples) = if !further_variables.is_empty() {
            // A row or a column.
            let length = rows.saturating_mul(columns);
            (
                Layout::LeadPerVariable,
                further_variables.len() as u64 + 1,
                length,
            )
        } else if rows <= columns {
            (Layout::LeadsBySamples, rows, columns)
        } else {
            (Layout::SamplesByLeads, columns, rows)
        };
        Ok(Signals {
            format: self.format(),
            variable: variable.name,
            variable_index: variable.index,
            further_variables,
            class: number.map_or(SampleClass::Double, SampleClass::from),
            layout,
            leads,
            samples,
            left_out: Vec::new(),
            header: None,
        })
    }

    fn settings(&mut self, signals: &Signals, flags: &Settings) -> Result<Settings, FormatError> {
        let samples: Vec<usize> = signals.variables().map(|(_, index)| index).collect();
        let mut said = settings::read(&mut self.file, &self.contents, &samples, flags)?;
        // `I II III` is a name of one lead, unless there are as many as words.
        if let [names] = said.leads.as_slice() {
            let words: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
            if words.len() as u64 == signals.leads {
                said.leads = words;
            }
        }
        Ok(said)
    }

    fn settings_source(&self) -> &'static str {
        "variables"
    }

    fn origin(&mut self, signals: &Signals, origin: &mut Origin) -> Result<(), FormatError> {
        let samples: Vec<usize> = signals.variables().map(|(_, index)| index).collect();
        settings::origin(&mut self.file, &self.contents, &samples, origin)
    }

    fn stream(&mut self, signals: &Signals, sink: Sink<'_>) -> Result<(), FormatError> {
        samples::stream(&mut self.file, signals, sink)
    }

    fn read(
        &mut self,
        index: usize,
        part: Part,
        block: &mut dyn FnMut(Values<'_>) -> ControlFlow<()>,
    ) -> Result<(), FormatError> {
        Ok(self.file.read_part(index, part, block)?)
    }
}
