//! A step of a run, as a test sees it.

use inngest::function::StepKind;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::inspect::{StepStatus, StepView};

/// A step of a run, as it was at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct TestStep {
    view: StepView,
    kind: &'static str,
    value: Option<Value>,
    executions: u32,
}

impl TestStep {
    /// `kind` and `executions` are the app's own account of a step whose code has run in it, and so
    /// is `output`, before middlewares changed it.
    pub(super) fn new(
        view: StepView,
        kind: Option<StepKind>,
        output: Option<Value>,
        executions: u32,
    ) -> Self {
        let stored = if view.status == StepStatus::Completed { output } else { None };
        let value = stored.or_else(|| view.value.clone());
        Self { kind: kind.map_or_else(|| name_of_op(&view.op), StepKind::method), value, executions, view }
    }

    /// The step's id as its user wrote it; `id:1` is the second use of `id`.
    #[must_use]
    pub fn id(&self) -> String {
        self.view.label()
    }

    /// The method of `Step` that makes such a step: `run`, `sleep`, `wait_for_event`, …
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> StepStatus {
        self.view.status
    }

    /// How often the step's code, or the mock in its place, was executed in the app. 0 for what
    /// Inngest does.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.executions
    }

    /// What the step gave, before any middleware changed it; `None` while it has not ended, and if
    /// it failed. For a wait it is the event with its name, id and data, and `null` if none came.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        let gave = matches!(self.view.status, StepStatus::Completed | StepStatus::TimedOut);
        self.value.as_ref().filter(|_| gave)
    }

    /// What the step gave, in its own type.
    ///
    /// # Panics
    /// When the step has given nothing, or something else.
    #[must_use]
    #[track_caller]
    pub fn output<T: DeserializeOwned>(&self) -> T {
        let (id, status) = (self.id(), self.view.status);
        let Some(value) = self.value() else {
            let error = self.error().map(|error| format!(": {error}")).unwrap_or_default();
            panic!("the step `{id}` has no output: it is {status:?}{error}");
        };
        match T::deserialize(value) {
            Ok(output) => output,
            Err(error) => {
                let name = std::any::type_name::<T>();
                panic!("the output of the step `{id}` is no `{name}`: {error}. It is {value}")
            }
        }
    }

    /// The message of the error that the step's last attempt failed with.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        let failed = matches!(self.view.status, StepStatus::Failed | StepStatus::Retrying);
        self.view.value.as_ref().filter(|_| failed)?.get("message")?.as_str()
    }

    /// The step as the engine has it.
    #[must_use]
    pub fn view(&self) -> &StepView {
        &self.view
    }
}

fn name_of_op(op: &str) -> &'static str {
    match op {
        "Sleep" => "sleep",
        "WaitForEvent" => "wait_for_event",
        "WaitForSignal" => "wait_for_signal",
        "InvokeFunction" => "invoke",
        "Gateway" => "fetch",
        "AIGateway" => "ai_infer",
        _ => "run",
    }
}
