//! How a scenario says what has to come of it.

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::scenario::{Lenient, Said, Scenario, Streamed, Visit};

/// What has to come of a visit; a scenario's is that of its first.
pub(crate) trait Expect: Sized {
    fn expected(&mut self) -> &mut Visit;

    /// The client is answered at once, not redirected.
    fn at_once(mut self) -> Self {
        self.expected().answer.at_once = Some(true);
        self
    }

    /// The client is answered at once or redirected.
    fn at_once_or_not(mut self) -> Self {
        self.expected().answer.at_once = None;
        self
    }

    /// The client reads a stream, which shows this in the end: each push outside of steps, and all
    /// that a step has streamed.
    fn streams<T: Into<String>>(mut self, shown: impl IntoIterator<Item = T>) -> Self {
        let shown = shown.into_iter().map(Into::into).collect();
        let visit = self.expected();
        visit.headers.push(("accept", "text/event-stream"));
        visit.answer.at_once = Some(true);
        visit.answer.streams = Some(Streamed { shown, in_any_order: false });
        self
    }

    /// The same, where it is not said what comes first.
    fn streams_in_any_order<T: Into<String>>(self, shown: impl IntoIterator<Item = T>) -> Self {
        let mut this = self.streams(shown);
        if let Some(streamed) = &mut this.expected().answer.streams {
            streamed.in_any_order = true;
        }
        this
    }

    /// The answer's body.
    fn says(mut self, text: impl Into<String>) -> Self {
        self.expected().answer.body = Said::Text(text.into());
        self
    }

    /// The answer's body, as JSON.
    fn says_json(mut self, json: Value) -> Self {
        self.expected().answer.body = Said::Json(json);
        self
    }

    /// The answer's body has these parts.
    fn says_something_with(mut self, parts: impl IntoIterator<Item = &'static str>) -> Self {
        self.expected().answer.body = Said::Containing(parts.into_iter().collect());
        self
    }

    /// The answer may be any.
    fn says_anything(mut self) -> Self {
        self.expected().answer.body = Said::Anything;
        self
    }

    /// The answer's status.
    fn with_status(self, status: u16) -> Self {
        self.with_status_in(status..=status)
    }

    /// The answer's status is one of these.
    fn with_status_in(mut self, statuses: RangeInclusive<u16>) -> Self {
        self.expected().answer.statuses = vec![statuses];
        self
    }

    /// A header of the answer.
    fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.expected().answer.headers.push((name, value));
        self
    }

    /// The answer's status may be one of these, too.
    fn or_status_in(mut self, statuses: RangeInclusive<u16>) -> Self {
        self.expected().answer.statuses.push(statuses);
        self
    }

    /// The redirect leads to the server's own output URL, not to the app's output route.
    fn at_inngest(mut self) -> Self {
        self.expected().answer.at_inngest = true;
        self
    }

    /// The answer does not have this header.
    fn without_header(mut self, name: &'static str) -> Self {
        self.expected().answer.without_headers.push(name);
        self
    }

    /// No side effect of the run happens more often than this.
    fn did_at_most<T: Into<String>>(mut self, effects: impl IntoIterator<Item = T>) -> Self {
        self.expected().ended().at_most = true;
        self.did(effects)
    }

    /// Every side effect of the run; some of them come a while after its end.
    fn did_in_the_end<T: Into<String>>(mut self, effects: impl IntoIterator<Item = T>) -> Self {
        self.expected().ended().may_come_later = true;
        self.did(effects)
    }

    /// What steps the run shows does not matter.
    fn shows_any_steps(mut self) -> Self {
        self.expected().ended().any_steps = true;
        self
    }

    /// Where a real server's view of the run is not sure, and why.
    fn lenient(mut self, lenient: Lenient) -> Self {
        self.expected().ended().lenient.push(lenient);
        self
    }

    /// The run is cancelled.
    fn cancelled(mut self) -> Self {
        self.expected().ended().status = Some("CANCELLED");
        self
    }

    /// How the run ends does not matter.
    fn ends_anyhow(mut self) -> Self {
        self.expected().ended().status = None;
        self
    }

    /// Every side effect of the run, as often as it happened.
    fn did<T: Into<String>>(mut self, effects: impl IntoIterator<Item = T>) -> Self {
        self.expected().ended().did = effects.into_iter().map(Into::into).collect();
        self
    }

    /// The run's steps, in their order; of `"a | b"` either may come first.
    fn shows<T: Into<String>>(mut self, steps: impl IntoIterator<Item = T>) -> Self {
        self.expected().ended().shows = steps.into_iter().map(Into::into).collect();
        self
    }

    /// The run's steps are all plain ones: each is shown once, and had its effect once.
    fn did_and_shows<T: Into<String>>(self, steps: impl IntoIterator<Item = T>) -> Self {
        let steps: Vec<String> = steps.into_iter().map(Into::into).collect();
        let did: Vec<String> = steps.iter().flat_map(|step| step.split(" | ").map(str::to_owned)).collect();
        self.did(did).shows(steps)
    }

    /// The run ends as failed.
    fn fails(mut self) -> Self {
        self.expected().ended().status = Some("FAILED");
        self
    }

    /// No run begins.
    fn without_run(mut self) -> Self {
        self.expected().run = None;
        self.at_once()
    }
}

impl Expect for Visit {
    fn expected(&mut self) -> &mut Visit {
        self
    }
}

impl Expect for Scenario {
    fn expected(&mut self) -> &mut Visit {
        &mut self.visit
    }
}
