//! A stretch of a recording as the tables will hold it: millivolts, missing samples and beats come from the recipe.

use std::fs::File;
use std::io::BufReader;
use std::ops::{ControlFlow, Range};
use std::path::Path;

use ecg_console::paper::{Lead, Window};
use ecg_core::rules::RULES;
use ecg_recipe::{Calibration, LeadRecipe, RecipeError, Segment};
use ecg_recording::{LeadCalibration, Recording};

use super::about;

/// Reads the segment length of [`RULES`] from `at_s` seconds on, of the first leads.
///
/// The search for beats adapts to what it has seen, so the recipe begins at the start of the recording; it ends soon
/// after the window. Memory does not depend on the length of the recording.
pub(super) fn read(path: &Path, recording: &Recording, at_s: f64, leads: usize) -> Result<Window, String> {
    let fs = recording.calibration.sampling_frequency_hz;
    let duration_s = recording.duration_s();
    if !(0.0..duration_s).contains(&at_s) {
        return Err(format!(
            "--at: expected 0 or more and less than {duration_s}, the length of the recording in seconds, found \
             {at_s}"
        ));
    }
    let start = ((at_s * fs) as u64).min(recording.signals.samples - 1);
    let end = (start + recording.segment_samples(RULES.segment_s)).min(recording.signals.samples);
    let window = start..end;
    let calibrations = recording.calibration.leads.iter().take(leads);
    let mut reading = calibrations
        .map(|lead| Reading::new(fs, lead))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| about(path, &error))?;

    let file = File::open(path).map_err(|error| about(path, &error))?;
    let mut file = ecg_formats::open(
        BufReader::new(file),
        &path.to_string_lossy(),
        recording.signals.header.as_deref(),
        RULES.reject_values_above,
    )
    .map_err(|error| about(path, &error))?;
    file.stream(&recording.signals, &mut |number, values| {
        if let Some(lead) = reading.get_mut(number) {
            lead.push(values, &window);
        }
        if reading.iter().all(|lead| lead.recipe.is_none()) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .map_err(|error| about(path, &error))?;
    Ok(Window {
        sampling_frequency_hz: fs,
        duration_s,
        calibration_source: recording.calibration.source.clone(),
        further_leads: (recording.signals.leads as usize).saturating_sub(reading.len()),
        leads: reading.into_iter().map(|lead| lead.finish(&window)).collect(),
        range: window,
    })
}

fn add(lead: &mut Lead, segment: &Segment, window: &Range<u64>) {
    for (place, mv) in segment.mv.iter().enumerate() {
        if window.contains(&(segment.start_sample + place as u64)) {
            let missing = segment.missing_at.binary_search(&(place as u32)).is_ok();
            lead.mv.push((!missing).then_some(*mv));
        }
    }
    let beats = segment.beats.iter().map(|beat| beat.sample);
    let inside = beats.filter(|sample| window.contains(sample));
    lead.beats
        .extend(inside.map(|sample| (sample - window.start) as usize));
}

/// A lead on its way through the recipe.
struct Reading {
    /// `None` when the window is complete.
    recipe: Option<LeadRecipe>,
    lead: Lead,
}

impl Reading {
    fn new(fs: f64, calibration: &LeadCalibration) -> Result<Self, RecipeError> {
        let LeadCalibration { gain, baseline, .. } = *calibration;
        Ok(Reading {
            recipe: Some(LeadRecipe::new(fs, Calibration { gain, baseline }, &RULES)?),
            lead: Lead {
                calibration: calibration.clone(),
                mv: Vec::new(),
                beats: Vec::new(),
                types: Vec::new(),
            },
        })
    }

    fn push(&mut self, values: &[f64], window: &Range<u64>) {
        if let Some(recipe) = &mut self.recipe {
            let lead = &mut self.lead;
            recipe.push(values, &mut |segment| add(lead, &segment, window));
            if lead.mv.len() as u64 == window.end - window.start {
                self.recipe = None;
            }
        }
    }

    fn finish(mut self, window: &Range<u64>) -> Lead {
        if let Some(recipe) = self.recipe {
            recipe.finish(&mut |segment| add(&mut self.lead, &segment, window));
        }
        self.lead
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The first lead of a recording, as a window from `start` on.
    pub(crate) fn window(fs: f64, start: u64, mv: Vec<Option<f32>>, beats: Vec<usize>) -> Window {
        let end = start + mv.len() as u64;
        Window {
            range: start..end,
            sampling_frequency_hz: fs,
            duration_s: end as f64 / fs,
            calibration_source: "header".to_owned(),
            leads: vec![Lead {
                calibration: LeadCalibration {
                    name: "II".to_owned(),
                    gain: 200.0,
                    baseline: 0.0,
                    units: "mV".to_owned(),
                },
                mv,
                beats,
                types: Vec::new(),
            }],
            further_leads: 0,
        }
    }

    /// A flat signal with a peak of one sample at each place.
    pub(crate) fn peaks(samples: usize, at: &[usize]) -> Vec<Option<f32>> {
        let mut mv = vec![Some(0.0); samples];
        for place in at {
            mv[*place] = Some(1.5);
        }
        mv
    }

    #[test]
    fn a_window_takes_its_part_of_the_segments_that_it_meets() {
        let mut recipe = LeadRecipe::new(
            100.0,
            Calibration {
                gain: 1.0,
                baseline: 0.0,
            },
            &RULES,
        )
        .unwrap();
        let mut lead = window(100.0, 0, Vec::new(), Vec::new()).leads.remove(0);
        let (range, mut beats) = (950..1950, Vec::new());
        let mut take = |segment: Segment| {
            beats.extend(segment.beats.iter().map(|beat| beat.sample));
            add(&mut lead, &segment, &range);
        };
        // A triangle every 0.9 s, and a gap over the border of two segments.
        let sample = |n: u64| 1.0 - 0.2 * (n.abs_diff(n / 90 * 90 + 45) as f64).min(5.0);
        let mut samples: Vec<f64> = (0..2500).map(sample).collect();
        samples[995..1005].fill(f64::NAN);
        recipe.push(&samples, &mut take);
        recipe.finish(&mut take);
        assert_eq!(lead.mv.len(), 1000);
        let missing: Vec<usize> = (0..1000).filter(|place| lead.mv[*place].is_none()).collect();
        assert_eq!(missing, (45..55).collect::<Vec<_>>());
        // A peak is at 1035.
        assert_eq!((lead.mv[85], lead.mv[20]), (Some(1.0), Some(0.0)));
        let inside: Vec<usize> = beats
            .iter()
            .filter(|beat| range.contains(beat))
            .map(|beat| (beat - 950) as usize)
            .collect();
        assert_eq!(lead.beats, inside);
        assert_eq!((beats.len(), lead.beats.len()), (28, 11));
    }
}
