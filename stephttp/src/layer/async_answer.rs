//! What a client gets when its run has been handed over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use axum::response::Response;
use http::request::Parts;
use url::Url;

use super::answer;
use crate::exchange::RequestHead;
use crate::function::{AsyncResponse, RunOutput};
use crate::run::Run;

/// Answers as the run's function says; it may want its request's parts. The error says what the
/// application's part of it did wrong.
pub(super) async fn answer(run: &Run, parts: Option<Parts>, output: RunOutput) -> Result<Response, String> {
    match run.async_response() {
        AsyncResponse::Redirect => Ok(answer::see_other(output.url())),
        AsyncResponse::Proxy => {
            if let (None, Some(app)) = (output.own_url(), run.app()) {
                app.complain_of_no_output_route();
            }
            Ok(answer::see_other(output.nearest_url()))
        }
        AsyncResponse::Negotiate => {
            Ok(answer::negotiated(&output, run.head().is_some_and(RequestHead::prefers_async)))
        }
        AsyncResponse::RedirectTo(make) => {
            let location = contained(|| make(&output))?;
            check(&location, &output)?;
            Ok(answer::see_other(&location))
        }
        AsyncResponse::Token => Ok(answer::token(&output)),
        AsyncResponse::Custom(make) => {
            let parts = parts.ok_or("it is not registered, so the request was not kept for it")?;
            let mut response = contained(|| make(parts, output))?;
            std::future::poll_fn(|cx| match contained(|| response.as_mut().poll(cx)) {
                Ok(poll) => poll.map(Ok),
                Err(panicked) => Poll::Ready(Err(panicked)),
            })
            .await
        }
    }
}

/// The panic itself has been reported by the panic hook.
fn contained<T>(make: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(make)).map_err(|_| "it panicked".to_owned())
}

/// A location is a URL, or is one when taken relative to another. What is wrong is said without the
/// location: it may hold the run's token.
fn check(location: &str, output: &RunOutput) -> Result<(), String> {
    // RFC 3986, appendix A: the client might read anything else in another way than was meant.
    let is_good = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    if location.is_empty() {
        return Err("the location is empty".to_owned());
    }
    if let Some(bad) = location.chars().find(|c| !is_good(*c)) {
        return Err(format!("the location holds {bad:?}, which no URL does: percent-encode it"));
    }
    let base = Url::parse(output.url()).map_err(|error| error.to_string())?;
    base.join(location).map_err(|error| format!("the location is no URL: {error}"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_urls_or_relative_to_one() {
        let run_id = "01M817NZCZ3BTTPY1FEX7T2M4B".parse().unwrap();
        let output =
            RunOutput::new(run_id, "secret".to_owned(), "http://a/output?token=secret".to_owned(), None);
        for good in [
            "https://b/runs?x=1&y=%20#there",
            "/runs/1",
            "runs/1?token=a.b-c_d",
            "?x",
            "//b:1/c",
            "app://run",
        ] {
            assert_eq!(check(good, &output), Ok(()), "{good}");
        }
        for bad in
            ["", "/a b", "/a\r\nset-cookie: b=c", "/ü", "/\"", "https://", "https://b:port/", "http://[1/"]
        {
            let fault = check(bad, &output).unwrap_err();
            assert!(fault.contains("the location"), "{bad}: {fault}");
        }
        assert!(!check("/secret\n", &output).unwrap_err().contains("secret"));
    }
}
