//! What the app's keys are never used for, and where the token never is.

use inngest::output::OutputOpts;
use reqwest::Method;
use stephttp_tests::{Logs, signed_query};

use super::api::{Api, App, KEY, RUN_ID, responds, says};

#[tokio::test]
async fn no_key_is_shown_to_anybody_and_no_token_is_logged() {
    const SECRET: &str = "5ec2e70000000000";
    let token = "t0ken-of-the-secrets-test";
    let logs = Logs::collect();
    // Every way to end, and what is said on the way.
    let (api, url) = Api::new(|before| match before {
        0 => says(500, "no"),
        1 | 5 => responds(200, &[], "done"),
        2 => says(401, "no"),
        3 => says(200, r#"{"error":"no"}"#),
        4 => says(400, "no"),
        _ => None,
    })
    .await;
    let app = App::new(&url, OutputOpts::new().allow_any_origin()).await;
    for expected in [200, 401, 502, 502, 200, 303] {
        let request =
            app.request(Method::GET, &format!("/runs/{RUN_ID}/output?{}", signed_query(KEY, RUN_ID, token)));
        // What the client sends is its own, and of no use to Inngest.
        let request = request
            .header("authorization", "Bearer of-the-client")
            .header("cookie", "session=of-the-client")
            .header("origin", "https://www.example.com");
        let response = tokio::spawn(request.send());
        if expected == 303 {
            api.reached(7).await;
            app.provider.drain();
        }
        let response = response.await.unwrap().unwrap();
        assert_eq!(response.status(), expected);
        let shown = format!("{:?}", response.headers());
        let shown = shown + &response.text().await.unwrap();
        assert!(!shown.contains(SECRET) && !shown.contains(&url), "{shown}");
    }
    for seen in api.seen() {
        assert_eq!(
            (seen.method, seen.uri),
            (Method::GET, format!("/v1/http/runs/{RUN_ID}/output?token={token}"))
        );
        let mut names: Vec<_> = seen.headers.keys().map(|name| name.as_str().to_owned()).collect();
        names.sort();
        assert_eq!(names, ["accept", "host", "x-inngest-sdk"]);
        // What `reqwest` says for each request.
        assert_eq!(seen.headers["accept"], "*/*");
        assert!(!format!("{:?}", seen.headers).contains(SECRET));
    }
    assert!(KEY.contains(SECRET));
    assert_eq!(logs.lines_with(&[token]), Vec::<String>::new());
}
