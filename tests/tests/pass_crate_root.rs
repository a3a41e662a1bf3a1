//! A crate whose root has names that generated code is wont to use. A program of its own: only a
//! root can be one.

#![allow(dead_code, non_camel_case_types, non_snake_case, non_upper_case_globals)]

mod core {}
mod std {}
mod alloc {}
mod inngest {}
mod stephttp {}
mod inventory {}
mod axum {}
struct String;
struct Box;
struct Option;
fn Ok() {}
fn Err() {}
const None: () = ();
fn Some() {}
struct Vec;
trait Send {}

use ::axum::routing::post;
use ::inngest::function::ApiFn as _;
use ::inngest::{Step, StepError};

#[::inngest::api_fn(id = "crate-root", retries = 2, async_response = redirect(url), max_request_time = "1m")]
async fn handler(
    ::axum::extract::State(state): ::axum::extract::State<u8>,
    step: Step,
    body: ::std::string::String,
) -> Result<::std::string::String, StepError> {
    let a = step.run("a", async { Result::Ok(state) }).await?;
    Result::Ok(format!("{a} {body}"))
}

fn url(output: &::inngest::output::RunOutput) -> ::std::string::String {
    output.url().to_owned()
}

#[tokio::test]
async fn a_crate_root_may_have_any_names() {
    let app = ::axum::Router::new().route("/", post(handler)).with_state(7);
    let world = stephttp_tests::World::of(app).await;
    let text = world.post("/").body("body").send().await.unwrap().text().await.unwrap();
    assert_eq!(text, "7 body");
    world.delivered().await;
    world.assert_clean();
    let registered = ::inngest::function::registered().next().unwrap();
    assert_eq!(registered.function(), "pass_crate_root::handler");
    assert_eq!((registered.opts().id(), handler::STEPS.len()), ("crate-root", 1));
}
