//! Names of ECG leads.

/// Names of ECG leads in their usual order, in lower case. `ml` before a limb lead is a modified limb lead (MLII).
pub(crate) const LEAD_NAMES: [&str; 27] = [
    "i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v1r",
    "v2r", "v3r", "v4r", "v5r", "v6r", "v7r", "v8r", "v9r", "vx", "vy", "vz",
];

/// Frank leads. Each letter alone is too common a name, so they count only together and in upper case.
pub(crate) const FRANK: [&str; 3] = ["X", "Y", "Z"];

/// What stands before the number or the name of a lead.
pub(crate) const PREFIXES: [&str; 4] = ["lead", "channel", "ch", "ecg"];

/// The place of a lead among others, `None` for what is not named as a lead. `frank` is whether [`FRANK`] count.
pub(crate) fn lead_order(name: &str, frank: bool) -> Option<usize> {
    if frank && let Some(place) = FRANK.iter().position(|lead| *lead == name) {
        return Some(LEAD_NAMES.len() + place);
    }
    let name = name.to_ascii_lowercase();
    let known = |name: &str| LEAD_NAMES.iter().position(|lead| *lead == name);
    let limb = |name: &str| known(name).filter(|place| *place < 3);
    known(&name)
        .or_else(|| limb(name.strip_prefix("ml")?))
        .or_else(|| {
            let rest = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix))?;
            if rest.starts_with(|c: char| c.is_ascii_digit()) {
                return numbered(rest);
            }
            let rest = rest.strip_prefix('_')?;
            numbered(rest).or_else(|| known(rest))
        })
}

/// Whether this is the place of a lead that has a number and no name.
pub(crate) fn is_numbered(place: usize) -> bool {
    place >= LEAD_NAMES.len() + FRANK.len()
}

/// The place of a numbered lead: behind those that have a name.
fn numbered(digits: &str) -> Option<usize> {
    let number: u16 = digits.parse().ok()?;
    Some(LEAD_NAMES.len() + FRANK.len() + usize::from(number))
}
