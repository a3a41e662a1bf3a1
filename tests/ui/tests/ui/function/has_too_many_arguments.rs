use axum::http::Method;
use inngest::Step;

#[inngest::api_fn(id = "handler")]
#[rustfmt::skip]
async fn handler(_: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Step) {}

fn main() {
    let _ = handler;
}
