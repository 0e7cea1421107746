//! Writes the call of each step that functions/steps.json names, for `steps.rs`.

// A build script stops at the first surprise; what it is told is in the environment, and what it tells Cargo it prints.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used)]

use std::path::Path;
use std::{env, fs};

use serde_json::{Map, Value};

const FILE: &str = "../../functions/steps.json";

/// Steps that take more than the lake and their message: each is a method of `Steps`.
const METHODS: [&str; 3] = ["validate", "crawl", "notify"];

fn main() {
    println!("cargo:rerun-if-changed={FILE}");
    let file: Value = serde_json::from_str(&fs::read_to_string(FILE).unwrap()).unwrap();
    let steps: &Map<String, Value> = file["steps"].as_object().unwrap();
    let mut arms = String::new();
    for (name, step) in steps.iter().filter(|(_, step)| step["in_workflow"] == true) {
        let [input, output] = ["input", "output"].map(|field| step[field].as_str().unwrap());
        let run = match METHODS.contains(&name.as_str()) {
            true => format!("self.{name}(input)"),
            false => format!("step_{name}::run(&self.lake, input)"),
        };
        arms += &format!("        {name:?} => call::<{input}, {output}, _>(payload, |input| {run}).await,\n");
    }
    let code = format!(
        "impl Steps {{
    async fn step(&self, name: &str, payload: Value) -> Result<Value, StepError> {{
        match name {{
{arms}            other => Err(StepError::Internal(format!(\"there is no step `{{other}}`\"))),
        }}
    }}
}}
"
    );
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap()).join("steps.rs"), code).unwrap();
}
