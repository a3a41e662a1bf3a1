//! What runs publish and who listens: docs/protocol.md 13.

mod faults;
mod listening;
mod messages;
mod publishing;
mod recorded;
mod tokens;
mod violations;

use inngest::wire::realtime::{Commit, Event, Metadata, Outcome, Response, Rollback, SseEvent, Stream};
use inngest::wire::{ApiResult, StepHash};
use stephttp_dev::DevServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

/// A part that is being sent, chunk by chunk.
struct Tee(TcpStream);

impl Tee {
    async fn open(server: &DevServer, channel: &str) -> Self {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let head = format!(
            "POST /v1/realtime/publish/tee?channel={channel} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: application/octet-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        Self(stream)
    }

    async fn send(&mut self, chunk: impl AsRef<[u8]>) {
        let chunk = chunk.as_ref();
        let mut framed = format!("{:x}\r\n", chunk.len()).into_bytes();
        framed.extend_from_slice(chunk);
        framed.extend_from_slice(b"\r\n");
        self.0.write_all(&framed).await.unwrap();
    }

    /// Ends the body; answers the whole response.
    async fn end(mut self) -> String {
        self.0.write_all(b"0\r\n\r\n").await.unwrap();
        self.answer().await
    }

    async fn answer(mut self) -> String {
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

/// A client that listens.
struct Listener {
    response: reqwest::Response,
    text: String,
}

impl Listener {
    async fn open(client: &Client, server: &DevServer, run_id: &str) -> Self {
        Self::at(client, &server.stream_url(run_id)).await
    }

    async fn at(client: &Client, url: &str) -> Self {
        let path = &url[url.find("/v1/").unwrap()..];
        let response = client.request(http::Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        Self { response, text: String::new() }
    }

    /// Reads until what has come, without comments, is so long; answers it.
    async fn heard(&mut self, bytes: usize) -> String {
        loop {
            let text = self.text.replace(":\n\n", "");
            if text.len() >= bytes {
                return text;
            }
            let chunk = self.response.chunk().await.unwrap().expect("it goes on");
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// Reads until this has come.
    async fn hears(&mut self, text: &str) {
        while !self.text.contains(text) {
            let chunk = self.response.chunk().await.unwrap().expect("it goes on");
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// Reads to the end; answers how that was.
    async fn end(mut self) -> Result<String, reqwest::Error> {
        while let Some(chunk) = self.response.chunk().await? {
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
        Ok(self.text)
    }
}

fn text(event: &impl SseEvent) -> String {
    let mut out = Vec::new();
    event.write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn metadata(run_id: &str) -> String {
    text(&Metadata::new(run_id))
}

fn stream(step: &str, data: &str) -> String {
    text(&Stream::new(data).of_step(StepHash::of(step)))
}

fn commit(step: &str) -> String {
    text(&Commit::new(StepHash::of(step)))
}

fn rollback(step: &str) -> String {
    text(&Rollback::new(StepHash::of(step)))
}

fn response() -> String {
    text(&Response::new(Outcome::Succeeded, ApiResult::new(200).body("done")))
}

/// The events of a text.
fn events(text: &str) -> Vec<Event> {
    let blocks = text.split_terminator("\n\n").filter(|block| !block.starts_with(':'));
    let read = |block: &str| {
        let (name, data) = block.split_once('\n').unwrap();
        Event::read(name.strip_prefix("event: ").unwrap(), data.strip_prefix("data: ").unwrap()).unwrap()
    };
    blocks.map(read).collect()
}

/// A run that has told one step, and whose client would listen.
async fn scene() -> Scene {
    let server = DevServer::start().await.unwrap();
    server.hold_dispatches();
    let app = App::answering([result(200, "done")]).await;
    Scene::on(server, app, |domain, run_id| report(run_id, domain, [step_run("a", 1), planned_discovery()]))
        .await
}
