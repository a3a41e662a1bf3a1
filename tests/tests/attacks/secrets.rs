//! Settings that make no sense, and hold a secret: neither an error nor `Debug` shows it.

use std::process::Command;
use std::time::Duration;

use inngest::client::ApiClient;
use inngest::output::OutputOpts;
use inngest::{Provider, SetupOpts};

use crate::turn;

const SECRET: &str = "hunter2";

/// With the secret wherever people put it.
const VALUES: [&str; 20] = [
    "hunter2",
    "hunter2:hunter2",
    "signkey-prod-hunter2",
    "SIGNKEY-PROD-hunter2",
    "http://signkey-prod-hunter2",
    "user:hunter2@api.example.com",
    "https://user:hunter2@api.example.com",
    "https://user:hunter2@api.example.com:port",
    "https://user:hunter2@api.example.com:99999",
    "https://user:hunter2@",
    "https://user:hunter2@[::1",
    "ftp://user:hunter2@api.example.com",
    "mailto:hunter2@api.example.com",
    "//user:hunter2@api.example.com/{run_id}",
    "https://api.example.com/?key=hunter2",
    "https://api.example.com/#hunter2",
    "https://api.example.com/hunter2",
    "/hunter2/../{run_id}",
    "/:hunter2/{run_id}",
    "hunter2\u{1}",
];

type Set = fn(SetupOpts, &str) -> SetupOpts;

const OPTIONS: [(&str, Set); 13] = [
    ("SetupOpts::new", |_, value| SetupOpts::new(value).dev(false).signing_key("abcd")),
    ("SetupOpts::dev_origin", |opts, value| opts.dev_origin(value)),
    ("SetupOpts::dev_server", |opts, value| opts.dev_server(value)),
    ("SetupOpts::base_url", |opts, value| opts.base_url(value)),
    ("SetupOpts::signing_key", |opts, value| opts.signing_key(value)),
    ("SetupOpts::signing_key_fallback", |opts, value| opts.signing_key_fallback(value)),
    ("SetupOpts::env", |opts, value| opts.env(value)),
    ("SetupOpts::event_key", |opts, value| opts.event_key(value)),
    ("SetupOpts::event_api_url", |opts, value| opts.event_api_url(value)),
    ("OutputOpts::path", |opts, value| opts.output(OutputOpts::new().path(value))),
    ("OutputOpts::prefix", |opts, value| opts.output(OutputOpts::new().prefix(value))),
    ("OutputOpts::allow_origins", |opts, value| opts.output(OutputOpts::new().allow_origins([value]))),
    ("OutputOpts::max_wait", |opts, value| {
        opts.output(OutputOpts::new().path(value).max_wait(Duration::ZERO))
    }),
];

#[track_caller]
fn assert_hidden(shown: &str, what: &str) {
    assert!(!shown.contains(SECRET), "{what}: {shown}");
}

#[tokio::test]
async fn options_are_not_shown() {
    let _turn = turn::beside_others().await;
    for (name, set) in OPTIONS {
        let mut refused = 0;
        for value in VALUES {
            let opts = set(SetupOpts::new("https://app.example.com").dev(true), value);
            assert_hidden(&format!("{opts:?} {opts:#?}"), name);
            match Provider::setup(opts) {
                Ok(provider) => assert_hidden(&format!("{provider:?} {:?}", provider.client()), name),
                Err(error) => {
                    refused += 1;
                    assert_hidden(&format!("{error} {error:?} {error:#?}"), name);
                    let known = error.to_string();
                    assert!(known.contains(name) || known.contains("OutputOpts::path"), "{name}: {error}");
                }
            }
        }
        assert!(refused > 0, "{name} takes anything");
    }
}

#[tokio::test]
async fn a_clients_options_are_not_shown() {
    let _turn = turn::beside_others().await;
    for value in VALUES {
        let builder = || ApiClient::builder().dev(true);
        for (name, builder) in [
            ("ApiClientBuilder::base_url", builder().base_url(value)),
            ("ApiClientBuilder::dev_server", builder().dev_server(value)),
            ("ApiClientBuilder::signing_key", builder().signing_key(value)),
            ("ApiClientBuilder::signing_key_fallback", builder().signing_key_fallback(value)),
            ("ApiClientBuilder::env", builder().env(value)),
            ("ApiClientBuilder::user_agent", builder().user_agent(value)),
        ] {
            assert_hidden(&format!("{builder:?} {builder:#?}"), name);
            match builder.build() {
                Ok(client) => assert_hidden(&format!("{client:?}"), name),
                Err(error) => {
                    assert_hidden(&format!("{error} {error:?}"), name);
                    assert!(error.to_string().contains(name), "{name}: {error}");
                }
            }
        }
    }
}

/// Sets up by the environment, as a process of its own; see below.
#[test]
#[ignore = "a part of `variables_are_not_shown`"]
fn set_up_by_the_environment() {
    match Provider::setup(SetupOpts::default()) {
        Ok(provider) => println!("set up: {provider:?} {:?}", provider.client()),
        Err(error) => println!("refused: {error} {error:?}"),
    }
}

#[tokio::test]
async fn variables_are_not_shown() {
    let _turn = turn::beside_others().await;
    let program = std::env::current_exe().unwrap();
    for variable in [
        "INNGEST_DEV",
        "INNGEST_SIGNING_KEY",
        "INNGEST_SIGNING_KEY_FALLBACK",
        "INNGEST_API_BASE_URL",
        "INNGEST_BASE_URL",
        "INNGEST_SERVE_ORIGIN",
        "INNGEST_SERVE_HOST",
        "INNGEST_ENV",
        "INNGEST_EVENT_KEY",
        "INNGEST_EVENT_API_BASE_URL",
    ] {
        let mut refused = 0;
        for value in VALUES {
            let run = Command::new(&program)
                .args(["--exact", "secrets::set_up_by_the_environment", "--ignored", "--nocapture"])
                .env_clear()
                .envs([("INNGEST_DEV", "0"), ("INNGEST_SIGNING_KEY", "abcd"), (variable, value)])
                .envs(
                    (variable != "INNGEST_SERVE_HOST")
                        .then_some(("INNGEST_SERVE_ORIGIN", "https://a.example")),
                )
                .env(variable, value)
                .output()
                .unwrap();
            let shown =
                format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
            assert_hidden(&shown, variable);
            assert!(shown.contains("set up: ") || shown.contains(&format!("refused: {variable}")), "{shown}");
            refused += usize::from(shown.contains("refused: "));
        }
        assert!(refused > 0, "{variable} takes anything");
    }
}

#[tokio::test]
async fn a_key_in_a_urls_place_is_told_as_one() {
    let _turn = turn::beside_others().await;
    for value in ["signkey-prod-hunter2", "0123456789abcdef0123456789abcdef"] {
        let error = Provider::setup(SetupOpts::new(value).dev(true)).unwrap_err().to_string();
        assert!(error.contains("looks like a key") && error.contains("INNGEST_SIGNING_KEY"), "{error}");
        assert!(!error.contains(value), "{error}");
    }
}
