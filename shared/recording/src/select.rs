//! Which variable of a file is the recording.

use ecg_core::Details;
use ecg_mat::Variable;

/// Names that mean the signal, in order of preference; compared without regard to case.
const SIGNAL_NAMES: [&str; 6] = ["val", "ecg", "signal", "signals", "data", "x"];

/// Chooses the variable that holds the samples: the one that is named (by metadata of the object); else the
/// first that exists of `val`, `ecg`, `signal`, `signals`, `data`, `x`; else the only numeric matrix.
///
/// Returns its index. Whether it can be used (real, two dimensions) is checked afterwards, so that the message
/// names the variable that somebody meant.
///
/// # Errors
/// No such variable, or several that could be meant.
pub(crate) fn choose(variables: &[Variable], named: Option<&str>) -> Result<usize, Details> {
    if let Some(name) = named {
        return variables
            .iter()
            .position(|variable| variable.name == name)
            .ok_or_else(|| {
                Details::new(
                    "variable",
                    format!("`{name}`, named by the object's metadata"),
                    list(variables),
                )
            });
    }
    for name in SIGNAL_NAMES {
        if let Some(index) = variables
            .iter()
            .position(|variable| variable.name.eq_ignore_ascii_case(name))
        {
            return Ok(index);
        }
    }
    let candidates: Vec<usize> = (0..variables.len())
        .filter(|index| is_matrix(&variables[*index]))
        .collect();
    match candidates.as_slice() {
        [one] => Ok(*one),
        [] => Err(Details::new(
            "variable",
            "`val`, or one numeric matrix",
            list(variables),
        )),
        many => {
            let names: Vec<&str> = many.iter().map(|index| variables[*index].name.as_str()).collect();
            Err(Details::new(
                "variable",
                "`val`, or one numeric matrix, or object metadata ecg-variable that names one",
                format!("{} numeric matrices: {}", many.len(), names.join(", ")),
            ))
        }
    }
}

/// A numeric variable that is not a scalar or a short vector (those are settings).
fn is_matrix(variable: &Variable) -> bool {
    const LONGEST_SETTING: u64 = 16;
    variable.class.number_type().is_some()
        && variable
            .value_count()
            .is_some_and(|count| count > LONGEST_SETTING)
}

fn list(variables: &[Variable]) -> String {
    const SHOWN: usize = 8;
    if variables.is_empty() {
        return "no variable at all".to_owned();
    }
    let mut names: Vec<String> = variables
        .iter()
        .take(SHOWN)
        .map(|variable| format!("{} ({})", variable.name, variable.class))
        .collect();
    if variables.len() > SHOWN {
        names.push(format!("{} more", variables.len() - SHOWN));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecg_mat::{Class, NumberType};

    fn variable(name: &str, class: Class, dims: &[u64]) -> Variable {
        Variable {
            name: name.into(),
            class,
            dims: dims.into(),
            complex: false,
            compressed: false,
            offset: 0,
        }
    }

    #[test]
    fn the_signal_is_found() {
        let number = Class::Number(NumberType::I16);
        let fs = variable("fs", number, &[1, 1]);
        let val = variable("val", number, &[1, 100]);
        let other = variable("other", number, &[2, 100]);
        let text = variable("note", Class::Char, &[1, 100]);
        let choose = |variables: &[&Variable], named| {
            let owned: Vec<Variable> = variables.iter().map(|v| (*v).clone()).collect();
            super::choose(&owned, named)
        };
        assert_eq!(choose(&[&fs, &other, &val], None), Ok(2));
        assert_eq!(choose(&[&fs, &text, &other], None), Ok(2));
        assert_eq!(choose(&[&val, &other], Some("other")), Ok(1));
        assert_eq!(choose(&[], None).unwrap_err().found, "no variable at all");
        assert_eq!(
            choose(&[&fs, &text], None).unwrap_err().found,
            "fs (int16), note (char)"
        );
        let second = variable("second", number, &[2, 100]);
        assert!(
            choose(&[&other, &second], None)
                .unwrap_err()
                .found
                .contains("2 numeric matrices: other, second")
        );
        assert!(
            choose(&[&val], Some("nope"))
                .unwrap_err()
                .expected
                .contains("`nope`")
        );
        // A `val` that can not be used is still the one that was meant.
        assert_eq!(
            choose(&[&variable("val", Class::Char, &[1, 5]), &other], None),
            Ok(0)
        );
    }
}
