//! Handlers that tell their client more than a response: `Live`.

mod first;
mod handed_over;
mod js_client;
mod outside_steps;

use futures_util::stream;
use reqwest::RequestBuilder;
use stephttp_tests::World;

/// A request of a client that reads events.
fn reads(request: RequestBuilder) -> RequestBuilder {
    request.header("accept", "text/event-stream")
}

/// A source that never fails.
fn texts<'a>(texts: &'a [&'a str]) -> impl futures_util::Stream<Item = Result<&'a str, std::io::Error>> + 'a {
    stream::iter(texts.iter().copied().map(Ok))
}

/// The names of what each part of the only run's stream has published.
async fn parts(world: &World) -> Vec<Vec<String>> {
    let run = world.ended().await;
    let parts = world.inngest.published(&run.id);
    parts.iter().map(|part| part.events.iter().map(stephttp_tests::events::line).collect()).collect()
}
