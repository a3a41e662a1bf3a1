//! What is no recording.

use serde_json::json;
use stephttp_dev::Recording;

use crate::support::*;

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
