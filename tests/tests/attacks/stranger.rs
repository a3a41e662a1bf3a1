//! A stranger's connections: by hand, in threads of their own, and cheap for the process that is
//! measured.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;

use tokio::task::JoinHandle;

/// A request's head. Its body may follow, or not.
pub(crate) fn head(path: &str, headers: &[(&str, &str)]) -> String {
    let mut head = format!("POST {path} HTTP/1.1\r\nhost: app\r\n");
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head + "\r\n"
}

/// Sends a head and then a body in segments of so many bytes. Answers with the connection, and
/// whether all of it could be sent.
pub(crate) fn send(
    origin: &str,
    head: String,
    body: &'static [u8],
    segment: usize,
) -> JoinHandle<(TcpStream, bool)> {
    let address = origin.trim_start_matches("http://").to_owned();
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("the app listens");
        stream.set_nodelay(true).expect("a socket");
        stream.write_all(head.as_bytes()).expect("the app reads");
        let sent = body.chunks(segment).try_for_each(|segment| stream.write_all(segment));
        (stream, sent.is_ok())
    })
}

/// The status that a connection is answered with; `None` when it just ends.
pub(crate) async fn status(mut stream: TcpStream) -> Option<u16> {
    let reading = tokio::task::spawn_blocking(move || {
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).ok().map(|()| answer)
    });
    let answer = reading.await.expect("a thread")?;
    std::str::from_utf8(&answer).ok()?.strip_prefix("HTTP/1.1 ")?.parse().ok()
}
