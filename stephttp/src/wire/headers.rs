//! Header names, in the lower case that [`http::HeaderMap`] stores.

/// On a re-entry: the run's ULID. On a run's stored response: the same, which tells it from what
/// Inngest says itself.
pub const RUN_ID: &str = "x-run-id";
/// On a re-entry: `t=<unix seconds>&s=<hex>`; present but empty when the server has no signing key.
pub const SIGNATURE: &str = "x-inngest-signature";
/// On a re-entry: the hash of the one planned step to run; absent otherwise.
pub const STEP_ID: &str = "x-inngest-step-id";
/// On a re-entry: counts the dispatches of one job, from 1.
pub const GENERATION_ID: &str = "x-inngest-generation-id";
/// On a re-entry: the job; the same on each of its retries.
pub const JOB_ID: &str = "x-inngest-job-id";
/// On a re-entry: a ULID of this one dispatch.
pub const REQUEST_ID: &str = "x-request-id";
/// On re-entries and their answers: the version of step planning, [`REQUEST_VERSION_VALUE`].
pub const REQUEST_VERSION: &str = "x-inngest-req-version";
/// On a re-entry: `true` when the server wants new steps planned rather than run.
pub const FORCE_STEP_PLAN: &str = "x-inngest-force-step-plan";
/// On answers and API calls: which SDK speaks. An answer to a re-entry without it *completes* the
/// run.
pub const SDK: &str = "x-inngest-sdk";
/// On an answer to a re-entry: `true` fails the run at once, `false` asks for a retry.
pub const NO_RETRY: &str = "x-inngest-no-retry";
/// On API calls: the branch environment, when one is configured.
pub const ENV: &str = "x-inngest-env";
/// When events are sent: makes their ids repeatable; see [`EventIdSeed`](super::EventIdSeed).
pub const EVENT_ID_SEED: &str = "x-inngest-event-id-seed";
/// On API answers: `dev` or `cloud`.
pub const SERVER_KIND: &str = "x-inngest-server-kind";
/// Among the headers of a stored response, never of one that is sent: why its body is not stored
/// with it.
pub const BODY_NOT_STORED: &str = "x-stephttp-body-not-stored";
/// Among the headers of a stored response, never of one that is sent: no handler has made it, and
/// no middleware has transformed its body.
pub const OWN_ANSWER: &str = "x-stephttp-own-answer";

/// On an answer to a re-entry: the status of a response that came from a layer or an extractor,
/// before the handler was entered. Such a response is never the run's result.
pub const REJECTED: &str = "x-stephttp-rejected";
/// The recorded content type of a request without a `Content-Type`.
///
/// Inngest repeats a request whose recorded content type is empty with `application/json`, and
/// extractors such as `Option<Json<T>>` then look for a body that never was. So this is recorded,
/// and the layer takes it away from a re-entry: its handler finds no `Content-Type`, as in the
/// first request. What stands outside of the layer sees it.
pub const NO_CONTENT_TYPE: &str = "application/vnd.stephttp.none";
/// The recorded content type of a request whose `Content-Type` is empty: as [`NO_CONTENT_TYPE`].
pub const EMPTY_CONTENT_TYPE: &str = "application/vnd.stephttp.empty";

/// The value of [`REQUEST_VERSION`] that this SDK speaks.
pub const REQUEST_VERSION_VALUE: u8 = 2;
/// The value of [`SDK`] that this SDK sends.
pub const SDK_VALUE: &str = concat!("rust:v", env!("CARGO_PKG_VERSION"));
