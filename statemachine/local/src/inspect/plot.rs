//! The segment as text: a curve of Braille dots, two across and four down a character.

use std::fmt::Write;

use ecg_console::paper::{Lead, Window};

use crate::terminal::plain;

/// More would not fit on one screen.
pub(super) const MOST_LEADS: usize = 2;

const ROWS: std::ops::RangeInclusive<usize> = 8..=12;
/// Characters left of the curve: a label and the axis.
const MARGIN: usize = 9;
/// Narrower than this the lines are broken by the terminal.
const FEWEST_COLUMNS: usize = 40;
/// Noise of less than 0.5 mV is not blown up to the whole height.
const SMALLEST_STEP_MV: f64 = 0.05;

const MARK_BEAT: char = 'R';
const MARK_MISSING: char = '-';

/// The first leads of the window, each with its own scale.
pub(super) fn text(window: &Window, columns: usize) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "\nsegment\n  {}   (--at SECONDS: another place, --svg FILE: on ECG paper)",
        window.place()
    );
    let _ = writeln!(
        text,
        "  {MARK_BEAT} marks the R peak of a beat, {MARK_MISSING} missing samples"
    );
    for lead in window.leads.iter().take(MOST_LEADS) {
        draw(&mut text, window, lead, columns.max(FEWEST_COLUMNS) - MARGIN);
    }
    let more = window.further_leads + window.leads.len().saturating_sub(MOST_LEADS);
    if more > 0 {
        let _ = writeln!(
            text,
            "\nand {more} more lead{}: --svg FILE draws all",
            if more == 1 { "" } else { "s" }
        );
    }
    text
}

/// One lead: marks, curve, time.
fn draw(text: &mut String, window: &Window, lead: &Lead, cells: usize) {
    let _ = writeln!(text, "\n{}: {}", plain(&lead.calibration.name), lead.counts());
    let across = Across {
        samples: window.samples(),
        cells,
    };
    let mut marks = vec![' '; cells];
    for (sample, _) in lead.mv.iter().enumerate().filter(|(_, mv)| mv.is_none()) {
        marks[across.cell(sample as f64)] = MARK_MISSING;
    }
    for beat in &lead.beats {
        marks[across.cell(*beat as f64)] = MARK_BEAT;
    }
    line(text, "mV", ' ', marks.into_iter());

    let scale = Scale::of(lead.extremes());
    let dots = Dots::of(&lead.mv, &across, &scale);
    for row in 0..scale.rows {
        let label = scale.label(row);
        let axis = if label.is_empty() { '│' } else { '┤' };
        line(
            text,
            &label,
            axis,
            (0..cells).map(|cell| dots.character(row, cell)),
        );
    }
    time_axis(text, window, &across);
}

fn line(text: &mut String, label: &str, axis: char, cells: impl Iterator<Item = char>) {
    let cells: String = cells.collect();
    let _ = writeln!(text, "{}", format!("{label:>7} {axis}{cells}").trim_end());
}

fn time_axis(text: &mut String, window: &Window, across: &Across) {
    let (start_s, length_s) = (window.start_s(), window.end_s() - window.start_s());
    let label = |number: i64, step: f64| format!("{:.*}", decimals(step), number as f64 * step);
    // The smallest step between whose ticks the longest label fits.
    let cells_per_s = across.cells as f64 / length_s;
    let mut step = round_step(1.0 / cells_per_s);
    while label((window.end_s() / step) as i64, step).len() + 2 > (step * cells_per_s) as usize {
        step = round_step(step * 1.1);
    }
    let mut axis = vec!['─'; across.cells];
    let mut labels = vec![' '; across.cells];
    for number in (start_s / step).ceil() as i64.. {
        let sample = number as f64 * step * window.sampling_frequency_hz - window.range.start as f64;
        if sample >= across.samples as f64 {
            break;
        }
        let cell = across.cell(sample);
        axis[cell] = '┬';
        let shown = label(number, step);
        if cell + shown.len() <= across.cells {
            labels.splice(cell..cell + shown.len(), shown.chars());
        }
    }
    line(text, "", '└', axis.into_iter());
    line(text, "s", ' ', labels.into_iter());
}

/// From samples to places across the plot.
struct Across {
    samples: usize,
    cells: usize,
}

impl Across {
    fn dots(&self) -> usize {
        self.cells * 2
    }

    /// In dots, from the left.
    fn place(&self, sample: f64) -> f64 {
        sample * self.dots() as f64 / self.samples as f64
    }

    fn dot(&self, sample: f64) -> usize {
        (self.place(sample).max(0.0) as usize).min(self.dots() - 1)
    }

    fn cell(&self, sample: f64) -> usize {
        self.dot(sample) / 2
    }
}

/// From millivolts to rows: the centre of each row is a multiple of the step.
struct Scale {
    step: f64,
    /// Multiple of the step in the uppermost row.
    top: f64,
    rows: usize,
}

impl Scale {
    fn of((low, high): (f64, f64)) -> Scale {
        // A step that can be told from its neighbour in a label of seven characters, however far from 0.
        let largest = low.abs().max(high.abs());
        let mut step = round_step(SMALLEST_STEP_MV.max(largest / 1e4));
        let rows = |step: f64| ((high / step).round() - (low / step).round()) as usize + 1;
        while rows(step) > *ROWS.end() {
            step = round_step(step * 1.1);
        }
        let spare = ROWS.start().saturating_sub(rows(step));
        Scale {
            step,
            top: (high / step).round() + spare.div_ceil(2) as f64,
            rows: rows(step) + spare,
        }
    }

    /// For every second row.
    fn label(&self, row: usize) -> String {
        let multiple = self.top - row as f64;
        if multiple % 2.0 != 0.0 {
            return String::new();
        }
        let shown = format!("{:.*}", decimals(self.step), multiple * self.step);
        if shown.len() > MARGIN - 2 {
            format!("{:.1e}", multiple * self.step)
        } else {
            shown
        }
    }

    /// In dots, from the top.
    fn dot(&self, mv: f64) -> usize {
        let place = (self.top + 0.5 - mv / self.step) * 4.0;
        (place.max(0.0) as usize).min(self.rows * 4 - 1)
    }
}

/// The dots of a curve: the first and the last one of each column.
struct Dots(Vec<Option<(usize, usize)>>);

impl Dots {
    /// A column has everything from its smallest to its largest value, so that no peak is lost where it covers many
    /// samples; where samples are rarer than columns, the line between them.
    fn of(mv: &[Option<f32>], across: &Across, scale: &Scale) -> Dots {
        let mut columns: Vec<Option<(usize, usize)>> = vec![None; across.dots()];
        let mut add = |column: usize, mv: f64| {
            let dot = scale.dot(mv);
            let (first, last) = columns[column].unwrap_or((dot, dot));
            columns[column] = Some((first.min(dot), last.max(dot)));
        };
        let mut before: Option<(f64, f64)> = None;
        for (sample, mv) in mv.iter().enumerate() {
            let place = across.place(sample as f64);
            let here = mv.map(|mv| (place, f64::from(mv)));
            if let Some((place, mv)) = here {
                add(place as usize, mv);
                if let Some((place_before, mv_before)) = before {
                    // The line meets at each border of two columns in between.
                    for border in place_before as usize + 1..=place as usize {
                        let share = (border as f64 - place_before) / (place - place_before);
                        let mv = mv_before + share * (mv - mv_before);
                        add(border - 1, mv);
                        add(border, mv);
                    }
                }
            }
            before = here;
        }
        Dots(columns)
    }

    fn character(&self, row: usize, cell: usize) -> char {
        // Bits of the Braille patterns of Unicode, from the top: left and right column.
        const BITS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        let mut bits = 0;
        for (column, column_bits) in BITS.iter().enumerate() {
            if let Some((first, last)) = self.0[cell * 2 + column] {
                for (dot, bit) in column_bits.iter().enumerate() {
                    if (first..=last).contains(&(row * 4 + dot)) {
                        bits |= bit;
                    }
                }
            }
        }
        match bits {
            0 => ' ',
            bits => char::from_u32(0x2800 + bits).unwrap_or(' '),
        }
    }
}

/// The smallest of 1, 2, 2.5 and 5 times a power of ten that is not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powi(least.log10().floor() as i32);
    // A step that is one already must not become the next by rounding.
    let enough = |step: &f64| *step >= least * (1.0 - 1e-9);
    let steps = [1.0, 2.0, 2.5, 5.0].map(|digit| digit * power);
    steps.into_iter().find(enough).unwrap_or(10.0 * power)
}

/// Decimals that tell multiples of the step apart.
fn decimals(step: f64) -> usize {
    let whole = |decimals: &usize| {
        let scaled = step * 10f64.powi(*decimals as i32);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    };
    (0..9).find(whole).unwrap_or(9)
}

#[cfg(test)]
mod tests {
    use super::super::window::tests::{peaks, window};
    use super::*;

    /// The lines of one lead from its marks on, without their labels.
    fn lines(window: &Window, columns: usize) -> Vec<Vec<char>> {
        let text = text(window, columns);
        let cells = |line: &str| line.chars().skip(MARGIN).collect();
        text.lines()
            .skip_while(|line| !line.contains("mV"))
            .map(cells)
            .collect()
    }

    fn places(line: &[char], wanted: impl Fn(char) -> bool) -> Vec<usize> {
        (0..line.len()).filter(|cell| wanted(line[*cell])).collect()
    }

    fn is_dots(c: char) -> bool {
        ('\u{2801}'..='\u{28ff}').contains(&c)
    }

    #[test]
    fn a_mark_stands_above_its_peak_and_over_its_time() {
        // 10 s over 80 - 9 = 71 characters: 0.1 s, 2 s, 5 s and 9.9 s are in these.
        let beats = vec![36, 720, 1800, 3564];
        let lines = lines(&window(360.0, 0, peaks(3600, &beats), beats), 80);
        let expected = [0, 14, 35, 70];
        assert_eq!(places(&lines[0], |c| c == MARK_BEAT), expected);
        // The highest row of the curve has the peaks and nothing else.
        let top = lines.iter().skip(1).find(|line| line.iter().any(|c| is_dots(*c)));
        assert_eq!(places(top.unwrap(), is_dots), expected);
        let axis = &lines[lines.len() - 2];
        let ticks = places(axis, |c| c == '┬');
        assert_eq!((ticks[2], ticks[5], ticks.len()), (14, 35, 10));
        let labels = &lines[lines.len() - 1];
        assert_eq!((labels[14], labels[35]), ('2', '5'));
    }

    #[test]
    fn no_peak_is_lost_where_a_column_covers_many_samples() {
        // 20 kHz: 1408 samples a column of dots, the peak is one of them.
        let beats: Vec<usize> = (0..13).map(|n| 7_000 + n * 14_321).collect();
        let lines = lines(&window(20_000.0, 0, peaks(200_000, &beats), beats), 80);
        let marks = places(&lines[0], |c| c == MARK_BEAT);
        assert_eq!(marks.len(), 13);
        let top = lines.iter().skip(1).find(|line| line.iter().any(|c| is_dots(*c)));
        assert_eq!(places(top.unwrap(), is_dots), marks);
    }

    #[test]
    fn a_curve_of_few_samples_has_no_holes() {
        let slope: Vec<Option<f32>> = (0..20).map(|n| Some(n as f32 / 10.0)).collect();
        let lines = lines(&window(2.0, 0, slope, Vec::new()), 80);
        // The last sample is at 9.5 s.
        for cell in 0..67 {
            assert!(
                lines[1..lines.len() - 2]
                    .iter()
                    .any(|line| line.get(cell).is_some_and(|c| is_dots(*c))),
                "{cell}"
            );
        }
    }

    #[test]
    fn missing_samples_are_marked_and_interrupt_the_curve() {
        let mut mv = peaks(3600, &[]);
        mv[1000..1500].fill(None);
        // Too short to leave a column empty, yet marked.
        mv[3000] = None;
        let lines = lines(&window(360.0, 0, mv, Vec::new()), 80);
        let marked = places(&lines[0], |c| c == MARK_MISSING);
        assert_eq!(marked, (19..=29).chain([59]).collect::<Vec<_>>());
        let curve = lines
            .iter()
            .find(|line| line.iter().any(|c| is_dots(*c)))
            .unwrap();
        let empty = places(curve, |c| !is_dots(c));
        assert_eq!(empty, (20..=28).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_in_a_lead_makes_the_plot_larger_than_it_may_be() {
        let noise = |height: f32| {
            (0..3600)
                .map(|n| Some(height * (n % 7) as f32))
                .collect::<Vec<_>>()
        };
        let far = noise(0.1).iter().map(|mv| mv.map(|mv| mv - 1e9)).collect();
        for mv in [
            vec![None; 3600],
            vec![Some(0.0); 3600],
            vec![Some(f32::MAX); 3600],
            vec![Some(f32::MAX), Some(f32::MIN)],
            vec![Some(1.0)],
            noise(1e-9),
            noise(0.05),
            noise(0.4),
            noise(3e7),
            far,
        ] {
            for (columns, start) in [(0, 0), (41, 0), (80, 31_100_000), (300, 5)] {
                let window = window(360.0, start, mv.clone(), Vec::new());
                let text = text(&window, columns);
                let lines: Vec<&str> = text.lines().skip_while(|line| !line.contains("mV")).collect();
                assert!((11..=15).contains(&lines.len()), "{text}");
                let widest = lines.iter().map(|line| line.chars().count()).max().unwrap();
                assert!(widest <= columns.max(FEWEST_COLUMNS), "{text}");
            }
        }
    }

    #[test]
    fn a_row_is_a_round_number_of_millivolts() {
        for ((low, high), step, top, rows) in [
            ((-0.35, 1.35), 0.2, 7.0, 10),
            ((0.0, 0.0), 0.05, 4.0, 8),
            ((-0.6, 1.9), 0.25, 8.0, 11),
            ((-100.0, 350.0), 50.0, 7.0, 10),
            // An electrode's offset.
            ((-301.0, -299.8), 0.2, -1498.0, 8),
        ] {
            let scale = Scale::of((low, high));
            assert_eq!(
                (scale.step, scale.top, scale.rows),
                (step, top, rows),
                "{low} {high}"
            );
        }
        assert_eq!(Scale::of((-0.35, 1.35)).label(1), "1.2");
        assert_eq!(Scale::of((-0.35, 1.35)).label(2), "");
        assert_eq!(Scale::of((-0.35, 1.35)).label(7), "0.0");
    }

    #[test]
    fn further_leads_are_told() {
        let mut window = window(360.0, 0, peaks(3600, &[]), Vec::new());
        window.further_leads = 11;
        let text = text(&window, 80);
        assert!(
            text.ends_with("and 11 more leads: --svg FILE draws all\n"),
            "{text}"
        );
    }
}
