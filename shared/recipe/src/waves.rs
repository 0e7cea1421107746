//! Step 3b: the shape of one wave. Where in a stretch of signal its peak is, and from there its onset and its end.

use std::ops::Range;

use crate::wave_settings::WAVES;

/// A wave of a beat: three samples of the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wave {
    /// Where it begins.
    pub onset: u64,
    /// Its peak; of a QRS complex the R peak.
    pub peak: u64,
    /// Where it ends.
    pub end: u64,
}

/// The waves of a beat; `None` where one is not there, or samples are missing in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waves {
    /// The P wave.
    pub p: Option<Wave>,
    /// The QRS complex.
    pub qrs: Option<Wave>,
    /// The T wave.
    pub t: Option<Wave>,
    /// Whether the T wave points up.
    pub t_is_up: Option<bool>,
}

/// The place of the largest value, of equal ones the first.
fn highest(values: impl Iterator<Item = f64> + Clone) -> usize {
    let larger = |largest, value| if value > largest { value } else { largest };
    let largest = values.clone().fold(f64::NEG_INFINITY, larger);
    values
        .into_iter()
        .position(|value| value >= largest - WAVES.nearly_mv)
        .unwrap_or(0)
}

/// Lengths in samples of the search for the edges of a QRS complex.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QrsEdgeLengths {
    pub(crate) notch: usize,
    pub(crate) quiet: usize,
    pub(crate) usual: usize,
}

/// How far the onset or the end (number 10) of a QRS complex is from its R peak, in samples: as far as steep slopes follow each
/// other, and then until it is quiet, or if that is far away until it is no more steep; at the farthest to the last value. `steepness` is the amount of the slope at each sample from the
/// R peak outwards.
pub(crate) fn qrs_edge(
    steepness: impl ExactSizeIterator<Item = f64> + Clone,
    steepest: f64,
    lengths: QrsEdgeLengths,
) -> usize {
    let farthest = steepness.len().saturating_sub(1);
    let slope_of = |share| share * steepest - WAVES.nearly_mv;
    let steep = slope_of(WAVES.qrs_slope);
    // The R peak itself is flat on both sides.
    let (mut edge, mut allowed) = (0, 2 * lengths.notch);
    for (distance, steepness) in steepness.clone().enumerate() {
        if steepness >= steep {
            (edge, allowed) = (distance, lengths.notch);
        } else if distance - edge > allowed {
            break;
        }
    }
    let quiet_from = |below: f64| {
        let mut quiet = 0;
        let outwards = steepness.clone().enumerate().take(farthest).skip(edge);
        let mut counted = outwards.map(|(distance, steepness)| {
            quiet = if steepness < below { quiet + 1 } else { 0 };
            (distance, quiet)
        });
        let found = counted.find(|(_, quiet)| *quiet == lengths.quiet);
        found.map(|(distance, quiet)| distance + 1 - quiet)
    };
    // An ST segment may be as steep as the end of the complex.
    quiet_from(slope_of(WAVES.qrs_quiet_slope))
        .filter(|distance| *distance <= lengths.usual)
        .or_else(|| quiet_from(steep))
        .unwrap_or(farthest)
}

/// What is asked of a peak.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeakSearch {
    /// How far the prominence looks to either side, in samples.
    pub(crate) prominence_within: usize,
    /// Longest distance of the peak in the beat from that in the mean, in samples.
    pub(crate) near: usize,
    /// How many times the prominence of an upward wave a downward one needs.
    pub(crate) negative: f64,
    /// Least prominence in the mean, as a share of the largest in the beat.
    pub(crate) agreement: f64,
    /// Only so many samples, from the first on, may be the peak.
    pub(crate) candidates: usize,
}

/// The peak (number 11) of a wave in a stretch of a beat, and whether it points up; `None` if there is no wave. It is the most
/// prominent point of the mean of the beats in this stretch, and then the most prominent one near it in the beat itself.
pub(crate) fn peak_of(beat: &[f64], mean: &[f64], search: PeakSearch) -> Option<(usize, bool)> {
    let of_mean = Extremes::of(mean, &search, 0..search.candidates);
    let height_of = |up: f64| up.max(-up / search.negative);
    let expected = of_mean.highest(0, usize::MAX, height_of)?;
    let (is_up, height) = (expected.up > 0.0, expected.up.abs());
    let (first, last) = (
        expected.place.saturating_sub(search.near),
        (expected.place + search.near).min(search.candidates.saturating_sub(1)),
    );
    // The others of the beat are asked for their largest only.
    let places = if search.agreement > 0.0 {
        0..search.candidates
    } else {
        first..last + 1
    };
    let of_beat = Extremes::of(beat, &search, places);
    let heights = of_beat.0.iter().map(|extreme| extreme.up.abs());
    let largest = heights.fold(0.0, f64::max);
    let own_height_of = |up: f64| if is_up { up } else { -up };
    let own = of_beat.highest(first, last, own_height_of)?;
    let is_wave = height >= WAVES.least_wave_mv
        && own_height_of(own.up) >= WAVES.own_prominence * height
        && height >= search.agreement * largest;
    is_wave.then_some((own.place, is_up))
}

/// So many peaks and valleys need no more memory.
const USUAL_EXTREMES: usize = 32;

/// A peak or a valley.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Extreme {
    place: usize,
    /// The height of a peak above the higher of the two lowest points at most `within` samples before it, and after it. For a
    /// valley its depth, negative.
    up: f64,
}

/// The peaks and valleys of a stretch, in order.
struct Extremes(Vec<Extreme>);

impl Extremes {
    /// Those at some of the places that may be the peak. The last of all these counts as one: a wave whose peak is a little
    /// later is not lost.
    fn of(values: &[f64], search: &PeakSearch, places: Range<usize>) -> Self {
        let (nearly, within) = (WAVES.nearly_mv, search.prominence_within);
        let candidates = search.candidates.min(values.len());
        let mut extremes = Vec::with_capacity(USUAL_EXTREMES);
        let mut push = |place: usize, is_peak: bool, is_valley: bool| {
            let here = values[place];
            let before = &values[place.saturating_sub(within)..=place];
            let after = &values[place..values.len().min(place + within + 1)];
            let up = if is_peak {
                here - lowest(before).max(lowest(after))
            } else {
                0.0
            };
            let down = if is_valley {
                largest(before).min(largest(after)) - here
            } else {
                0.0
            };
            let up = if up >= down { up } else { -down };
            extremes.push(Extreme { place, up });
        };
        // The first value has itself before it.
        if places.start == 0
            && let [here, after, ..] = values
            && candidates > 1
        {
            push(0, after - here <= nearly, after - here >= -nearly);
        }
        let inner = places.start.max(1)..places.end.min(candidates.saturating_sub(1));
        let threes = values[inner.start.min(values.len()).saturating_sub(1)..].windows(3);
        for (place, three) in inner.zip(threes) {
            let &[before, here, after] = three else { break };
            let (rise, next_rise) = (here - before, after - here);
            let is_monotonic =
                (rise > nearly && next_rise > nearly) || (rise < -nearly && next_rise < -nearly);
            if !is_monotonic {
                push(
                    place,
                    rise >= -nearly && next_rise <= nearly,
                    rise <= nearly && next_rise >= -nearly,
                );
            }
        }
        if (places.start + 1..=places.end).contains(&candidates) {
            push(candidates - 1, true, true);
        }
        Self(extremes)
    }

    /// Of those from a place to another the one with the largest height, of equal ones the first.
    fn highest(&self, first: usize, last: usize, height: impl Fn(f64) -> f64) -> Option<Extreme> {
        let inside = || {
            self.0
                .iter()
                .filter(|extreme| (first..=last).contains(&extreme.place))
        };
        let largest = inside().fold(f64::NEG_INFINITY, |largest, extreme| {
            largest.max(height(extreme.up))
        });
        let mut inside = inside();
        inside
            .find(|extreme| height(extreme.up) >= largest - WAVES.nearly_mv)
            .copied()
    }
}

fn lowest(values: &[f64]) -> f64 {
    first_of(values, |a, b| if a < b { a } else { b })
}

/// The largest of some values; not for no values.
pub(crate) fn largest(values: &[f64]) -> f64 {
    first_of(values, |a, b| if a > b { a } else { b })
}

/// The value that comes first in an order, in eight lanes, so that a comparison need not wait for the one before it. Not for
/// no values.
fn first_of(values: &[f64], pick: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [values[0]; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = pick(*lane, *value);
        }
    }
    let of_rest = rest.iter().fold(values[0], |first, value| pick(first, *value));
    lanes.into_iter().fold(of_rest, pick)
}

/// How far the onset or the end (number 12) of a wave is from its peak, in samples: over the steepest slope at most `steepest_within`
/// samples away, to where the slope has fallen to a `share` of that; at the farthest to the last value. `falling` is the slope at each
/// sample from the peak outwards, positive where the wave falls.
pub(crate) fn wave_edge(
    falling: impl ExactSizeIterator<Item = f64> + Clone,
    steepest_within: usize,
    share: f64,
) -> usize {
    let farthest = falling.len().saturating_sub(1);
    let steepest = highest(falling.clone().take(steepest_within + 1));
    let mut beyond = falling.skip(steepest);
    let limit = beyond.clone().next().unwrap_or(0.0) * share - WAVES.nearly_mv;
    let fallen = beyond.position(|falling| falling < limit);
    fallen.map_or(farthest, |distance| steepest + distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_has_its_height_and_a_valley_its_depth() {
        let values = [0.0, 0.0, 3.0, 1.0, 1.5, -2.0, 0.5, 0.5, 0.2];
        let extremes = |prominence_within, candidates| {
            let search = PeakSearch {
                prominence_within,
                candidates,
                ..SEARCH
            };
            let extremes = Extremes::of(&values, &search, 0..9);
            extremes
                .0
                .iter()
                .map(|extreme| (extreme.place, extreme.up))
                .collect::<Vec<_>>()
        };
        let all = [
            (0, 0.0),
            (1, 0.0),
            (2, 2.0),
            (3, -0.5),
            (4, 0.5),
            (5, -2.5),
            (6, 0.3),
            (7, 0.3),
            (8, 0.0),
        ];
        let near = |found: Vec<(usize, f64)>, expect: &[(usize, f64)]| {
            assert_eq!(found.len(), expect.len(), "{found:?}");
            for (found, expect) in found.iter().zip(expect) {
                assert!(
                    found.0 == expect.0 && (found.1 - expect.1).abs() < 1e-12,
                    "{found:?} {expect:?}"
                );
            }
        };
        near(extremes(2, 9), &all);
        near(extremes(2, 3), &all[..3]);
        // Only what is near counts.
        near(
            extremes(1, 9),
            &[
                (0, 0.0),
                (1, 0.0),
                (2, 2.0),
                (3, -0.5),
                (4, 0.5),
                (5, -2.5),
                (6, 0.0),
                (7, 0.0),
                (8, 0.0),
            ],
        );
        // Rising, and nothing else may be the peak.
        assert_eq!(
            Extremes::of(
                &[0.0, 1.0, 2.0, 3.0],
                &PeakSearch {
                    candidates: 3,
                    ..SEARCH
                },
                1..3
            )
            .0
            .len(),
            1
        );
        assert!(Extremes::of(&[], &SEARCH, 0..9).0.is_empty());
    }

    const LENGTHS: QrsEdgeLengths = QrsEdgeLengths {
        notch: 10,
        quiet: 5,
        usual: 30,
    };

    /// A wave from 20 to 60, its peak at 40.
    fn wave(mv: f64) -> Vec<f64> {
        (0..100)
            .map(|n| {
                let distance = (f64::from(n) - 40.0).abs() / 20.0;
                mv * (0.5 + 0.5 * (std::f64::consts::PI * distance.min(1.0)).cos())
            })
            .collect()
    }

    const SEARCH: PeakSearch = PeakSearch {
        prominence_within: 30,
        near: 10,
        negative: 1.25,
        agreement: 0.0,
        candidates: usize::MAX,
    };

    #[test]
    fn the_peak_is_that_of_the_beat_near_that_of_the_mean() {
        for (mv, is_up) in [(0.2, true), (-0.2, false)] {
            let (beat, mean) = (wave(mv), wave(mv));
            assert_eq!(peak_of(&beat, &mean, SEARCH), Some((40, is_up)));
            assert_eq!(peak_of(&beat, &mean[5..], SEARCH).map(|(at, _)| at), Some(40));
        }
        // Larger elsewhere in the beat, but not in the mean.
        let mut beat = wave(0.2);
        beat[80] = 1.0;
        assert_eq!(peak_of(&beat, &wave(0.2), SEARCH), Some((40, true)));
        let agreeing = PeakSearch {
            agreement: 0.5,
            ..SEARCH
        };
        assert_eq!(peak_of(&beat, &wave(0.2), agreeing), None);
    }

    #[test]
    fn there_is_no_wave_below_the_least_one_nor_where_the_beat_has_none() {
        assert_eq!(peak_of(&wave(0.007), &wave(0.007), SEARCH), None);
        assert_eq!(peak_of(&wave(0.01), &wave(0.2), SEARCH), None);
        assert_eq!(peak_of(&[], &[], SEARCH), None);
        let before_it = PeakSearch {
            candidates: 15,
            ..SEARCH
        };
        assert_eq!(peak_of(&wave(0.2), &wave(0.2), before_it), None);
    }

    #[test]
    fn a_wave_begins_and_ends_where_its_slope_has_fallen() {
        for (x, rising) in [(wave(0.2), 1.0), (wave(-0.2), -1.0)] {
            let slope = |at: usize| rising * (x[at + 1] - x[at - 1]);
            let start = (0..=35).map(|distance| slope(40 - distance));
            let end = |last: usize| (40..=last).map(|at| -slope(at)).collect::<Vec<_>>();
            let end = |last, share| wave_edge(end(last).into_iter(), 30, share);
            // The slope is a sine: 0.3 of its largest value at 20 samples times asin(0.3) / pi from the foot.
            assert_eq!(wave_edge(start.collect::<Vec<_>>().into_iter(), 30, 0.3), 19);
            assert_eq!(end(95, 0.3), 19);
            assert_eq!(end(95, 0.5), 17);
            assert_eq!(end(52, 0.3), 12);
        }
    }

    #[test]
    fn a_qrs_complex_reaches_over_a_notch_to_where_it_is_quiet() {
        // Steep for 10 samples but for the R peak, again from 18 to 22, then quiet.
        let steepness: Vec<f64> = (0..=40)
            .map(|distance| match distance {
                0..=1 => 0.0,
                2..=10 | 18..=22 => 1.0,
                _ => 0.01,
            })
            .collect();
        let edge = |notch| {
            let lengths = QrsEdgeLengths { notch, ..LENGTHS };
            qrs_edge(steepness.iter().copied(), 1.0, lengths)
        };
        assert_eq!(edge(10), 23);
        assert_eq!(edge(5), 11);
        assert_eq!(qrs_edge([1.0; 41].into_iter(), 1.0, LENGTHS), 40);
    }

    #[test]
    fn a_qrs_complex_does_not_reach_over_a_steep_st_segment() {
        // Steep for 10 samples, then an ST segment with a tenth of its slope; quiet from `quiet` on.
        let edge = |quiet| {
            let steepness = (0..=60).map(|distance| match distance {
                0..=10 => 1.0,
                _ if distance < quiet => 0.1,
                _ => 0.0,
            });
            qrs_edge(steepness.collect::<Vec<_>>().into_iter(), 1.0, LENGTHS)
        };
        assert_eq!(edge(30), 30);
        assert_eq!(edge(31), 11);
        assert_eq!(edge(100), 11);
    }
}
