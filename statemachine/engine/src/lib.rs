//! Runs an Amazon States Language definition in-process, as AWS Step Functions runs a Standard workflow. The crate
//! does not depend on the purpose of the workflow.
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
//!   adds: `$partition $range $hash $random $uuid $parse`. `$now` and `$millis` use the [`Clock`].
//! * `Retry` with all fields, and `Catch`. `States.*` errors match as on AWS. Task timeouts and heartbeats, the
//!   timeout of the machine, the payload limit of 262,144 bytes, the limit of 25,000 events.
//! * Tasks that call a function by its ARN or through `arn:aws:states:::lambda:invoke`, mapped to a
//!   [`FunctionHandler`] by name. `${name}` without a substitution means the function `name`.
//! * The history in the JSON format of `GetExecutionHistory` ([`HistoryEvent`]), and a [`Checkpoint`] before the
//!   first state and after each top-level state that has a next state. An execution can be resumed from it after
//!   its process was killed, or redriven after a failure.
//!
//! # What it rejects at load time
//!
//! Everything else, with its JSON pointer ([`LoadProblem`]): unknown fields and types, other resources and
//! integration patterns, `DISTRIBUTED` Maps, `$eval`, and most of JSONPath. JSONPath is implemented only for Pass,
//! Task, Succeed and Fail states in a machine that also has JSONata states, with plain paths (`$.a.b`) in
//! `Parameters` and `Assign`. A state without `QueryLanguage` uses the query language of the machine, also inside
//! a Map or Parallel that names another one. In a JSONata machine every state is JSONata.
//!
//! # What differs from AWS
//!
//! * The `ToleratedFailure…` fields also apply to `INLINE` Maps. The output omits the failed items.
//! * A timed-out execution has the error `States.Timeout`. On AWS it has no error.
//! * Resume and redrive enter the state of the checkpoint again, and the timeout of the machine starts again.
//! * The branches of one execution run in one task: their waits overlap, their computations do not.
//!
//! # Modules
//!
//! `load` and the `load_…` modules build a `definition`, whose values are `template`s. `execution` starts and ends
//! an execution. `run` is the loop over the states, with `task`, `map_parallel` and `retry`. `track` holds the
//! current position of each branch. `expression` and `functions` evaluate expressions. `timestamp` parses the
//! `Timestamp` of a Wait. `history` and `checkpoint` are the recorded data. `clock` and `random` provide time and
//! random numbers. [`mock`] runs a workflow with mocked functions.

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
pub use load_task::function_name;
