//! The signal of a recording for a file: what matters of it on paper, and the whole as a trend.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::Range;

use ecg_recording::LeadCalibration;
use serde_json::{Map, Value};

use super::page::{facts, text};
use super::{Failure, Recording, Recordings, rows};
use crate::paper::{self, Lead, Window};
use crate::time;

/// Most strips of a file.
const STRIPS: usize = 8;

/// Most curves in all strips: one of 10 s has 40 to 60 KB, and tickets take some MB.
const CURVES: usize = 24;

/// An RR interval of so many ms is a pause.
const PAUSE_MS: u32 = 2000;

/// What a file has of a recording.
pub(crate) struct Signal {
    pub(crate) facts: Vec<(&'static str, String)>,
    /// Heart rate and warnings over the whole recording; empty for a short one.
    pub(crate) trend: String,
    pub(crate) strips: Vec<Strip>,
    /// What there was no room for.
    pub(crate) left_out: Vec<String>,
    pub(crate) annotations: Vec<Noted>,
}

/// A stretch on paper.
pub(crate) struct Strip {
    pub(crate) title: String,
    pub(crate) svg: String,
}

/// What a person noted.
pub(crate) struct Noted {
    pub(crate) place: String,
    pub(crate) lead: String,
    pub(crate) label: String,
    pub(crate) author: String,
}

/// A stretch to draw, and why.
struct Chosen {
    samples: Range<u64>,
    why: Vec<String>,
}

impl Recordings {
    /// What a file about this execution shows of the signal; `None` where it is not in the tables, or is there by another run.
    /// `at` are further places, in seconds.
    pub(crate) async fn signal(&self, execution: &str, at: &[f64]) -> Result<Option<Signal>, String> {
        let recording = match self.page(execution).await {
            Ok(page) => page.recording.filter(|_| page.execution.name == execution),
            Err(Failure::NotFound(_)) => None,
            Err(failure) => return Err(failure.words()),
        };
        let Some(recording) = recording else {
            return match at {
                [] => Ok(None),
                [..] => Err(format!(
                    "--at: expected an execution whose rows are in the tables, found `{execution}`"
                )),
            };
        };
        let signal = self.drawn(&recording, at).await;
        signal.map(Some).map_err(Failure::words)
    }

    async fn drawn(&self, recording: &Recording, at: &[f64]) -> Result<Signal, Failure> {
        let annotations = self.place().journal()?.annotations(Some(&recording.id));
        let annotations = annotations.map_err(|error| Failure::Internal(error.to_string()))?;
        let names = recording.lead_names();
        let mut segments = Vec::new();
        for lead in 0..recording.leads {
            segments.push(self.segments(recording, lead).await?);
        }

        let room = (CURVES / recording.leads.max(1) as usize).clamp(1, STRIPS);
        let mut chosen = Choice::new(recording);
        for seconds in at {
            let duration = recording.samples as f64 / recording.sampling_frequency_hz;
            if !(0.0..duration).contains(seconds) {
                return Err(Failure::Refused(format!(
                    "--at: expected 0 or more and less than {duration}, the length of the recording in seconds, found {seconds}"
                )));
            }
            chosen.from((seconds * recording.sampling_frequency_hz) as u64, "asked for");
        }
        if recording.samples <= room as u64 * recording.segment_samples {
            for start in (0..recording.samples).step_by(recording.segment_samples as usize) {
                chosen.from(start, "");
            }
        } else {
            for noted in &annotations {
                let why = format!("annotation: {}", noted.noted.label);
                chosen.around(noted.noted.start_sample, &why);
            }
            chosen.from(0, "the beginning");
            for (segments, name) in segments.iter().zip(&names) {
                for (warning, start) in first_warnings(segments) {
                    chosen.from(start, &format!("{} in {name}", warning.replace('_', " ")));
                }
            }
            for (sample, why) in self.odd_beats(recording, &segments).await? {
                chosen.around(sample, &why);
            }
        }

        let left_out = chosen.stretches.iter().skip(room).map(Chosen::title);
        let left_out = left_out.collect();
        chosen.stretches.truncate(room);
        chosen.stretches.sort_by_key(|stretch| stretch.samples.start);
        let mut strips = Vec::new();
        for stretch in &chosen.stretches {
            let window = self.window(recording, stretch.samples.clone()).await?;
            strips.push(Strip {
                title: stretch.title(),
                svg: paper::svg(
                    &window,
                    &text(recording.row.get("source_key").unwrap_or(&Value::Null)),
                ),
            });
        }
        Ok(Signal {
            facts: facts(recording),
            trend: trend(&segments, &names),
            strips,
            left_out,
            annotations: annotations
                .iter()
                .map(|annotation| Noted {
                    place: time::duration(
                        annotation.noted.start_sample as f64 / recording.sampling_frequency_hz,
                    ),
                    lead: annotation.noted.lead.map_or_else(
                        || "all".to_owned(),
                        |lead| names.get(lead as usize).cloned().unwrap_or_default(),
                    ),
                    label: annotation.noted.label.clone(),
                    author: annotation.noted.author.clone(),
                })
                .collect(),
        })
    }

    /// The longest pause, and the first beat of each type that is not normal: sample, and what is there.
    async fn odd_beats(
        &self,
        recording: &Recording,
        segments: &[Map<String, Value>],
    ) -> Result<Vec<(u64, String)>, Failure> {
        let of = format!(
            "from beats where recording_id = '{}' and dt = '{}'",
            recording.id, recording.day
        );
        let pause =
            format!("select lead, sample, rr_ms {of} and rr_ms >= {PAUSE_MS} order by rr_ms desc, sample");
        let types = format!(
            "select beat_type, lead_name, min(sample) as sample, count(*) as beats {of} and beat_type <> 'N' \
             group by beat_type, lead, lead_name order by beat_type, lead"
        );
        let pause = self.ask(&recording.id, &recording.day, &pause).await?;
        let types = self.ask(&recording.id, &recording.day, &types).await?;
        let mut found = Vec::new();
        let sample = |row: &Map<String, Value>| row["sample"].as_u64().unwrap_or(0);
        for row in rows::each(&pause)? {
            let ms = row["rr_ms"].as_f64().unwrap_or(0.0);
            let before = (ms / 1000.0 * recording.sampling_frequency_hz) as u64;
            let lead = row["lead"].as_u64().and_then(|lead| segments.get(lead as usize));
            // An electrode that fell off makes no pause.
            let stretch = sample(&row).saturating_sub(before)..sample(&row);
            if lead.is_some_and(|segments| has_flat_line(segments, &stretch)) {
                continue;
            }
            found.push((sample(&row), format!("longest pause, {:.2} s", ms / 1000.0)));
            break;
        }
        for row in rows::each(&types)? {
            let [name, lead, beats] = ["beat_type", "lead_name", "beats"].map(|name| text(&row[name]));
            found.push((
                sample(&row),
                format!("first of {beats} beats of type {name} in {lead}"),
            ));
        }
        Ok(found)
    }

    /// A stretch of all leads as it is drawn.
    async fn window(&self, recording: &Recording, samples: Range<u64>) -> Result<Window, Failure> {
        let number = |name: &str, lead: usize| recording.row.get(name)?.get(lead)?.as_f64();
        let mut leads: Vec<Lead> = recording
            .lead_names()
            .into_iter()
            .enumerate()
            .map(|(lead, name)| Lead {
                calibration: LeadCalibration {
                    name,
                    gain: number("lead_gains", lead).unwrap_or(f64::NAN),
                    baseline: number("lead_baselines", lead).unwrap_or(f64::NAN),
                    units: "mV".to_owned(),
                },
                mv: Vec::new(),
                beats: Vec::new(),
                types: Vec::new(),
            })
            .collect();
        self.each_block(recording, &samples, |block, inside| {
            for (number, lead) in leads.iter_mut().enumerate() {
                let mv = block.samples(number as u32, inside).iter();
                lead.mv.extend(mv.map(|mv| (!mv.is_nan()).then_some(*mv)));
            }
            for beat in block.beats.iter().filter(|beat| inside.contains(&beat.sample)) {
                let Some(lead) = leads.get_mut(beat.lead as usize) else {
                    continue;
                };
                let at = (beat.sample - samples.start) as usize;
                lead.beats.push(at);
                match beat.values.get("beat_type").and_then(Value::as_str) {
                    None | Some("N") => {}
                    Some(name) => lead.types.push((at, name.to_owned())),
                }
            }
        })
        .await?;
        Ok(Window {
            duration_s: recording.samples as f64 / recording.sampling_frequency_hz,
            sampling_frequency_hz: recording.sampling_frequency_hz,
            calibration_source: recording
                .row
                .get("calibration_source")
                .map(text)
                .unwrap_or_default(),
            range: samples,
            leads,
            further_leads: 0,
        })
    }
}

impl Recording {
    fn lead_names(&self) -> Vec<String> {
        match self.row.get("lead_names") {
            Some(Value::Array(names)) => names.iter().map(text).collect(),
            // A row of an older release.
            _ => (0..self.leads).map(|lead| format!("lead {lead}")).collect(),
        }
    }
}

/// Whether a segment that meets the stretch has a flat line.
fn has_flat_line(segments: &Map<String, Value>, stretch: &Range<u64>) -> bool {
    let [starts, lengths] = ["start_sample", "samples"].map(|name| list(segments, name));
    let mut segments = starts.zip(lengths).zip(list(segments, "flat_ms"));
    segments.any(|((start, length), flat)| {
        let start = start.as_u64().unwrap_or(0);
        let end = start + length.as_u64().unwrap_or(0);
        flat.as_f64().unwrap_or(0.0) > 0.0 && start < stretch.end && stretch.start < end
    })
}

/// Each warning of a lead, and the first sample of the first segment that has it.
fn first_warnings(segments: &Map<String, Value>) -> Vec<(String, u64)> {
    let mut known = BTreeSet::new();
    let mut found = Vec::new();
    for (warnings, start) in list(segments, "warnings").zip(list(segments, "start_sample")) {
        for warning in warnings.as_array().into_iter().flatten().map(text) {
            if known.insert(warning.clone()) {
                found.push((warning, start.as_u64().unwrap_or(0)));
            }
        }
    }
    found
}

fn list<'a>(columns: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a Value> {
    columns.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// Stretches of the length of a segment, the first ones the most wanted.
struct Choice<'r> {
    recording: &'r Recording,
    stretches: Vec<Chosen>,
}

impl<'r> Choice<'r> {
    fn new(recording: &'r Recording) -> Choice<'r> {
        Choice {
            recording,
            stretches: Vec::new(),
        }
    }

    /// A stretch that begins with a sample.
    fn from(&mut self, start: u64, why: &str) {
        let end = (start + self.recording.segment_samples).min(self.recording.samples);
        self.stretch(start..end, start, why);
    }

    /// A stretch with a sample in its middle.
    fn around(&mut self, sample: u64, why: &str) {
        let length = self.recording.segment_samples.min(self.recording.samples);
        let last = self.recording.samples - length;
        let start = sample.saturating_sub(length / 2).min(last);
        self.stretch(start..start + length, sample, why);
    }

    /// Where a stretch shows the sample already, it has one reason more.
    fn stretch(&mut self, samples: Range<u64>, shown: u64, why: &str) {
        match self
            .stretches
            .iter_mut()
            .find(|stretch| stretch.samples.contains(&shown))
        {
            Some(stretch) => stretch.why.push(why.to_owned()),
            None => self.stretches.push(Chosen {
                samples,
                why: vec![why.to_owned()],
            }),
        }
    }
}

impl Chosen {
    fn title(&self) -> String {
        let why: Vec<&str> = self
            .why
            .iter()
            .map(String::as_str)
            .filter(|why| !why.is_empty())
            .collect();
        why.join("; ")
    }
}

/// Mean heart rate of each segment of the first lead, and below it where each lead has a warning.
fn trend(segments: &[Map<String, Value>], names: &[String]) -> String {
    const LEFT: f64 = 70.0;
    const WIDTH: f64 = 900.0;
    const HEIGHT: f64 = 110.0;
    const ROW: f64 = 12.0;
    let Some(first) = segments.first() else {
        return String::new();
    };
    let ends: Vec<f64> = list(first, "end_s").filter_map(Value::as_f64).collect();
    let starts: Vec<f64> = list(first, "start_s").filter_map(Value::as_f64).collect();
    let rates: Vec<Option<f64>> = list(first, "heart_rate_bpm").map(Value::as_f64).collect();
    let known = || rates.iter().flatten().copied();
    let (Some(end), true) = (ends.last(), starts.len() >= 6 && known().next().is_some()) else {
        return String::new();
    };
    let low = (known().fold(f64::INFINITY, f64::min) / 20.0).floor() * 20.0;
    let high = (known().fold(0.0, f64::max) / 20.0).floor() * 20.0 + 20.0;
    let x = |seconds: f64| LEFT + seconds / end * WIDTH;
    let y = |rate: f64| 8.0 + (high - rate) / (high - low) * HEIGHT;
    let height = 8.0 + HEIGHT + 8.0 + ROW * names.len() as f64 + 18.0;
    let mut svg = format!(
        "<svg class=\"trend\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {height}\" width=\"{w}\" height=\"{height}\" \
         role=\"img\" aria-label=\"Heart rate and warnings over the whole recording\">",
        w = LEFT + WIDTH + 20.0
    );
    for rate in [low, high] {
        let _ = write!(
            svg,
            "<text x=\"0\" y=\"{y:.1}\">{rate} bpm</text><path class=\"line\" d=\"M{LEFT} {at:.1}h{WIDTH}\"/>",
            y = y(rate) + 4.0,
            at = y(rate)
        );
    }
    let (mut path, mut pen) = (String::new(), 'M');
    for ((start, end), rate) in starts.iter().zip(&ends).zip(&rates) {
        match rate {
            Some(rate) => {
                let _ = write!(path, "{pen}{:.1} {:.1}H{:.1}", x(*start), y(*rate), x(*end));
                pen = 'L';
            }
            None => pen = 'M',
        }
    }
    let _ = write!(svg, "<path class=\"rate\" d=\"{path}\"/>");
    for (row, (segments, name)) in segments.iter().zip(names).enumerate() {
        let top = 8.0 + HEIGHT + 8.0 + ROW * row as f64;
        let _ = write!(
            svg,
            "<text x=\"0\" y=\"{:.1}\">{}</text><rect class=\"good\" x=\"{LEFT}\" y=\"{top}\" width=\"{WIDTH}\" height=\"8\"/>",
            top + 8.0,
            crate::graph::escaped(name)
        );
        for ((start, end), warnings) in starts.iter().zip(&ends).zip(list(segments, "warnings")) {
            if warnings.as_array().is_some_and(|warnings| !warnings.is_empty()) {
                let _ = write!(
                    svg,
                    "<rect class=\"warn\" x=\"{:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"8\"/>",
                    x(*start),
                    (x(*end) - x(*start)).max(0.5)
                );
            }
        }
    }
    let _ = write!(
        svg,
        "<text x=\"{LEFT}\" y=\"{y:.1}\">0</text><text x=\"{}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text></svg>",
        LEFT + WIDTH,
        time::duration(*end),
        y = height - 4.0
    );
    svg
}
