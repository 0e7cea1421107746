//! A stretch of a recording as an SVG at the scale of ECG paper. Units of the drawing are millimetres.

use std::fmt::Write;
use std::ops::Range;

use ecg_core::plain;
use ecg_recording::LeadCalibration;

use crate::graph;

const MM_PER_S: f64 = 25.0;
const MM_PER_MV: f64 = 10.0;
const SMALL_SQUARE_MM: usize = 1;
const LARGE_SQUARE_MM: usize = 5;

/// From the left edge of the sheet to the paper, and to the first sample: between them is the calibration pulse.
const PAPER_MM: f64 = 5.0;
const SIGNAL_MM: f64 = 20.0;
const HEAD_MM: f64 = 18.0;
/// Above the paper of each lead: its name.
const CAPTION_MM: f64 = 7.0;
/// Below it: the seconds.
const TIMES_MM: f64 = 6.0;

/// A lead that reaches further than this is no ECG; its curve is cut.
const TALLEST_MV: f64 = 10.0;
/// Finer than a printer's dot.
const MOST_SAMPLES_PER_MM: f64 = 20.0;

/// A stretch of a recording: the same one of some leads.
pub struct Window {
    /// Its samples, 0-based in the recording.
    pub range: Range<u64>,
    /// Sampling frequency in Hz.
    pub sampling_frequency_hz: f64,
    /// Length of the recording in seconds.
    pub duration_s: f64,
    /// Where the calibration comes from.
    pub calibration_source: String,
    /// The first leads of the recording.
    pub leads: Vec<Lead>,
    /// Leads of the recording that are not among them.
    pub further_leads: usize,
}

/// One lead. Positions are from the start of the window.
pub struct Lead {
    /// What it is called, and how its samples were turned into mV.
    pub calibration: LeadCalibration,
    /// The signal in mV, `None` where a sample is missing.
    pub mv: Vec<Option<f32>>,
    /// The R peaks.
    pub beats: Vec<usize>,
    /// The type of those that are not normal, where it is known.
    pub types: Vec<(usize, String)>,
}

impl Window {
    /// Samples of each lead.
    pub fn samples(&self) -> usize {
        (self.range.end - self.range.start) as usize
    }

    /// Where it starts in the recording, in seconds.
    pub fn start_s(&self) -> f64 {
        self.range.start as f64 / self.sampling_frequency_hz
    }

    /// Where it ends in the recording, in seconds.
    pub fn end_s(&self) -> f64 {
        self.range.end as f64 / self.sampling_frequency_hz
    }

    /// Where in the recording it is, in words.
    pub fn place(&self) -> String {
        format!(
            "{} to {} s of {} s",
            rounded(self.start_s()),
            rounded(self.end_s()),
            rounded(self.duration_s)
        )
    }
}

impl Lead {
    /// What is marked in it, in words.
    pub fn counts(&self) -> String {
        let beats = self.beats.len();
        let missing = self.mv.iter().filter(|mv| mv.is_none()).count();
        let mut text = format!("{beats} beat{}", if beats == 1 { "" } else { "s" });
        if missing > 0 {
            text.push_str(&format!(", {missing} of {} samples missing", self.mv.len()));
        }
        text
    }

    /// The smallest and the largest value in mV, both 0 where every sample is missing.
    pub fn extremes(&self) -> (f64, f64) {
        let values = || self.mv.iter().flatten().map(|mv| f64::from(*mv));
        let (low, high) = (values().reduce(f64::min), values().reduce(f64::max));
        (low.unwrap_or(0.0), high.unwrap_or(0.0))
    }
}

/// Milliseconds are enough to find a place again.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// The drawing of all leads of the window.
pub fn svg(window: &Window, file_name: &str) -> String {
    let bands: Vec<Band> = window.leads.iter().map(Band::of).collect();
    let length_mm = (window.end_s() - window.start_s()) * MM_PER_S;
    let large = LARGE_SQUARE_MM as f64;
    let paper_mm = ((SIGNAL_MM - PAPER_MM + length_mm) / large).ceil() * large + large;
    let width = paper_mm + 2.0 * PAPER_MM;
    let heights = bands.iter().map(|band| CAPTION_MM + band.height_mm() + TIMES_MM);
    let height = HEAD_MM + heights.sum::<f64>();
    let name = escaped(file_name);

    let mut svg = String::new();
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="3">
<title>{name}</title>
<rect width="{width}" height="{height}" fill="white"/>
<text x="{PAPER_MM}" y="7" font-size="4" font-weight="bold">{name}</text>
<text x="{PAPER_MM}" y="13">{MM_PER_S} mm/s, {MM_PER_MV} mm/mV; {}; {} Hz; calibration from {}; triangles: R peaks; grey: missing samples</text>"#,
        window.place(),
        window.sampling_frequency_hz,
        escaped(&window.calibration_source),
    );
    let mut top = HEAD_MM;
    for (lead, band) in window.leads.iter().zip(&bands) {
        let sheet = Sheet {
            window,
            band,
            top: top + CAPTION_MM,
            paper_mm,
        };
        sheet.draw(&mut svg, lead);
        top += CAPTION_MM + band.height_mm() + TIMES_MM;
    }
    svg.push_str("</svg>\n");
    svg
}

/// What a lead needs of the paper's height, in mV: whole large squares, so that 0 mV is on a line.
struct Band {
    low: f64,
    high: f64,
    cut: bool,
}

impl Band {
    fn of(lead: &Lead) -> Band {
        let square_mv = LARGE_SQUARE_MM as f64 / MM_PER_MV;
        let (mut low, mut high) = lead.extremes();
        let cut = high - low > TALLEST_MV;
        if cut {
            // Where most of the signal is.
            let mut values: Vec<f64> = lead.mv.iter().flatten().map(|mv| f64::from(*mv)).collect();
            values.sort_by(f64::total_cmp);
            let middle = values[values.len() / 2];
            (low, high) = (middle - TALLEST_MV / 2.0, middle + TALLEST_MV / 2.0);
        }
        let low = ((low - 0.1) / square_mv).floor() * square_mv;
        // Above the curve is room for the marks of the beats.
        let high = ((high + 0.3) / square_mv).ceil() * square_mv;
        Band {
            low,
            high: high.max(low + 1.5),
            cut,
        }
    }

    fn height_mm(&self) -> f64 {
        (self.high - self.low) * MM_PER_MV
    }
}

/// The paper of one lead.
struct Sheet<'w> {
    window: &'w Window,
    band: &'w Band,
    /// Its upper edge.
    top: f64,
    paper_mm: f64,
}

impl Sheet<'_> {
    fn x(&self, sample: f64) -> f64 {
        SIGNAL_MM + sample / self.window.sampling_frequency_hz * MM_PER_S
    }

    fn y(&self, mv: f64) -> f64 {
        self.top + (self.band.high - mv.clamp(self.band.low, self.band.high)) * MM_PER_MV
    }

    fn draw(&self, svg: &mut String, lead: &Lead) {
        self.caption(svg, lead);
        self.missing(svg, lead);
        self.grid(svg, SMALL_SQUARE_MM, "#f4cccc", 0.1);
        self.grid(svg, LARGE_SQUARE_MM, "#e6a0a0", 0.2);
        self.times(svg);
        self.pulse(svg);
        self.curve(svg, lead);
        self.beats(svg, lead);
    }

    fn caption(&self, svg: &mut String, lead: &Lead) {
        let calibration = &lead.calibration;
        let cut = if self.band.cut {
            let (low, high) = lead.extremes();
            format!("; cut: it reaches from {low:.1} to {high:.1} mV")
        } else {
            String::new()
        };
        let _ = writeln!(
            svg,
            r#"<text x="{PAPER_MM}" y="{:.2}"><tspan font-weight="bold">{}</tspan>  {} adu/mV, baseline {} adu; {}{cut}</text>"#,
            self.top - 2.0,
            escaped(&calibration.name),
            calibration.gain,
            calibration.baseline,
            lead.counts(),
        );
    }

    /// Lines of so many millimetres from each other.
    fn grid(&self, svg: &mut String, square: usize, colour: &str, width: f64) {
        let mut lines = String::new();
        let (across, down) = (self.paper_mm, self.band.height_mm());
        for at in (0..=across.round() as usize).step_by(square) {
            let _ = write!(lines, "M{} {:.2}v{down}", PAPER_MM + at as f64, self.top);
        }
        for at in (0..=down.round() as usize).step_by(square) {
            let _ = write!(lines, "M{PAPER_MM} {:.2}h{across}", self.top + at as f64);
        }
        let _ = writeln!(
            svg,
            r#"<path d="{lines}" fill="none" stroke="{colour}" stroke-width="{width}"/>"#
        );
    }

    /// Missing samples are shaded, and the curve is interrupted.
    fn missing(&self, svg: &mut String, lead: &Lead) {
        let mut at = 0;
        for run in lead.mv.chunk_by(|a, b| a.is_some() == b.is_some()) {
            if run[0].is_none() {
                let (from, to) = (self.x(at as f64 - 0.5), self.x((at + run.len()) as f64 - 0.5));
                let _ = writeln!(
                    svg,
                    r##"<rect class="missing" x="{from:.2}" y="{:.2}" width="{:.2}" height="{}" fill="#dddddd"/>"##,
                    self.top,
                    // One sample must be seen, too.
                    (to - from).max(0.2),
                    self.band.height_mm(),
                );
            }
            at += run.len();
        }
    }

    fn times(&self, svg: &mut String) {
        let y = self.top + self.band.height_mm() + 3.5;
        for second in self.window.start_s().ceil() as u64..=self.window.end_s() as u64 {
            let sample = second as f64 * self.window.sampling_frequency_hz - self.window.range.start as f64;
            let _ = writeln!(
                svg,
                r#"<text x="{:.2}" y="{y:.2}" text-anchor="middle">{second} s</text>"#,
                self.x(sample)
            );
        }
    }

    /// 1 mV for 0.2 s, as an electrocardiograph draws it.
    fn pulse(&self, svg: &mut String) {
        // From 0 mV, or where that is not on the paper from the nearest line.
        let foot = 0f64.clamp(self.band.low, self.band.high - 1.0);
        let _ = writeln!(
            svg,
            r#"<path class="calibration" d="M8 {:.2}h2v-{MM_PER_MV}h{}v{MM_PER_MV}h2" fill="none" stroke="black" stroke-width="0.25"/>"#,
            self.y(foot),
            0.2 * MM_PER_S,
        );
    }

    fn curve(&self, svg: &mut String, lead: &Lead) {
        let per_point = self.window.sampling_frequency_hz / MM_PER_S / MOST_SAMPLES_PER_MM;
        let per_point = (per_point.ceil() as usize).max(1);
        let mut curve = String::new();
        let mut at = 0;
        for run in lead.mv.chunk_by(|a, b| a.is_some() == b.is_some()) {
            let mut pen = 'M';
            for piece in run.chunks(per_point) {
                // The extremes of many samples in the order of time: no peak is lost.
                let values = || piece.iter().enumerate().filter_map(|(n, mv)| Some((n, (*mv)?)));
                let low = values().min_by(|a, b| a.1.total_cmp(&b.1));
                let high = values().max_by(|a, b| a.1.total_cmp(&b.1));
                let mut both: Vec<(usize, f32)> = low.into_iter().chain(high).collect();
                both.sort_by_key(|(n, _)| *n);
                both.dedup();
                for (n, mv) in both {
                    let _ = write!(
                        curve,
                        "{pen}{:.2} {:.2}",
                        self.x((at + n) as f64),
                        self.y(f64::from(mv))
                    );
                    pen = 'L';
                }
                at += piece.len();
            }
            // A sample between two gaps is a dot.
            if run.len() == 1 && run[0].is_some() {
                curve.push_str("h0");
            }
        }
        let _ = writeln!(
            svg,
            r#"<path class="curve" d="{curve}" fill="none" stroke="black" stroke-width="0.25" stroke-linecap="round" stroke-linejoin="round"/>"#
        );
    }

    /// A triangle at the upper edge above each R peak.
    fn beats(&self, svg: &mut String, lead: &Lead) {
        let mut marks = String::new();
        for beat in &lead.beats {
            let _ = write!(
                marks,
                "M{:.2} {:.2}l-1 -2h2z",
                self.x(*beat as f64),
                self.top + 2.5
            );
        }
        let _ = writeln!(svg, r##"<path class="beats" d="{marks}" fill="#1a5fb4"/>"##);
        for (beat, name) in &lead.types {
            let _ = writeln!(
                svg,
                r##"<text class="type" x="{:.2}" y="{:.2}" font-weight="bold" fill="#1a5fb4">{}</text>"##,
                self.x(*beat as f64) + 1.5,
                self.top + 2.8,
                escaped(name)
            );
        }
    }
}

/// A text as XML holds it.
fn escaped(text: &str) -> String {
    // The two characters beside the control characters that XML 1.0 does not allow.
    graph::escaped(&plain(text)).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first lead of a recording, as a window from `start` on.
    fn window(fs: f64, start: u64, mv: Vec<Option<f32>>, beats: Vec<usize>) -> Window {
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
    fn peaks(samples: usize, at: &[usize]) -> Vec<Option<f32>> {
        let mut mv = vec![Some(0.0); samples];
        for place in at {
            mv[*place] = Some(1.5);
        }
        mv
    }

    /// What an attribute of the element of this class says.
    fn attribute(svg: &str, class: &str, name: &str) -> String {
        let element = svg
            .split('<')
            .find(|element| element.contains(&format!("class=\"{class}\"")))
            .unwrap();
        let value = element.split(&format!(" {name}=\"")).nth(1).unwrap();
        value.split('"').next().unwrap().to_owned()
    }

    /// The points of a path of absolute coordinates.
    fn points(path: &str) -> Vec<(f64, f64)> {
        let pieces = path.split(['M', 'L']).skip(1);
        let numbers = pieces.map(|piece| piece.trim_end_matches("h0").split_once(' ').unwrap());
        numbers
            .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_second_is_25_mm_and_a_millivolt_10() {
        let svg = svg(
            &window(100.0, 500, peaks(1000, &[100, 400]), vec![100, 400]),
            "a.mat",
        );
        assert_eq!(
            attribute(&svg, "beats", "d"),
            "M45.00 27.50l-1 -2h2zM120.00 27.50l-1 -2h2z"
        );
        let curve = points(&attribute(&svg, "curve", "d"));
        assert_eq!(curve.len(), 1000);
        // From -0.5 to 2 mV: 0 mV is 20 mm below the upper edge at 25 mm.
        assert_eq!(
            (curve[0], curve[100], curve[400]),
            ((20.0, 45.0), (45.0, 30.0), (120.0, 30.0))
        );
        assert_eq!(attribute(&svg, "calibration", "d"), "M8 45.00h2v-10h5v10h2");
        assert!(
            svg.contains("width=\"280mm\" height=\"56mm\" viewBox=\"0 0 280 56\""),
            "{svg}"
        );
        assert!(svg.contains(">5 s</text>") && svg.contains(">15 s</text>") && !svg.contains(">16 s</text>"));
    }

    #[test]
    fn missing_samples_interrupt_the_curve_and_are_shaded() {
        let mut mv = peaks(1000, &[]);
        mv[100..200].fill(None);
        mv[201..300].fill(None);
        let svg = svg(&window(100.0, 0, mv, Vec::new()), "a.mat");
        let curve = attribute(&svg, "curve", "d");
        assert_eq!((curve.matches('M').count(), points(&curve).len()), (3, 801));
        assert!(
            curve.contains("M70.00 35.00h0M95.00"),
            "a sample between gaps is a dot"
        );
        assert_eq!(attribute(&svg, "missing", "x"), "44.88");
        assert_eq!(attribute(&svg, "missing", "width"), "25.00");
    }

    #[test]
    fn a_fast_recording_has_fewer_points_and_every_peak() {
        let beats: Vec<usize> = (0..9).map(|n| 7_001 + n * 14_321).collect();
        let svg = svg(&window(20_000.0, 0, peaks(200_000, &beats), beats), "a.mat");
        let curve = points(&attribute(&svg, "curve", "d"));
        // Two for each twentieth of a millimetre.
        assert_eq!(curve.len(), 2 * 20 * 250);
        assert_eq!(curve.iter().filter(|(_, y)| *y == 30.0).count(), 9);
        assert!(curve.is_sorted_by(|a, b| a.0 <= b.0));
    }

    #[test]
    fn what_is_no_ecg_stays_on_the_paper() {
        for spike in [300.0, -300.0, f32::MAX, f32::MIN] {
            let mut mv = peaks(1000, &[50]);
            mv[700] = Some(spike);
            let svg = svg(&window(100.0, 0, mv, vec![50]), "a.mat");
            assert!(svg.contains("cut: it reaches from "), "{svg}");
            let curve = points(&attribute(&svg, "curve", "d"));
            // 10 mV and a square.
            assert!(curve.iter().all(|(_, y)| (25.0..=140.0).contains(y)), "{curve:?}");
            // The rest of it keeps its scale.
            assert_eq!(curve[51].1 - curve[50].1, 15.0);
        }
        let nothing = svg(&window(100.0, 0, vec![None; 1000], Vec::new()), "a.mat");
        assert_eq!(attribute(&nothing, "curve", "d"), "");
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(escaped("a<b>&\"c'"), "a&lt;b&gt;&amp;&quot;c&#39;");
        assert_eq!(
            escaped("\u{0}\u{1b}\u{85}\n\u{202e}\u{fffe}\u{ffff}"),
            "\\u{0}\\u{1b}\\u{85}\\n\\u{202e}\u{fffd}\u{fffd}"
        );
    }
}
