//! Taking connections, and serving HTTP on them.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// How long nobody is let in after a connection could not be taken.
const PAUSE: Duration = Duration::from_millis(50);

/// The next connection.
pub(crate) async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(connection) => return connection,
            // Out of file descriptors, most likely: there may be some again soon.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Serves a connection until it ends.
pub(crate) async fn serve<F, E>(stream: TcpStream, answer: impl Fn(Request<Incoming>) -> F)
where
    F: Future<Output = Result<Response<Body>, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let service = hyper::service::service_fn(answer);
    // It fails when the peer goes away, and when it is closed on purpose: neither is of interest.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
