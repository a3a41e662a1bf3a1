//! What an SDK did that the real server would punish, silently for the most part.

use std::fmt;

/// One mistake of an SDK.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// What sort of mistake.
    pub kind: ViolationKind,
    /// The run it was made in, where one is known.
    pub run_id: Option<String>,
    /// What exactly was wrong, and what the real server makes of it.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)?;
        match &self.run_id {
            Some(run_id) => write!(f, " (run {run_id})"),
            None => Ok(()),
        }
    }
}

/// The sorts of mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ViolationKind {
    /// A call's body could not be read, and was answered with 400.
    UnreadableBody,
    /// A run id is missing or is no ULID.
    BadRunId,
    /// The path names another run than the body, or other ids than the server gave.
    WrongIds,
    /// The event's name is not `inngest/http.request`: re-entries get neither body nor query nor
    /// content type.
    WrongEventName,
    /// The event lacks what a re-entry needs.
    IncompleteEvent,
    /// `event.data.body` is not base64.
    BodyNotBase64,
    /// No `retries`: the server takes 0.
    MissingRetries,
    /// No `request_version`: the server does not know how to plan steps.
    MissingRequestVersion,
    /// One run id for two requests.
    RunIdReused,
    /// One function id for two methods: re-entries use the latest.
    AmbiguousFunction,
    /// A run began by a method that the real server calls nobody by: there, all runs of the
    /// function hang from then on.
    UnusableMethod,
    /// A step's id is missing or is not 40 lower-case hex digits.
    BadStepId,
    /// A user's step is called `complete`, the id of the run's result.
    ReservedStepId,
    /// An operation that does not exist.
    UnknownOp,
    /// An operation that this server does not support.
    UnsupportedOp,
    /// A failed step without an `error` object: the real server crashes.
    MissingError,
    /// A sleep whose duration cannot be read, or is over 366 days.
    BadSleep,
    /// A wait whose timeout cannot be read, or is over 366 days.
    BadTimeout,
    /// The `if` of a wait for an event is no CEL: in a re-entry's answer the run fails.
    BadExpression,
    /// An `if` in a checkpoint speaks of `event`, the run's own: the real server crashes.
    EventInExpression,
    /// An invocation without a payload: the real server crashes.
    MissingPayload,
    /// A wait for a signal for which another step waits already.
    SignalConflict,
    /// An operation in a checkpoint that the real server only logs an error for: nothing ever comes
    /// of it.
    LostOperation,
    /// An endpoint was invoked as a function: the real server calls it at the wrong URL.
    InvokedEndpoint,
    /// A body of a gateway's request that is not JSON: it is sent as a JSON string.
    GatewayBodyNotJson,
    /// A number that the server, which reads all of them as floats, does not give back: an integer
    /// beyond 2^53 is rounded, and over one that is too large for a float the run's state cannot be
    /// read at all.
    LossyNumber,
    /// A step ran twice: it was reported again, from another request, with another time or with
    /// another value.
    StepRanTwice,
    /// Something was saved to a run that does not exist.
    UnknownRun,
    /// A step ran or was saved although its request had been told that the run has ended.
    RunEnded,
    /// An answer to a re-entry that came when its run was over ended the run again, in another way.
    FinalizedAgain,
    /// A first call was repeated with an operation that waits, fails or asks for a re-entry: it is
    /// carried out again.
    CarriedOutAgain,
    /// Something was saved in the name of a re-entry that had been answered already.
    SavedAfterAnswer,
    /// `/async` with an operation that is not a finished step.
    NotAFinishedStep,
    /// `/async` without the job, the request or the generation that it belongs to.
    MissingDispatch,
    /// Something exceeds a limit of the server, which drops it.
    TooLarge,
    /// A run with 1,000 steps or more is to be re-entered.
    TooManySteps,
    /// A result without a status, or with 0.
    MissingStatus,
    /// A result's header whose value is not a string.
    HeaderNotString,
    /// A result's body that is not a string.
    BodyNotString,
    /// A result without data.
    MissingResult,
    /// `RunComplete` in an array on a re-entry: the waiting client gets `null`.
    ResultInArray,
    /// An answer to a re-entry without `x-inngest-sdk`: it completes the run.
    MissingSdkHeader,
    /// An answer to a re-entry without `x-inngest-req-version`.
    MissingVersionHeader,
    /// An answer to a re-entry that is neither operations nor a result.
    PlainAnswer,
    /// An answer that leaves nothing to do while nothing is outstanding: the run hangs.
    EmptyAnswer,
    /// A failure without `x-inngest-no-retry` at the last attempt: the run hangs.
    RunHangs,
    /// A layer or an extractor answered a re-entry in the handler's place, as the SDK says by
    /// `x-stephttp-rejected`. The real server does not look at that.
    Rejected,
    /// A part of a run's stream was still being sent when its re-entry had been answered: the next
    /// re-entry's part can overtake it.
    UnfinishedPart,
    /// A part of a run's stream that does not begin with `inngest.metadata`.
    MissingMetadata,
    /// An event of a run's stream that JS's client cannot read, or skips.
    UnreadableEvent,
    /// An event of over 16 KiB in a part of a run's stream: what another part publishes can come to
    /// be within it.
    LongEvent,
    /// An event of a run's stream came in pieces while another part of the run was being sent:
    /// what that publishes can come to be within it.
    TornEvent,
    /// An event in a part of a run's stream where none of its kind belongs: something after the
    /// run's `inngest.response`, or `inngest.redirect_info`.
    MisplacedEvent,
    /// A run's stream told the end of a step that the run, which has completed, does not have.
    UnknownStep,
}
