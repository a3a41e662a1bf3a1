//! What is done from outside while a run waits.

use futures_util::future::{BoxFuture, join_all};
use tokio::sync::watch;

use crate::inngest::Inngest;
use crate::play::visit;
use crate::scenario::{Deed, When};
use crate::stage::Stage;
use crate::{check, client};

/// Somebody who follows a script.
#[derive(Debug)]
pub(crate) struct Actor<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) origin: &'a str,
    pub(crate) inngest: &'a Inngest,
    /// How often a client repeats its request; `None`: nothing goes wrong, and of a visit not only
    /// the answer counts.
    pub(crate) repeats: Option<usize>,
}

impl Actor<'_> {
    /// Does each deed when it is its turn. `handed_over` says which run it is about.
    pub(crate) async fn follow(
        &self,
        script: &[When],
        mut handed_over: watch::Receiver<Option<String>>,
    ) -> Result<(), String> {
        for when in script {
            loop {
                let run =
                    handed_over.wait_for(Option::is_some).await.map_err(|error| error.to_string())?.clone();
                let run = run.expect("just waited for");
                tokio::select! {
                    waits = self.inngest.waits_at(&run, &when.waits_at) => break waits?,
                    // The client had to begin again.
                    Ok(()) = handed_over.changed() => {}
                }
            }
            let run = handed_over.borrow().clone().expect("it waits at the step");
            self.does(&when.deed, &run).await?;
        }
        Ok(())
    }

    fn does<'a>(&'a self, deed: &'a Deed, run: &'a str) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let nobody = watch::Sender::new(None);
            match deed {
                Deed::Event(name, data) => self.inngest.send_event(name, data).await,
                Deed::Signal(name, data) => self.inngest.send_signal(name, data).await,
                Deed::Cancel => self.inngest.cancel(run).await,
                Deed::Freeze(time) => self.inngest.freeze(*time).await,
                Deed::Visit(second) => match self.repeats {
                    None => visit(second, self.stage, self.origin, self.inngest, &nobody).await,
                    Some(repeats) => {
                        let received = client::make(second, self.origin, &nobody, repeats).await?;
                        check::answer(&second.answer, &received, check::Faults::None)
                    }
                },
                Deed::Together(deeds) => {
                    join_all(deeds.iter().map(|deed| self.does(deed, run))).await.into_iter().collect()
                }
            }
        })
    }
}
