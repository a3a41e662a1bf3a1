//! Handlers that tell their client more than a response: `Live`.

mod first;
mod handed_over;
mod js_client;
mod late;
mod outside_steps;
mod resumed;

use axum::routing::MethodRouter;
use futures_util::{StreamExt, stream};
use inngest::wire::realtime::Event;
use reqwest::RequestBuilder;
use stephttp_tests::events::EventReader;
use stephttp_tests::{Door, Stage, World};

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

/// A source that waits at a door in the middle.
fn held_texts<'a>(
    before: &'a [&'a str],
    door: &'a Door,
    after: &'a [&'a str],
) -> impl futures_util::Stream<Item = Result<&'a str, std::io::Error>> + Send + 'a {
    let opening = stream::once(async {
        door.pass().await;
        Ok("")
    });
    texts(before).chain(opening).chain(texts(after))
}

/// A world whose app gives outputs and streams itself.
async fn own_world(stage: &Stage, route: MethodRouter<Stage>) -> World {
    let app = stage.app(route);
    World::builder().start_with(|provider| app.merge(provider.output_route())).await
}

/// Reads up to where the run is handed over; answers with what came, and where the stream can be
/// had again.
async fn until_handed_over(events: &mut EventReader) -> (Vec<String>, String) {
    let mut lines = Vec::new();
    loop {
        match events.next().await.expect("the run is handed over") {
            Event::Resume(resume) => return (lines, resume.url.into_owned()),
            event => lines.push(stephttp_tests::events::line(&event)),
        }
    }
}
