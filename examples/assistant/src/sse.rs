//! Server-sent events, as a response brings them.

use reqwest::Response;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: String,
}

#[derive(Debug)]
pub(crate) struct Events {
    response: Response,
    /// What has come of a line that is not whole yet.
    bytes: Vec<u8>,
}

impl Events {
    pub(crate) fn of(response: Response) -> Self {
        Self { response, bytes: Vec::new() }
    }

    /// The next event; `None` at the response's end. What is not needed is not read: ids, retry
    /// times and comments.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, reqwest::Error> {
        let (mut name, mut data) = (String::new(), Vec::new());
        while let Some(line) = self.line().await? {
            if line.is_empty() {
                if !data.is_empty() {
                    return Ok(Some(Event { name, data: data.join("\n") }));
                }
                name.clear();
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut name),
                "data" => data.push(value.to_owned()),
                _ => {}
            }
        }
        Ok(None)
    }

    async fn line(&mut self) -> Result<Option<String>, reqwest::Error> {
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                return Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()));
            }
            match self.response.chunk().await? {
                Some(chunk) => self.bytes.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}
