//! A workflow file as a picture: its states and how they follow each other, with the path that an execution took.
//!
//! The states from the start along `Next` stand in one column. What is reached otherwise, through a Catch, a Choice or a
//! branch, stands in a second one beside it.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use serde_json::Value;

use crate::course::{Course, Mark};

/// Sizes in the units of the picture, which are CSS pixels.
const WIDTH: f64 = 148.0;
const HEIGHT: f64 = 38.0;
const DOWN: f64 = 68.0;
const BESIDE: f64 = 236.0;
const MARGIN: f64 = 14.0;

/// A workflow file, as far as it is drawn.
#[derive(Debug, Clone)]
pub(crate) struct Workflow {
    states: Vec<State>,
    edges: Vec<Edge>,
    /// The task states from the start along `Next`: the cells of a list.
    pub(crate) steps: Vec<String>,
}

#[derive(Debug, Clone)]
struct State {
    name: String,
    kind: String,
    column: usize,
    row: usize,
}

#[derive(Debug, Clone, PartialEq)]
struct Edge {
    from: usize,
    to: usize,
    caught: bool,
}

impl Workflow {
    /// # Errors
    /// What is missing in the file.
    pub(crate) fn parse(text: &str) -> Result<Workflow, String> {
        let file: Value = serde_json::from_str(text).map_err(|error| format!("workflow file: {error}"))?;
        let states = file["States"]
            .as_object()
            .ok_or("workflow file: expected `States`")?;
        let start = file["StartAt"]
            .as_str()
            .ok_or("workflow file: expected `StartAt`")?;
        let mut main = vec![start.to_owned()];
        while let Some(next) = next_of(&states[main[main.len() - 1].as_str()]) {
            if main.contains(&next) || !states.contains_key(&next) {
                break;
            }
            main.push(next);
        }
        let mut order = main.clone();
        let mut seen: BTreeSet<String> = main.iter().cloned().collect();
        let mut at = 0;
        while at < order.len() {
            let name = order[at].clone();
            for (to, _) in targets(&states[name.as_str()]) {
                if states.contains_key(&to) && seen.insert(to.clone()) {
                    order.push(to);
                }
            }
            at += 1;
        }
        let drawn: Vec<State> = order
            .iter()
            .enumerate()
            .map(|(at, name)| State {
                name: name.clone(),
                kind: states[name.as_str()]["Type"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                column: usize::from(at >= main.len()),
                row: if at < main.len() { at } else { at - main.len() },
            })
            .collect();
        let place: HashMap<&str, usize> = order
            .iter()
            .enumerate()
            .map(|(at, name)| (name.as_str(), at))
            .collect();
        let mut edges: Vec<Edge> = Vec::new();
        for (from, name) in order.iter().enumerate() {
            for (to, caught) in targets(&states[name.as_str()]) {
                let edge = place.get(to.as_str()).map(|to| Edge {
                    from,
                    to: *to,
                    caught,
                });
                edges.extend(edge.filter(|edge| !edges.contains(edge)));
            }
        }
        let steps = drawn.iter().take(main.len()).filter(|state| state.kind == "Task");
        Ok(Workflow {
            steps: steps.map(|state| state.name.clone()).collect(),
            states: drawn,
            edges,
        })
    }

    /// The picture, for an execution. Each state is a link to what `link` says of it.
    pub(crate) fn svg(
        &self,
        course: &Course,
        selected: Option<&str>,
        link: &dyn Fn(&str) -> Option<String>,
    ) -> String {
        let rows = self.states.iter().map(|state| state.row + 1).max().unwrap_or(1);
        let columns = self
            .states
            .iter()
            .map(|state| state.column + 1)
            .max()
            .unwrap_or(1);
        let width = MARGIN * 2.0 + WIDTH + BESIDE * (columns - 1) as f64 + 26.0;
        let height = MARGIN * 2.0 + DOWN * (rows - 1) as f64 + HEIGHT;
        let mut svg = format!(
            "<svg class=\"graph\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
             aria-label=\"Graph of the workflow\" xmlns=\"http://www.w3.org/2000/svg\">"
        );
        svg.push_str(
            "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
             orient=\"auto\"><path class=\"tip\" d=\"M0 0.5 8 4 0 7.5z\"/></marker>\
             <marker id=\"tip-on\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
             orient=\"auto\"><path class=\"tip on\" d=\"M0 0.5 8 4 0 7.5z\"/></marker></defs>",
        );
        let followed: BTreeSet<(&str, &str, bool)> = course
            .visits
            .windows(2)
            .filter(|pair| !pair[1].redriven)
            .map(|pair| {
                (
                    pair[0].state.as_str(),
                    pair[1].state.as_str(),
                    pair[0].mark == Mark::Caught,
                )
            })
            .collect();
        // Those that were taken lie above the others.
        let (taken, other): (Vec<&Edge>, Vec<&Edge>) = self.edges.iter().partition(|edge| {
            let (from, to) = (&self.states[edge.from], &self.states[edge.to]);
            followed.contains(&(from.name.as_str(), to.name.as_str(), edge.caught))
        });
        for (edges, on) in [(other, false), (taken, true)] {
            for edge in edges {
                let (class, tip) = match (on, edge.caught) {
                    (true, false) => ("edge on", "tip-on"),
                    (true, true) => ("edge on catch", "tip-on"),
                    (false, false) => ("edge", "tip"),
                    (false, true) => ("edge catch", "tip"),
                };
                let _ = write!(
                    svg,
                    "<path class=\"{class}\" d=\"{}\" marker-end=\"url(#{tip})\"/>",
                    self.line(edge)
                );
            }
        }
        for state in &self.states {
            let (x, y) = corner(state);
            let mark = course.mark(&state.name);
            let name = escaped(&state.name);
            let selected = if selected == Some(state.name.as_str()) {
                " selected"
            } else {
                ""
            };
            let link = link(&state.name).filter(|_| mark != Mark::NotReached);
            if let Some(link) = &link {
                let _ = write!(
                    svg,
                    "<a href=\"{}\" aria-label=\"{name}, {}\">",
                    escaped(link),
                    mark.words()
                );
            }
            let _ = write!(
                svg,
                "<g class=\"state {}{selected}\"><title>{name}: {}</title>\
                 <rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"7\"/>\
                 <circle cx=\"{}\" cy=\"{}\" r=\"4.5\"/>\
                 <text x=\"{}\" y=\"{}\">{name}</text>\
                 <text class=\"kind\" x=\"{}\" y=\"{}\">{}</text></g>",
                mark.class(),
                mark.words(),
                x + 15.0,
                y + HEIGHT / 2.0,
                x + 28.0,
                y + HEIGHT / 2.0 - 1.5,
                x + 28.0,
                y + HEIGHT / 2.0 + 11.5,
                escaped(&state.kind),
            );
            if link.is_some() {
                svg.push_str("</a>");
            }
        }
        svg.push_str("</svg>");
        svg
    }

    fn line(&self, edge: &Edge) -> String {
        let (from, to) = (&self.states[edge.from], &self.states[edge.to]);
        let ((x, y), (to_x, to_y)) = (corner(from), corner(to));
        let middle = HEIGHT / 2.0;
        if from.column == to.column && to.row == from.row + 1 {
            let x = x + WIDTH / 2.0;
            return format!("M{x} {} V{}", y + HEIGHT, to_y - 1.0);
        }
        if from.column == to.column {
            // Around the states between, on the right.
            let right = x + WIDTH;
            let bow = right + 8.0 + 4.0 * (to.row as f64 - from.row as f64).abs().min(4.0);
            let (start, end) = (y + middle, to_y + middle);
            let turn = if end > start { 6.0 } else { -6.0 };
            return format!(
                "M{right} {start} H{} Q{bow} {start} {bow} {} V{} Q{bow} {end} {} {end} H{}",
                bow - 6.0,
                start + turn,
                end - turn,
                bow - 6.0,
                right + 1.0
            );
        }
        // Into the other column, all to one place on one line.
        let trunk = to_x - 28.0;
        let (start, end) = (y + middle, to_y + middle);
        if (start - end).abs() < 1.0 {
            return format!("M{} {start} H{}", x + WIDTH, to_x - 1.0);
        }
        let turn = if end > start { 8.0 } else { -8.0 };
        format!(
            "M{} {start} H{} Q{trunk} {start} {trunk} {} V{} Q{trunk} {end} {} {end} H{}",
            x + WIDTH,
            trunk - 8.0,
            start + turn,
            end - turn,
            trunk + 8.0,
            to_x - 1.0
        )
    }
}

fn corner(state: &State) -> (f64, f64) {
    (
        MARGIN + BESIDE * state.column as f64,
        MARGIN + DOWN * state.row as f64,
    )
}

fn next_of(state: &Value) -> Option<String> {
    let next = state.get("Next").or_else(|| state.get("Default"));
    next?.as_str().map(str::to_owned)
}

/// Where a state leads, and whether through a Catch.
fn targets(state: &Value) -> Vec<(String, bool)> {
    let mut found: Vec<(String, bool)> = next_of(state).map(|next| (next, false)).into_iter().collect();
    for (rules, caught) in [("Choices", false), ("Catch", true)] {
        let rules = state[rules].as_array().into_iter().flatten();
        found.extend(rules.filter_map(|rule| Some((rule["Next"].as_str()?.to_owned(), caught))));
    }
    found
}

/// Text as it stands in HTML.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../ecg-pipeline.asl.json");

    #[test]
    fn every_state_of_the_workflow_is_drawn() {
        let workflow = Workflow::parse(FILE).unwrap();
        assert_eq!(
            workflow.steps,
            ["Validate", "Parse", "Transform", "Write", "Crawl"]
        );
        let file: Value = serde_json::from_str(FILE).unwrap();
        let svg = workflow.svg(&Course::default(), None, &|_| None);
        for name in file["States"].as_object().unwrap().keys() {
            assert!(svg.contains(&format!(">{name}</text>")), "{name}");
        }
        // One of each task, and two for what was erased.
        assert_eq!(svg.matches("class=\"edge catch\"").count(), 10);
        assert!(!svg.contains("edge on"));
    }

    #[test]
    fn no_two_states_stand_in_one_place() {
        let workflow = Workflow::parse(FILE).unwrap();
        let places: BTreeSet<(usize, usize)> = workflow
            .states
            .iter()
            .map(|state| (state.column, state.row))
            .collect();
        assert_eq!(places.len(), workflow.states.len());
    }

    #[test]
    fn names_of_states_are_text() {
        let workflow =
            Workflow::parse(r#"{"StartAt": "<b>\"", "States": {"<b>\"": {"Type": "Succeed"}}}"#).unwrap();
        let svg = workflow.svg(&Course::default(), None, &|_| None);
        assert!(svg.contains("&lt;b&gt;&quot;") && !svg.contains("<b>"), "{svg}");
    }
}
