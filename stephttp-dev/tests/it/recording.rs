//! Why a server's run is not recorded.

use serde_json::json;
use stephttp_dev::{DevServer, Recording};

use crate::support::*;

#[tokio::test]
async fn what_keeps_a_server_from_being_asked_is_told_with_what_to_do() {
    let key = "signkey-test-0123456789abcdef";
    let server = DevServer::builder().signing_key(key).start().await.unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for (url, key, texts) in [
        (server.url(), None, ["wants its signing key", "--key-env"]),
        (server.url(), Some("signkey-test-00"), ["does not accept the signing key", "401"]),
        (&nobody, None, ["refused", "Does the server run there?"]),
        ("127.0.0.1:8288", None, ["`127.0.0.1:8288` is no server's URL", "http://"]),
    ] {
        let error = Recording::of_server(url, key, &new_id()).await.unwrap_err().to_string();
        assert!(texts.iter().all(|text| error.contains(text)), "{texts:?}: {error}");
    }
}

#[test]
fn a_run_that_has_ended_in_no_known_way_is_no_recording() {
    let recording = |status: &str| {
        let request = json!({"method": "POST", "path": "/"});
        let (run, end) = (new_id(), json!({ "status": status }));
        let json = json!({"stephttp-recording": 1, "function": "f", "run": run, "request": request, "steps": [], "end": end});
        Recording::from_json(&json.to_string())
    };
    assert!(recording("Cancelled").is_ok());
    let error = recording("COMPLETED").unwrap_err().to_string();
    assert!(error.contains("`COMPLETED`") && error.contains("`Failed`"), "{error}");
}
