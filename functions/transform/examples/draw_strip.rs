//! Draws one synthetic strip before and after the recipe, as in `docs/recipe.md`:
//!
//!     cargo run -p step-transform --example draw_strip > docs/recipe-strip.svg

#![allow(clippy::print_stdout, reason = "a command line")]
#![allow(clippy::expect_used, reason = "a developer's tool on its own input")]

#[path = "../tests/support/synthetic.rs"]
mod synthetic;

use std::fmt::Write;

use ecg_core::rules::RULES;
use step_transform::recipe::{Calibration, LeadRecipe, Strip};

const FS: f64 = 360.0;
const WIDTH: f64 = 1000.0;
const LEFT: f64 = 70.0;
const PANEL: f64 = 220.0;

fn main() {
    let lead = raw_lead();
    let mut recipe = LeadRecipe::new(
        FS,
        Calibration {
            gain: 200.0,
            baseline: 1024.0,
        },
        &RULES,
    )
    .expect("the calibration is valid");
    let mut strips = Vec::new();
    recipe.push(lead.iter().copied(), &mut |strip| strips.push(strip));
    recipe.finish(&mut |strip| strips.push(strip));
    let strip = strips.first().expect("the lead is ten seconds long");
    print!("{}", drawing(&lead, strip).expect("writing to a string succeeds"));
}

/// Ten seconds in ADC units: 200 adu/mV, 0 mV at 1024, with a gap of 0.4 s.
fn raw_lead() -> Vec<Option<f64>> {
    let (mv, _) = synthetic::ecg(10.0, FS);
    let mut lead: Vec<Option<f64>> = mv.iter().map(|mv| Some((1024.0 + 200.0 * mv).round())).collect();
    lead[2250..2394].fill(None);
    lead
}

fn drawing(raw: &[Option<f64>], strip: &Strip) -> Result<String, std::fmt::Error> {
    let mut svg = String::new();
    let height = 2.0 * PANEL + 110.0;
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">"
    )?;
    writeln!(
        svg,
        "<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>"
    )?;

    let before = Panel {
        top: 40.0,
        low: 924.0,
        high: 1324.0,
    };
    before.frame(
        &mut svg,
        "Before: one lead as recorded (ADC units), with a gap",
        &[924.0, 1024.0, 1124.0, 1224.0, 1324.0],
    )?;
    before.curve(&mut svg, raw, "#444")?;

    let after = Panel {
        top: 40.0 + PANEL + 50.0,
        low: -0.5,
        high: 1.5,
    };
    let f = &strip.features;
    let title = format!(
        "After: millivolts, gap filled, R peaks found ({} beats, {:.0} per minute, SDNN {:.0} ms of {} intervals, {})",
        f.beats,
        f.heart_rate_bpm.unwrap_or(f64::NAN),
        f.sdnn_ms.unwrap_or(f64::NAN),
        f.rr_intervals,
        strip.quality.name(),
    );
    after.frame(&mut svg, &title, &[-0.5, 0.0, 0.5, 1.0, 1.5])?;
    if let (Some(first), Some(last)) = (strip.missing_at.first(), strip.missing_at.last()) {
        let (from, to) = (x(f64::from(*first)), x(f64::from(*last)));
        writeln!(
            svg,
            "<rect x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{PANEL}\" fill=\"#fde8c8\"/>",
            after.top,
            to - from
        )?;
    }
    let mv: Vec<Option<f64>> = strip.mv.iter().map(|mv| Some(f64::from(*mv))).collect();
    after.curve(&mut svg, &mv, "#1a5fb4")?;
    for beat in &strip.beats {
        let (x, y) = (x(beat.sample as f64), after.y(f64::from(beat.r_mv)));
        writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"none\" stroke=\"#c01c28\" stroke-width=\"2\"/>"
        )?;
    }
    for second in 0..=10 {
        let (x, y) = (x(f64::from(second) * FS), after.top + PANEL + 18.0);
        writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{second} s</text>"
        )?;
    }
    writeln!(svg, "</svg>")?;
    Ok(svg)
}

fn x(sample: f64) -> f64 {
    LEFT + sample / (10.0 * FS) * (WIDTH - LEFT - 20.0)
}

struct Panel {
    top: f64,
    low: f64,
    high: f64,
}

impl Panel {
    fn y(&self, value: f64) -> f64 {
        self.top + PANEL * (self.high - value) / (self.high - self.low)
    }

    fn frame(&self, svg: &mut String, title: &str, ticks: &[f64]) -> std::fmt::Result {
        writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{title}</text>",
            self.top - 12.0
        )?;
        for tick in ticks {
            let y = self.y(*tick);
            let right = WIDTH - 20.0;
            writeln!(
                svg,
                "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y}\" y2=\"{y}\" stroke=\"#ddd\"/>"
            )?;
            writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{tick}</text>",
                LEFT - 8.0,
                y + 4.0
            )?;
        }
        Ok(())
    }

    /// A line through the samples, interrupted where there are none.
    fn curve(&self, svg: &mut String, samples: &[Option<f64>], colour: &str) -> std::fmt::Result {
        let mut path = String::new();
        let mut pen = "M";
        for (n, sample) in samples.iter().enumerate() {
            let Some(value) = sample else {
                pen = "M";
                continue;
            };
            write!(path, "{pen}{:.1} {:.1}", x(n as f64), self.y(*value))?;
            pen = "L";
        }
        writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.2\"/>"
        )
    }
}
