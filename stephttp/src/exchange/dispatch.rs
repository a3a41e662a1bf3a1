//! Inngest's call back, as its headers describe it.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use http::HeaderMap;

use crate::sync::lock;
use crate::untrusted::shown;
use crate::wire::{InvalidRunId, RunId, headers};

/// Bytes of an id that Inngest makes: those seen have some dozens. The process keeps them for a
/// while.
const MOST_ID_BYTES: usize = 512;

/// One dispatch of one of a run's jobs.
#[derive(Debug, Clone)]
pub(crate) struct Dispatch {
    pub(crate) run_id: RunId,
    pub(crate) job_id: String,
    lease: Lease,
}

/// What Inngest goes by to tell a dispatch from those of the same job before it. Clones are the
/// same lease: a later dispatch that finds its job under way [renews](Self::renew) it, and what is
/// saved from then on is saved in the later one's name.
#[derive(Debug, Clone)]
pub(crate) struct Lease(Arc<Mutex<Request>>);

/// One request for a job.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Counts the dispatches of the job, from 1.
    pub(crate) generation: u32,
    pub(crate) request_id: String,
    pub(crate) started: SystemTime,
}

/// Headers of a call back that make no sense. It is for Inngest's log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidDispatch {
    #[error("{name}: `{text}`: {source}", name = headers::RUN_ID)]
    RunId { text: String, source: InvalidRunId },
    #[error("{0}: it has over {MOST_ID_BYTES} bytes")]
    TooLong(&'static str),
}

impl Lease {
    fn new(request: Request) -> Self {
        Self(Arc::new(Mutex::new(request)))
    }

    fn lock(&self) -> MutexGuard<'_, Request> {
        lock(&self.0)
    }

    pub(crate) fn generation(&self) -> u32 {
        self.lock().generation
    }

    /// Takes over what a later dispatch says.
    pub(crate) fn renew(&self, later: &Self) {
        let later = later.lock().clone();
        let mut request = self.lock();
        if later.generation > request.generation {
            *request = later;
        }
    }
}

impl Dispatch {
    /// Reads the headers, which nobody has signed.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, InvalidDispatch> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let run_id = text(headers::RUN_ID);
        let run_id = run_id
            .parse()
            .map_err(|source| InvalidDispatch::RunId { text: shown(run_id).to_string(), source })?;
        for name in [headers::JOB_ID, headers::REQUEST_ID] {
            if text(name).len() > MOST_ID_BYTES {
                return Err(InvalidDispatch::TooLong(name));
            }
        }
        let lease = Lease::new(Request {
            generation: text(headers::GENERATION_ID).parse().unwrap_or(1),
            request_id: text(headers::REQUEST_ID).to_owned(),
            started: SystemTime::now(),
        });
        Ok(Self { run_id, job_id: text(headers::JOB_ID).to_owned(), lease })
    }

    /// Counts the dispatches of this job, from 1.
    pub(crate) fn generation(&self) -> u32 {
        self.lease.generation()
    }

    /// The latest request for this job.
    pub(crate) fn request(&self) -> Request {
        self.lease.lock().clone()
    }

    pub(crate) fn lease(&self) -> Lease {
        self.lease.clone()
    }

    /// Whether Inngest surely has an attempt left, so that an answer may ask for it.
    ///
    /// After the last attempt such an answer would leave the run hanging for ever, and the server
    /// does not say which attempt this is. The generation counts dispatches from 1. For a step
    /// whose first attempt was in the client's request, generation `retries` is the last; for other
    /// work it is `retries + 1`: the smaller one is safe for both.
    pub(crate) fn may_ask_for_retry(&self, retries: u8) -> bool {
        self.generation() < u32::from(retries)
    }
}
