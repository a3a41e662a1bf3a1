//! Inngest's call back, as its headers describe it.

use std::time::SystemTime;

use http::HeaderMap;

use crate::run::RunId;
use crate::wire::{StepHash, headers};

/// One dispatch of one of a run's jobs.
#[derive(Debug, Clone)]
pub(crate) struct Dispatch {
    pub(crate) run_id: RunId,
    /// The step that this request was made for.
    pub(crate) step: Option<StepHash>,
    /// Counts the dispatches of this job, from 1.
    pub(crate) generation: u32,
    pub(crate) job_id: String,
    pub(crate) request_id: String,
    pub(crate) started: SystemTime,
}

impl Dispatch {
    /// Reads the headers. The error is for Inngest's log.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, String> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let run_id = text(headers::RUN_ID);
        let run_id = run_id.parse().map_err(|error| format!("{}: `{run_id}`: {error}", headers::RUN_ID))?;
        let step = match text(headers::STEP_ID) {
            "" => None,
            id => Some(
                StepHash::from_hex(id)
                    .ok_or_else(|| format!("{}: `{id}` is not 40 hex digits", headers::STEP_ID))?,
            ),
        };
        Ok(Self {
            run_id,
            step,
            generation: text(headers::GENERATION_ID).parse().unwrap_or(1),
            job_id: text(headers::JOB_ID).to_owned(),
            request_id: text(headers::REQUEST_ID).to_owned(),
            started: SystemTime::now(),
        })
    }

    /// Whether Inngest surely has an attempt left, so that an answer may ask for it.
    ///
    /// After the last attempt such an answer would leave the run hanging for ever, and the server does not say which
    /// attempt this is. The generation counts dispatches from 1. For a step whose first attempt was in the client's
    /// request, generation `retries` is the last; for other work it is `retries + 1`: the smaller one is safe for both.
    pub(crate) fn may_ask_for_retry(&self, retries: u8) -> bool {
        self.generation < u32::from(retries)
    }
}
