//! How executions go: retries, timeouts, Catch, checkpoints, concurrency, limits, all on a wound clock.

mod common;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use asl_engine::{
    Checkpoint, Clock, HistoryEvent, PAYLOAD_LIMIT_BYTES, Recorder, SimulatedClock, StateMachine, Status,
    redrive, resume, run,
};
use common::{bench, failure, machine, task};
use futures::FutureExt;
use serde_json::{Value, json};

fn jsonata(states: Value, start_at: &str) -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": start_at, "States": states})
}

fn one(state: Value) -> Value {
    jsonata(json!({ "Only": state }), "Only")
}

// ---- retry ----

#[tokio::test]
async fn a_retried_task_stays_entered_once_and_takes_the_delays() {
    let retry =
        json!([{"ErrorEquals": ["Transient"], "IntervalSeconds": 2, "MaxAttempts": 3, "BackoffRate": 2.0}]);
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&calls);
    let bench = bench(
        one(task("f", json!({"End": true, "Retry": retry}))),
        json!({}),
        move |call, _| {
            assert_eq!(call.retry_count as usize, seen.fetch_add(1, Ordering::SeqCst));
            async { failure("Transient") }.boxed()
        },
    );
    let outcome = bench.run().await;
    assert_eq!(
        (outcome.status, outcome.error.as_deref()),
        (Status::Failed, Some("Transient"))
    );
    assert_eq!(outcome.cause.as_deref(), Some("Transient happened"));
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    assert_eq!(bench.elapsed(), 2.0 + 4.0 + 8.0);
    let attempt = [
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionFailed",
    ];
    let mut expected = vec!["ExecutionStarted", "TaskStateEntered"];
    (0..4).for_each(|_| expected.extend(attempt));
    expected.push("ExecutionFailed");
    assert_eq!(bench.types(), expected);
}

#[tokio::test]
async fn jitter_comes_from_the_seed() {
    let retry =
        json!([{"ErrorEquals": ["A"], "IntervalSeconds": 100, "MaxAttempts": 5, "JitterStrategy": "FULL"}]);
    let elapsed = async |seed: u64| {
        let mut bench = bench(
            one(task("f", json!({"End": true, "Retry": retry}))),
            json!({}),
            |_, _| async { failure("A") }.boxed(),
        );
        bench.runtime.seed = seed;
        bench.run().await;
        bench.elapsed()
    };
    let first = elapsed(1).await;
    assert_eq!(first, elapsed(1).await);
    assert_ne!(first, elapsed(2).await);
    assert!(first < 100.0 * 31.0);
}

// ---- timeouts ----

#[tokio::test]
async fn a_slow_task_times_out_and_can_be_caught_by_name() {
    let state = task(
        "slow",
        json!({
            "TimeoutSeconds": "{% $states.input.limit %}", "End": true,
            "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "Wrong"},
                      {"ErrorEquals": ["States.Timeout"], "Next": "Late"}],
        }),
    );
    let pass = json!({"Type": "Pass", "End": true});
    let states = json!({"Only": state, "Wrong": pass, "Late": pass});
    let bench = bench(jsonata(states, "Only"), json!({"limit": 5}), |_, clock| {
        async move {
            clock.sleep(Duration::from_secs(60)).await;
            Ok(json!("too late"))
        }
        .boxed()
    });
    let outcome = bench.run().await;
    assert_eq!(outcome.status, Status::Succeeded);
    assert_eq!(outcome.output, Some(json!({"Error": "States.Timeout"})));
    assert_eq!(bench.elapsed(), 5.0);
    let events = bench.events();
    assert_eq!(
        events[2].details["lambdaFunctionScheduledEventDetails"]["timeoutInSeconds"],
        5
    );
    assert_eq!(events[4].event_type, "LambdaFunctionTimedOut");
    assert_eq!(
        events[4].details["lambdaFunctionTimedOutEventDetails"],
        json!({"error": "States.Timeout"})
    );
    assert_eq!(events[6].details["stateEnteredEventDetails"]["name"], "Late");
}

#[tokio::test]
async fn heartbeats_keep_a_task_alive_and_silence_ends_it() {
    for (beats, status, elapsed) in [(4, Status::Succeeded, 8.0), (1, Status::Failed, 5.0)] {
        let state = task(
            "busy",
            json!({"HeartbeatSeconds": 3, "TimeoutSeconds": 100, "End": true}),
        );
        let bench = bench(one(state), json!({}), move |call, clock| {
            async move {
                for _ in 0..beats {
                    clock.sleep(Duration::from_secs(2)).await;
                    call.heartbeat();
                    tokio::task::yield_now().await;
                }
                if beats == 1 {
                    clock.sleep(Duration::from_secs(50)).await;
                }
                Ok(json!(1))
            }
            .boxed()
        });
        let outcome = bench.run().await;
        assert_eq!(outcome.status, status);
        assert_eq!(bench.elapsed(), elapsed);
        if status == Status::Failed {
            assert_eq!(outcome.error.as_deref(), Some("States.HeartbeatTimeout"));
        }
    }
}

#[tokio::test]
async fn the_machines_own_timeout_reaches_no_catch() {
    let mut definition = jsonata(
        json!({
            "Wait": {"Type": "Wait", "Seconds": 7, "Next": "Slow"},
            "Slow": task("slow", json!({
                "End": true,
                "Retry": [{"ErrorEquals": ["States.ALL"]}],
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
            })),
            "Caught": {"Type": "Pass", "End": true},
        }),
        "Wait",
    );
    definition["TimeoutSeconds"] = json!(10);
    let bench = bench(definition, json!({}), |_, clock| {
        async move {
            clock.sleep(Duration::from_secs(60)).await;
            Ok(json!(1))
        }
        .boxed()
    });
    let outcome = bench.run().await;
    assert_eq!((outcome.status, outcome.output), (Status::TimedOut, None));
    assert_eq!(bench.elapsed(), 10.0);
    let types = bench.types();
    assert!(!types.contains(&"TaskStateExited".to_string()), "{types:?}");
    assert_eq!(
        types[types.len() - 2..],
        ["TaskStateAborted", "ExecutionTimedOut"]
    );
}

#[tokio::test]
async fn waits_pass_for_seconds_and_until_a_moment() {
    let states = json!({
        "A": {"Type": "Wait", "Seconds": "{% $states.input.s * 2 %}", "Next": "B"},
        "B": {"Type": "Wait", "Timestamp": "1970-01-01T01:00:00Z", "Next": "C"},
        "C": {"Type": "Wait", "Timestamp": "1970-01-01T00:30:00Z", "End": true},
    });
    let bench = bench(jsonata(states, "A"), json!({"s": 15}), |_, _| {
        async { Ok(json!(0)) }.boxed()
    });
    assert_eq!(bench.run().await.status, Status::Succeeded);
    assert_eq!(bench.elapsed(), 3600.0);
    let stamps: Vec<f64> = bench.events().iter().map(|event| event.timestamp).collect();
    assert_eq!(stamps, [0.0, 0.0, 30.0, 30.0, 3600.0, 3600.0, 3600.0, 3600.0]);
}

#[tokio::test]
async fn a_wait_ends_at_the_second_that_its_timestamp_names() {
    for (timestamp, elapsed) in [
        ("1970-01-01T00:01:00.999Z", 60.0),
        ("1970-01-01t01:01+01:00", 60.0),
        ("1969-12-31T23:59:59Z", 0.0),
    ] {
        let state = json!({"Type": "Wait", "Timestamp": "{% $states.input %}", "End": true});
        let bench = bench(one(state), json!(timestamp), |_, _| {
            async { Ok(json!(0)) }.boxed()
        });
        let outcome = bench.run().await;
        assert_eq!(outcome.status, Status::Succeeded, "{timestamp}");
        assert_eq!(bench.elapsed(), elapsed, "{timestamp}");
    }
}

/// The events as AWS recorded them: the failed evaluation points to the Entered event.
#[tokio::test]
async fn a_timestamp_that_cannot_be_read_is_a_failed_evaluation() {
    for timestamp in [
        "2016-12-05 21:29:29Z",
        "2016-12-05T21:29:29",
        "2016-13-05T21:29:29Z",
    ] {
        let state = json!({"Type": "Wait", "Timestamp": "{% $states.input.at %}", "End": true});
        let bench = bench(one(state), json!({ "at": timestamp }), |_, _| {
            async { Ok(json!(0)) }.boxed()
        });
        let outcome = bench.run().await;
        let error = "States.QueryEvaluationError";
        let cause = format!(
            "An error occurred while executing the state 'Only' (entered at the event id #2). The Timestamp \
             field cannot be parsed as an ISO-8601 extended offset date-time format string: {timestamp}"
        );
        assert_eq!(
            (outcome.error.as_deref(), outcome.cause.as_deref()),
            (Some(error), Some(cause.as_str()))
        );
        let events = bench.events();
        let ends: Vec<_> = events[1..]
            .iter()
            .map(|event| (event.event_type.as_str(), event.id, event.previous_event_id))
            .collect();
        assert_eq!(
            ends,
            [
                ("WaitStateEntered", 2, 0),
                ("EvaluationFailed", 3, 2),
                ("ExecutionFailed", 4, 3)
            ]
        );
        assert_eq!(
            events[2].details["evaluationFailedEventDetails"],
            json!({"error": error, "cause": cause, "location": "Timestamp", "state": "Only"})
        );
    }
}

// ---- catch, errors ----

#[tokio::test]
async fn a_catch_gets_the_input_and_the_error_and_assigns() {
    let states = json!({
        "Try": task("f", json!({
            "End": true,
            "Catch": [{
                "ErrorEquals": ["Rejected"], "Next": "Handle",
                "Output": {"was": "{% $states.input.n %}", "why": "{% $states.errorOutput.Cause %}"},
                "Assign": {"failed": "{% $states.context.State.Name %}"},
            }],
        })),
        "Handle": {"Type": "Pass", "Output": {"in": "{% $states.input %}", "failed": "{% $failed %}"}, "End": true},
    });
    let bench = bench(jsonata(states, "Try"), json!({"n": 3}), |_, _| {
        async { failure("Rejected") }.boxed()
    });
    let expected = json!({"in": {"was": 3, "why": "Rejected happened"}, "failed": "Try"});
    assert_eq!(bench.run().await.output, Some(expected));
}

#[tokio::test]
async fn a_panic_is_a_failed_call() {
    let states = json!({
        "Try": task("f", json!({"End": true, "Catch": [{"ErrorEquals": ["Lambda.Unknown"], "Next": "After"}]})),
        "After": {"Type": "Pass", "End": true},
    });
    let bench = bench(jsonata(states, "Try"), json!({}), |_, _| {
        panic!("index 7 out of bounds")
    });
    let outcome = bench.run().await;
    assert_eq!(outcome.status, Status::Succeeded);
    let cause = outcome.output.unwrap()["Cause"].as_str().unwrap().to_string();
    assert!(cause.contains("index 7 out of bounds"), "{cause}");
}

#[tokio::test]
async fn a_choice_without_a_match_fails_by_its_name() {
    let states = json!({
        "Pick": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.n > 5 %}", "Next": "Big"}]},
        "Big": {"Type": "Succeed"},
    });
    for (n, error) in [(6, None), (5, Some("States.NoChoiceMatched"))] {
        let bench = bench(jsonata(states.clone(), "Pick"), json!({"n": n}), |_, _| {
            async { Ok(json!(0)) }.boxed()
        });
        assert_eq!(bench.run().await.error.as_deref(), error);
    }
}

#[tokio::test]
async fn an_evaluation_error_can_be_caught_and_is_recorded() {
    let states = json!({
        "Try": task("f", json!({
            "Arguments": {"n": "{% $states.input.n + 'x' %}"}, "End": true,
            "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "After"}],
        })),
        "After": {"Type": "Pass", "End": true},
    });
    let bench = bench(jsonata(states, "Try"), json!({"n": 1}), |_, _| {
        async { Ok(json!(0)) }.boxed()
    });
    let outcome = bench.run().await;
    let cause = outcome.output.unwrap()["Cause"].as_str().unwrap().to_string();
    assert!(
        cause.contains("'Arguments/n' threw an error during evaluation. T2002"),
        "{cause}"
    );
    let types = bench.types();
    assert_eq!(types[2..4], ["EvaluationFailed", "TaskStateExited"]);
}

#[tokio::test]
async fn a_payload_of_the_limit_passes_and_one_byte_more_does_not() {
    // A string of n characters has n + 2 bytes of JSON.
    for (length, error) in [
        (PAYLOAD_LIMIT_BYTES - 2, None),
        (PAYLOAD_LIMIT_BYTES - 1, Some("States.DataLimitExceeded")),
    ] {
        let state = task(
            "f",
            json!({
                "End": true,
                "Output": "{% $length($states.result) %}",
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "After"}],
            }),
        );
        let states = json!({"Try": state, "After": {"Type": "Pass", "End": true}});
        let bench = bench(jsonata(states, "Try"), json!({}), move |_, _| {
            async move { Ok(json!("x".repeat(length))) }.boxed()
        });
        let outcome = bench.run().await;
        assert_eq!(outcome.error.as_deref(), error);
        if error.is_none() {
            assert_eq!(outcome.output, Some(json!(length)));
        }
    }
}

#[tokio::test]
async fn an_endless_loop_ends_with_the_event_limit() {
    let states = json!({
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Choice", "Choices": [{"Condition": false, "Next": "End"}], "Default": "A"},
        "End": {"Type": "Succeed"},
    });
    let bench = bench(jsonata(states, "A"), json!({}), |_, _| {
        async { Ok(json!(0)) }.boxed()
    });
    let outcome = bench.run().await;
    assert_eq!(
        (outcome.status, outcome.error.as_deref()),
        (Status::Failed, Some("States.Runtime"))
    );
    assert!(bench.events().len() <= 25_000);
}

// ---- Map and Parallel ----

#[tokio::test]
async fn a_map_keeps_its_order_and_its_concurrency() {
    for (most, peak, elapsed) in [
        (json!(2), 2, 8.0),
        (json!(0), 5, 5.0),
        (json!("{% 1 %}"), 1, 15.0),
    ] {
        let running = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let shared = Arc::clone(&running);
        let state = json!({
            "Type": "Map", "Items": "{% [5, 4, 3, 2, 1] %}", "MaxConcurrency": most, "End": true,
            "ItemSelector": {"s": "{% $states.context.Map.Item.Value %}", "i": "{% $states.context.Map.Item.Index %}"},
            "ItemProcessor": {"StartAt": "Work", "States": {"Work": task("work", json!({"End": true}))}},
        });
        let bench = bench(one(state), json!({}), move |call, clock| {
            let shared = Arc::clone(&shared);
            async move {
                let now = shared.0.fetch_add(1, Ordering::SeqCst) + 1;
                shared.1.fetch_max(now, Ordering::SeqCst);
                clock
                    .sleep(Duration::from_secs(call.payload["s"].as_u64().unwrap()))
                    .await;
                shared.0.fetch_sub(1, Ordering::SeqCst);
                Ok(json!([call.payload["i"], call.payload["s"]]))
            }
            .boxed()
        });
        let outcome = bench.run().await;
        assert_eq!(
            outcome.output,
            Some(json!([[0, 5], [1, 4], [2, 3], [3, 2], [4, 1]]))
        );
        assert_eq!(running.1.load(Ordering::SeqCst), peak, "MaxConcurrency {most}");
        assert_eq!(bench.elapsed(), elapsed, "MaxConcurrency {most}");
    }
}

#[tokio::test]
async fn a_failed_item_fails_the_map_unless_tolerated() {
    let map = |more: Value| {
        let mut state = json!({
            "Type": "Map", "End": true,
            "ItemProcessor": {"StartAt": "Work", "States": {"Work": task("work", json!({"End": true}))}},
        });
        state
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        one(state)
    };
    let table = [
        (json!({}), Some("Odd")),
        (
            json!({"ToleratedFailureCount": 1}),
            Some("States.ExceedToleratedFailureThreshold"),
        ),
        (json!({"ToleratedFailureCount": 2}), None),
        (
            json!({"ToleratedFailurePercentage": 40}),
            Some("States.ExceedToleratedFailureThreshold"),
        ),
        (json!({"ToleratedFailurePercentage": 50}), None),
    ];
    for (more, error) in table {
        let bench = bench(map(more.clone()), json!([1, 2, 3, 4]), |call, _| {
            async move {
                if call.payload.as_u64().unwrap() % 2 == 1 {
                    failure("Odd")
                } else {
                    Ok(call.payload)
                }
            }
            .boxed()
        });
        let outcome = bench.run().await;
        assert_eq!(outcome.error.as_deref(), error, "{more}");
        if error.is_none() {
            assert_eq!(outcome.output, Some(json!([2, 4])));
        }
    }
}

#[tokio::test]
async fn a_failed_branch_aborts_the_others_and_can_be_caught() {
    let states = json!({
        "Both": {
            "Type": "Parallel", "Next": "Never",
            "Branches": [
                {"StartAt": "Slow", "States": {"Slow": {"Type": "Wait", "Seconds": 60, "End": true}}},
                {"StartAt": "Bad", "States": {"Bad": task("f", json!({"End": true}))}},
            ],
            "Catch": [{"ErrorEquals": ["Broken"], "Next": "Caught"}],
        },
        "Never": {"Type": "Pass", "End": true},
        "Caught": {"Type": "Pass", "Output": "caught", "End": true},
    });
    let bench = bench(jsonata(states, "Both"), json!({}), |_, clock| {
        async move {
            clock.sleep(Duration::from_secs(1)).await;
            failure("Broken")
        }
        .boxed()
    });
    assert_eq!(bench.run().await.output, Some(json!("caught")));
    assert_eq!(bench.elapsed(), 1.0);
    let chain: Vec<(u64, String)> = bench
        .events()
        .into_iter()
        .map(|event| (event.previous_event_id, event.event_type))
        .collect();
    let expected: Vec<(u64, String)> = [
        (0, "ExecutionStarted"),
        (0, "ParallelStateEntered"),
        (2, "ParallelStateStarted"),
        (3, "WaitStateEntered"),
        (3, "TaskStateEntered"),
        (5, "LambdaFunctionScheduled"),
        (6, "LambdaFunctionStarted"),
        (7, "LambdaFunctionFailed"),
        (8, "TaskStateAborted"),
        (8, "WaitStateAborted"),
        (8, "ParallelStateFailed"),
        (11, "ParallelStateExited"),
        (12, "PassStateEntered"),
        (13, "PassStateExited"),
        (14, "ExecutionSucceeded"),
    ]
    .map(|(previous, event_type)| (previous, event_type.to_string()))
    .into();
    assert_eq!(chain, expected);
}

#[tokio::test]
async fn a_map_inside_a_branch_is_aborted_from_the_inside() {
    let map = json!({
        "Type": "Map", "Items": [1, 2], "End": true,
        "ItemProcessor": {"StartAt": "Pause", "States": {"Pause": {"Type": "Wait", "Seconds": 60, "End": true}}},
    });
    let states = json!({"Both": {"Type": "Parallel", "End": true, "Branches": [
        {"StartAt": "Each", "States": {"Each": map}},
        {"StartAt": "Bad", "States": {"Bad": {"Type": "Wait", "Seconds": 1, "Next": "Stop"},
                                      "Stop": {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"}}},
    ]}});
    let bench = bench(jsonata(states, "Both"), json!({}), |_, _| {
        async { Ok(json!(0)) }.boxed()
    });
    let outcome = bench.run().await;
    assert_eq!(
        (outcome.error.as_deref(), outcome.cause.as_deref()),
        (Some("Broken"), Some("on purpose"))
    );
    let types = bench.types();
    let after = types
        .iter()
        .position(|event| event == "FailStateEntered")
        .unwrap();
    let expected = [
        "MapIterationAborted",
        "WaitStateAborted",
        "MapIterationAborted",
        "WaitStateAborted",
        "MapStateAborted",
        "ParallelStateFailed",
        "ExecutionFailed",
    ];
    assert_eq!(types[after + 1..], expected);
}

#[tokio::test]
async fn variables_of_a_branch_stay_in_it() {
    let states = json!({
        "Set": {"Type": "Pass", "Assign": {"outer": 1}, "Next": "Both"},
        "Both": {
            "Type": "Parallel", "Next": "Read",
            "Branches": [{"StartAt": "In", "States": {
                "In": {"Type": "Pass", "Assign": {"inner": "{% $outer + 1 %}"}, "Next": "Out"},
                "Out": {"Type": "Pass", "Output": "{% $inner %}", "End": true},
            }}],
        },
        "Read": {"Type": "Pass", "Output": ["{% $states.input[0] %}", "{% $exists($inner) %}"], "End": true},
    });
    let bench = bench(jsonata(states, "Set"), json!({}), |_, _| {
        async { Ok(json!(0)) }.boxed()
    });
    assert_eq!(bench.run().await.output, Some(json!([2, false])));
}

#[tokio::test]
async fn a_jsonpath_machine_runs_jsonata_maps_and_parallels_over_states_of_both_languages() {
    let jsonata = |mut state: Value| {
        state["QueryLanguage"] = json!("JSONata");
        state
    };
    // In a JSONPath state a text between {% %} is a text, and `name.$` a path.
    let body = |prefix: &str| {
        let (first, last) = (format!("{prefix}First"), format!("{prefix}Last"));
        json!({"StartAt": first, "States": {
            &first: {"Type": "Pass", "Parameters": {"n.$": "$.v", "text": "{% 1 %}"}, "Next": last},
            &last: jsonata(json!({
                "Type": "Pass", "Output": {"got": "{% $states.input %}", "kept": "{% $kept %}"}, "End": true})),
        }})
    };
    let definition = json!({"StartAt": "Keep", "States": {
        "Keep": {"Type": "Pass", "Assign": {"kept.$": "$.k"}, "Next": "Each"},
        "Each": jsonata(json!({
            "Type": "Map", "Items": "{% $states.input.list %}",
            "ItemSelector": {"v": "{% $states.context.Map.Item.Value * 10 %}"},
            "ItemProcessor": body("Item"), "Next": "Both"})),
        "Both": jsonata(json!({
            "Type": "Parallel", "Arguments": {"v": "{% $states.input %}"},
            "Branches": [body("Left"), body("Right")],
            "Output": {"left": "{% $states.result[0] %}", "right": "{% $states.result[1].got.n[1].got.n %}"},
            "End": true})),
    }});
    let bench = bench(definition, json!({"k": "key", "list": [1, 2]}), |_, _| {
        async { Ok(json!(0)) }.boxed()
    });
    let outcome = bench.run().await;
    let item = |n: u64| json!({"got": {"n": n, "text": "{% 1 %}"}, "kept": "key"});
    let left = json!({"got": {"n": [item(10), item(20)], "text": "{% 1 %}"}, "kept": "key"});
    assert_eq!(
        outcome.output,
        Some(json!({"left": left, "right": 20})),
        "{:?}",
        outcome.cause
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_executions_run_side_by_side() {
    let state = task(
        "work",
        json!({"End": true, "Retry": [{"ErrorEquals": ["States.ALL"]}]}),
    );
    let runs = (0..50).map(|n| {
        let bench = bench(one(state.clone()), json!(n), |call, _| {
            async move {
                if call.retry_count == 0 {
                    failure("First")
                } else {
                    Ok(call.payload)
                }
            }
            .boxed()
        });
        tokio::spawn(async move { bench.run().await.output })
    });
    for (n, output) in futures::future::join_all(runs).await.into_iter().enumerate() {
        assert_eq!(output.unwrap(), Some(json!(n)));
    }
}

// ---- checkpoints ----

fn three_steps() -> Value {
    jsonata(
        json!({
            "A": task("a", json!({"Next": "B", "Assign": {"kept": "{% $states.result.a %}"}})),
            "B": task("b", json!({"Next": "C"})),
            "C": task("c", json!({"End": true, "Arguments": {"kept": "{% $kept %}", "b": "{% $states.input %}"}})),
        }),
        "A",
    )
}

#[tokio::test]
async fn a_redriven_execution_starts_at_the_failed_state_with_what_it_had() {
    let healed = Arc::new(AtomicUsize::new(0));
    let shared = Arc::clone(&healed);
    let called = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&called);
    let bench = bench(three_steps(), json!({}), move |call, _| {
        let healed = shared.load(Ordering::SeqCst) == 1;
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            match call.function.as_str() {
                "a" => Ok(json!({"a": 11})),
                "b" if !healed => failure("Broken"),
                "b" => Ok(json!("b done")),
                _ => Ok(call.payload),
            }
        }
        .boxed()
    });
    assert_eq!(bench.run().await.error.as_deref(), Some("Broken"));
    let kept = bench.events();
    let checkpoint = bench.recorder.checkpoints().pop().unwrap();
    assert_eq!((checkpoint.state.as_str(), checkpoint.redrive_count), ("B", 0));

    // A checkpoint survives its way through a file.
    let checkpoint: Checkpoint = serde_json::from_str(&serde_json::to_string(&checkpoint).unwrap()).unwrap();
    healed.store(1, Ordering::SeqCst);
    let last = kept.last().unwrap().id;
    let outcome = redrive(&bench.machine, &bench.settings, &bench.runtime, checkpoint, last).await;
    assert_eq!(outcome.output, Some(json!({"kept": 11, "b": "b done"})));
    assert_eq!(called.load(Ordering::SeqCst), 4, "a once, b twice, c once");

    let events = bench.events();
    assert!(
        events
            .iter()
            .enumerate()
            .all(|(index, event)| event.id == index as u64 + 1)
    );
    let redriven = &events[kept.len()];
    assert_eq!(
        (redriven.event_type.as_str(), redriven.previous_event_id),
        ("ExecutionRedriven", last)
    );
    assert_eq!(
        redriven.details["executionRedrivenEventDetails"]["redriveCount"],
        1
    );
    assert_eq!(events[kept.len() + 1].event_type, "TaskStateEntered");
    assert_eq!(events[kept.len() + 1].previous_event_id, redriven.id);
    assert_eq!(bench.recorder.checkpoints().last().unwrap().redrive_count, 1);
}

#[tokio::test]
async fn a_killed_execution_is_resumed_where_it_was() {
    let bench = bench(three_steps(), json!({}), |call, _| {
        async move {
            match call.function.as_str() {
                "a" => Ok(json!({"a": 11})),
                "b" if call.retry_count == 0 => Ok(json!("b done")),
                _ => Ok(call.payload),
            }
        }
        .boxed()
    });
    let whole = bench.run().await;
    let all = bench.events();
    // Killed while B ran: its first events had been kept, its exit had not.
    let checkpoint = bench.recorder.checkpoints()[1].clone();
    assert_eq!(checkpoint.state, "B");
    let last = checkpoint.last_event_id + 2;
    let outcome = resume(
        &bench.machine,
        &bench.settings,
        &bench.runtime,
        checkpoint.clone(),
        last,
    )
    .await;
    assert_eq!(outcome, whole);
    let resumed = &bench.events()[all.len()..];
    assert_eq!(resumed[0].event_type, "TaskStateEntered");
    assert_eq!(resumed[0].id, last + 1);
    assert_eq!(resumed[0].previous_event_id, checkpoint.previous_event_id);
    assert_eq!(resumed.last().unwrap().event_type, "ExecutionSucceeded");
}

/// Fails from its fifth event on.
struct FullDisk(AtomicUsize);

impl Recorder for FullDisk {
    fn event(&self, _: &HistoryEvent) -> io::Result<()> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0..5 => Ok(()),
            _ => Err(io::Error::other("no space left")),
        }
    }

    fn checkpoint(&self, _: &Checkpoint) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_execution_that_can_not_be_recorded_stops() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let mut bench = bench(three_steps(), json!({}), move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok(json!({"a": 1})) }.boxed()
    });
    bench.runtime.recorder = Arc::new(FullDisk(AtomicUsize::new(0)));
    let outcome = bench.run().await;
    assert_eq!(outcome.status, Status::Aborted);
    assert!(
        outcome
            .cause
            .unwrap()
            .contains("event 6 could not be recorded: no space left")
    );
    assert_eq!(calls.load(Ordering::SeqCst), 1, "only a ran");
}

// ---- resources and functions ----

#[tokio::test]
async fn lambda_invoke_wraps_the_answer_and_finds_the_function() {
    let substitutions = BTreeMap::from([(
        "First".to_string(),
        "arn:aws:lambda:x:1:function:one:7".to_string(),
    )]);
    for (name, expected) in [("${First}", "one"), ("${second}", "second"), ("third", "third")] {
        let definition = one(json!({
            "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
            "Arguments": {"FunctionName": name, "Payload": {"n": "{% $states.input.n %}"}},
            "Output": {"answer": "{% $states.result.Payload %}", "status": "{% $states.result.StatusCode %}"},
        }));
        let mut bench = bench(one(json!({"Type": "Succeed"})), json!({"n": 4}), |call, _| {
            async move { Ok(json!([call.function, call.payload["n"]])) }.boxed()
        });
        bench.machine = StateMachine::parse(definition.to_string(), &substitutions).unwrap();
        let outcome = bench.run().await;
        assert_eq!(
            outcome.output,
            Some(json!({"answer": [expected, 4], "status": 200}))
        );
        let scheduled = &bench.events()[2].details["taskScheduledEventDetails"];
        assert_eq!(scheduled["region"], "eu-west-1");
    }
}

#[tokio::test]
async fn the_added_functions() {
    let table = [
        ("$partition([1,2,3,4,5], 2)", json!([[1, 2], [3, 4], [5]])),
        ("$range(0, 10, 5)", json!([0, 5, 10])),
        ("$range(5, 1, -2)", json!([5, 3, 1])),
        ("$range(3, 3, 1)", json!(3)),
        ("$hash('abc', 'MD5')", json!("900150983cd24fb0d6963f7d28e17f72")),
        (
            "$hash('abc', 'SHA-1')",
            json!("a9993e364706816aba3e25717850c26c9cd0d89d"),
        ),
        (
            "$substring($hash('abc', 'SHA-256'), 0, 16)",
            json!("ba7816bf8f01cfea"),
        ),
        ("$length($hash('abc', 'SHA-384'))", json!(96)),
        ("$length($hash('abc', 'SHA-512'))", json!(128)),
        ("$parse('{\"a\": [1, null]}')", json!({"a": [1, null]})),
        ("$random(3) = $random(3)", json!(true)),
        ("$random() = $random()", json!(false)),
        ("$random() < 1 and $random() >= 0", json!(true)),
        (
            "$contains($uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)",
            json!(true),
        ),
        ("$uuid() = $uuid()", json!(false)),
        ("$now()", json!("1970-01-01T00:00:00.000Z")),
        ("$now('[Y0001]')", json!("1970")),
        ("$millis()", json!(0)),
        (
            "$states.context.Execution.Name & $states.context.StateMachine.Name",
            json!("onetest"),
        ),
    ];
    for (expression, expected) in table {
        let state = json!({"Type": "Pass", "Output": format!("{{% {expression} %}}"), "End": true});
        let bench = bench(one(state), json!({}), |_, _| async { Ok(json!(0)) }.boxed());
        let outcome = bench.run().await;
        assert_eq!(
            outcome.output,
            Some(expected),
            "{expression}: {:?}",
            outcome.cause
        );
    }
}

#[test]
fn what_runs_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<StateMachine>();
    is_send_and_sync::<SimulatedClock>();
    let bench = bench(one(json!({"Type": "Succeed"})), json!({}), |_, _| {
        async { Ok(json!(0)) }.boxed()
    });
    is_send(&run(
        &machine(one(json!({"Type": "Succeed"}))),
        &bench.settings,
        &bench.runtime,
    ));
}
