//! Replay tests: recorded runs against the functions that made them, and against changed ones.
#![allow(clippy::unwrap_used, reason = "clippy takes only test functions for tests")]

mod changed;
mod functions;
mod recorder;
mod recordings;
mod scripts;

use inngest::SetupOpts;
use inngest::middleware::Encryption;
use stephttp_dev::Replay;
use stephttp_tests::Effects;

/// Seals what the recorded runs store whose names say so.
fn sealing(opts: SetupOpts) -> SetupOpts {
    let encryption = Encryption::new("the key of the replay tests").expect("a key");
    opts.middleware(encryption).stream_in_clear(true)
}

#[tokio::test]
async fn runs_of_a_real_server_hold_and_no_step_of_theirs_runs() {
    let effects = Effects::new();
    let plain = Replay::of("tests/replay/fixtures/plain/*.json").app(functions::app(effects.clone()));
    let plain = plain.check().await.unwrap_or_else(|report| panic!("{report}"));
    let sealed = Replay::of("tests/replay/fixtures/sealed/*.json");
    let sealed = sealed.setup(sealing).app(functions::app(effects.clone())).check().await;
    let sealed = sealed.unwrap_or_else(|report| panic!("{report}"));
    assert!(plain.recordings >= 20 && sealed.recordings >= 2, "{plain:?} {sealed:?}");
    assert_eq!((plain.notes, sealed.notes), (Vec::new(), Vec::new()));
    assert_eq!(effects.all(), Vec::<String>::new());
}
