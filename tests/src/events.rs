//! A run's stream, as its client reads it.

use std::fmt::Write as _;

use inngest::wire::realtime::Event;
use reqwest::Response;

/// Reads the events of a response while it comes.
#[derive(Debug)]
pub struct EventReader {
    response: Response,
    bytes: Vec<u8>,
    last_id: Option<String>,
}

impl EventReader {
    /// # Panics
    /// When the response is no stream of events.
    #[must_use]
    pub fn of(response: Response) -> Self {
        let content_type =
            response.headers().get("content-type").map(|value| value.to_str().unwrap_or_default().to_owned());
        assert_eq!((response.status().as_u16(), content_type.as_deref()), (200, Some("text/event-stream")));
        Self { response, bytes: Vec::new(), last_id: None }
    }

    /// The next event; `None` at the end.
    ///
    /// # Panics
    /// When the response breaks off, or holds something else.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.bytes.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = self.bytes.drain(..end + 2).collect();
                let event = String::from_utf8(event).expect("events are text");
                if event.starts_with(':') {
                    continue;
                }
                let value = |field: &str| event.lines().find_map(|line| line.strip_prefix(field));
                let (Some(name), Some(data)) = (value("event: "), value("data: ")) else {
                    panic!("{event:?} is no event")
                };
                let read = Event::read(name, data).expect("an event of a run's stream");
                if let Some(id) = value("id: ") {
                    self.last_id = Some(id.to_owned());
                }
                return Some(read);
            }
            match self.response.chunk().await.expect("the response comes to its end") {
                Some(chunk) => self.bytes.extend_from_slice(&chunk),
                None => {
                    assert!(
                        self.bytes.is_empty(),
                        "{:?} is half an event",
                        String::from_utf8_lossy(&self.bytes)
                    );
                    return None;
                }
            }
        }
    }

    /// The id of the last event that had one.
    #[must_use]
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// So many events, each as [`line`].
    ///
    /// # Panics
    /// As [`next`](Self::next), and when the response ends before.
    pub async fn some(&mut self, count: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for _ in 0..count {
            lines.push(line(&self.next().await.expect("one more event")));
        }
        lines
    }

    /// All that is left, each as [`line`].
    pub async fn rest(mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(event) = self.next().await {
            lines.push(line(&event));
        }
        lines
    }
}

/// An event in short: its name, its step's first letters, and what it carries.
///
/// # Panics
/// Never.
#[must_use]
pub fn line(event: &Event) -> String {
    let mut line = event.name().trim_start_matches("inngest.").to_owned();
    if let Some(step) = event.step() {
        let _ = write!(line, " {}", &step.to_string()[..2]);
    }
    match event {
        Event::Stream(stream) => drop(write!(line, " {}", stream.data)),
        Event::Response(end) => {
            let _ = write!(line, " {} {}", end.response.status_code, end.response.body);
        }
        _ => {}
    }
    line
}
