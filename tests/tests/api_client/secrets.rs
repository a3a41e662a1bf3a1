//! Keys and tokens are shown nowhere.

use inngest::client::ApiClient;
use inngest::signature::SigningKey;
use inngest::wire::CheckpointRun;
use inngest::{Provider, SetupOpts};
use stephttp_tests::Logs;

use crate::server::{RUN_ID, Server, run};

const MAIN: &str = "5ec12e7000000000000000000000000000000000000000000000000000000001";
const FALLBACK: &str = "5ec12e7000000000000000000000000000000000000000000000000000000002";

#[tokio::test]
async fn neither_debug_nor_errors_nor_the_log_show_a_key() {
    let logs = Logs::collect();
    let server =
        Server::answers(&[(401, "Authentication failed"), (503, "down"), (200, "{}"), (401, "")]).await;
    let builder = ApiClient::builder()
        .dev(false)
        .base_url(&server.url)
        .signing_key(MAIN)
        .signing_key_fallback(FALLBACK);
    let mut shown = format!("{builder:?}");
    let client = builder.build().unwrap();
    let provider = Provider::setup(
        SetupOpts::new("https://api.example.com")
            .dev(false)
            .base_url(&server.url)
            .signing_key(MAIN)
            .signing_key_fallback(FALLBACK),
    );
    let provider = provider.unwrap();
    for client in [&client, provider.client()] {
        let _ = client.get_steps(RUN_ID.parse().unwrap()).await;
        let error = client.checkpoint_steps(&run(), &[]).await.unwrap_err();
        shown += &format!("{client:?} {error:?} {error:#?} {error}");
    }
    shown += &format!("{provider:?} {:?}", provider.client());

    logs.assert_line_with(&["signing key", &server.url]);
    for key in [MAIN, FALLBACK] {
        let hash = SigningKey::parse(key).unwrap().bearer();
        for secret in [key, &hash] {
            assert!(!shown.contains(secret), "{shown}");
            assert_eq!(logs.lines_with(&[secret]), [""; 0]);
        }
    }
}

#[test]
fn a_runs_token_is_not_shown() {
    let mut run: CheckpointRun = serde_json::from_str(
        r#"{"fn_id":"98819a18-31a9-54ed-84ac-c194c2ef94d6","app_id":"bec6ee9c-d9e0-5d93-8399-cbfce8bc4104","run_id":"r","token":"eyJhbGciOiJIUzI1NiJ9.secret"}"#,
    )
    .unwrap();
    assert!(!format!("{run:?} {run:#?}").contains("secret"), "{run:?}");
    // It is kept where somebody saves a run on purpose.
    assert!(serde_json::to_string(&run).unwrap().contains("secret"));
    run.token = None;
    assert!(format!("{run:?}").contains("None"));
}
