//! A client that speaks HTTP by hand: it can go away whenever it likes.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::World;

/// One connection to an app. Dropping it is a client that goes away.
#[derive(Debug)]
pub struct RawClient {
    stream: TcpStream,
}

impl RawClient {
    /// Sends a whole `POST` request without a body.
    ///
    /// # Panics
    /// When the app cannot be reached.
    pub async fn post(world: &World, path: &str) -> Self {
        Self::begin(world, path, &[("content-length", "0")]).await
    }

    /// Sends the head of a `POST` request; its body may follow.
    ///
    /// # Panics
    /// When the app cannot be reached.
    pub async fn begin(world: &World, path: &str, headers: &[(&str, &str)]) -> Self {
        let address = world.origin.trim_start_matches("http://");
        let mut head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\n");
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        let mut client = Self::connect(&world.origin).await;
        client.send(head).await;
        client
    }

    /// Connects to an app, and sends nothing yet.
    ///
    /// # Panics
    /// When the app cannot be reached.
    pub async fn connect(origin: &str) -> Self {
        let address = origin.trim_start_matches("http://");
        Self { stream: TcpStream::connect(address).await.expect("the app listens") }
    }

    /// Sends more bytes.
    ///
    /// # Panics
    /// When the app has closed the connection.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the app reads");
    }

    /// Reads until what has come holds `text`; answers all of it.
    ///
    /// # Panics
    /// When the connection ends before.
    pub async fn read_until(&mut self, text: &str) -> String {
        let mut answer = Vec::new();
        loop {
            let so_far = String::from_utf8_lossy(&answer);
            if so_far.contains(text) {
                return so_far.into_owned();
            }
            let read = self.stream.read_buf(&mut answer).await.expect("the connection is good");
            assert!(read > 0, "the connection ended before {text:?} came");
        }
    }

    /// Reads all that comes within a time.
    pub async fn read_for(&mut self, time: Duration) -> String {
        let mut answer = Vec::new();
        let stream = &mut self.stream;
        let reading = async { while stream.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {} };
        let _ = tokio::time::timeout(time, reading).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Reads all that comes until the app closes the connection.
    pub async fn read_to_end(mut self) -> String {
        let mut answer = Vec::new();
        // A connection that is reset has ended too.
        let _ = self.stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}
