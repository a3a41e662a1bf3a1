//! Making operations.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::result::COMPLETE_HASH;
use super::{ApiResult, Op, OpCode, OpError, OpOpts, StepHash, Timing, Userland, duration};

impl<'a> Op<'a> {
    /// An operation about the first use of a step id in a run, without data, error or parameters.
    ///
    /// What an operation needs depends on its [`OpCode`]; the other constructors see to that.
    pub fn new(op: OpCode, id: impl Into<Cow<'a, str>>) -> Self {
        let id = id.into();
        Self {
            id: StepHash::of(&id),
            op,
            name: Some(id.clone()),
            display_name: Some(id.clone()),
            userland: Some(Userland { id, index: None }),
            opts: None,
            data: None,
            error: None,
            timing: None,
        }
    }

    /// A step that ran, and its output.
    ///
    /// ```
    /// let op = inngest::wire::Op::step_run("before", &"A")?;
    /// assert_eq!(op.id.to_string(), "51de2b835bd35a67eb32dbcd3d77d4b96e5aa39d");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the output cannot be written as JSON.
    #[doc(alias = "OpcodeStepRun")]
    pub fn step_run(
        id: impl Into<Cow<'a, str>>,
        output: &(impl Serialize + ?Sized),
    ) -> Result<Self, serde_json::Error> {
        Ok(Self::new(OpCode::StepRun, id).data(to_raw_value(output)?))
    }

    /// A step that failed and may be tried again.
    #[doc(alias = "OpcodeStepError")]
    pub fn step_error(id: impl Into<Cow<'a, str>>, error: OpError) -> Self {
        Self { error: Some(error), ..Self::new(OpCode::StepError, id) }
    }

    /// A step that failed for good.
    #[doc(alias = "OpcodeStepFailed")]
    pub fn step_failed(id: impl Into<Cow<'a, str>>, error: OpError) -> Self {
        Self { error: Some(error), ..Self::new(OpCode::StepFailed, id) }
    }

    /// A sleep, at most of [366 days](super::limits::WAIT).
    #[doc(alias = "OpcodeSleep")]
    pub fn sleep(id: impl Into<Cow<'a, str>>, sleep: Duration) -> Self {
        Self::new(OpCode::Sleep, id).opts(OpOpts::sleep(duration::format(sleep)))
    }

    /// The run's end, with its result. It belongs to no step of the user's.
    ///
    /// # Errors
    /// When the result cannot be written as JSON.
    #[doc(alias = "OpcodeRunComplete")]
    pub fn run_complete(result: &ApiResult<'_>) -> Result<Self, serde_json::Error> {
        Ok(Self {
            id: COMPLETE_HASH,
            op: OpCode::RunComplete,
            name: None,
            display_name: None,
            userland: None,
            opts: None,
            data: Some(Cow::Owned(to_raw_value(result)?)),
            error: None,
            timing: None,
        })
    }

    /// Makes it about a later use of the same step id in the run: 1 is the second. 0 is the first,
    /// as without this.
    ///
    /// ```
    /// # use inngest::wire::Op;
    /// let third = Op::step_run("dup", &3)?.repeated(2);
    /// assert_eq!(third.id, inngest::wire::StepHash::of("dup:2"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn repeated(mut self, index: u32) -> Self {
        if let Some(userland) = &mut self.userland {
            self.id = StepHash::of_repeated(&userland.id, index);
            userland.index = (index > 0).then_some(index);
        }
        self
    }

    /// Sets its data: a step's output as JSON.
    #[must_use]
    pub fn data(mut self, data: Box<RawValue>) -> Self {
        self.data = Some(Cow::Owned(data));
        self
    }

    /// Sets its parameters.
    #[must_use]
    pub fn opts(mut self, opts: OpOpts<'a>) -> Self {
        self.opts = Some(Box::new(opts));
        self
    }

    /// Sets when the step ran, and for how long.
    #[must_use]
    pub fn timing(mut self, start: SystemTime, took: Duration) -> Self {
        self.timing = Some(Timing::new(start, took));
        self
    }
}
