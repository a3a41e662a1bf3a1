//! The program's options.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use lexopt::ValueExt as _;
use stephttp_dev::Redaction;

/// The port that Inngest's own dev server uses, where SDKs look for it.
const PORT: u16 = 8288;

pub(crate) const USAGE: &str = "\
Serves an Inngest-compatible dev engine for durable HTTP endpoints.

Usage: stephttp-dev [OPTIONS]
       stephttp-dev view --server URL [--key-env NAME] [--svg FILE] RUN
       stephttp-dev record --server URL [--key-env NAME] [--redact PATHS] [--out FILE] RUN

Options:
  --port PORT               listen on this port (8288)
  --host ADDRESS            listen on this address (127.0.0.1)
  --retry-interval SECONDS  wait this long before every retry (5, 15, 30, 60, ...)
  --signing-key KEY         sign re-entries and require the key on API calls
  --event-key KEY           require the key on events
  --no-page                 serve the API alone, without the page that shows the runs
  --help                    show this

view tells what happened in one run on any Inngest server, and record prints it as JSON for
replay tests. Of a run in flight the recording is exact; of one that has ended there is its trace.
  --server URL              the server, such as http://127.0.0.1:8288
  --key-env NAME            the environment variable with the server's signing key
                            (INNGEST_SIGNING_KEY, if it is set)
  --svg FILE                view: draw the run into this file instead
  --redact PATHS            record: take out what is at these paths, with commas between them:
                            body.card.number, query.token, steps.charge.iban, response.card,
                            or the name of a field anywhere: email
  --out FILE                record: write into this file, once the recording is complete
  RUN                       the run's id";

/// The variable of the signing key, unless another is named.
const KEY: &str = "INNGEST_SIGNING_KEY";

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) host: IpAddr,
    pub(crate) retry_interval: Option<Duration>,
    pub(crate) signing_key: Option<String>,
    pub(crate) event_key: Option<String>,
    pub(crate) page: bool,
}

/// The run of a server that a command is about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct RunAsked {
    pub(crate) server: String,
    pub(crate) key_env: Option<String>,
    pub(crate) run: String,
}

/// What the program is to do: one variant for each subcommand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Help,
    Serve(Options),
    /// With a file to draw into.
    View(RunAsked, Option<PathBuf>),
    /// With what is taken out, and a file to write into.
    Record(RunAsked, Vec<Redaction>, Option<PathBuf>),
}

impl Asked {
    /// Reads the program's arguments.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, lexopt::Error> {
        let mut arguments = arguments.into_iter().peekable();
        let program = arguments.next();
        let command = arguments.next_if(|argument| !argument.to_string_lossy().starts_with('-'));
        let rest = program.into_iter().chain(arguments);
        match command.as_ref().map(|command| command.to_string_lossy()).as_deref() {
            None => Options::read(rest),
            Some("view") => RunAsked::view(rest),
            Some("record") => RunAsked::record(rest),
            Some(other) => Err(format!("there is no command `{other}`").into()),
        }
    }
}

impl Options {
    fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, lexopt::Error> {
        use lexopt::Arg::{Long, Short};
        let mut options = Self {
            port: PORT,
            host: Ipv4Addr::LOCALHOST.into(),
            retry_interval: None,
            signing_key: None,
            event_key: None,
            page: true,
        };
        let mut parser = lexopt::Parser::from_iter(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("port") => options.port = parser.value()?.parse()?,
                Long("host") => options.host = parser.value()?.parse()?,
                Long("retry-interval") => {
                    options.retry_interval = Some(Duration::from_secs(parser.value()?.parse()?));
                }
                Long("signing-key") => options.signing_key = Some(parser.value()?.string()?),
                Long("event-key") => options.event_key = Some(parser.value()?.string()?),
                Long("no-page") => options.page = false,
                Long("help") | Short('h') => return Ok(Asked::Help),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Asked::Serve(options))
    }
}

impl RunAsked {
    fn view(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, lexopt::Error> {
        let mut svg = None;
        let run = Self::read("view", arguments, |option, parser| {
            let is_known = option == "svg";
            if is_known {
                svg = Some(parser.value()?.into());
            }
            Ok(is_known)
        });
        Ok(run?.map_or(Asked::Help, |run| Asked::View(run, svg)))
    }

    fn record(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, lexopt::Error> {
        let (mut redactions, mut out) = (Vec::new(), None);
        let run = Self::read("record", arguments, |option, parser| {
            match option {
                "redact" => {
                    let paths = parser.value()?.string()?;
                    redactions.push(Redaction::parse(&paths).map_err(|error| error.to_string())?);
                }
                "out" => out = Some(parser.value()?.into()),
                _ => return Ok(false),
            }
            Ok(true)
        });
        Ok(run?.map_or(Asked::Help, |run| Asked::Record(run, redactions, out)))
    }

    /// Reads a command's arguments; `None`: help is asked for. `more` reads the command's own
    /// options, and answers whether there is such an option.
    fn read(
        command: &str,
        arguments: impl IntoIterator<Item = OsString>,
        mut more: impl FnMut(&str, &mut lexopt::Parser) -> Result<bool, lexopt::Error>,
    ) -> Result<Option<Self>, lexopt::Error> {
        use lexopt::Arg::{Long, Short, Value};
        let mut asked = Self::default();
        let mut parser = lexopt::Parser::from_iter(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("server") => asked.server = parser.value()?.string()?,
                Long("key-env") => asked.key_env = Some(parser.value()?.string()?),
                Long("help") | Short('h') => return Ok(None),
                Value(run) if asked.run.is_empty() => asked.run = run.string()?,
                Long(option) => {
                    let option = option.to_owned();
                    if !more(&option, &mut parser)? {
                        return Err(Long(&option).unexpected());
                    }
                }
                other => return Err(other.unexpected()),
            }
        }
        match (asked.server.is_empty(), asked.run.is_empty()) {
            (true, _) => Err(format!("{command} needs `--server URL`").into()),
            (_, true) => Err(format!("{command} needs the id of a run").into()),
            _ => Ok(Some(asked)),
        }
    }

    /// The server's signing key, from the environment.
    pub(crate) fn signing_key(&self) -> Result<Option<String>, String> {
        let Some(name) = &self.key_env else {
            return Ok(std::env::var(KEY).ok().filter(|key| !key.is_empty()));
        };
        let key = std::env::var(name).map_err(|_| {
            format!(
                "the environment variable {name}, which `--key-env` names, is not set: set it to the server's signing key"
            )
        });
        key.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Asked, String> {
        let all = ["stephttp-dev"].iter().chain(arguments);
        Asked::read(all.map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_read_and_others_are_named() {
        let Asked::Serve(options) =
            read(&["--port", "1", "--retry-interval=2", "--signing-key", "00", "--event-key", "k"]).unwrap()
        else {
            panic!("not help")
        };
        assert_eq!(options.port, 1);
        assert_eq!(options.retry_interval, Some(Duration::from_secs(2)));
        assert_eq!(options.signing_key.as_deref(), Some("00"));
        assert_eq!(options.event_key.as_deref(), Some("k"));
        assert_eq!(read(&["-h"]), Ok(Asked::Help));
        assert!(read(&["--prot", "1"]).unwrap_err().contains("--prot"));
        assert!(read(&["--port", "many"]).is_err());
        assert!(read(&["--host", "nowhere"]).is_err());
        assert_eq!(read(&["8288"]), Err("there is no command `8288`".to_owned()));
        let Asked::Serve(options) = read(&["--no-page"]).unwrap() else { panic!("it serves") };
        assert!(!options.page);
    }

    #[test]
    fn view_and_record_need_a_server_and_one_run() {
        for command in ["view", "record"] {
            let read = |arguments: &[&str]| read(&[&[command], arguments].concat());
            assert!(read(&["01RUN"]).unwrap_err().contains("--server"));
            assert!(read(&["--server", "http://x"]).unwrap_err().contains("id of a run"));
            assert!(read(&["--server", "http://x", "1", "2"]).unwrap_err().contains("\"2\""));
            assert!(read(&["--port", "1"]).unwrap_err().contains("--port"));
            assert_eq!(read(&["--help"]), Ok(Asked::Help));
        }
    }

    #[test]
    fn each_command_has_its_own_options() {
        let run = || RunAsked {
            server: "http://localhost:8288".to_owned(),
            key_env: Some("KEY".to_owned()),
            run: "01RUN".to_owned(),
        };
        let common = ["--server", "http://localhost:8288", "--key-env=KEY", "01RUN"];
        let read = |command: &str, more: &[&str]| read(&[&[command], &common[..], more].concat());
        assert_eq!(read("view", &["--svg", "a"]), Ok(Asked::View(run(), Some("a".into()))));
        let redactions = ["body.a,b", "c"].map(|paths| Redaction::parse(paths).unwrap()).to_vec();
        assert_eq!(
            read("record", &["--redact", "body.a,b", "--redact=c", "--out", "a.json"]),
            Ok(Asked::Record(run(), redactions, Some("a.json".into())))
        );
        assert!(read("view", &["--redact", "a"]).unwrap_err().contains("--redact"));
        assert!(read("record", &["--svg", "a"]).unwrap_err().contains("--svg"));
        assert!(read("record", &["--redact", "a..b"]).unwrap_err().contains("a..b"));
    }
}
