//! How a test ends.

use std::panic::Location;

use super::app::TestApp;
use crate::clock::Clock;
use crate::engine::State;

impl TestApp {
    /// Ends the test: waits until the app has delivered everything and nothing is under way, and
    /// passes if
    ///
    /// - the SDK did nothing that a real server would handle wrongly, as
    ///   [`DevServer::assert_no_violations`](crate::DevServer::assert_no_violations) does;
    /// - each mock was used, and gave what its step can;
    /// - the router had one layer of Inngest's.
    ///
    /// With [`Clock::Skip`] runs that sleep or wait go on to their end meanwhile, unless time is
    /// [held](crate::DevServer::hold_time). With other clocks they are left where they wait. A test
    /// with a violation on purpose calls [`DevServer::violations`](crate::DevServer::violations),
    /// and drops the app by [`abandon`](Self::abandon).
    ///
    /// # Panics
    /// When one of these is not so; the panic says everything that is wrong. When something is
    /// still under way once [patience](crate::DevServerBuilder::patience) is over.
    #[track_caller]
    pub fn finish(mut self) -> impl Future<Output = ()> + Send {
        let caller = Location::caller();
        // Whatever is wrong is said here, and not again when the app is dropped.
        self.finished = true;
        async move {
            let wrong = self.wrong(caller).await;
            let item = |what: &String| format!("\n- {}", what.replace('\n', "\n  "));
            assert!(
                wrong.is_empty(),
                "the test is not over as it should be (finished at {caller}):{}",
                wrong.iter().map(item).collect::<String>()
            );
        }
    }

    /// Drops the app without any check.
    pub fn abandon(mut self) {
        self.finished = true;
    }

    /// Everything that is wrong, in words.
    async fn wrong(&self, caller: &'static Location<'static>) -> Vec<String> {
        let shared = &self.shared;
        let mut wrong = Vec::new();
        let provider = shared.provider();
        if let Some(provider) = &provider
            && let Err(undelivered) = provider.wait(shared.engine.patience()).await
        {
            let down = shared.engine.engine.read(|state| state.down);
            let hint = if down { ". The engine is down: call `app.engine().come_up()` first" } else { "" };
            wrong.push(format!("not everything was delivered: {undelivered}{hint}"));
        }
        let what = "nothing to be under way".to_owned();
        let is_quiet = |state: &State| {
            let quiet = match state.work.time.kind() {
                Clock::Skip => state.work.idle(),
                Clock::Manual | Clock::Real => state.work.quiet_until(state.now()),
            };
            quiet.then_some(())
        };
        shared.awaited(caller, what, is_quiet).await;
        let violations = shared.engine.violations();
        wrong.extend(violations.iter().map(|violation| format!("the SDK made a mistake: {violation}")));
        let seen = shared.record.lock();
        wrong.extend(seen.mistakes().iter().cloned());
        wrong.extend(seen.mocks.unused().iter().map(|name| self.unused(name, &seen.step_names())));
        drop(seen);
        if provider.is_some_and(|provider| provider.has_stacked_layers()) {
            wrong.push(
                "two layers of Inngest's are on one route, of which the inner one does nothing: a router that has \
                 `inngest.layer()` already is started by `TestApp::with(|inngest| ..)`, with the layer of this `inngest`"
                    .to_owned(),
            );
        }
        wrong
    }

    /// Why a mock was not used. `ran` are the names of the steps whose code has run.
    fn unused(&self, name: &str, ran: &[&str]) -> String {
        let runs = self.shared.engine.runs();
        let known = runs.iter().find_map(|run| run.step(name));
        let why = match known {
            _ if ran.contains(&name) => "the step had run before the mock was given".to_owned(),
            Some(step) => format!(
                "the step is a {}, which Inngest does. Use `app.engine()`: send the event or the signal, or give the \
                 function",
                step.op
            ),
            None if ran.is_empty() => "no step has run".to_owned(),
            None => format!("no step of this name has run. Steps that have: `{}`", ran.join("`, `")),
        };
        format!("the mock of `{name}` was not used: {why}")
    }
}
