//! `stephttp-dev record`: a run of any Inngest server, for replay tests.

use stephttp_dev::{Recording, Redaction};

use crate::options::RunAsked;

/// Prints the recording.
pub(crate) async fn record(asked: &RunAsked, redactions: &[Redaction]) -> Result<(), String> {
    let key = asked.signing_key()?;
    let recording = Recording::of_server(&asked.server, key.as_deref(), &asked.run).await;
    let mut recording = recording.map_err(|error| error.to_string())?;
    for redaction in redactions {
        recording = recording.redact(redaction).map_err(|error| error.to_string())?;
    }
    print!("{}", recording.to_json().map_err(|error| error.to_string())?);
    Ok(())
}
