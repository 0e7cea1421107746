//! Which variables of a file are the recording: one matrix, or one vector per lead.

use ecg_core::Details;
use ecg_core::rules::RULES;
use ecg_mat::{Class, Variable};

use crate::lead_names::{FRANK, lead_order};
use crate::names::TIMES;
use crate::{Named, Refused, shape};

/// Names that mean the signal, in order of preference; compared without regard to case.
const SIGNAL_NAMES: [&str; 6] = ["val", "ecg", "signal", "signals", "data", X];

/// A matrix of this name is the signal; a vector may as well be the axis of a plot.
const X: &str = "x";

/// Longest vector that is taken for settings and not for a signal.
pub(super) const LONGEST_SETTING: u64 = 16;

/// The variables that hold the samples, as indices: one, or several with one lead each.
///
/// Those that are named (on the command line, else by metadata of the object); else the first that can be meant of `val`,
/// `ecg`, `signal`, `signals`, `data`, `x`; else all vectors that are named as leads, if there are several; else the only
/// numeric matrix.
///
/// Whether a single one can be used (real, two dimensions) is checked afterwards, so that the message names the
/// variable that somebody meant. Texts and what is too short are not meant where another variable can be.
///
/// # Errors
/// No such variable, several that could be meant or of one name, or leads that do not fit together.
pub(super) fn choose(variables: &[Variable], named: &Named) -> Result<Vec<usize>, Refused> {
    let chosen = meant(variables, named)?;
    for index in &chosen {
        let name = &variables[*index].name;
        let alike = variables.iter().filter(|variable| variable.name == *name);
        let alike: Vec<&Variable> = alike.collect();
        // Of two, one program reads the first one and another the last.
        if alike.len() > 1 {
            let found = listed(alike.into_iter());
            return Err(Details::new("variable", format!("one `{name}`"), found).into());
        }
    }
    Ok(chosen)
}

fn meant(variables: &[Variable], named: &Named) -> Result<Vec<usize>, Refused> {
    if !named.names.is_empty() {
        let by = named.by;
        let indices = named
            .names
            .iter()
            .map(|name| find(variables, name, by))
            .collect::<Result<Vec<usize>, Details>>();
        let indices =
            indices.map_err(|details| Refused::to_be_named(details, &instead(variables, named.names)))?;
        let fit = fit_together(variables, &indices);
        fit.map_err(|details| Refused::to_be_named(details, &[]))?;
        return Ok(indices);
    }
    let frank = FRANK.iter().all(|name| {
        let named = |variable: &&Variable| variable.name == *name;
        variables.iter().find(named).is_some_and(is_vector)
    });
    let named_as_signal = |meant: &dyn Fn(&Variable) -> bool| {
        SIGNAL_NAMES.iter().find_map(|name| {
            let is_it = |variable: &Variable| {
                let is_axis = *name == X && is_vector(variable);
                variable.name.eq_ignore_ascii_case(name) && !is_axis && meant(variable)
            };
            variables.iter().position(is_it)
        })
    };
    if let Some(index) = named_as_signal(&|variable| !is_setting(variable)) {
        return Ok(vec![index]);
    }
    let mut leads: Vec<(usize, usize)> = variables
        .iter()
        .enumerate()
        .filter(|(_, variable)| is_vector(variable))
        .filter_map(|(index, variable)| Some((lead_order(&variable.name, frank)?, index)))
        .collect();
    if leads.len() > 1 {
        leads.sort_unstable();
        let indices: Vec<usize> = leads.into_iter().map(|(_, index)| index).collect();
        let longest = indices
            .iter()
            .filter_map(|index| variables[*index].value_count())
            .max();
        let holds_more = |index: &usize| {
            let variable = &variables[*index];
            can_be_leads(variable) && !is_line(variable) && variable.value_count() > longest
        };
        if let Some(matrix) = matrices(variables).into_iter().find(holds_more) {
            let meant = [matrix].into_iter().chain(indices).map(|index| &variables[index]);
            let details = Details::new(
                "variable",
                format!("{}, or leads as vectors (I, II, ...), or {A_NAME}", one_matrix()),
                format!("both: {}", listed(meant.collect::<Vec<_>>().into_iter())),
            );
            return Err(Refused::to_be_named(details, &[Some(&variables[matrix].name)]));
        }
        return match fit_together(variables, &indices) {
            Ok(()) => Ok(indices),
            Err(details) => Err(Refused::to_be_named(details, &[])),
        };
    }
    let only = only_matrix(variables);
    let too_short = |refused| named_as_signal(&|_| matrices(variables).is_empty()).ok_or(refused);
    only.or_else(too_short).map(|index| vec![index])
}

fn find(variables: &[Variable], name: &str, by: &str) -> Result<usize, Details> {
    let found = variables.iter().position(|variable| variable.name == name);
    found.ok_or_else(|| Details::new("variable", format!("`{name}`, named by {by}"), list(variables)))
}

/// Several variables are leads of one recording if they are real vectors of one class and length.
fn fit_together(variables: &[Variable], indices: &[usize]) -> Result<(), Details> {
    let [first, others @ ..] = indices else {
        return Ok(());
    };
    let first = &variables[*first];
    let alike = |index: &usize| {
        let other = &variables[*index];
        (other.class, other.value_count()) == (first.class, first.value_count())
    };
    let vector = |index: &usize| {
        let variable = &variables[*index];
        matches!(variable.class, Class::Number(_)) && !variable.complex && is_line(variable)
    };
    let repeated = (1..indices.len()).any(|place| indices[..place].contains(&indices[place]));
    if others.is_empty() || (indices.iter().all(vector) && others.iter().all(alike) && !repeated) {
        return Ok(());
    }
    Err(Details::new(
        "variables",
        "leads as different real vectors of one class and one length",
        listed(indices.iter().map(|index| &variables[*index])),
    ))
}

/// What a person can name, for messages.
const A_NAME: &str = "a name in object metadata ecg-variable or the flag --variable NAME (several, separated by commas, are \
                      one lead each)";

fn one_matrix() -> String {
    format!("`val`, one numeric matrix of more than {LONGEST_SETTING} values")
}

/// The only numeric matrix. A vector of times is one only where nothing else is.
fn only_matrix(variables: &[Variable]) -> Result<usize, Refused> {
    match matrices(variables).as_slice() {
        [one] => Ok(*one),
        [] => Err(Refused::from(Details::new(
            "variable",
            format!("{}, or leads as vectors (I, II, ...)", one_matrix()),
            list(variables),
        ))),
        many => {
            let names = listed(many.iter().map(|index| &variables[*index]));
            let details = Details::new(
                "variable",
                format!("{}, or {A_NAME}", one_matrix()),
                format!("{} such matrices: {names}", many.len()),
            );
            let first = &variables[many[0]];
            Err(Refused::to_be_named(details, &[Some(&first.name)]))
        }
    }
}

/// The numeric matrices; vectors of times, and what cannot be leads, only where nothing else is there.
fn matrices(variables: &[Variable]) -> Vec<usize> {
    let mut candidates: Vec<usize> = (0..variables.len())
        .filter(|index| is_matrix(&variables[*index]))
        .collect();
    let is_time = |index: &usize| {
        let variable = &variables[*index];
        is_line(variable) && TIMES.iter().any(|name| variable.name.eq_ignore_ascii_case(name))
    };
    if !candidates.iter().all(is_time) {
        candidates.retain(|index| !is_time(index));
    }
    let leads = |index: &usize| can_be_leads(&variables[*index]);
    if candidates.iter().any(leads) {
        candidates.retain(leads);
    }
    candidates
}

/// For each name that was said and is not there, a matrix that was not said: first one whose name differs in case only.
fn instead<'v>(variables: &'v [Variable], said: &'v [String]) -> Vec<Option<&'v str>> {
    let there = |name: &str| variables.iter().any(|variable| variable.name == name);
    let mut free: Vec<&str> = matrices(variables)
        .into_iter()
        .map(|index| variables[index].name.as_str())
        .filter(|name| !said.iter().any(|said| said == name))
        .collect();
    let each = said.iter().map(|name| {
        if there(name) {
            return Some(name.as_str());
        }
        let alike = free.iter().position(|free| free.eq_ignore_ascii_case(name));
        let at = alike.unwrap_or(0);
        (at < free.len()).then(|| free.remove(at))
    });
    each.collect()
}

/// A numeric variable that is not a scalar or a short vector (those are settings).
fn is_matrix(variable: &Variable) -> bool {
    variable.class.number_type().is_some()
        && variable
            .value_count()
            .is_some_and(|count| count > LONGEST_SETTING)
}

/// A text, or numbers that are too few: what is no signal, whatever it is called.
fn is_setting(variable: &Variable) -> bool {
    variable.class == Class::Char || (variable.class.number_type().is_some() && !is_matrix(variable))
}

/// Real numbers in two dimensions, of which one may be that of the leads: no mask, no spectrogram.
fn can_be_leads(variable: &Variable) -> bool {
    let shorter = variable.dims.iter().min().copied().unwrap_or(0);
    matches!(variable.class, Class::Number(_))
        && !variable.complex
        && variable.dims.len() == 2
        && shorter <= RULES.reject_leads_above
}

/// One row or one column.
fn is_line(variable: &Variable) -> bool {
    matches!(variable.dims.as_slice(), [1, _] | [_, 1])
}

fn is_vector(variable: &Variable) -> bool {
    is_matrix(variable) && is_line(variable)
}

/// Name, class and dimensions of each variable.
fn list(variables: &[Variable]) -> String {
    if variables.is_empty() {
        return "no variable at all".to_owned();
    }
    listed(variables.iter())
}

fn listed<'v>(variables: impl ExactSizeIterator<Item = &'v Variable>) -> String {
    const SHOWN: usize = 8;
    const LONGEST_NAME: usize = 64;
    let more = variables.len().saturating_sub(SHOWN);
    let mut names: Vec<String> = variables
        .take(SHOWN)
        .map(|variable| {
            let name: String = variable.name.chars().take(LONGEST_NAME).collect();
            format!("{name} ({})", kind(variable))
        })
        .collect();
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

/// Class and dimensions, such as `double 1 x 9`.
fn kind(variable: &Variable) -> String {
    let complex = if variable.complex { " complex" } else { "" };
    format!("{}{complex} {}", variable.class, shape(&variable.dims))
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lead_names::{LEAD_NAMES, PREFIXES};
    use ecg_mat::NumberType;

    const INT16: Class = Class::Number(NumberType::I16);

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

    fn vectors(names: &[&str]) -> Vec<Variable> {
        names
            .iter()
            .map(|name| variable(name, INT16, &[1, 100]))
            .collect()
    }

    fn names(variables: &[Variable], chosen: Result<Vec<usize>, Refused>) -> Result<Vec<&str>, Refused> {
        let indices = chosen?;
        Ok(indices
            .into_iter()
            .map(|index| variables[index].name.as_str())
            .collect())
    }

    /// The names of what is chosen, or what was found instead.
    fn chosen(variables: &[Variable]) -> Result<Vec<&str>, String> {
        names(variables, choose(variables, &Named::default())).map_err(|refused| refused.details.found)
    }

    const FLAG: &str = "--variable";
    const METADATA: &str = "the object's metadata";

    fn named<'v>(
        variables: &'v [Variable],
        said: &[&str],
        by: &'static str,
    ) -> Result<Vec<&'v str>, Refused> {
        let said: Vec<String> = said.iter().map(|name| (*name).to_owned()).collect();
        names(variables, choose(variables, &Named { names: &said, by }))
    }

    #[test]
    fn the_signal_is_found() {
        let fs = variable("fs", INT16, &[1, 1]);
        let val = variable("val", INT16, &[1, 100]);
        let other = variable("other", INT16, &[2, 100]);
        let text = variable("note", Class::Char, &[1, 100]);
        let all =
            |variables: &[&Variable]| -> Vec<Variable> { variables.iter().map(|v| (*v).clone()).collect() };
        assert_eq!(chosen(&all(&[&fs, &other, &val])), Ok(vec!["val"]));
        assert_eq!(chosen(&all(&[&fs, &text, &other])), Ok(vec!["other"]));
        assert_eq!(chosen(&[]), Err("no variable at all".to_owned()));
        assert_eq!(
            chosen(&all(&[&fs, &text])),
            Err("fs (int16 1 x 1), note (char 1 x 100)".to_owned())
        );
        // A `val` that cannot be used is still the one that was meant.
        let wrong = variable("val", Class::Struct, &[1, 1]);
        assert_eq!(chosen(&all(&[&wrong, &other])), Ok(vec!["val"]));
        // A text or a short vector is not, where another variable can be.
        for (class, dims) in [(Class::Char, [1, 5]), (INT16, [0, 0]), (INT16, [1, 16])] {
            let short = variable("val", class, &dims);
            assert_eq!(chosen(&all(&[&short, &other])), Ok(vec!["other"]));
            assert_eq!(chosen(&all(&[&short, &fs])), Ok(vec!["val"]));
        }
        let second = variable("second", INT16, &[2, 100]);
        let both = all(&[&other, &second]);
        let refused = choose(&both, &Named::default()).unwrap_err();
        assert_eq!(
            refused.details.found,
            "2 such matrices: other (int16 2 x 100), second (int16 2 x 100)"
        );
        assert_eq!(refused.try_flags.as_deref(), Some("--variable other"));
    }

    #[test]
    fn a_misspelt_name_gets_one_that_is_there() {
        let typed = |there: &[&str], said: &[&str]| {
            let refused = named(&vectors(there), said, FLAG).unwrap_err();
            refused.try_flags.unwrap()
        };
        assert_eq!(typed(&["other", "chest"], &["Chest"]), "--variable chest");
        assert_eq!(typed(&["t", "chest"], &["chst"]), "--variable chest");
        assert_eq!(typed(&["II", "V1", "V5"], &["II", "v5"]), "--variable II,V5");
        assert_eq!(typed(&["II"], &["II", "V9"]), "--variable II,NAME");
        // As a shell takes it; what cannot be typed is not proposed.
        assert_eq!(typed(&["a b; c"], &["x"]), "--variable 'a b; c'");
        assert_eq!(typed(&["a,b"], &["x"]), "--variable NAME");
        assert_eq!(typed(&["a\u{1b}[31m"], &["x"]), "--variable NAME");
    }

    #[test]
    fn a_short_vector_is_no_signal_and_the_message_says_so() {
        let double = Class::Number(NumberType::F64);
        let short = [variable("testdouble", double, &[1, 9])];
        let refused = choose(&short, &Named::default()).unwrap_err();
        assert_eq!(
            refused.details.to_string(),
            "variable: expected `val`, one numeric matrix of more than 16 values, or leads as vectors (I, II, ...), \
             found testdouble (double 1 x 9)"
        );
        // Who names it means it.
        assert_eq!(named(&short, &["testdouble"], FLAG), Ok(vec!["testdouble"]));
        let long = [variable("testdouble", double, &[1, 17])];
        assert_eq!(chosen(&long), Ok(vec!["testdouble"]));
    }

    #[test]
    fn who_names_a_variable_is_believed() {
        let variables = vectors(&["val", "other"]);
        assert_eq!(named(&variables, &["other"], METADATA), Ok(vec!["other"]));
        assert_eq!(named(&variables, &["val"], FLAG), Ok(vec!["val"]));
        let refused = named(&variables, &["nope"], METADATA).unwrap_err();
        assert_eq!(
            refused.details.to_string(),
            "variable: expected `nope`, named by the object's metadata, found val (int16 1 x 100), other (int16 1 x 100)"
        );
        let refused = named(&variables, &["val", "nope"], FLAG).unwrap_err();
        assert!(refused.details.expected.contains("`nope`, named by --variable"));
    }

    #[test]
    fn vectors_named_as_leads_are_one_recording_in_the_usual_order() {
        let found = |names: &[&str]| {
            let variables = vectors(names);
            chosen(&variables).map(|chosen| chosen.join(" "))
        };
        assert_eq!(
            found(&[
                "V1", "V2", "V3", "V4", "V5", "V6", "I", "II", "III", "aVF", "aVL", "aVR"
            ])
            .unwrap(),
            "I II III aVR aVL aVF V1 V2 V3 V4 V5 V6"
        );
        assert_eq!(found(&["v5", "mlii", "other"]).unwrap(), "mlii v5");
        assert_eq!(found(&["V4R", "avr", "V9"]).unwrap(), "avr V9 V4R");
        // HDF5 lists names by the alphabet.
        assert_eq!(found(&["ch1", "ch10", "ch2"]).unwrap(), "ch1 ch2 ch10");
        assert_eq!(
            found(&["channel_2", "Lead1", "ECG3"]).unwrap(),
            "Lead1 channel_2 ECG3"
        );
        assert_eq!(found(&["lead_V1", "ecg_ii"]).unwrap(), "ecg_ii lead_V1");
        assert_eq!(found(&["t", "II", "I"]).unwrap(), "I II");
        // One alone is not the recording by its name, and what resembles a lead is none.
        for names in [
            ["II", "other"],
            ["lead_a", "lead_b"],
            ["chi", "chii"],
            ["V10", "V0"],
        ] {
            assert!(
                found(&names).unwrap_err().starts_with("2 such matrices"),
                "{names:?}"
            );
        }
    }

    #[test]
    fn two_variables_of_one_name_are_refused() {
        let twice = vectors(&["val", "other", "val"]);
        for chosen in [
            chosen(&twice),
            named(&twice, &["val"], FLAG).map_err(|refused| refused.details.found),
        ] {
            assert_eq!(chosen, Err("val (int16 1 x 100), val (int16 1 x 100)".to_owned()));
        }
        assert_eq!(named(&twice, &["other"], FLAG), Ok(vec!["other"]));
    }

    #[test]
    fn a_vector_called_x_may_be_the_axis_of_a_plot() {
        let (y, t) = (variable("y", INT16, &[1, 100]), variable("t", INT16, &[1, 100]));
        let (line, matrix) = (variable("x", INT16, &[1, 100]), variable("X", INT16, &[2, 100]));
        assert_eq!(chosen(&[line.clone(), t.clone()]), Ok(vec!["x"]));
        let mask = variable("mask", Class::Logical, &[1, 100]);
        assert_eq!(chosen(&[mask, line.clone()]), Ok(vec!["x"]));
        assert!(
            chosen(&[line.clone(), y.clone()])
                .unwrap_err()
                .starts_with("2 such matrices")
        );
        assert_eq!(chosen(&[y, matrix]), Ok(vec!["X"]));
        let leads = [vectors(&["II", "I"]), vec![line, t]].concat();
        assert_eq!(chosen(&leads), Ok(vec!["I", "II"]));
    }

    #[test]
    fn vectors_named_as_leads_do_not_count_beside_a_matrix_that_holds_more() {
        let mut variables = vectors(&["v1", "v2"]);
        variables.push(variable("rr", INT16, &[3, 30]));
        assert_eq!(chosen(&variables), Ok(vec!["v1", "v2"]));
        variables.push(variable("mask", Class::Logical, &[2, 5000]));
        variables.push(variable("spectrogram", INT16, &[129, 5000]));
        assert_eq!(chosen(&variables), Ok(vec!["v1", "v2"]));
        variables.push(variable("filtered", INT16, &[2, 5000]));
        let refused = choose(&variables, &Named::default()).unwrap_err();
        assert_eq!(
            refused.details.found,
            "both: filtered (int16 2 x 5000), v1 (int16 1 x 100), v2 (int16 1 x 100)"
        );
        assert_eq!(refused.try_flags.as_deref(), Some("--variable filtered"));
    }

    #[test]
    fn the_document_has_every_name() {
        let document = include_str!("../../../../docs/inputs.md");
        let names = SIGNAL_NAMES.iter().chain(&FRANK);
        for name in names {
            assert!(document.contains(&format!("`{name}`")), "{name}");
        }
        // Those in between are not written out.
        for name in LEAD_NAMES
            .iter()
            .filter(|name| !name.starts_with('v') || name.contains('x'))
        {
            assert!(
                document.to_ascii_lowercase().contains(&format!("`{name}`")),
                "{name}"
            );
        }
        for prefix in PREFIXES {
            assert!(document.contains(&format!("`{prefix}1`")), "{prefix}");
        }
    }

    #[test]
    fn frank_leads_are_three() {
        let found = |names: &[&str]| {
            let variables = vectors(names);
            chosen(&variables).map(|chosen| chosen.join(" "))
        };
        assert_eq!(found(&["Z", "Y", "X"]).unwrap(), "X Y Z");
        assert_eq!(found(&["Z", "Y", "X", "I"]).unwrap(), "I X Y Z");
        for two_or_small in [&["X", "Y"][..], &["x", "y", "z"]] {
            let found = found(two_or_small).unwrap_err();
            assert!(found.contains(" such matrices: "), "{found}");
        }
        // A signal of another name comes first.
        assert_eq!(found(&["X", "Y", "Z", "ecg"]).unwrap(), "ecg");
    }

    #[test]
    fn leads_that_do_not_fit_together_are_listed() {
        let mut variables = vectors(&["I", "II"]);
        variables[1].dims = vec![100, 1];
        assert_eq!(chosen(&variables), Ok(vec!["I", "II"]), "row or column");
        variables[1].dims = vec![1, 99];
        let refused = choose(&variables, &Named::default()).unwrap_err();
        assert_eq!(
            refused.details.to_string(),
            "variables: expected leads as different real vectors of one class and one length, \
             found I (int16 1 x 100), II (int16 1 x 99)"
        );
        assert_eq!(refused.try_flags.as_deref(), Some("--variable NAME"));
        variables[1] = variable("II", Class::Number(NumberType::F64), &[1, 100]);
        assert!(chosen(&variables).unwrap_err().contains("II (double 1 x 100)"));
        variables[1] = variable("II", INT16, &[1, 100]);
        variables[1].complex = true;
        assert!(
            chosen(&variables)
                .unwrap_err()
                .contains("II (int16 complex 1 x 100)")
        );
        // Too short for a signal: not even looked at.
        variables[1] = variable("II", INT16, &[1, 16]);
        assert_eq!(chosen(&variables), Ok(vec!["I"]));
    }

    #[test]
    fn several_names_are_one_lead_each_in_that_order() {
        let mut variables = vectors(&["val", "b", "a"]);
        assert_eq!(named(&variables, &["b", "a"], FLAG), Ok(vec!["b", "a"]));
        assert_eq!(named(&variables, &["a", "b"], METADATA), Ok(vec!["a", "b"]));
        assert!(named(&variables, &["a", "a"], FLAG).is_err(), "twice the same");
        variables[1].dims = vec![2, 50];
        assert!(named(&variables, &["b", "a"], FLAG).is_err(), "a matrix");
        variables[1] = variable("b", Class::Char, &[1, 100]);
        let refused = named(&variables, &["a", "b"], FLAG).unwrap_err();
        assert_eq!(refused.details.found, "a (int16 1 x 100), b (char 1 x 100)");
    }

    #[test]
    fn times_are_a_signal_only_where_nothing_else_is() {
        assert_eq!(chosen(&vectors(&["Time", "voltage"])), Ok(vec!["voltage"]));
        assert_eq!(chosen(&vectors(&["t"])), Ok(vec!["t"]));
        assert!(chosen(&vectors(&["t", "time"])).is_err());
        let matrix = [
            variable("t", INT16, &[2, 100]),
            variable("voltage", INT16, &[1, 100]),
        ];
        assert!(chosen(&matrix).is_err(), "a matrix is not a vector of times");
    }
}
