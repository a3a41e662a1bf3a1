//! The endpoints: a model drafts an answer, a person reviews it, and the model writes what is sent.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use inngest::{EventData, Failure, Live, Step, StepError};
use serde::{Deserialize, Serialize};

use crate::model::{Model, Prompt};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) question: String,
}

/// What the client reads beside the texts.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "kebab-case")]
pub(crate) enum Progress {
    Drafting,
    /// Somebody may approve the draft now, there.
    Review {
        url: String,
    },
    Writing,
}

/// What a person says of the draft.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Review {
    pub(crate) approved: bool,
    pub(crate) remark: String,
}

/// The same, for the run that waits for it.
#[derive(Debug, Serialize, Deserialize, EventData)]
#[event(name = "assistant/reviewed")]
pub(crate) struct Reviewed {
    answer: String,
    approved: bool,
    remark: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub(crate) enum Answer {
    Answered {
        text: String,
    },
    Discarded {
        why: String,
    },
    /// Nobody has reviewed it in time.
    Expired,
}

/// Answers a question. A client that sends `Accept: text/event-stream` reads the texts while they
/// are written, whichever process and attempt writes them, and the answer at the end.
#[inngest::api_fn(id = "answer", retries = 3)]
pub(crate) async fn answer(
    State(model): State<Model>,
    step: Step,
    live: Live,
    Json(Question { question }): Json<Question>,
) -> Result<Json<Answer>, StepError> {
    // An attempt that breaks off is rolled back; the next one streams its text from the beginning.
    let writing = async {
        live.push(&Progress::Drafting);
        live.pipe(model.tokens(Prompt::draft(&question))).await
    };
    let draft = step.run("draft", writing).await?;

    // Side by side: the client is asked once Inngest waits for the event, and so cannot be too
    // fast. From here on the process may stop, be replaced, or run elsewhere.
    let number = step.run_id().to_string();
    let ask = async {
        live.push(&Progress::Review { url: format!("/answers/{number}/review") });
        Ok::<_, Failure>(())
    };
    let (review, ()) = tokio::try_join!(
        step.wait_for::<Reviewed>("review")
            .matching(|review| review.answer.eq(&number))
            .timeout(Duration::from_secs(86_400)),
        step.run("ask", ask),
    )?;
    let Some(review) = review else { return Ok(Json(Answer::Expired)) };
    let Reviewed { approved, remark, .. } = review.data;
    if !approved {
        return Ok(Json(Answer::Discarded { why: remark }));
    }

    // Of no step: it is final at once.
    live.push(&format!("Approved: {remark}"));
    let writing = async {
        live.push(&Progress::Writing);
        live.pipe(model.tokens(Prompt::answer(&question, &draft, &remark))).await
    };
    let text = step.run("write", writing).await?;
    Ok(Json(Answer::Answered { text }))
}

/// Takes a person's review, and lets the answer go on that waits for it. So does the same event
/// from anywhere else.
#[inngest::api_fn(id = "review", retries = 3)]
pub(crate) async fn review(
    Path(answer): Path<String>,
    step: Step,
    Json(Review { approved, remark }): Json<Review>,
) -> Result<StatusCode, StepError> {
    step.send("tell-answer", Reviewed { answer, approved, remark }).await?;
    Ok(StatusCode::ACCEPTED)
}
