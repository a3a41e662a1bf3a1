//! What a call goes through: connections, redirects, TLS, HTTP's versions, and a client of the
//! user's own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{Request, Version};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use inngest::client::{ApiClient, ApiErrorKind};
use inngest::{Provider, SetupError, SetupOpts};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Proxy};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::server::{RUN_ID, Server, respond, run};

pub(crate) const KEY: &str = "signkey-test-0123456789abcdef0123456789abcdef";

const ROOT: &[u8] = include_bytes!("certificates/root.pem");
const SERVER: &[u8] = include_bytes!("certificates/server.pem");
const SERVER_KEY: &[u8] = include_bytes!("certificates/server.key");

/// The head of a request that comes by a connection; empty where it ends before.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_kept_connection_that_the_server_has_closed_fails_no_call() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (closed, mut all_closed) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_head(&mut stream).await;
            // To be kept, it says.
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
            drop(stream);
            closed.send(()).unwrap();
        }
    });
    let client = ApiClient::builder().dev_server(url).build().unwrap();
    for _ in 0..20 {
        client.get_steps(RUN_ID.parse().unwrap()).await.unwrap();
        all_closed.recv().await.unwrap();
    }
}

#[tokio::test]
async fn no_redirect_is_followed_with_the_key_or_without() {
    let other = Server::answers(&[(200, "{}")]).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/elsewhere", other.url);
        let server = Server::new(move |_, _| {
            let mut response = respond(status, "");
            response.headers_mut().insert("location", location.parse().unwrap());
            Some(response)
        })
        .await;
        let client = ApiClient::new(&server.url, KEY).unwrap();
        let error = client.checkpoint_steps(&run(), &[]).await.unwrap_err();
        assert_eq!((error.status().unwrap().as_u16(), error.attempts()), (status, 1));
        let error = client.get_steps(RUN_ID.parse().unwrap()).await.unwrap_err();
        assert_eq!((error.status().unwrap().as_u16(), error.attempts()), (status, 1));
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_tls_server_is_offered_http_2() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let client = ApiClient::builder().dev_server(url).retries(0).build().unwrap();
    let hello = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = Vec::new();
        // A record's head has its length.
        stream.read_buf(&mut hello).await.unwrap();
        while hello.len() < 5 + usize::from(u16::from_be_bytes([hello[3], hello[4]])) {
            stream.read_buf(&mut hello).await.unwrap();
        }
        hello
    };
    let (outcome, hello) = tokio::join!(client.get_steps(RUN_ID.parse().unwrap()), hello);
    let offer = b"\x02h2\x08http/1.1";
    assert!(hello.windows(offer.len()).any(|window| window == offer));
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ApiErrorKind::Unreachable, "{error:?}");
    assert!(!error.is_outcome_unclear(), "{error:?}");
}

/// A server with a certificate that no platform knows; gives its port, and the requests' versions
/// and keys.
async fn tls_server() -> (u16, Arc<Mutex<Vec<(Version, bool)>>>) {
    let certificates = CertificateDer::pem_slice_iter(SERVER).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(SERVER_KEY).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::<Mutex<Vec<_>>>::default();
    let noted = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let noted = noted.clone();
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let has_key = request.headers().contains_key("authorization");
                noted.lock().unwrap().push((request.version(), has_key));
                async { Ok::<_, std::convert::Infallible>(respond(200, "{}")) }
            });
            let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
    (port, seen)
}

#[tokio::test]
async fn a_client_of_the_users_own_brings_its_roots_and_speaks_http_2() {
    let (port, seen) = tls_server().await;
    let url = format!("https://localhost:{port}");
    let own = Client::builder()
        .tls_certs_only([Certificate::from_pem(ROOT).unwrap()])
        .redirect(Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let client =
        ApiClient::builder().dev(false).base_url(&url).signing_key(KEY).http_client(own.clone()).build();
    client.unwrap().get_steps(RUN_ID.parse().unwrap()).await.unwrap();
    let opts = SetupOpts::new("https://api.example.com").dev(false).base_url(&url).signing_key(KEY);
    let provider = Provider::setup(opts.http_client(own)).unwrap();
    provider.client().get_steps(RUN_ID.parse().unwrap()).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(Version::HTTP_2, true), (Version::HTTP_2, true)]);

    // Whom the platform does not know is told nothing.
    let client = ApiClient::builder().dev(false).base_url(&url).signing_key(KEY).retries(0).build().unwrap();
    let error = client.get_steps(RUN_ID.parse().unwrap()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_outcome_unclear()), (ApiErrorKind::Unreachable, false), "{error:?}");
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_client_of_the_users_own_decides_of_proxies_and_of_its_patience() {
    let proxy = Server::answers(&[(200, "{}")]).await;
    let own = Client::builder().proxy(Proxy::all(&proxy.url).unwrap()).build().unwrap();
    let client = ApiClient::builder().dev_server("http://127.0.0.1:1").http_client(own).build().unwrap();
    client.get_steps(RUN_ID.parse().unwrap()).await.unwrap();
    assert_eq!(proxy.seen().len(), 1);

    let silent = Server::new(|_, _| None).await;
    let own = Client::builder().timeout(Duration::from_millis(50)).no_proxy().build().unwrap();
    let client = silent.builder().http_client(own).retries(1).build().unwrap();
    let error = client.checkpoint_steps(&run(), &[]).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ApiErrorKind::TimedOut, 2), "{error:?}");
    assert!(error.is_outcome_unclear());
}

/// In a program that is built with two providers, of which none is installed, rustls panics.
#[test]
fn an_application_with_rustls_by_its_defaults_has_what_it_had() {
    let opts = SetupOpts::new("https://api.example.com").dev(false).signing_key(KEY);
    Provider::setup(opts.base_url("https://api.inngest.com")).unwrap();
    // Nor is one installed here, which is the application's to do.
    assert!(CryptoProvider::get_default().is_none());
    let _ = rustls::ClientConfig::builder();
}

#[test]
fn an_error_of_setup_keeps_its_cause() {
    let cause = std::io::Error::other("no roots");
    let error = SetupError::Tls(cause.into());
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no roots");
    assert_eq!(format!("{error:?}"), "TLS could not be set up: no roots");
}
