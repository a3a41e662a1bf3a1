//! The program's options.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use lexopt::ValueExt as _;

/// The port that Inngest's own dev server uses, where SDKs look for it.
const PORT: u16 = 8288;

pub(crate) const USAGE: &str = "\
Serves an Inngest-compatible dev engine for durable HTTP endpoints.

Usage: stephttp-dev [OPTIONS]
       stephttp-dev view --server URL [--key-env NAME] [--svg FILE] RUN
       stephttp-dev record --server URL RUN   (a run for replay tests; see `record --help`)

Options:
  --port PORT               listen on this port (8288)
  --host ADDRESS            listen on this address (127.0.0.1)
  --retry-interval SECONDS  wait this long before every retry (5, 15, 30, 60, ...)
  --signing-key KEY         sign re-entries and require the key on API calls
  --event-key KEY           require the key on events
  --no-page                 serve the API alone, without the page that shows the runs
  --help                    show this

view tells what happened in one run on any Inngest server:
  --server URL              the server, such as http://127.0.0.1:8288
  --key-env NAME            the environment variable with the signing key, if the server needs one
  --svg FILE                draw the run into this file instead
  RUN                       the run's id";

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) host: IpAddr,
    pub(crate) retry_interval: Option<Duration>,
    pub(crate) signing_key: Option<String>,
    pub(crate) event_key: Option<String>,
    pub(crate) page: bool,
}

/// What `view` is to show.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) server: String,
    pub(crate) key_env: Option<String>,
    pub(crate) svg: Option<PathBuf>,
    pub(crate) run: String,
}

/// What the program is to do: one variant for each subcommand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Help,
    Serve(Options),
    View(View),
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
            Some("view") => View::read(rest),
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

impl View {
    fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, lexopt::Error> {
        use lexopt::Arg::{Long, Short, Value};
        let mut view = Self::default();
        let mut parser = lexopt::Parser::from_iter(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("server") => view.server = parser.value()?.string()?,
                Long("key-env") => view.key_env = Some(parser.value()?.string()?),
                Long("svg") => view.svg = Some(parser.value()?.into()),
                Long("help") | Short('h') => return Ok(Asked::Help),
                Value(run) if view.run.is_empty() => view.run = run.string()?,
                other => return Err(other.unexpected()),
            }
        }
        match (view.server.is_empty(), view.run.is_empty()) {
            (true, _) => Err("view needs `--server URL`".into()),
            (_, true) => Err("view needs the id of a run".into()),
            _ => Ok(Asked::View(view)),
        }
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
    fn view_needs_a_server_and_one_run() {
        let asked = read(&["view", "--server", "http://localhost:8288", "--key-env=KEY", "01RUN"]).unwrap();
        let (server, key_env) = ("http://localhost:8288".to_owned(), Some("KEY".to_owned()));
        assert_eq!(asked, Asked::View(View { server, key_env, svg: None, run: "01RUN".to_owned() }));
        assert!(read(&["view", "01RUN"]).unwrap_err().contains("--server"));
        assert!(read(&["view", "--server", "http://x"]).unwrap_err().contains("id of a run"));
        assert!(read(&["view", "--server", "http://x", "1", "2"]).unwrap_err().contains("\"2\""));
        assert!(read(&["view", "--port", "1"]).unwrap_err().contains("--port"));
    }
}
