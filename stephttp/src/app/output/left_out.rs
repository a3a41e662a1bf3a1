//! Headers of responses that do not pass, and that their handlers may have meant to.

use std::collections::HashSet;
use std::sync::Mutex;

use http::HeaderName;

use crate::app::App;
use crate::sync::lock;
use crate::untrusted::{Complaint, shown};
use crate::wire::RunId;

/// Names that are remembered. Inngest could make up any number.
const MOST: usize = 100;

/// What has been said of headers that were left out: each name is said once.
#[derive(Debug, Default)]
pub(crate) struct LeftOut(Mutex<HashSet<HeaderName>>);

impl LeftOut {
    /// Says which headers of a run's response were left out, unless it has been said of all of
    /// them.
    pub(crate) fn say(&self, app: &App, run_id: RunId, names: &[HeaderName]) {
        let names = self.new_ones(names);
        if names.is_empty() {
            return;
        }
        if let Some(left_out) = app.admits_line(Complaint::Output) {
            let names = names.join(", ");
            tracing::info!(
                %run_id,
                left_out,
                "the output route leaves headers out that may be acted on: {}. If handlers set them for their clients, name them \
                 with `OutputOpts::pass_headers`",
                shown(&names),
            );
        }
    }

    fn new_ones<'a>(&self, names: &'a [HeaderName]) -> Vec<&'a str> {
        // Inngest's own are none of a handler's.
        let mut names = names.iter().filter(|name| !name.as_str().starts_with("x-inngest-")).peekable();
        if names.peek().is_none() {
            return Vec::new();
        }
        let mut said = lock(&self.0);
        let is_new = |name: &&HeaderName| said.len() < MOST && said.insert((*name).clone());
        names.filter(is_new).map(HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_said_once_and_no_more_are_remembered_than_apps_have() {
        let said = LeftOut::default();
        let name = |name: &str| HeaderName::try_from(name).unwrap();
        let names = [name("signature"), name("x-inngest-sdk"), name("refresh")];
        assert_eq!(said.new_ones(&names), ["signature", "refresh"]);
        assert!(said.new_ones(&names).is_empty());
        assert_eq!(said.new_ones(&[name("refresh"), name("nel")]), ["nel"]);
        for n in 0..1_000 {
            said.new_ones(&[name(&format!("n-{n}"))]);
        }
        assert_eq!(said.0.lock().unwrap().len(), MOST);
    }
}
