//! What the engine does outside of its lock: calls to third parties, and stand-in functions.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Engine;
use super::gateway::{Outcome, Request};
use super::op::IncomingOp;
use super::source::By;
use crate::function::Function;

/// Something to be done in a task of its own.
#[derive(Debug)]
pub(crate) enum Errand {
    /// Run a stand-in function, and tell the step that invoked it.
    Function { function: Function, data: Value, invoker: (String, String) },
    /// Call a third party for a step.
    Call(Box<ThirdParty>),
}

/// A call to a third party, for a step.
#[derive(Debug)]
pub(crate) struct ThirdParty {
    pub(super) request: Request,
    /// Whether addresses of this machine and of its network are allowed.
    pub(super) private: bool,
    pub(super) run_id: String,
    pub(super) op: IncomingOp,
    pub(super) by: By,
    pub(super) forced: bool,
    pub(super) group: Option<String>,
    pub(super) ticket: u64,
}

impl Errand {
    pub(super) fn function(function: Function, data: Value, invoker: (String, String)) -> Self {
        Self::Function { function, data, invoker }
    }
}

impl Engine {
    /// Does an errand, and brings back what came of it.
    pub(super) async fn run_errand(&self, errand: Errand) {
        match errand {
            Errand::Function { function, data, invoker } => {
                // In a task, so that a panic fails the function alone.
                let mut task = JoinSet::new();
                task.spawn(async move { function.call(data).await });
                let result = match task.join_next().await {
                    Some(Ok(result)) => result,
                    Some(Err(_)) | None => Err("the stand-in function panicked".to_owned()),
                };
                self.change(|state| {
                    state.work.functions = state.work.functions.saturating_sub(1);
                    state.invoked(&invoker, result.map_err(|message| error(&message)));
                });
            }
            Errand::Call(call) => {
                let outcome: Outcome = call.request.perform(&self.outside, call.private).await;
                self.change(|state| state.called(&call, outcome));
            }
        }
    }
}

/// An error as a function that is not tried again leaves it.
pub(super) fn error(message: &str) -> Value {
    let stack = format!("Error: {message}");
    json!({"error": "NonRetriableError", "message": message, "name": "Error", "stack": stack})
}
