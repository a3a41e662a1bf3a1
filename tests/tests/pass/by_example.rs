//! Handlers out of `macro_rules!`.

use axum::Router;
use axum::extract::{Json, Query, State};
use axum::routing::post;
use inngest::function::{ApiFn, StepKind};
use inngest::{Step, StepError};

use crate::{assert_answers, assert_registered};

/// The whole function.
macro_rules! whole {
    ($name:ident, $id:expr, $text:expr) => {
        #[inngest::api_fn(id = $id)]
        pub(super) async fn $name(step: Step) -> Result<String, StepError> {
            step.run("greet", async { Ok($text.to_owned()) }).await
        }
    };
}

whole!(whole, "by-example-whole", "whole");

/// Only the ids.
macro_rules! ids {
    ($id:literal, $step_id:literal, $retries:literal) => {
        #[inngest::api_fn(id = $id, retries = $retries, max_request_time = "30s")]
        async fn ids(step: Step) -> Result<String, StepError> {
            step.run($step_id, async { Ok("ids".to_owned()) }).await
        }
    };
}

ids!("by-example-ids", "greet", 9);

/// The body and the step's name.
macro_rules! body {
    ($(#[$attr:meta])* $vis:vis $name:ident($step:ident) $body:block) => {
        #[inngest::api_fn(id = "by-example-body")]
        $(#[$attr])*
        $vis async fn $name($step: Step) -> Result<String, StepError> $body
    };
}

body! {
    /// With its documentation.
    #[must_use]
    pub(super) body(durable) {
        let greeting = durable.run("greet", async { Ok("body".parse()?) }).await?;
        durable.sleep("rest", std::time::Duration::from_secs(1)).await;
        Ok(greeting)
    }
}

/// Types, as arguments and answer.
macro_rules! types {
    ($step:ty, $state:ty, $query:ty => $answer:ty) => {
        #[inngest::api_fn(id = "by-example-types")]
        async fn types(state: $state, my_step: $step, query: $query) -> $answer {
            let word = my_step.run("greet", async { Ok(query.0.word) }).await?;
            Ok(format!("{} {word}", state.0))
        }
    };
}

#[derive(serde::Deserialize)]
struct Words {
    word: String,
}

types!(inngest::Step, State<&'static str>, Query<Words> => Result<String, StepError>);

/// An alias of the `Step`, which only its argument's name tells.
macro_rules! alias {
    ($step:ty) => {
        #[inngest::api_fn(id = "by-example-alias")]
        async fn alias(step: $step) -> Result<String, StepError> {
            step.run("greet", async { Ok("alias".to_owned()) }).await
        }
    };
}

type Durable = Step;
alias!(Durable);

/// The types' insides.
macro_rules! insides {
    ($($segment:ident)::+, $value:ty, $error:path) => {
        #[inngest::api_fn(id = "by-example-insides")]
        async fn insides(step: $($segment)::+, body: Result<Json<$value>, $error>) -> Result<Json<$value>, StepError> {
            step.run("greet", async { Ok(body.is_err()) }).await.map(|failed| failed.to_string()).map(Json)
        }
    };
}

insides!(inngest::Step, String, axum::extract::rejection::JsonRejection);

/// Tokens, all of them.
macro_rules! tokens {
    ($($token:tt)*) => { $($token)* };
}

tokens! {
    #[inngest::api_fn(id = "by-example-tokens")]
    async fn tokens(step: Step) -> Result<String, StepError> {
        tokens!(step.run("greet", async { Ok("tokens".to_owned()) }).await)
    }
}

/// An item, as one piece.
macro_rules! item {
    ($item:item) => {
        #[inngest::api_fn(id = "by-example-item")]
        $item
    };
}

item! {
    #[must_use]
    async fn item(step: Step) -> Result<String, StepError> {
        step.run("greet", async { Ok("item".to_owned()) }).await
    }
}

/// Several functions, from one macro that is called by another.
macro_rules! several {
    ($($name:ident = $id:literal),*) => { $(whole!($name, $id, stringify!($name));)* };
}

mod several {
    use super::*;

    several!(first = "by-example-first", second = "by-example-second");
}

/// A step that is begun in another place than it is awaited in.
macro_rules! hygiene {
    ($step:ident, $future:expr) => {
        #[inngest::api_fn(id = "by-example-hygiene")]
        async fn hygiene($step: Step) -> Result<String, StepError> {
            let greeting = "hygiene";
            let future = $future;
            Ok(format!("{} {greeting}", future.await?))
        }
    };
}

hygiene!(step, step.run("greet", async { Ok(String::from("hello")) }));

#[tokio::test]
async fn macros_make_handlers() {
    let app = Router::new()
        .route("/whole", post(whole))
        .route("/ids", post(ids))
        .route("/types", post(types))
        .route("/alias", post(alias))
        .route("/insides", post(insides))
        .route("/tokens", post(tokens))
        .route("/item", post(item))
        .route("/first", post(several::first))
        .route("/second", post(several::second))
        .route("/hygiene", post(hygiene))
        .with_state("state");
    let answers = [
        ("/whole", "whole"),
        ("/ids", "ids"),
        ("/types?word=word", "state word"),
        ("/alias", "alias"),
        ("/insides", "\"true\""),
        ("/tokens", "tokens"),
        ("/item", "item"),
        ("/first", "first"),
        ("/second", "second"),
        ("/hygiene", "hello hygiene"),
    ];
    assert_answers(app, &answers).await;

    assert_registered(whole::OPTS, "by_example::whole", &["greet"]);
    assert_registered(ids::OPTS, "by_example::ids", &["greet"]);
    assert_registered(body::OPTS, "by_example::body", &["greet", "rest"]);
    assert_registered(types::OPTS, "by_example::types", &["greet"]);
    assert_registered(alias::OPTS, "by_example::alias", &["greet"]);
    assert_registered(item::OPTS, "by_example::item", &["greet"]);
    assert_registered(several::second::OPTS, "by_example::several::second", &["greet"]);
    assert_registered(hygiene::OPTS, "by_example::hygiene", &["greet"]);
    assert_eq!((ids::OPTS.get_retries(), body::STEPS[1].kind()), (9, StepKind::Sleep));
}

#[tokio::test]
async fn a_body_of_a_macro_runs() {
    assert_eq!(body(Step::detached()).await.unwrap(), "body");
}
