use axum::http::Method;
use stephttp::Step;

#[stephttp::api_fn(id = "handler")]
#[rustfmt::skip]
async fn handler(_: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Method, _: Step) {}

fn main() {
    let _ = handler;
}
