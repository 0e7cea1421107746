//! Every number of the types of beats, as in [`detector_settings`](crate::detector_settings): `docs/recipe.md`, chapter 3c,
//! numbers the steps, and the recipe in Python (`docs/recipe/step3c_beat_types.py`) has the same names and numbers, which a
//! test compares.
//!
//! Sources: Lagerholm et al. (2000), IEEE Trans Biomed Eng 47:838: groups that are learned while they are used. Hamilton
//! (2002), "Open source ECG analysis", Computers in Cardiology 29:101, and de Chazal, O'Dwyer and Reilly (2004), IEEE Trans
//! Biomed Eng 51:1196: shape, width, time and P wave.

/// The settings of the types of beats.
pub(crate) struct TypeSettings {
    // 14. Shape.
    /// Longest distance of the middle of the energy from the R peak, in s.
    pub(crate) middle_within_s: f64,
    /// Time between two values of a shape, in s. It has 56, from 120 ms before the middle to 320 ms after it.
    pub(crate) shape_step_s: f64,
    /// Beats that differ in size by at most this factor have the same size.
    pub(crate) same_size: f64,
    /// What differs by less, relative to its largest value, is equal.
    pub(crate) nearly: f64,

    /// Longest distance of a pacing spike from the R peak, in s.
    pub(crate) spike_within_s: f64,
    /// Distance of the two samples from whose mean a spike is far, in s.
    pub(crate) spike_s: f64,
    /// How many times the next largest pulse it is...
    pub(crate) spike: f64,
    /// ...which is more than so much time away, in s.
    pub(crate) spike_apart_s: f64,
    /// The level before a spike is the mean from so much time before it, in s...
    pub(crate) spike_level_from_s: f64,
    /// ...to so much time before it, in s.
    pub(crate) spike_level_to_s: f64,
    /// Until so much time before it, in s...
    pub(crate) spike_begins_s: f64,
    /// ...the signal leaves that level by at most this share of the height of the spike.
    pub(crate) spike_flat: f64,
    /// From so much time after it, in s...
    pub(crate) spike_then_from_s: f64,
    /// ...to so much time after it, in s...
    pub(crate) spike_then_to_s: f64,
    /// ...the signal is away from the level by at least this share, in the mean.
    pub(crate) spike_then: f64,

    // 15. Groups.
    /// Least likeness of a beat to the mean of its group.
    pub(crate) alike: f64,
    /// Beats that the mean and the median width of a group are over.
    pub(crate) learn_beats: usize,
    /// Time in which the weight of a beat falls to 1/e, in s.
    pub(crate) forget_s: f64,
    /// Beats from which the properties of a group count.
    pub(crate) known_beats: u64,
    /// Least share of all weights of a group of the basic rhythm.
    pub(crate) basic_share: f64,

    // 16. Time.
    /// A type is decided with the beats of so much time after it, in s.
    pub(crate) ahead_s: f64,
    /// Nothing is decided before so much time after the first beat, in s.
    pub(crate) learn_s: f64,
    /// Beats before a beat that the usual interval is of...
    pub(crate) usual_beats: usize,
    /// ...and how long before, in s.
    pub(crate) usual_within_s: f64,
    /// Share of the usual interval below which an interval is early.
    pub(crate) early: f64,
    /// Median change between intervals, as a share of the usual one, above which a rhythm is irregular.
    pub(crate) irregular: f64,
    /// Share of two usual intervals that the two around an early beat are below, if the sinus node starts anew...
    pub(crate) reset: f64,
    /// ...and above.
    pub(crate) between: f64,
    /// Beats with a known pause from which a group resets.
    pub(crate) reset_beats: f64,

    // 17. Type.
    /// Share of the beats of a group with a spike from which it is paced.
    pub(crate) spike_share: f64,
    /// Width from which a beat is wide, in ms...
    pub(crate) wide_ms: f64,
    /// ...if it is also above so many times that of the basic rhythm...
    pub(crate) wide: f64,
    /// ...or not narrow and above so many times.
    pub(crate) much_wider: f64,
    /// Share of the beats of a group below which it is without P wave.
    pub(crate) p_share: f64,
    /// Unlikeness above which an early beat is ventricular...
    pub(crate) unlike: f64,
    /// ...in an irregular rhythm, or if it is narrow...
    pub(crate) unlike_clearly: f64,
    /// ...and if it is wide.
    pub(crate) unlike_wide: f64,
    /// Width below which a beat is narrow, in ms.
    pub(crate) narrow_ms: f64,
    /// Least unlikeness of a ventricular beat that is wide and not early...
    pub(crate) unlike_on_time: f64,
    /// ...and of one that is neither.
    pub(crate) unlike_narrow_on_time: f64,
    /// Width from which a regular basic rhythm is ventricular, in ms...
    pub(crate) ventricular_ms: f64,
    /// ...if fewer than this share of its beats have a P wave.
    pub(crate) ventricular_p_share: f64,
    /// How many times the unlikeness of the beats around to their groups a beat without a group needs...
    pub(crate) noise: f64,
    /// ...and within which time these are, in s.
    pub(crate) noise_within_s: f64,
}

/// The settings in force, chosen on one half of the annotated records; `docs/recipe.md` says on which.
pub(crate) const TYPES: TypeSettings = TypeSettings {
    middle_within_s: 0.06,
    // A QRS complex has little above 40 Hz.
    shape_step_s: 0.008,
    // Breathing changes the size of a beat.
    same_size: 1.25,
    // Rounding decides nothing.
    nearly: 1e-9,

    spike_within_s: 0.16,
    // The pulse lasts 1 or 2 ms, but what records at 250 to 360 Hz makes it some 15 ms long.
    spike_s: 0.010,
    // No other wave is as narrow.
    spike: 3.0,
    spike_apart_s: 0.022,
    // No wave begins as suddenly.
    spike_level_from_s: 0.060,
    spike_level_to_s: 0.030,
    spike_begins_s: 0.012,
    spike_flat: 0.25,
    // The QRS complex that the pacemaker made follows, and is wide.
    spike_then_from_s: 0.030,
    spike_then_to_s: 0.120,
    spike_then: 0.15,

    alike: 0.95,
    learn_beats: 16,
    // A run of ventricular beats for a minute or two does not become the basic rhythm.
    forget_s: 300.0,
    known_beats: 3,
    basic_share: 0.10,

    ahead_s: 4.0,
    // The groups have to be learned.
    learn_s: 10.0,
    usual_beats: 16,
    usual_within_s: 16.0,
    early: 0.85,
    irregular: 0.10,
    // After a premature atrial beat the sinus node starts anew. After most ventricular beats the two intervals are equal to two
    // usual ones (compensatory pause), or to one (a beat between two others).
    reset: 0.80,
    between: 0.60,
    reset_beats: 2.0,

    spike_share: 0.5,
    // The limit of bundle branch block.
    wide_ms: 120.0,
    wide: 1.3,
    much_wider: 1.5,
    p_share: 0.5,
    unlike: 0.2,
    unlike_clearly: 0.4,
    // Where groups end.
    unlike_wide: 0.05,
    narrow_ms: 100.0,
    unlike_on_time: 0.3,
    // Its shape has nearly nothing in common with the basic rhythm.
    unlike_narrow_on_time: 0.8,
    // No bundle branch block is as wide.
    ventricular_ms: 200.0,
    ventricular_p_share: 0.2,
    noise: 10.0,
    noise_within_s: 5.0,
};
