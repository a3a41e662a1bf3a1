//! The options of endpoints.

use stephttp_tests::World;

mod async_response;
mod deliver;
mod deliver_hooks;
#[cfg(unix)]
mod frozen;
mod omit;
mod request_time;
mod sync_only;
mod track;

/// Nothing that reached Inngest shows a text: neither a call of the app's, nor its answer to a
/// re-entry.
#[track_caller]
pub(crate) fn assert_never_sent(world: &World, secret: &str) {
    use base64::Engine;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // Wherever a text begins in what base64 encodes, the middle of it looks like one of these.
    let encoded: Vec<String> = (0..3)
        .map(|shift| {
            let bytes = [vec![b' '; shift], secret.as_bytes().to_vec()].concat();
            let encoded = base64::prelude::BASE64_STANDARD.encode(bytes);
            encoded[4..encoded.len() - 4].to_owned()
        })
        .collect();
    let calls = world.inngest.calls();
    let calls = calls.iter().map(|call| format!("{} {:?} {}", call.path, call.headers, text(&call.body)));
    let dispatches = world.inngest.dispatches();
    let answers = dispatches
        .iter()
        .map(|dispatch| format!("{:?} {}", dispatch.response_headers, text(&dispatch.response_body)));
    for message in calls.chain(answers) {
        assert!(!message.contains(secret), "{secret}: {message}");
        assert!(!encoded.iter().any(|encoded| message.contains(encoded)), "{secret}, as base64: {message}");
    }
}
