//! Handlers in modules of all kinds.

use axum::Router;
use axum::routing::post;
use inngest::function::ApiFn;
use inngest::{Step, StepError};

use crate::{assert_answers, assert_registered};

#[derive(serde::Deserialize)]
struct Cart {
    body: String,
}

/// A body of our own, that is a query's too.
type Query = axum::extract::Query<Cart>;

mod private {
    use super::*;

    #[inngest::api_fn(id = "modules-glob")]
    pub async fn glob(query: Query, step: Step) -> Result<String, StepError> {
        step.run("greet", async { Ok(query.0.body) }).await
    }

    pub mod nested {
        #[inngest::api_fn(id = "modules-paths")]
        pub(in super::super) async fn paths(
            query: super::super::Query,
            step: ::inngest::Step,
        ) -> Result<super::Answer, inngest::StepError> {
            let answer: self::Inner = step.run("greet", async { Ok(query.0.body) }).await?;
            Ok(answer)
        }

        type Inner = crate::modules::private::Answer;
    }

    type Answer = String;
}

pub(crate) mod visible {
    pub(crate) mod prelude {
        pub(crate) use std::result::*;

        pub(crate) use inngest::*;
    }

    pub(crate) mod handlers {
        use super::prelude::*;

        #[api_fn(id = "modules-prelude", crate = inngest)]
        pub(crate) async fn from_a_prelude(step: Step) -> Result<String, StepError> {
            step.run("greet", async { Ok("prelude".to_owned()) }).await
        }

        /// What is imported is also used by the attribute.
        #[api_fn(id = "modules-self", async_response = custom(self::answer))]
        pub(crate) async fn paths_in_options(step: Step) -> Result<String, StepError> {
            step.run("greet", async { Ok("self".to_owned()) }).await
        }

        async fn answer(_: axum::http::request::Parts, _: output::RunOutput) -> &'static str {
            "accepted"
        }
    }
}

mod r#type {
    use super::*;

    #[inngest::api_fn(id = "modules-raw", async_response = redirect(r#move::r#loop))]
    pub(super) async fn r#match(step: Step) -> Result<String, StepError> {
        step.run("greet", async { Ok("raw".to_owned()) }).await
    }

    mod r#move {
        pub(super) fn r#loop(output: &inngest::output::RunOutput) -> String {
            output.url().to_owned()
        }
    }
}

/// One `use` brings the function and what is known of it.
mod reexported {
    pub(super) use super::private::{glob as renamed, nested::paths};
}

#[tokio::test]
async fn handlers_are_routed_out_of_their_modules() {
    let app = Router::new()
        .route("/glob", post(reexported::renamed))
        .route("/paths", post(reexported::paths))
        .route("/prelude", post(visible::handlers::from_a_prelude))
        .route("/self", post(visible::handlers::paths_in_options))
        .route("/raw", post(r#type::r#match));
    let answers = [
        ("/glob?body=glob", "glob"),
        ("/paths?body=paths", "paths"),
        ("/prelude", "prelude"),
        ("/self", "self"),
        ("/raw", "raw"),
    ];
    assert_answers(app, &answers).await;

    assert_registered(reexported::renamed::OPTS, "modules::private::glob", &["greet"]);
    assert_registered(reexported::paths::OPTS, "modules::private::nested::paths", &["greet"]);
    assert_registered(
        visible::handlers::from_a_prelude::OPTS,
        "modules::visible::handlers::from_a_prelude",
        &["greet"],
    );
    assert_registered(r#type::r#match::OPTS, "modules::r#type::match", &["greet"]);
}
