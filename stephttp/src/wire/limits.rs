//! The server's limits.
//!
//! It answers 200 to much of what exceeds them and drops it, so this SDK enforces them before it
//! sends.

use std::time::Duration;

/// Bytes in the body of the first call, `POST /v1/checkpoint`. A longer one is answered with 400.
pub const FIRST_CALL_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of one step's output as JSON, its `{"data":…}` wrapper included.
pub const STEP_OUTPUT_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of what a step sends along: the body of a request that Inngest makes.
pub const STEP_INPUT_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of all step outputs of a run together.
pub const RUN_STATE_BYTES: usize = 32 * 1024 * 1024;
/// Steps of a run, this SDK's hidden ones included: `stephttp:…`, of waits, retries, races and what
/// is [remembered](crate::Remember). With one more, Inngest would not call back: it would complete
/// the run, with an error as its output. So that one is refused, with an error that names the
/// limit.
pub const RUN_STEPS: usize = 999;
/// Bytes in the answer to a re-entry. A longer one completes the run with an empty output.
pub const REENTRY_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of a request body that can be kept with a run: as base64 it has to fit into the first
/// call, with room for the rest of the event and one step.
pub const REQUEST_BODY_BYTES: usize = (FIRST_CALL_BYTES - 64 * 1024) / 4 * 3;
/// Bytes of a run's token. The server's have some 300. Longer ones are none: they have to fit into
/// a URL.
pub const TOKEN_BYTES: usize = 4 * 1024;
/// How long a sleep or an event's timeout may be.
pub const WAIT: Duration = Duration::from_secs(366 * 86_400);
/// Bytes of a function's id. Inngest takes 255 for a function's name, in which a method may stand
/// before the id.
pub const FUNCTION_ID_BYTES: usize = 255 - "DELETE ".len();
/// The most `retries` a function may have.
pub const RETRIES: u8 = 20;
/// Bytes of a step's id. The server has no limit of its own: it sees the hash, and shows the id to
/// people.
pub const STEP_ID_BYTES: usize = 1_024;
/// Bytes of one event's JSON.
pub const EVENT_BYTES: usize = 3 * 1024 * 1024;
/// Bytes of an event's name.
pub const EVENT_NAME_BYTES: usize = 512;
/// Events sent in one call.
pub const EVENTS: usize = 5_000;
/// Levels of arrays and objects that a value may have: as many as `serde_json` reads. A step's
/// output with more, which only a raw value can have, is [stored as
/// text](crate::step::Storable#what-is-stored).
pub const JSON_LEVELS: usize = 127;
/// The largest integer, either way, that an event's data can hold: the server keeps numbers as
/// 64-bit floats.
pub const EVENT_INTEGER: u64 = (1 << 53) - 1;
/// `{"data":}`, which the server stores around an output, and counts.
pub(crate) const WRAPPER_BYTES: usize = 9;
