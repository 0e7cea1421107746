//! Runs an Amazon States Language file in-process, as AWS Step Functions (Standard) would run it. Knows
//! nothing of what the workflow is for.
//!
//! ```
//! use std::{collections::BTreeMap, sync::Arc};
//! use asl_engine::{ExecutionSettings, MemoryRecorder, Runtime, StateMachine, Status, SimulatedClock};
//! use asl_engine::mock::{MockAnswer, MockHandler};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let definition = json!({"QueryLanguage": "JSONata", "StartAt": "Double", "States": {"Double": {
//!     "Type": "Task", "Resource": "${double}", "Arguments": {"n": "{% $states.input.n %}"}, "End": true,
//!     "Retry": [{"ErrorEquals": ["Transient"], "IntervalSeconds": 5, "JitterStrategy": "FULL"}]}}});
//! let machine = StateMachine::parse(definition.to_string(), &BTreeMap::new()).unwrap();
//! let start = chrono::DateTime::UNIX_EPOCH;
//! let recorder = Arc::new(MemoryRecorder::default());
//! let runtime = Runtime {
//!     handler: Arc::new(MockHandler::new([("double".into(), vec![MockAnswer::Payload(json!(42))])].into())),
//!     clock: Arc::new(SimulatedClock::starting_at(start)),
//!     recorder: recorder.clone(),
//!     seed: 1,
//! };
//! let settings = ExecutionSettings {
//!     name: "first".into(),
//!     execution_arn: "arn:aws:states:local:000000000000:execution:double:first".into(),
//!     role_arn: "arn:aws:iam::000000000000:role/local".into(),
//!     machine_arn: "arn:aws:states:local:000000000000:stateMachine:double".into(),
//!     start,
//!     input: json!({"n": 21}),
//! };
//! let outcome = asl_engine::run(&machine, &settings, &runtime).await;
//! assert_eq!((outcome.status, outcome.output), (Status::Succeeded, Some(json!(42))));
//! assert_eq!(recorder.events().last().unwrap().event_type, "ExecutionSucceeded");
//! # }
//! ```
//!
//! # What it implements
//!
//! * JSONata machines: Task, Pass, Choice, Wait, Succeed, Fail, Parallel and Map (`INLINE`), with
//!   `Arguments`, `Output`, `Assign`, `Items`, `ItemSelector`, `MaxConcurrency`, `ToleratedFailureCount` and
//!   `ToleratedFailurePercentage`.
//! * `$states` (`input`, `result`, `errorOutput`, `context`), variables, and the functions that Step Functions
//!   adds: `$partition $range $hash $random $uuid $parse`. `$now` and `$millis` follow the [`Clock`].
//! * `Retry` with every field and `Catch`; `States.*` errors with AWS's rules of what matches what; timeouts
//!   and heartbeats of a task, the timeout of the machine, the 262,144 bytes of a payload, the 25,000 events.
//! * Tasks that call a function by its ARN or through `arn:aws:states:::lambda:invoke`, mapped to a
//!   [`FunctionHandler`] by name. `${name}` without a substitution stands for the function `name`.
//! * The history that `GetExecutionHistory` gives, in its JSON ([`HistoryEvent`]), and a [`Checkpoint`] after
//!   each state, from which an execution is resumed after a kill or redriven after a failure.
//!
//! # What it refuses, when the file is loaded
//!
//! Everything else, with its place ([`LoadProblem`]): unknown fields and types, other resources and
//! integration patterns, `DISTRIBUTED` Maps, `$eval`, and JSONPath. Of JSONPath there is only what a machine
//! needs whose other states are JSONata: Pass, Task, Succeed and Fail states with plain paths (`$.a.b`) in
//! `Parameters` and `Assign`. A state without a `QueryLanguage` has the machine's, also inside a Map or
//! Parallel that names another; a JSONata machine has JSONata states only.
//!
//! # What differs from AWS
//!
//! * `ToleratedFailure…` also hold for `INLINE` Maps: the output leaves the failed items out.
//! * A timed-out execution names `States.Timeout` as its error; AWS names none.
//! * Resuming and redriving enter the checkpoint's state again, and the machine's timeout counts anew.
//! * Branches of one execution share a task: they overlap while they wait, not while they compute.
//!
//! # Where to look
//!
//! `load` and its parts make a `definition` of `template`s. `execution` starts and ends, `run` is the loop,
//! `task`, `map_parallel` and `retry` are its harder parts, `track` knows where each branch stands.
//! `expression` and `functions` evaluate, `timestamp` reads the end of a Wait, `history` and `checkpoint` are
//! what is kept, `clock` and `random` stand between the engine and the world, [`mock`] tries a workflow without
//! its functions.

mod checkpoint;
mod clock;
mod definition;
mod error;
mod execution;
mod expression;
mod functions;
mod handler;
mod history;
mod load;
mod load_handling;
mod load_state;
mod load_task;
mod load_values;
mod map_parallel;
pub mod mock;
mod random;
mod retry;
mod run;
mod task;
mod template;
mod timestamp;
mod track;

pub use checkpoint::Checkpoint;
pub use clock::{Clock, RealClock, SimulatedClock};
pub use definition::StateMachine;
pub use error::PAYLOAD_LIMIT_BYTES;
pub use execution::{ExecutionSettings, Outcome, Runtime, Status, redrive, resume, run};
pub use handler::{FunctionError, FunctionHandler, Invocation};
pub use history::{HistoryEvent, MOST_EVENTS, MemoryRecorder, Recorder};
pub use load::{LoadError, LoadProblem};
