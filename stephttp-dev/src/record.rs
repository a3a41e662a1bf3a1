//! The command `stephttp-dev record`: a run of a server, for replay tests.

use std::ffi::OsString;
use std::process::ExitCode;

use lexopt::ValueExt as _;
use stephttp_dev::{Recording, Redaction};

pub(crate) const USAGE: &str = "\
Records a run of an Inngest server for replay tests, as JSON.

Usage: stephttp-dev record --server URL [OPTIONS] RUN > tests/replay/NAME.json

Runs in flight are recorded exactly; of a run that has ended there is its trace alone.

Options:
  --server URL      the server, such as http://127.0.0.1:8288
  --key-env NAME    the environment variable that holds the signing key
                    (INNGEST_SIGNING_KEY, if it is set)
  --redact PATHS    take out what is at these paths, with commas between them:
                    body.card.number, query.token, steps.charge.iban, response.card,
                    or the name of a field anywhere: email
  --help            show this";

/// The variable of the signing key, unless another is named.
const KEY: &str = "INNGEST_SIGNING_KEY";

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    server: String,
    key_env: Option<String>,
    redactions: Vec<Redaction>,
    run: String,
}

impl Options {
    /// Reads what comes after `record`; `None`: help is asked for.
    fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Self>, lexopt::Error> {
        use lexopt::Arg::{Long, Short, Value};
        let mut options = Self::default();
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("server") => options.server = parser.value()?.string()?,
                Long("key-env") => options.key_env = Some(parser.value()?.string()?),
                Long("redact") => {
                    let paths = parser.value()?.string()?;
                    options.redactions.push(Redaction::parse(&paths).map_err(|error| error.to_string())?);
                }
                Long("help") | Short('h') => return Ok(None),
                Value(run) if options.run.is_empty() => options.run = run.string()?,
                other => return Err(other.unexpected()),
            }
        }
        if options.server.is_empty() {
            return Err("`--server` is missing: which server has the run?".into());
        }
        if options.run.is_empty() {
            return Err("the run's id is missing".into());
        }
        Ok(Some(options))
    }

    async fn record(self) -> Result<String, String> {
        let key = match &self.key_env {
            Some(name) => Some(
                std::env::var(name)
                    .map_err(|error| format!("the signing key cannot be read from {name}: {error}"))?,
            ),
            None => std::env::var(KEY).ok().filter(|key| !key.is_empty()),
        };
        let recording = Recording::of_server(&self.server, key.as_deref(), &self.run).await;
        let mut recording = recording.map_err(|error| error.to_string())?;
        for redaction in &self.redactions {
            recording = recording.redact(redaction).map_err(|error| error.to_string())?;
        }
        recording.to_json().map_err(|error| error.to_string())
    }
}

/// Runs the command.
pub(crate) async fn record(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match Options::read(arguments) {
        Ok(None) => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Ok(Some(options)) => match options.record().await {
            Ok(json) => {
                print!("{json}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            eprintln!("error: {error}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Option<Options>, String> {
        Options::read(arguments.iter().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_read_and_what_is_missing_is_named() {
        let all = ["--server", "http://a", "--key-env=KEY", "--redact", "body.a,b", "--redact=c", "run"];
        let options = read(&all).unwrap().unwrap();
        assert_eq!((options.server.as_str(), options.run.as_str()), ("http://a", "run"));
        assert_eq!(options.key_env.as_deref(), Some("KEY"));
        assert_eq!(options.redactions.len(), 2);
        assert_eq!(read(&["--help"]), Ok(None));
        assert!(read(&["run"]).unwrap_err().contains("--server"));
        assert!(read(&["--server", "http://a"]).unwrap_err().contains("run's id"));
        assert!(read(&["--server", "a", "run", "another"]).unwrap_err().contains("another"));
        assert!(read(&["--redact", "a..b"]).unwrap_err().contains("a..b"));
    }
}
