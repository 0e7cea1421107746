//! `functions/steps.json` names every function, and the rest of the repository agrees with it.

// Helpers of tests fail the test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ecg_testing::golden;
use serde_json::{Map, Value, json};

const FUNCTIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../functions");
const STEPS: &str = include_str!("../../../functions/steps.json");
const README: &str = include_str!("../../../functions/README.md");
const CONFIG: &str = include_str!("../../config/src/lib.rs");
const WORKFLOW: &str = include_str!("../../../statemachine/ecg-pipeline.asl.json");
const BACKFILL: &str = include_str!("../../../statemachine/backfill.asl.json");
const FORGET: &str = include_str!("../../../statemachine/forget.asl.json");
const COMPACT: &str = include_str!("../../../statemachine/compact.asl.json");
const NET: &str = include_str!("../../../statemachine/net.asl.json");

fn file() -> Value {
    serde_json::from_str(STEPS).unwrap()
}

fn steps(file: &Value) -> &Map<String, Value> {
    file["steps"].as_object().unwrap()
}

/// The crates below functions/.
fn crates() -> BTreeSet<String> {
    let folders = fs::read_dir(FUNCTIONS)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    folders
        .filter(|folder| folder.join("Cargo.toml").exists())
        .map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

/// The functions that a state of these files calls.
fn called(files: &[&str]) -> BTreeSet<String> {
    let calls = files
        .iter()
        .flat_map(|file| file.split("\"FunctionName\": \"${").skip(1));
    calls
        .map(|rest| rest.split('}').next().unwrap().to_owned())
        .collect()
}

/// Where entries, crates and states do not agree: what was expected and what to write.
fn differences(
    file: &Value,
    crates: &BTreeSet<String>,
    workflow: &BTreeSet<String>,
    others: &BTreeSet<String>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (name, step) in steps(file) {
        if !crates.contains(name) {
            found.push(format!(
                "functions/steps.json, {name}: expected its crate functions/{name}, found none"
            ));
        }
        // The stack calls it: `infra/lib/catalog-at-deployment.ts`.
        if step["at_deployment"] == true {
            continue;
        }
        let (calling, place) = match step["in_workflow"] == true {
            true => (workflow, "ecg-pipeline.asl.json"),
            false => (
                others,
                "backfill.asl.json, net.asl.json, compact.asl.json or forget.asl.json",
            ),
        };
        if !calling.contains(name) {
            found.push(format!(
                "functions/steps.json, {name}: expected a state of statemachine/{place} with \"FunctionName\": \"${{{name}}}\", found none"
            ));
        }
    }
    let known = |name: &&String| !steps(file).contains_key(*name);
    for name in crates.iter().filter(known) {
        found.push(format!(
            "functions/{name}: expected an entry \"{name}\" in functions/steps.json, found none"
        ));
    }
    for name in workflow.union(others).filter(known) {
        found.push(format!(
            "statemachine/*.asl.json calls ${{{name}}}: expected an entry \"{name}\" in functions/steps.json, found none"
        ));
    }
    found
}

#[test]
fn each_entry_has_its_crate_and_its_state_and_the_other_way_round() {
    let (file, crates) = (file(), crates());
    let (workflow, others) = (called(&[WORKFLOW]), called(&[BACKFILL, NET, COMPACT, FORGET]));
    assert_eq!(differences(&file, &crates, &workflow, &others), [""; 0]);

    let unwritten = || BTreeSet::from(["unwritten".to_owned()]);
    let mut with_entry = file.clone();
    with_entry["steps"]["unwritten"] = json!({ "in_workflow": true });
    let no_crate = "functions/steps.json, unwritten: expected its crate functions/unwritten, found none";
    let no_state = "functions/steps.json, unwritten: expected a state of statemachine/ecg-pipeline.asl.json with \
                    \"FunctionName\": \"${unwritten}\", found none";
    assert_eq!(
        differences(&with_entry, &crates, &workflow, &others),
        [no_crate, no_state]
    );

    let (with_crate, with_state) = (&crates | &unwritten(), &workflow | &unwritten());
    assert_eq!(
        differences(&with_entry, &with_crate, &workflow, &others),
        [no_state]
    );
    assert_eq!(
        differences(&with_entry, &crates, &with_state, &others),
        [no_crate]
    );
    assert_eq!(
        differences(&with_entry, &with_crate, &with_state, &others),
        [""; 0]
    );
    assert_eq!(
        differences(&file, &with_crate, &with_state, &others),
        [
            "functions/unwritten: expected an entry \"unwritten\" in functions/steps.json, found none",
            "statemachine/*.asl.json calls ${unwritten}: expected an entry \"unwritten\" in functions/steps.json, found none",
        ]
    );
}

/// What the functions read is what is documented, and nothing else is given to them.
#[test]
fn variables_are_those_of_the_configuration() {
    let file = file();
    let configured: BTreeSet<&str> = (CONFIG.lines())
        .filter_map(|line| {
            line.strip_prefix("pub const ")?
                .split_once(": &str = \"")?
                .1
                .strip_suffix("\";")
        })
        // Lambda's own.
        .filter(|name| *name != "AWS_LAMBDA_RUNTIME_API")
        .collect();
    let explained: BTreeSet<&str> = file["variables"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(explained, configured);
    let mut given = BTreeSet::new();
    for step in steps(&file).values().chain([&file["every"]]) {
        for (name, need) in step["environment"].as_object().unwrap() {
            assert!(
                need == "needed" || need == "optional",
                "{name}: expected needed or optional, found {need}"
            );
            given.insert(name.as_str());
        }
    }
    assert_eq!(given, configured);
}

/// `UPDATE_GOLDEN=1 cargo test -p ecg-lambda --test steps` writes the tables anew.
#[test]
fn the_tables_of_the_document_are_those_of_the_file() {
    let file = file();
    let mut readme = README.to_owned();
    for table in [functions(&file), variables(&file), rights(&file)] {
        let header = table.lines().next().unwrap();
        let (before, rest) = readme
            .split_once(header)
            .unwrap_or_else(|| panic!("functions/README.md: no {header}"));
        let (_, after) = rest.split_once("\n\n").unwrap();
        readme = format!("{before}{table}\n{after}");
    }
    golden::check(Path::new(FUNCTIONS).join("README.md"), &readme);
}

fn functions(file: &Value) -> String {
    let mut table = "| function | what it does | input | output | memory | time limit |\n".to_owned();
    table += "| --- | --- | --- | --- | ---: | ---: |\n";
    for (name, step) in steps(file) {
        let text = |field: &str| step[field].as_str().unwrap();
        let of = |field: &str| text(field).rsplit("::").next().unwrap().to_owned();
        table += &format!(
            "| `{name}` | {} | `{}` | `{}` | {} MB | {} s |\n",
            text("does"),
            of("input"),
            of("output"),
            step["memory_mb"],
            step["timeout_seconds"]
        );
    }
    table
}

fn variables(file: &Value) -> String {
    let mut table = "| variable | of | needed | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for (variable, meaning) in file["variables"].as_object().unwrap() {
        let all = ("all".to_owned(), &file["every"]);
        let each = steps(file).iter().map(|(name, step)| (format!("`{name}`"), step));
        let of = [all]
            .into_iter()
            .chain(each)
            .filter(|(_, given)| given["environment"].get(variable).is_some());
        let (names, needs): (Vec<_>, BTreeSet<_>) = of
            .map(|(name, given)| (name, given["environment"][variable].as_str().unwrap()))
            .unzip();
        let needs: Vec<&str> = needs
            .into_iter()
            .map(|need| if need == "needed" { "yes" } else { "no" })
            .collect();
        table += &format!(
            "| `{variable}` | {} | {} | {} |\n",
            names.join(", "),
            needs.join(", "),
            meaning.as_str().unwrap()
        );
    }
    table
}

fn rights(file: &Value) -> String {
    let mut table = "| function | actions |\n| --- | --- |\n".to_owned();
    let mut row = |name: String, rights: &Value| {
        let places = rights.as_object().unwrap().iter().map(|(place, actions)| {
            let actions: Vec<String> = actions
                .as_array()
                .unwrap()
                .iter()
                .map(|action| format!("`{}`", action.as_str().unwrap()))
                .collect();
            format!("{place}: {}", actions.join(", "))
        });
        table += &format!("| {name} | {} |\n", places.collect::<Vec<_>>().join("; "));
    };
    row("all".to_owned(), &file["every"]["rights"]);
    for (name, step) in steps(file) {
        row(format!("`{name}`"), &step["rights"]);
        for (variable, rights) in step
            .get("rights_with")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            row(format!("`{name}` with `{variable}`"), rights);
        }
    }
    table
}
