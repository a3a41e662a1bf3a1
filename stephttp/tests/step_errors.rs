//! An async block in a step has the error type that it names, or else [`Failure`].

use std::io;
use std::time::Duration;

use inngest::{Failure, Step, StepError};

async fn ship(item: &str) -> Result<String, io::Error> {
    Ok(format!("a {item}"))
}

async fn count(text: &str) -> Result<u32, std::num::ParseIntError> {
    text.parse()
}

#[inngest::api_fn(id = "open-errors")]
async fn open(step: Step) -> Result<String, StepError> {
    let one: u32 = step.run("value", async { Ok("1".parse()?) }).await?;
    let two =
        step.run("two-errors", async { Ok(ship("book").await?.len() + count("2").await? as usize) }).await?;
    let three = step.run("early", async {
        if one == 0 {
            return Err(Failure::non_retriable("none"));
        }
        ship("book").await?;
        "3".parse::<u8>().map_err(Failure::from)
    });
    let three = three.await?;
    let four =
        step.run("converted", async { if three == 0 { Err(io::Error::other("no").into()) } else { Ok(4) } });
    let four = four.await?;
    let item = "book".to_owned();
    let five = step.run("cloned", {
        let item = item.clone();
        async move { Ok(ship(&item).await?) }
    });
    let five = five.await?;
    let six = step.run("boxed", Box::pin(async { Ok(ship(&item).await?) })).await?;
    Ok(format!("{one} {two} {three} {four} {five} {six}"))
}

#[inngest::api_fn(id = "known-errors")]
async fn known(step: Step) -> Result<String, StepError> {
    let one = step.run("named", async { Ok::<_, io::Error>(ship("book").await?.to_uppercase()) }).await?;
    let two = step.run("called", async { ship("book").await }).await?;
    let three = step.run("matched", async {
        match one.len() {
            0 => ship("nothing").await,
            _ => ship("book").await,
        }
    });
    let three = three.await?;
    let four =
        step.run("nested", async { ship("book").await.or_else(|_| Ok::<_, io::Error>("no".to_owned())) });
    let four = four.await?;
    let five = step.run("questioned", async {
        tokio::time::timeout(Duration::from_secs(9), ship("book")).await.map_err(io::Error::from)?
    });
    let five = five.await?;
    let six = step.run("annotated", async {
        let result: Result<u32, io::Error> = Ok(6);
        result
    });
    let six = six.await?;
    Ok(format!("{two} {three} {four} {five} {six}"))
}

#[tokio::test]
async fn blocks_compile_whatever_error_type_they_have() {
    assert_eq!(open(Step::detached()).await.unwrap(), "1 8 3 4 a book a book");
    assert_eq!(known(Step::detached()).await.unwrap(), "a book a book a book a book 6");
}
