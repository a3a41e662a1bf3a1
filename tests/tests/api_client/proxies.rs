//! The proxy that the environment names. A process has one environment, so each case is a process
//! of its own.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use inngest::client::ApiClient;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::server::{RUN_ID, Server};
use crate::transport::{KEY, read_head};

/// Where the process is to call. Without it, [`the_call_of_a_process`] does nothing.
const CALL: &str = "STEPHTTP_TEST_CALL";

/// A proxy that takes every request for its own, and opens no tunnel; gives the heads of what it is
/// asked.
async fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heads = Arc::<Mutex<Vec<_>>>::default();
    let noted = heads.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let head = read_head(&mut stream).await;
            let status = if head.starts_with("CONNECT") { "502 Bad Gateway" } else { "200 OK" };
            noted.lock().unwrap().push(head);
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, heads)
}

/// Makes a call in a process with these variables; whether it succeeded.
async fn call(url: &str, variables: &[(&str, &str)]) -> bool {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "proxies::the_call_of_a_process"]).env(CALL, url);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        process.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    process.envs(variables.iter().copied());
    let output = tokio::task::spawn_blocking(move || process.output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed") || text.contains("1 failed"), "{text}");
    output.status.success()
}

#[tokio::test]
async fn the_call_of_a_process() {
    let Ok(url) = std::env::var(CALL) else { return };
    let builder = ApiClient::builder().dev(false).base_url(url).signing_key(KEY);
    let client = builder.retries(0).connect_timeout(Duration::from_secs(1)).build().unwrap();
    client.get_steps(RUN_ID.parse().unwrap()).await.unwrap();
}

#[tokio::test]
async fn http_goes_by_the_proxy_and_https_through_it() {
    let (url, heads) = proxy().await;
    assert!(call("http://inngest.test", &[("HTTP_PROXY", &url)]).await);
    let head = heads.lock().unwrap().remove(0);
    assert!(head.starts_with(&format!("GET http://inngest.test/v0/runs/{RUN_ID}/actions ")), "{head}");
    // The proxy opens no tunnel, and learns nothing but where it was to lead.
    assert!(!call("https://inngest.test", &[("https_proxy", &url)]).await);
    let head = heads.lock().unwrap().remove(0);
    assert!(head.starts_with("CONNECT inngest.test:443 "), "{head}");
    assert!(!head.to_ascii_lowercase().contains("bearer"), "{head}");
}

#[tokio::test]
async fn what_needs_no_proxy_is_called_directly() {
    let (url, heads) = proxy().await;
    // There is no such host.
    assert!(!call("http://inngest.test", &[("HTTP_PROXY", &url), ("NO_PROXY", "inngest.test")]).await);
    // A dev server on this machine, which the proxy could not reach.
    let server = Server::answers(&[(200, "{}")]).await;
    let localhost = server.url.replace("127.0.0.1", "localhost");
    for server in [&server.url, &localhost] {
        assert!(call(server, &[("HTTP_PROXY", &url), ("ALL_PROXY", &url)]).await, "{server}");
    }
    assert_eq!(server.seen().len(), 2);
    assert!(heads.lock().unwrap().is_empty());
}
