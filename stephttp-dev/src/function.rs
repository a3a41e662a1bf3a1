//! Functions that a test stands in for.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

/// What a stand-in function comes to, in the end.
type Running = Pin<Box<dyn Future<Output = Result<Value, String>> + Send>>;

/// A stand-in function.
#[derive(Clone)]
pub(crate) struct Function(Arc<dyn Fn(Value) -> Running + Send + Sync>);

impl Function {
    pub(crate) fn new<F, R, E>(handler: F) -> Self
    where
        F: Fn(Value) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, E>> + Send + 'static,
        E: fmt::Display,
    {
        Self(Arc::new(move |data| {
            let running = handler(data);
            Box::pin(async move { running.await.map_err(|error| error.to_string()) })
        }))
    }

    pub(crate) fn call(&self, data: Value) -> Running {
        (self.0)(data)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").finish_non_exhaustive()
    }
}
