//! The program's options.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use lexopt::ValueExt as _;

/// The port that Inngest's own dev server uses, where SDKs look for it.
const PORT: u16 = 8288;

pub(crate) const USAGE: &str = "\
Serves an Inngest-compatible dev engine for durable HTTP endpoints.

Usage: stephttp-dev [OPTIONS]
       stephttp-dev record --server URL RUN   (a run for replay tests; see `record --help`)

Options:
  --port PORT               listen on this port (8288)
  --host ADDRESS            listen on this address (127.0.0.1)
  --retry-interval SECONDS  wait this long before every retry (5, 15, 30, 60, ...)
  --signing-key KEY         sign re-entries and require the key on API calls
  --event-key KEY           require the key on events
  --help                    show this";

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) host: IpAddr,
    pub(crate) retry_interval: Option<Duration>,
    pub(crate) signing_key: Option<String>,
    pub(crate) event_key: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Help,
    Serve(Options),
}

impl Options {
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, lexopt::Error> {
        use lexopt::Arg::{Long, Short};
        let mut options = Self {
            port: PORT,
            host: Ipv4Addr::LOCALHOST.into(),
            retry_interval: None,
            signing_key: None,
            event_key: None,
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
                Long("help") | Short('h') => return Ok(Asked::Help),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Asked::Serve(options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Asked, String> {
        let all = ["stephttp-dev"].iter().chain(arguments);
        Options::read(all.map(OsString::from)).map_err(|error| error.to_string())
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
        assert!(read(&["8288"]).is_err());
    }
}
