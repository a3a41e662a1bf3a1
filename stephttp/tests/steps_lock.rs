//! `assert_steps_lock!` on the endpoints of this program. What is told of each kind of change is
//! tested beside the code.

// Clippy allows it in test functions, not in their helpers.
#![allow(clippy::unwrap_used)]
// An endpoint is registered, whether it is routed or not.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use inngest::steps_lock::{StepsLockError, check};
use inngest::{Event, Step, StepError};

#[inngest::api_fn(id = "orders")]
async fn orders(step: Step) -> Result<(), StepError> {
    let charge = step.run("charge-card", async { Ok(7) }).await?;
    step.sleep("cool-off", Duration::from_secs(60)).await;
    step.run("ship", async { Ok(()) }).renamed_from("send").await?;
    if charge > 0 {
        step.send_event("tell", Event::new("shop/paid", charge)).await?;
    } else {
        step.run("tell", async { Ok(()) }).await?;
    }
    Ok(())
}

#[inngest::api_fn(id = "health", retries = 0)]
async fn health() -> &'static str {
    "ok"
}

/// Its runs are never in flight, so that it is not in the file.
#[inngest::api_fn(id = "quote", sync_only)]
async fn quote(step: Step) -> Result<String, StepError> {
    step.run("price", async { Ok("7".to_owned()) }).await
}

/// In the file, by itself.
#[inngest::step_fn]
async fn refund<T: Send>(step: &Step, _: T) -> Result<(), StepError> {
    step.run("refund-card", async { Ok(()) }).renamed_from("refund").await
}

/// Not in the file: no run depends on it.
#[inngest::step_fn]
async fn numbered(step: &Step, n: u32) -> Result<(), StepError> {
    step.run(format!("number-{n}"), async { Ok(()) }).await
}

/// The file as this program should have it.
const GOOD: &str = r#"{
  "about": "The endpoints, and the steps by which their runs in flight find results again. Written by inngest::assert_steps_lock!(): STEPS_LOCK=accept cargo test",
  "version": 1,
  "endpoints": {
    "health": {
      "steps": {}
    },
    "orders": {
      "steps": {
        "charge-card": "run",
        "cool-off": "sleep",
        "ship": "run",
        "tell": [
          "send_event",
          "run"
        ]
      },
      "renamed_from": {
        "ship": "send"
      }
    }
  },
  "helpers": {
    "steps_lock::refund": {
      "steps": {
        "refund-card": "run"
      },
      "renamed_from": {
        "refund-card": "refund"
      }
    }
  }
}
"#;

/// A file of one test, with this text.
fn file(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.lock"));
    fs::write(&path, text).unwrap();
    path
}

/// What a user's test is; run by the others in a process of its own, since the environment is one
/// for all tests.
#[test]
#[ignore = "the other tests run it"]
fn users_test() {
    if let Some(path) = env::var_os("STEPS_LOCK_FILE") {
        inngest::assert_steps_lock!(path);
    }
}

/// Runs it with `STEPS_LOCK`: whether it passes, and what it prints.
fn users_test_with(setting: &str, path: &Path) -> (bool, String) {
    let output = Command::new(env::current_exe().unwrap())
        .args(["users_test", "--exact", "--ignored", "--nocapture"])
        .env("STEPS_LOCK", setting)
        .env("STEPS_LOCK_FILE", path)
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(printed.contains("running 1 test"), "{printed}");
    (output.status.success(), printed)
}

#[test]
fn a_missing_file_fails_and_is_written_when_accepted() {
    let path = file("missing", "");
    fs::remove_file(&path).unwrap();
    assert!(matches!(check(&path), Err(StepsLockError::Missing { .. })));
    let (passes, printed) = users_test_with("", &path);
    assert!(
        !passes && printed.contains("write it and commit it:\n\n    STEPS_LOCK=accept cargo test"),
        "{printed}"
    );
    // `#[track_caller]`
    assert!(printed.contains(&format!("panicked at {}", file!())), "{printed}");
    assert!(!path.exists());

    assert!(users_test_with("accept", &path).0);
    assert_eq!(fs::read_to_string(&path).unwrap(), GOOD);
    assert!(users_test_with("", &path).0);
    check(&path).unwrap();
    let rest: Vec<_> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("missing.lock."))
        .collect();
    assert!(rest.is_empty(), "{rest:?}");
}

#[test]
fn a_change_that_strands_runs_fails_until_it_is_accepted() {
    let old = GOOD.replace("charge-card", "charge");
    let path = file("stranded", &old);
    let error = check(&path).unwrap_err();
    assert!(matches!(error, StepsLockError::Stranded { .. }), "{error}");
    let (passes, printed) = users_test_with("", &path);
    assert!(!passes && printed.contains(&error.to_string()), "{printed}");
    for part in [
        "endpoint `orders` (steps_lock::orders, ",
        "step `charge` (`run`) is gone",
        ".renamed_from(\"charge\")",
        "    STEPS_LOCK=accept cargo test",
    ] {
        assert!(printed.contains(part), "{part:?} is not in {printed}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), old);

    let (passes, printed) = users_test_with("accept", &path);
    assert!(passes && printed.contains("accepted: runs in flight depend on what has changed"), "{printed}");
    assert_eq!(fs::read_to_string(&path).unwrap(), GOOD);
}

#[test]
fn a_file_that_lacks_something_fails_and_says_that_no_run_is_harmed() {
    let path = file("out_of_date", &GOOD.replace("        \"cool-off\": \"sleep\",\n", ""));
    let error = check(&path).unwrap_err();
    assert!(matches!(error, StepsLockError::OutOfDate { .. }), "{error}");
    assert!(error.to_string().contains("is out of date. No run in flight is harmed"), "{error}");
    assert!(users_test_with("accept", &path).0);
    assert_eq!(fs::read_to_string(&path).unwrap(), GOOD);
}

#[test]
fn a_helper_with_another_id_strands_runs_as_an_endpoint_does() {
    let path = file("helper_stranded", &GOOD.replace("\"refund-card\": \"run\"", "\"pay-back\": \"run\""));
    let error = check(&path).unwrap_err();
    assert!(matches!(error, StepsLockError::Stranded { .. }), "{error}");
    for part in ["helper `steps_lock::refund` (", "step `pay-back` (`run`) is gone"] {
        assert!(error.to_string().contains(part), "{part:?} is not in {error}");
    }
    assert!(users_test_with("accept", &path).0);
    assert_eq!(fs::read_to_string(&path).unwrap(), GOOD);
}

#[test]
fn a_file_from_before_helpers_were_in_it_is_read_as_it_was() {
    let end = GOOD.find(",\n  \"helpers\"").unwrap();
    let old = GOOD[..end].to_owned() + "\n}\n";
    let path = file("before_helpers", &old);
    let error = check(&path).unwrap_err();
    assert!(matches!(error, StepsLockError::OutOfDate { .. }), "{error}");
    assert!(error.to_string().contains("helper `steps_lock::refund` ("), "{error}");
    let stranded = file("before_helpers_stranded", &old.replace("charge-card", "charge"));
    assert!(matches!(check(stranded), Err(StepsLockError::Stranded { .. })));
    assert!(users_test_with("accept", &path).0);
    assert_eq!(fs::read_to_string(&path).unwrap(), GOOD);
}

#[test]
fn what_cannot_be_understood_is_not_overwritten() {
    let text = GOOD.replace("    \"orders\"", "<<<<<<< HEAD\n    \"orders\"");
    let path = file("conflict", &text);
    let (passes, printed) = users_test_with("accept", &path);
    assert!(
        !passes
            && printed.contains("conflict.lock cannot be understood: line 8 is the mark of a merge conflict"),
        "{printed}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn line_ends_do_not_matter() {
    let text = GOOD.replace('\n', "\r\n");
    let path = file("line_ends", &text);
    check(&path).unwrap();
    assert!(users_test_with("accept", &path).0);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_setting_that_means_nothing_is_refused() {
    let path = file("setting", GOOD);
    let (passes, printed) = users_test_with("1", &path);
    assert!(
        !passes && printed.contains("STEPS_LOCK is \"1\", but the one value that it can have is `accept`"),
        "{printed}"
    );
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-such-directory").join("steps.lock");
    let (passes, printed) = users_test_with("accept", &path);
    assert!(!passes && printed.contains("steps.lock cannot be written: "), "{printed}");
}
