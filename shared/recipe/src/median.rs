//! The medians that several steps take.

/// More values than these are sorted.
const COUNTED: usize = 64;

/// The middle value, or the mean of the two in the middle; `None` without one.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    let (middle, is_even) = (values.len() / 2, values.len().is_multiple_of(2));
    let is_few = values.len() <= COUNTED;
    if !is_few {
        values.sort_unstable_by(f64::total_cmp);
    }
    let at = |place: usize| {
        if is_few {
            counted(values, place)
        } else {
            values.get(place).copied()
        }
    };
    let upper = at(middle)?;
    Some(if is_even {
        0.5 * (at(middle - 1)? + upper)
    } else {
        upper
    })
}

/// The median, of two in the middle the larger one; `None` without values. Sorts the values.
pub(crate) fn upper_median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The value at a place in the order of size. To compare a few values with all others takes less time than to sort them, since
/// the processor compares several at once and need not guess.
fn counted(values: &[f64], place: usize) -> Option<f64> {
    let count = |is_counted: fn(f64, f64) -> bool, value: f64| {
        values
            .iter()
            .map(|other| u64::from(is_counted(*other, value)))
            .sum::<u64>()
    };
    let is_at_place = |value: f64| {
        let place = place as u64;
        count(|other, value| other < value, value) <= place
            && place < count(|other, value| other <= value, value)
    };
    values.iter().copied().find(|value| is_at_place(*value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_of_an_even_number_is_between_two() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0]), Some(3.0));
        assert_eq!(median(&mut [3.0, 1.0, 2.0, 10.0]), Some(2.5));
        assert_eq!(median(&mut [2.0, 2.0, 1.0, 2.0]), Some(2.0));
    }

    #[test]
    fn many_values_are_sorted() {
        for many in [COUNTED, COUNTED + 1, COUNTED + 2] {
            let mut values: Vec<f64> = (0..many).map(|n| (n * 37 % many) as f64).collect();
            let expect = (many - 1) as f64 / 2.0;
            assert_eq!(median(&mut values), Some(expect), "{many}");
        }
    }
}
