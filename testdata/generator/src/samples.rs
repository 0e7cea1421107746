//! The stored numbers: millivolts made numbers of a MATLAB class, in the order in which a file holds them.

use crate::args::{ByteOrder, Class, Layout, Units};
use crate::settings::Settings;
use crate::signal::LeadSignal;
use std::io::Read;

/// Samples per lead that are made at a time.
const BLOCK: usize = 4096;

/// The stored numbers of one lead, in order. A missing sample is NaN, whatever the class.
#[derive(Debug, Clone)]
pub struct StoredLead {
    settings: Settings,
    signal: LeadSignal,
    next_sample: u64,
    /// The value that the flat line we are in repeats.
    held: f64,
}

impl StoredLead {
    /// The numbers of lead `lead` (0-based) from the first sample on.
    pub fn new(settings: &Settings, lead: usize) -> Self {
        Self {
            settings: settings.clone(),
            signal: LeadSignal::new(settings, lead),
            next_sample: 0,
            held: 0.0,
        }
    }

    /// Fills `block` with the next numbers.
    pub fn fill(&mut self, block: &mut [f64]) {
        self.signal.fill(block);
        let settings = &self.settings;
        if settings.units == Units::Adu {
            let (low, high) = settings.adc_range;
            for value in block.iter_mut() {
                *value = (*value * settings.gain + f64::from(settings.baseline))
                    .round()
                    .clamp(low, high);
            }
        }
        let first = self.next_sample;
        let end = first + block.len() as u64;
        let inside = |range: &std::ops::Range<u64>| {
            (range.start.max(first) < range.end.min(end))
                .then(|| (range.start.max(first) - first) as usize..(range.end.min(end) - first) as usize)
        };
        for range in &settings.flats {
            if let Some(part) = inside(range) {
                if range.start >= first {
                    self.held = block[part.start];
                }
                block[part].fill(self.held);
            }
        }
        for part in settings.gaps.iter().filter_map(inside) {
            block[part].fill(f64::NAN);
        }
        self.next_sample = end;
    }
}

/// The bytes of the matrix, column by column, as every MAT format stores them.
///
/// Leads x samples interleaves the leads. Samples x leads has one lead after the other: each is made when its
/// turn comes, from the same seed, so that no lead is ever held.
#[derive(Debug)]
pub struct SampleBytes {
    settings: Settings,
    leads: Vec<StoredLead>,
    /// The lead whose turn it is, in samples x leads.
    turn: usize,
    next_sample: u64,
    byte_order: ByteOrder,
    pending: Vec<u8>,
    given: usize,
    numbers: Vec<Vec<f64>>,
}

impl SampleBytes {
    /// All bytes from the first one on.
    pub fn new(settings: &Settings) -> Self {
        let leads = match settings.layout {
            Layout::LeadsXSamples => (0..settings.leads)
                .map(|lead| StoredLead::new(settings, lead))
                .collect(),
            Layout::SamplesXLeads => vec![StoredLead::new(settings, 0)],
        };
        let numbers = vec![vec![0.0; BLOCK]; leads.len()];
        Self {
            settings: settings.clone(),
            leads,
            turn: 0,
            next_sample: 0,
            byte_order: settings.byte_order,
            pending: Vec::new(),
            given: 0,
            numbers,
        }
    }

    /// Makes the next block. False at the end.
    fn refill(&mut self) -> bool {
        if self.next_sample == self.settings.samples {
            self.turn += 1;
            if self.settings.layout == Layout::LeadsXSamples || self.turn == self.settings.leads {
                return false;
            }
            self.leads = vec![StoredLead::new(&self.settings, self.turn)];
            self.next_sample = 0;
        }
        let count = (self.settings.samples - self.next_sample).min(BLOCK as u64) as usize;
        for (lead, numbers) in self.leads.iter_mut().zip(&mut self.numbers) {
            lead.fill(&mut numbers[..count]);
        }
        self.pending.clear();
        self.given = 0;
        for index in 0..count {
            for numbers in &self.numbers {
                encode(
                    numbers[index],
                    self.settings.class,
                    self.byte_order,
                    &mut self.pending,
                );
            }
        }
        self.next_sample += count as u64;
        true
    }
}

impl Read for SampleBytes {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.given == self.pending.len() && (self.turn == self.settings.leads || !self.refill()) {
            self.turn = self.settings.leads;
            return Ok(0);
        }
        let rest = &self.pending[self.given..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}

/// Appends one number. NaN becomes the value that stands for a missing sample.
pub fn encode(number: f64, class: Class, order: ByteOrder, out: &mut Vec<u8>) {
    macro_rules! put {
        ($value:expr) => {{
            let value = $value;
            match order {
                ByteOrder::Little => out.extend_from_slice(&value.to_le_bytes()),
                ByteOrder::Big => out.extend_from_slice(&value.to_be_bytes()),
            }
        }};
    }
    match class {
        Class::Int8 => put!(number as i8),
        Class::Uint8 => put!(number as u8),
        Class::Int16 if number.is_nan() => put!(i16::MIN),
        Class::Int16 => put!(number as i16),
        Class::Uint16 => put!(number as u16),
        Class::Int32 => put!(number as i32),
        Class::Uint32 => put!(number as u32),
        Class::Int64 => put!(number as i64),
        Class::Uint64 => put!(number as u64),
        Class::Single => put!(number as f32),
        Class::Double => put!(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::settings;

    fn int16(settings: &Settings) -> Vec<i16> {
        let mut bytes = Vec::new();
        SampleBytes::new(settings).read_to_end(&mut bytes).unwrap();
        bytes
            .chunks_exact(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect()
    }

    #[test]
    fn both_layouts_hold_the_same_numbers() {
        let words = "--leads 3 --duration 30s --gap 20s+1s --flat 3s+500ms";
        let by_time = int16(&settings(words));
        let by_lead = int16(&settings(&format!("{words} --layout samples-x-leads")));
        let samples = 30 * 360;
        assert_eq!(by_time.len(), 3 * samples);
        assert_eq!(by_lead.len(), 3 * samples);
        for lead in 0..3 {
            for sample in 0..samples {
                assert_eq!(by_time[sample * 3 + lead], by_lead[lead * samples + sample]);
            }
        }
    }

    #[test]
    fn gaps_flat_lines_and_saturation_are_where_they_should_be() {
        // The flat line crosses a block border (4096 samples are 11.4 s).
        let stored = int16(&settings(
            "--duration 20s --gap 5s+300ms --flat 11s+1s --saturate 0.5",
        ));
        let missing: Vec<usize> = (0..stored.len())
            .filter(|index| stored[*index] == i16::MIN)
            .collect();
        assert_eq!(missing, (1800..1908).collect::<Vec<_>>());
        assert!(stored[3960..4320].iter().all(|value| *value == stored[3960]));
        assert!(stored[4320..4400].iter().any(|value| *value != stored[3960]));
        assert_eq!(stored.iter().max(), Some(&1124), "0.5 mV x 200 + 1024");
        assert!(
            stored
                .windows(5)
                .any(|five| five.iter().all(|value| *value == 1124))
        );
    }

    #[test]
    fn every_class_in_both_byte_orders() {
        let bytes = |class, order| {
            let mut out = Vec::new();
            encode(100.0, class, order, &mut out);
            out
        };
        assert_eq!(bytes(Class::Uint8, ByteOrder::Big), [100]);
        assert_eq!(bytes(Class::Int8, ByteOrder::Little), [100]);
        assert_eq!(bytes(Class::Uint16, ByteOrder::Big), [0, 100]);
        assert_eq!(bytes(Class::Int32, ByteOrder::Little), [100, 0, 0, 0]);
        assert_eq!(bytes(Class::Uint32, ByteOrder::Big), [0, 0, 0, 100]);
        assert_eq!(bytes(Class::Int64, ByteOrder::Little), [100, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes(Class::Single, ByteOrder::Big), 100_f32.to_be_bytes());
        assert_eq!(bytes(Class::Double, ByteOrder::Little), 100_f64.to_le_bytes());
        let mut out = Vec::new();
        encode(f64::NAN, Class::Int16, ByteOrder::Big, &mut out);
        assert_eq!(out, [0x80, 0]);
    }
}
