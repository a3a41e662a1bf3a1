//! One answer, read in a terminal.

use std::io::{Write, stdout};

use narrator::BoxError;

use crate::answer::{Answer, Progress};
use crate::client::{Happening, Reading};

pub(crate) async fn read_an_answer(here: &str) -> Result<(), BoxError> {
    let question = "Can you send the teapot again?";
    let remark = "the lid is new, too.";
    println!("\nA client asks: {question}");
    let mut reading = Reading::begin(here, question).await?;
    let answer = loop {
        match reading.next().await? {
            Happening::Text(text) => {
                print!("{text}");
                stdout().flush()?;
            }
            Happening::Told(text) => println!("\n  client   is told, for good: {text}"),
            Happening::Committed => println!("\n  client   keeps this text: its step has ended well"),
            Happening::RolledBack => println!("\n  client   takes this text away: its step has failed"),
            Happening::Progress(progress) => {
                println!("\n  client   is told: {progress:?}");
                if let Progress::Review { url } = progress {
                    println!("  client   approves: {remark}");
                    reading.review(&url, true, remark).await?;
                }
            }
            Happening::Ended(answer) => break answer,
        }
    };
    println!("\nThe client has the answer: {}", serde_json::to_string(&answer)?);
    match answer {
        Answer::Answered { text } if reading.committed.last() == Some(&text) => Ok(()),
        other => Err(format!("{other:?} is not what was streamed: {:?}", reading.committed).into()),
    }
}
