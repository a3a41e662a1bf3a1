//! Three expenses: one is approved, one is rejected, and one is forgotten.

use std::time::Duration;

use narrator::BoxError;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::client::{outcome, submit};
use crate::expense::{Decision, Outcome};
use crate::office::Office;

pub(crate) async fn submit_three_expenses(
    here: &str,
    office: &Office,
    mails: &mut UnboundedReceiver<String>,
) -> Result<(), BoxError> {
    let expenses =
        [("a chair", 24_000, Some(true)), ("a yacht", 900_000_000, Some(false)), ("a pen", 150, None)];
    for (purpose, cents, decision) in expenses {
        println!("\nAn employee submits an expense: {purpose}, {cents} cents");
        let ticket = submit(here, purpose, cents).await?;
        println!("  client   is told: 200, run {}, and where its outcome will be; asks there", ticket.run_id);
        let expense = mails.recv().await.ok_or("the office is closed")?;
        if let Some(approved) = decision {
            let (here, by) = (here.to_owned(), "Grace".to_owned());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(2)).await;
                println!("  approver says {}", if approved { "yes" } else { "no" });
                let decision = Decision { approved, by };
                let url = format!("{here}/expenses/{expense}/decision");
                if let Err(error) = reqwest::Client::new().post(url).json(&decision).send().await {
                    println!("  approver is not heard: {error}");
                }
            });
        }
        let outcome = outcome(here, &ticket).await?;
        println!("\nThe employee knows the outcome: {}", serde_json::to_string(&outcome)?);
        let is_right = match decision {
            Some(true) => matches!(outcome, Outcome::Paid { .. }),
            Some(false) => matches!(outcome, Outcome::Rejected { .. }),
            None => outcome == Outcome::Expired,
        };
        if !is_right {
            return Err("that is not what was decided".into());
        }
    }
    if office.paid() == [24_000] { Ok(()) } else { Err(format!("paid: {:?}", office.paid()).into()) }
}
