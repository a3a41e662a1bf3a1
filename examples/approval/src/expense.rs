//! The endpoints: an expense waits until a person has decided.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use inngest::{Event, Step, StepError};
use serde::{Deserialize, Serialize};

use crate::office::Office;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Expense {
    pub(crate) purpose: String,
    pub(crate) cents: u64,
}

/// What the approver says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Decision {
    pub(crate) approved: bool,
    pub(crate) by: String,
}

/// The event's data.
#[derive(Debug, Serialize, Deserialize)]
struct Decided {
    expense: String,
    #[serde(flatten)]
    decision: Decision,
}

const DECIDED: &str = "expense/decided";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    Paid { transfer: String, approved_by: String },
    Rejected { by: String },
    Expired,
}

/// Asks the approver about an expense, and waits for days if need be. The employee's client does
/// not: it is given the URL of the outcome at once, at this program's output route, and asks there.
#[inngest::api_fn(id = "expense", retries = 3, async_response = token)]
pub(crate) async fn submit(
    State(office): State<Office>,
    step: Step,
    Json(expense): Json<Expense>,
) -> Result<Json<Outcome>, StepError> {
    // The same in each request of the run, and known to nobody else's.
    let number = step.run_id().to_string();
    step.run("ask", office.ask(&number, &expense)).await?;

    // From here on the process may stop, be replaced, or run elsewhere. Events count that come once
    // Inngest knows of this wait, some milliseconds from now: no person answers faster.
    let decided = step
        .wait_for_event::<Decided>("decision", DECIDED)
        .matching("data.expense", &number)
        .timeout(office.patience(&expense))
        .await?;

    Ok(Json(match decided.map(|event| event.data.decision) {
        Some(Decision { approved: true, by }) => {
            let key = step.idempotency_key("pay");
            let transfer = step.run("pay", office.pay(expense.cents, &key)).await?;
            Outcome::Paid { transfer, approved_by: by }
        }
        Some(Decision { approved: false, by }) => Outcome::Rejected { by },
        None => {
            step.run("tell", office.tell(&number, "nobody has decided")).await?;
            Outcome::Expired
        }
    }))
}

/// Takes the approver's decision, and lets the expense go on that waits for it. So does the same
/// event from anywhere else: another service, or Inngest's dashboard.
#[inngest::api_fn(id = "decide", retries = 3)]
pub(crate) async fn decide(
    Path(expense): Path<String>,
    step: Step,
    Json(decision): Json<Decision>,
) -> Result<StatusCode, StepError> {
    step.send_event("tell-expense", Event::new(DECIDED, Decided { expense, decision })).await?;
    Ok(StatusCode::ACCEPTED)
}
