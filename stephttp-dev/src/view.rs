//! `stephttp-dev view`: what happened in a run on any Inngest server.

use std::path::Path;

use stephttp_dev::Timeline;

use crate::options::RunAsked;

/// Prints the run's timeline, or draws it into a file.
pub(crate) async fn view(asked: &RunAsked, svg: Option<&Path>) -> Result<(), String> {
    let key = asked.signing_key()?;
    let timeline = Timeline::of_server(&asked.server, key.as_deref(), &asked.run).await;
    let timeline = timeline.map_err(|error| error.to_string())?;
    let Some(file) = svg else {
        println!("{timeline}");
        return Ok(());
    };
    let written = std::fs::write(file, timeline.svg());
    written.map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    println!("wrote {}", file.display());
    Ok(())
}
