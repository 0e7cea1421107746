//! A state machine after loading: names are resolved, expressions are parsed, literal limits are checked.
//! [`crate::load`] builds these types from JSON and rejects a definition that it cannot load.

use std::collections::BTreeMap;

use crate::template::Template;

/// A loaded workflow. It can run any number of times, from any number of threads.
#[derive(Debug)]
pub struct StateMachine {
    pub(crate) flow: Flow,
    pub(crate) timeout_seconds: Option<f64>,
}

/// `StartAt` and `States` of the machine itself, of a branch of a Parallel, or of the processor of a Map.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) start_at: String,
    pub(crate) states: BTreeMap<String, State>,
}

/// One state. Fields of one state type are in [`Kind`]. A common field that a type does not have is empty.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) kind: Kind,
    pub(crate) next: Next,
    pub(crate) output: Option<Template>,
    pub(crate) assign: Vec<(String, Template)>,
    pub(crate) retriers: Vec<Retrier>,
    pub(crate) catchers: Vec<Catcher>,
}

/// The transition of a state that succeeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    State(String),
    End,
}

/// The type of a state, with the fields of that type.
#[derive(Debug)]
pub(crate) enum Kind {
    Pass,
    Succeed,
    Fail {
        error: Option<Template>,
        cause: Option<Template>,
    },
    Wait(WaitFor),
    Choice {
        rules: Vec<ChoiceRule>,
        default: Option<String>,
    },
    Task(Task),
    Parallel {
        arguments: Option<Template>,
        branches: Vec<Flow>,
    },
    Map(Box<Map>),
}

#[derive(Debug)]
pub(crate) enum WaitFor {
    Seconds(Template),
    Timestamp(Template),
}

#[derive(Debug)]
pub(crate) struct ChoiceRule {
    pub(crate) condition: Template,
    pub(crate) next: String,
    pub(crate) output: Option<Template>,
    pub(crate) assign: Vec<(String, Template)>,
}

#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) resource: Resource,
    pub(crate) arguments: Option<Template>,
    pub(crate) timeout_seconds: Option<Template>,
    pub(crate) heartbeat_seconds: Option<Template>,
}

/// The two ways in which a Task can call a function. They differ in their events and in the form of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    /// The ARN of a function. The result is the response of the function.
    Function { arn: String, name: String },
    /// `arn:aws:states:::lambda:invoke`. The arguments name the function. The result is the response of the Lambda
    /// API, with the response of the function in `Payload`.
    LambdaInvoke,
}

#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) items: Option<Template>,
    pub(crate) item_selector: Option<Template>,
    pub(crate) max_concurrency: Option<Template>,
    pub(crate) tolerated_failure_count: Option<Template>,
    pub(crate) tolerated_failure_percentage: Option<Template>,
    pub(crate) processor: Flow,
}

/// One entry of `Retry`, with default values for absent fields.
#[derive(Debug, Clone)]
pub(crate) struct Retrier {
    pub(crate) error_equals: Vec<String>,
    pub(crate) interval_seconds: f64,
    pub(crate) max_attempts: u64,
    pub(crate) backoff_rate: f64,
    pub(crate) max_delay_seconds: Option<f64>,
    pub(crate) full_jitter: bool,
}

/// One entry of `Catch`.
#[derive(Debug)]
pub(crate) struct Catcher {
    pub(crate) error_equals: Vec<String>,
    pub(crate) next: String,
    pub(crate) output: Option<Template>,
    pub(crate) assign: Vec<(String, Template)>,
}

impl State {
    /// The name of the type, as in the definition and the history.
    pub(crate) fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Pass => "Pass",
            Kind::Succeed => "Succeed",
            Kind::Fail { .. } => "Fail",
            Kind::Wait(_) => "Wait",
            Kind::Choice { .. } => "Choice",
            Kind::Task(_) => "Task",
            Kind::Parallel { .. } => "Parallel",
            Kind::Map(_) => "Map",
        }
    }
}
