//! Without the prelude, and with its names meaning something else.

use axum::Router;
use axum::routing::post;

use crate::{assert_answers, assert_registered};

/// An extractor that can be remembered.
#[derive(serde::Serialize, serde::Deserialize)]
struct Method(String);

impl<S: Sync> axum::extract::FromRequestParts<S> for Method {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _: &S,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.method.to_string()))
    }
}

mod none {
    #![no_implicit_prelude]

    use ::core::result::Result;
    use ::inngest::{Failure, Remember, Step, StepError};
    use ::std::string::String;

    #[::inngest::api_fn(id = "no-prelude", retries = 2, async_response = custom(answer), max_request_time = "1m")]
    pub(super) async fn handler(
        Remember(method): Remember<super::Method>,
        step: Step,
        body: String,
    ) -> Result<String, StepError> {
        let double = async |n: u32| Result::<u32, Failure>::Ok(2 * n);
        let a = step.run("a", async { Result::Ok(double(1).await? + 1) }).await?;
        let b = { step.run(r"b", double(2)).await? };
        Result::Ok(::std::format!("{} {a} {b} {body}", method.0))
    }

    async fn answer(_: ::axum::http::request::Parts, _: ::inngest::output::RunOutput) {}

    #[::inngest::api_fn(id = "no-prelude-tracked", track = always)]
    pub(super) async fn tracked() -> &'static str {
        "tracked"
    }

    #[::inngest::api_fn(id = "no-prelude-redirect", async_response = redirect(url), allow(clock))]
    pub(super) async fn redirected(step: Step) -> Result<String, StepError> {
        step.run("a", async { Result::Ok(::std::borrow::ToOwned::to_owned("redirected")) }).await
    }

    fn url(output: &::inngest::output::RunOutput) -> String {
        ::std::borrow::ToOwned::to_owned(output.url())
    }
}

/// Every name of the prelude.
#[allow(dead_code, non_snake_case, non_camel_case_types, non_upper_case_globals, unused_macros)]
mod shadowed {
    pub struct Box;
    pub struct Option;
    pub struct Vec;
    pub struct String;
    pub struct Result;
    pub trait Send {}
    pub trait Sync {}
    pub trait Sized {}
    pub trait Copy {}
    pub trait Fn {}
    pub trait FnOnce {}
    pub trait Drop {}
    pub trait From {}
    pub trait Into {}
    pub trait Future {}
    pub trait ToString {}
    pub trait Iterator {}
    pub trait Clone {}
    pub fn Ok() {}
    pub fn Err() {}
    pub fn Some() {}
    pub const None: () = ();
    pub fn drop() {}
    pub mod core {}
    pub mod std {}
    pub mod alloc {}
    pub mod inngest {}
    pub mod axum {}
    pub struct str;
    pub struct u8;
    pub struct u32;
    pub struct u64;
    pub struct usize;
    pub struct bool;
    macro_rules! concat {
        () => {};
    }
    macro_rules! module_path {
        () => {};
    }
    macro_rules! file {
        () => {};
    }
    macro_rules! line {
        () => {};
    }
    macro_rules! stringify {
        () => {};
    }
    macro_rules! compile_error {
        () => {};
    }

    #[::inngest::api_fn(id = "shadowed", retries = 2, async_response = custom(answer), max_request_time = "1m")]
    pub(super) async fn handler(
        step: ::inngest::Step,
        body: ::std::string::String,
    ) -> ::core::result::Result<::std::string::String, ::inngest::StepError> {
        let a = step.run("a", async { ::core::result::Result::Ok(1) }).await?;
        step.run("b", async move { ::core::result::Result::Ok(::std::format!("{body} {a}")) }).await
    }

    async fn answer(_: ::axum::http::request::Parts, _: ::inngest::output::RunOutput) {}

    #[::inngest::api_fn(id = "shadowed-tracked", track = always)]
    pub(super) async fn tracked() -> &'static ::core::primitive::str {
        "tracked"
    }
}

/// Names that the expansion uses, as items and as generic names of the handler's.
#[allow(dead_code, non_camel_case_types, non_upper_case_globals, unused_imports)]
mod ours {
    use inngest::Step as Durable;
    use inngest::StepError;

    pub struct Step;
    pub struct Probe;
    pub struct Body;
    pub struct NoBody;
    pub struct Answer;
    pub struct Replayable;
    pub struct ApiFn;
    pub struct FnOpts;
    pub struct StepMeta;
    pub struct StepKind;
    pub struct Track;
    pub struct AsyncResponse;
    pub mod stephttp {}
    pub mod inventory {}
    pub mod probe {}
    pub mod __private {}
    pub mod methods {}
    pub const OPTS: () = ();
    pub const STEPS: () = ();
    pub static hidden_step: () = ();
    pub static output: () = ();
    pub static parts: () = ();
    pub const NEW: () = ();
    pub fn kind() {}
    pub fn answer() {}
    pub fn replays() {}
    pub fn half_answer() {}
    pub fn enter() {}
    pub fn typed() {}
    pub fn step_id() {}
    pub fn step_meta() {}
    pub fn registration() {}

    async fn custom(_: axum::http::request::Parts, _: inngest::output::RunOutput) {}

    pub mod url {
        pub fn of(output: &inngest::output::RunOutput) -> String {
            output.url().to_owned()
        }
    }

    #[inngest::api_fn(id = "ours", async_response = custom(custom))]
    pub(super) async fn handler(step: Durable, body: String) -> Result<String, StepError> {
        step.run("a", async { Ok(format!("ours {body}")) }).await
    }

    #[inngest::api_fn(id = "ours-output", async_response = redirect(url::of))]
    pub(super) async fn redirects(step: Durable) -> Result<String, StepError> {
        step.run("a", async { Ok("redirects".to_owned()) }).await
    }

    #[inngest::api_fn(id = "ours-hidden")]
    pub(super) async fn hidden(_: inngest::Step) -> &'static str {
        let () = hidden_step;
        "hidden"
    }
}

#[tokio::test]
async fn no_name_in_scope_matters() {
    let app = Router::new()
        .route("/none", post(none::handler))
        .route("/none-tracked", post(none::tracked))
        .route("/none-redirected", post(none::redirected))
        .route("/shadowed", post(shadowed::handler))
        .route("/shadowed-tracked", post(shadowed::tracked))
        .route("/ours", post(ours::handler))
        .route("/redirects", post(ours::redirects))
        .route("/hidden", post(ours::hidden));
    let answers = [
        ("/none", "POST 3 4 body"),
        ("/none-tracked", "tracked"),
        ("/none-redirected", "redirected"),
        ("/shadowed", "body 1"),
        ("/shadowed-tracked", "tracked"),
        ("/ours", "ours body"),
        ("/redirects", "redirects"),
        ("/hidden", "hidden"),
    ];
    assert_answers(app, &answers).await;
    assert_registered(<none::handler as inngest::function::ApiFn>::OPTS, "names::none::handler", &["a", "b"]);
    assert_registered(
        <shadowed::handler as inngest::function::ApiFn>::OPTS,
        "names::shadowed::handler",
        &["a", "b"],
    );
}
