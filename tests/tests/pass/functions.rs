//! Handlers that are items of a function, and handlers that have items of their own.

use axum::Router;
use axum::routing::post;
use inngest::function::ApiFn;
use inngest::{Step, StepError};

use crate::{assert_answers, assert_registered};

fn routes() -> Router {
    #[inngest::api_fn(id = "functions-inner")]
    async fn inner(query: axum::extract::Query<Local>, step: Step) -> Result<String, StepError> {
        step.run("greet", async { Ok(query.0.word) }).await
    }

    #[derive(serde::Deserialize)]
    struct Local {
        word: String,
    }

    assert_registered(inner::OPTS, "functions::inner", &["greet"]);
    Router::new().route("/inner", post(inner))
}

/// Within a method, a closure, a constant and a block; some with one name.
struct Routes;

impl Routes {
    fn method(&self) -> Router {
        let closure = || {
            #[inngest::api_fn(id = "functions-closure")]
            async fn same(_step: Step) -> &'static str {
                "closure"
            }
            post(same)
        };
        #[inngest::api_fn(id = "functions-method")]
        async fn same(_step: Step) -> &'static str {
            "method"
        }
        Router::new().route("/closure", closure()).route("/method", post(same))
    }
}

const CONSTANT: fn() -> Router = {
    #[inngest::api_fn(id = "functions-constant")]
    async fn same(_step: Step) -> &'static str {
        "constant"
    }
    || Router::new().route("/constant", post(same))
};

#[inngest::api_fn(id = "functions-outer")]
async fn outer(step: Step) -> Result<String, StepError> {
    #[inngest::api_fn(id = "functions-inner-of-outer")]
    async fn inner(step: Step) -> Result<String, StepError> {
        step.run("greet", async { Ok("outer".to_owned()) }).await
    }
    inner(step).await
}

/// Something else has the function's name in its body.
mod orders {
    pub(super) mod table {
        pub(crate) mod with_use {
            pub(crate) const NAME: &str = "with_use";
        }
        pub(crate) mod with_glob {
            pub(crate) const NAME: &str = "with_glob";
        }
    }
}

#[inngest::api_fn(id = "functions-with-use")]
async fn with_use(step: Step) -> Result<String, StepError> {
    use orders::table::with_use;
    step.run("greet", async { Ok(with_use::NAME.to_owned()) }).await
}

#[inngest::api_fn(id = "functions-with-glob")]
async fn with_glob(step: Step) -> Result<String, StepError> {
    #![allow(unused_imports)]
    use orders::table::*;
    step.run("greet", async { Ok(with_glob::NAME.to_owned()) }).await
}

#[inngest::api_fn(id = "functions-with-type")]
async fn with_type(step: Step) -> Result<String, StepError> {
    #[allow(non_camel_case_types)]
    type with_type = String;
    step.run("greet", async { Ok(with_type::from("with_type")) }).await
}

/// What it is called with has the function's name.
#[inngest::api_fn(id = "functions-with-variable")]
async fn with_variable(with_variable: Step) -> Result<String, StepError> {
    with_variable.run("greet", async { Ok("with_variable".to_owned()) }).await
}

/// No step, and a body that begins with an item.
#[inngest::api_fn(id = "functions-tracked", track = always)]
async fn tracked() -> &'static str {
    mod tracked {
        pub(super) const NAME: &str = "tracked";
    }
    tracked::NAME
}

#[inngest::api_fn(id = "functions-recursive", retries = 0)]
async fn recursive(step: Step) -> String {
    if step.run_id().to_string().is_empty() {
        Box::pin(recursive(step)).await
    } else {
        "recursive".to_owned()
    }
}

#[tokio::test]
async fn handlers_may_be_anywhere() {
    let app = routes()
        .merge(Routes.method())
        .merge(CONSTANT())
        .route("/outer", post(outer))
        .route("/with-use", post(with_use))
        .route("/with-glob", post(with_glob))
        .route("/with-type", post(with_type))
        .route("/with-variable", post(with_variable))
        .route("/tracked", post(tracked))
        .route("/recursive", post(recursive));
    let answers = [
        ("/inner?word=word", "word"),
        ("/closure", "closure"),
        ("/method", "method"),
        ("/constant", "constant"),
        ("/outer", "outer"),
        ("/with-use", "with_use"),
        ("/with-glob", "with_glob"),
        ("/with-type", "with_type"),
        ("/with-variable", "with_variable"),
        ("/tracked", "tracked"),
        ("/recursive", "recursive"),
    ];
    assert_answers(app, &answers).await;
    assert_registered(outer::OPTS, "functions::outer", &["greet"]);
    assert_registered(with_use::OPTS, "functions::with_use", &["greet"]);
}
