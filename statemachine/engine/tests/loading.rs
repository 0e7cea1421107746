//! What a definition is refused for, and where the refusal points to.

mod common;

use std::collections::BTreeMap;

use asl_engine::StateMachine;
use common::task;
use serde_json::{Value, json};

/// The places of all problems of a definition.
fn places(definition: &Value) -> Vec<String> {
    match StateMachine::parse(definition.to_string(), &BTreeMap::new()) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems.into_iter().map(|problem| problem.place).collect(),
    }
}

fn machine(states: Value) -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": states})
}

/// A machine of one state that ends.
fn one(mut state: Value) -> Value {
    state["End"] = json!(true);
    machine(json!({ "A": state }))
}

#[track_caller]
fn check(definition: Value, expected: &[&str]) {
    assert_eq!(places(&definition), expected, "{definition}");
}

#[test]
fn unknown_and_jsonpath_fields() {
    check(one(json!({"Type": "Pass", "Outptu": 1})), &["/States/A/Outptu"]);
    for field in [
        "Parameters",
        "ResultPath",
        "InputPath",
        "OutputPath",
        "ResultSelector",
        "Result",
    ] {
        check(
            one(json!({"Type": "Pass", field: "$"})),
            &[&format!("/States/A/{field}")],
        );
    }
    check(
        one(task("f", json!({"TimeoutSecondsPath": "$.t"}))),
        &["/States/A/TimeoutSecondsPath"],
    );
    check(
        one(task("f", json!({"Credentials": {}}))),
        &["/States/A/Credentials"],
    );
    check(
        one(task(
            "f",
            json!({"Retry": [{"ErrorEquals": ["A"], "BackOffRate": 2}]}),
        )),
        &["/States/A/Retry/0/BackOffRate"],
    );
    check(
        one(task(
            "f",
            json!({"Catch": [{"ErrorEquals": ["A"], "Next": "A", "ResultPath": "$.e"}]}),
        )),
        &["/States/A/Catch/0/ResultPath"],
    );
    let mut definition = one(json!({"Type": "Pass"}));
    definition["Timeout"] = json!(5);
    check(definition, &["/Timeout"]);
}

#[test]
fn jsonpath_machines_and_what_of_them_is_taken_beside_jsonata() {
    check(
        json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "ResultPath": "$.x", "End": true}}}),
        &["/QueryLanguage", "/States/A/ResultPath"],
    );
    check(
        json!({"QueryLanguage": "JSONPath", "StartAt": "A",
               "States": {"A": {"Type": "Pass", "Parameters": {}, "End": true}}}),
        &["/QueryLanguage", "/States/A/Parameters"],
    );
    let beside = |state: Value| {
        json!({"StartAt": "A", "States": {
            "A": state, "B": {"Type": "Pass", "QueryLanguage": "JSONata", "End": true}}})
    };
    check(
        beside(json!({"Type": "Pass", "Assign": {"v.$": "$.a.b[0]"}, "Next": "B"})),
        &[],
    );
    check(
        beside(json!({"Type": "Pass", "Assign": {"v.$": "States.UUID()"}, "Next": "B"})),
        &["/States/A/Assign/v.$"],
    );
    check(
        beside(json!({"Type": "Pass", "InputPath": "$.a", "Next": "B"})),
        &["/States/A/InputPath"],
    );
    check(
        beside(json!({"Type": "Choice", "Default": "B",
                      "Choices": [{"Variable": "$.x", "IsNull": true, "Next": "B"}]})),
        &["/States/A/QueryLanguage"],
    );
    check(
        beside(json!({"Type": "Wait", "SecondsPath": "$.s", "Next": "B"})),
        &["/States/A/QueryLanguage", "/States/A/SecondsPath"],
    );
    let mut inside = one(json!({"Type": "Pass", "QueryLanguage": "JSONPath"}));
    check(inside.clone(), &["/States/A/QueryLanguage"]);
    inside["States"]["A"]["QueryLanguage"] = json!("XPath");
    inside["States"]["B"] = json!({"Type": "Succeed"});
    assert!(places(&inside).contains(&"/States/A/QueryLanguage".to_string()));
}

#[test]
fn states_inside_a_map_or_parallel_have_the_language_of_the_machine() {
    let around = |kind: &str, machine_language: &str, inner: &Value| {
        let body = json!({"StartAt": "In", "States": {"In": inner}});
        let mut state = match kind {
            "Map" => json!({"Type": "Map", "ItemProcessor": body}),
            _ => json!({"Type": "Parallel", "Branches": [body]}),
        };
        state["QueryLanguage"] = json!("JSONata");
        state["End"] = json!(true);
        json!({"QueryLanguage": machine_language, "StartAt": "A", "States": {"A": state}})
    };
    for (kind, body) in [
        ("Map", "/States/A/ItemProcessor"),
        ("Parallel", "/States/A/Branches/0"),
    ] {
        let at = |field: &str| format!("{body}/States/In/{field}");
        let plain = json!({"Type": "Pass", "Parameters": {"v.$": "$.a"}, "End": true});
        let mut named = plain.clone();
        named["QueryLanguage"] = json!("JSONPath");
        let unnamed_jsonata = json!({"Type": "Pass", "Output": "{% 1 %}", "End": true});
        let mut jsonata = unnamed_jsonata.clone();
        jsonata["QueryLanguage"] = json!("JSONata");

        check(around(kind, "JSONPath", &plain), &[]);
        check(around(kind, "JSONPath", &named), &[]);
        check(around(kind, "JSONPath", &jsonata), &[]);
        check(around(kind, "JSONPath", &unnamed_jsonata), &[&at("Output")]);
        check(
            around(
                kind,
                "JSONPath",
                &json!({"Type": "Wait", "Seconds": 1, "End": true}),
            ),
            &[&at("QueryLanguage")],
        );
        check(around(kind, "JSONata", &unnamed_jsonata), &[]);
        check(around(kind, "JSONata", &jsonata), &[]);
        check(around(kind, "JSONata", &plain), &[&at("Parameters")]);
        check(around(kind, "JSONata", &named), &[&at("QueryLanguage")]);

        // What surrounds the states inside is no state and has no language.
        let mut definition = around(kind, "JSONPath", &jsonata);
        definition.pointer_mut(body).unwrap()["QueryLanguage"] = json!("JSONata");
        check(definition, &[&format!("{body}/QueryLanguage")]);
    }
}

#[test]
fn types_transitions_and_names() {
    check(one(json!({"Type": "Tsak"})), &["/States/A/Type"]);
    check(machine(json!({"A": {"End": true}})), &["/States/A/Type"]);
    check(machine(json!({"A": {"Type": "Pass"}})), &["/States/A"]);
    check(
        machine(json!({"A": {"Type": "Pass", "Next": "A", "End": true}})),
        &["/States/A"],
    );
    check(
        machine(json!({"A": {"Type": "Pass", "Next": "B"}})),
        &["/States/A/Next"],
    );
    check(machine(json!({"B": {"Type": "Succeed"}})), &["/StartAt"]);
    check(
        machine(json!({"A": {"Type": "Succeed"}, "B": {"Type": "Succeed"}})),
        &["/States/B"],
    );
    check(
        machine(json!({"A": {"Type": "Succeed", "End": true}})),
        &["/States/A/End"],
    );
    check(machine(json!({})), &["/States", "/StartAt"]);
    check(json!({"QueryLanguage": "JSONata", "StartAt": "A"}), &["/States"]);
    check(
        machine(
            json!({"A": {"Type": "Choice", "Default": "Y", "Choices": [{"Condition": true, "Next": "X"}]}}),
        ),
        &["/States/A/Choices/0/Next", "/States/A/Default"],
    );
    check(
        one(task(
            "f",
            json!({"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Gone"}]}),
        )),
        &["/States/A/Catch/0/Next"],
    );
    let branch = json!({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}});
    check(
        one(json!({"Type": "Parallel", "Branches": [branch]})),
        &["/States/A/Branches/0/States/A"],
    );
    let long = "x".repeat(81);
    let definition =
        json!({"QueryLanguage": "JSONata", "StartAt": long, "States": {&long: {"Type": "Succeed"}}});
    check(definition, &[&format!("/States/{long}")]);
}

#[test]
fn a_place_is_a_json_pointer() {
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "a/b~c", "States": {
        "a/b~c": {"Type": "Succeed", "Extra": 1}}});
    check(definition, &["/States/a~1b~0c/Extra"]);
}

#[test]
fn retry_and_catch() {
    let table = [
        (json!([{"ErrorEquals": ["States.ALL", "A"]}]), "/0/ErrorEquals/0"),
        (
            json!([{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["A"]}]),
            "/0/ErrorEquals/0",
        ),
        (json!([{"ErrorEquals": ["States.Timeuot"]}]), "/0/ErrorEquals/0"),
        (json!([{"ErrorEquals": []}]), "/0/ErrorEquals"),
        (json!([{"ErrorEquals": "A"}]), "/0/ErrorEquals"),
        (json!([{}]), "/0/ErrorEquals"),
        (
            json!([{"ErrorEquals": ["A"], "IntervalSeconds": 0}]),
            "/0/IntervalSeconds",
        ),
        (
            json!([{"ErrorEquals": ["A"], "IntervalSeconds": 1.5}]),
            "/0/IntervalSeconds",
        ),
        (
            json!([{"ErrorEquals": ["A"], "MaxAttempts": -1}]),
            "/0/MaxAttempts",
        ),
        (
            json!([{"ErrorEquals": ["A"], "BackoffRate": 0.9}]),
            "/0/BackoffRate",
        ),
        (
            json!([{"ErrorEquals": ["A"], "IntervalSeconds": 5, "MaxDelaySeconds": 5}]),
            "/0/MaxDelaySeconds",
        ),
        (
            json!([{"ErrorEquals": ["A"], "JitterStrategy": "SOME"}]),
            "/0/JitterStrategy",
        ),
        (json!({}), ""),
    ];
    for (retry, place) in table {
        check(
            one(task("f", json!({"Retry": retry}))),
            &[&format!("/States/A/Retry{place}")],
        );
    }
    check(
        one(task("f", json!({"Catch": [{"ErrorEquals": ["A"]}]}))),
        &["/States/A/Catch/0/Next"],
    );
    check(one(json!({"Type": "Pass", "Retry": []})), &["/States/A/Retry"]);
}

#[test]
fn values_and_expressions() {
    let table = [
        (
            json!({"Type": "Pass", "Output": {"a": ["{% 1 + %}"]}}),
            "/Output/a/0",
        ),
        (json!({"Type": "Pass", "Output": "{% $eval('1') %}"}), "/Output"),
        (json!({"Type": "Pass", "Assign": {"states": 1}}), "/Assign/states"),
        (json!({"Type": "Pass", "Assign": {"a b": 1}}), "/Assign/a b"),
        (json!({"Type": "Pass", "Assign": 1}), "/Assign"),
        (json!({"Type": "Pass", "QueryLanguage": 7}), "/QueryLanguage"),
        (json!({"Type": "Wait"}), ""),
        (
            json!({"Type": "Wait", "Seconds": 1, "Timestamp": "2024-01-01T00:00:00Z"}),
            "",
        ),
        (json!({"Type": "Wait", "Seconds": -1}), "/Seconds"),
        (json!({"Type": "Wait", "Timestamp": "tomorrow"}), "/Timestamp"),
        (
            json!({"Type": "Wait", "Timestamp": "2016-12-05 21:29:29Z"}),
            "/Timestamp",
        ),
        (task("f", json!({"TimeoutSeconds": 0})), "/TimeoutSeconds"),
        (
            task("f", json!({"TimeoutSeconds": 5, "HeartbeatSeconds": 5})),
            "/HeartbeatSeconds",
        ),
        (json!({"Type": "Parallel"}), "/Branches"),
        (json!({"Type": "Map"}), "/ItemProcessor"),
    ];
    for (state, place) in table {
        check(one(state), &[&format!("/States/A{place}")]);
    }
    let choice = |rule: Value| machine(json!({"A": {"Type": "Choice", "Choices": [rule], "Default": "A"}}));
    check(
        choice(json!({"Condition": "yes", "Next": "A"})),
        &["/States/A/Choices/0/Condition"],
    );
    check(choice(json!({"Next": "A"})), &["/States/A/Choices/0/Condition"]);
    check(
        choice(json!({"Variable": "$.x", "Condition": true, "Next": "A"})),
        &["/States/A/Choices/0/Variable"],
    );
    check(
        machine(json!({"A": {"Type": "Fail", "Error": 5}})),
        &["/States/A/Error"],
    );
}

#[test]
fn resources_and_map_modes() {
    for resource in [
        "arn:aws:states:::sqs:sendMessage",
        "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "arn:aws:states:us-east-1:111111111111:activity:x",
        "arn:aws:lambda:us-east-1:111111111111:layer:x",
        "parse",
    ] {
        check(
            one(json!({"Type": "Task", "Resource": resource})),
            &["/States/A/Resource"],
        );
    }
    let invoke = |arguments: Value| {
        one(json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": arguments}))
    };
    check(
        invoke(json!({"Payload": {}})),
        &["/States/A/Arguments/FunctionName"],
    );
    check(
        invoke(json!({"FunctionName": "arn:aws:sqs:::x"})),
        &["/States/A/Arguments/FunctionName"],
    );
    check(
        invoke(json!({"FunctionName": "f", "InvocationType": "Event"})),
        &["/States/A/Arguments/InvocationType"],
    );
    check(
        invoke(json!({"FunctionName": "${parse}", "Payload": "{% $states.input %}"})),
        &[],
    );
    check(one(json!({"Type": "Task", "Resource": "${parse}"})), &[]);
    let map = |config: Value| {
        one(json!({"Type": "Map", "ItemProcessor": {
            "ProcessorConfig": config, "StartAt": "B", "States": {"B": {"Type": "Succeed"}}}}))
    };
    check(map(json!({"Mode": "INLINE"})), &[]);
    check(
        map(json!({"Mode": "DISTRIBUTED"})),
        &["/States/A/ItemProcessor/ProcessorConfig/Mode"],
    );
    let mut with_reader = map(json!({}));
    with_reader["States"]["A"]["ItemReader"] = json!({});
    check(with_reader, &["/States/A/ItemReader"]);
}

#[test]
fn all_problems_are_listed_and_a_text_that_is_no_json_is_one() {
    let definition = machine(json!({
        "A": {"Type": "Pass", "Foo": 1, "Next": "Nowhere"},
        "B": task("f", json!({"End": true, "Retry": [{"ErrorEquals": ["A"], "MaxAttempts": "x"}]})),
    }));
    check(
        definition.clone(),
        &[
            "/States/A/Foo",
            "/States/B/Retry/0/MaxAttempts",
            "/States/A/Next",
            "/States/B",
        ],
    );
    let error = StateMachine::parse(definition.to_string(), &BTreeMap::new())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("/States/B/Retry/0/MaxAttempts: expected a whole number"),
        "{error}"
    );
    assert_eq!(
        StateMachine::parse("{", &BTreeMap::new())
            .unwrap_err()
            .problems
            .len(),
        1
    );
    check(json!([1]), &[""]);
}
