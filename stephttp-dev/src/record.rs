//! `stephttp-dev record`: a run of any Inngest server, for replay tests.

use std::path::Path;

use stephttp_dev::{Recording, Redaction};

use crate::options::RunAsked;

/// Prints the recording, or writes it into a file: which stays as it was if there is no recording.
pub(crate) async fn record(
    asked: &RunAsked,
    redactions: &[Redaction],
    out: Option<&Path>,
) -> Result<(), String> {
    let key = asked.signing_key()?;
    let recording = Recording::of_server(&asked.server, key.as_deref(), &asked.run).await;
    let mut recording = recording.map_err(|error| error.to_string())?;
    for redaction in redactions {
        recording = recording.redact(redaction).map_err(|error| error.to_string())?;
    }
    let json = recording.to_json().map_err(|error| error.to_string())?;
    let Some(file) = out else {
        print!("{json}");
        return Ok(());
    };
    std::fs::write(file, json).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    println!("wrote {}", file.display());
    Ok(())
}
