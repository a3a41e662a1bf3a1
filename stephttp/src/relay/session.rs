//! A subscription to a run's stream, and what clients are told of it.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::time::Instant;

use super::events::{Events, Item};
use super::output;
use super::shown::{Shown, Verdict};
use super::subscription::{Source, Subscription};
use crate::client::NoState;
use crate::journal::{Memo, PipedText, failure, piped_text, piped_texts};
use crate::streaming::{Log, piece};
use crate::wire::realtime::{
    Commit, Event, Metadata, RedirectInfo, Response, Resume, Rollback, SUBSCRIPTION_LIFE, SseEvent, Stream,
};
use crate::wire::{ApiResult, StepHash, headers};

/// A subscription is renewed before Inngest ends it.
const RENEWAL: Duration = Duration::from_secs(SUBSCRIPTION_LIFE.as_secs() - 60);

/// After so long without an event it is asked whether the run has ended in another way: by
/// Inngest's own decision, or in a request whose part was lost.
const QUIET: Duration = Duration::from_secs(20);

/// How long the run's last event may take once its end is known.
const LAST_EVENT: Duration = Duration::from_secs(2);

/// How long a response may take that no part had room for.
const LONG_OUTPUT: Duration = Duration::from_secs(10);

/// How long a stream is read on whose client's connection broke, and how long it stays after the
/// run's end.
const LINGERING: Duration = Duration::from_secs(30);

/// When the state is asked for a step that has just ended.
const STORING: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(100), Duration::from_millis(300), Duration::from_secs(1)];

/// A stream that is read for a client, which may leave and come back.
pub(crate) struct Session {
    source: Source,
    log: Arc<Log>,
    shown: Shown,
}

impl Session {
    /// For a client that has had all of the run so far, of which these steps are over; `resume` is
    /// where it may come back.
    pub(crate) fn goes_on(source: Source, over: Vec<StepHash>, resume: Option<&str>) -> Self {
        let log = source.app.streams().open(source.run_id, &source.token);
        let session = Self { source, log, shown: Shown::from_the_beginning(over) };
        if let Some(url) = resume {
            session.tell(&Resume::new(session.source.run_id.to_string(), url));
        }
        session
    }

    /// For a client that comes later.
    pub(crate) fn begins(source: Source) -> Self {
        let log = source.app.streams().open(source.run_id, &source.token);
        let session = Self { source, log, shown: Shown::later() };
        session.tell(&Metadata::new(session.source.run_id.to_string()));
        session
    }

    /// What its clients are told.
    pub(crate) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Reads on in a task of its own, until the run has ended or nobody comes back. `state`: what
    /// the run has come to, as the client is to be told first.
    pub(crate) fn spawn(mut self, subscription: Subscription, state: Option<Memo>) {
        tokio::spawn(async move {
            if let Some(memo) = state {
                self.tell_state(&memo).await;
            }
            self.read(subscription).await;
            self.linger().await;
        });
    }

    /// The run has ended: its response is all that is left. Who comes back is told it again.
    pub(crate) fn end(self, result: ApiResult<'_>) {
        self.respond(result);
        self.log.end();
    }

    /// Keeps what clients were told, for those whose connections break at the end.
    async fn linger(self) {
        self.log.end();
        let Self { source, log, .. } = self;
        if log.may_stay() {
            tokio::select! {
                () = tokio::time::sleep(LINGERING) => {}
                () = source.app.drained() => {}
            }
        }
    }

    /// Tells of what is published.
    async fn read(&mut self, mut subscription: Subscription) {
        let app = self.source.app.clone();
        let mut events = Events::default();
        let mut last = Instant::now();
        let source = self.source.again();
        let mut end = std::pin::pin!(output::response(&source));
        let mut ended = None;
        // To who comes late, the run may have ended just now.
        let quiet = if self.shown.comes_late() { Duration::ZERO } else { QUIET };
        let log = self.log.clone();
        let mut left = std::pin::pin!(left(&log));
        loop {
            let happening = tokio::select! {
                biased;
                frame = subscription.body.frame() => match frame {
                    Some(Ok(frame)) => frame.into_data().map_or(Happening::Bytes(Bytes::new()), Happening::Bytes),
                    Some(Err(_)) | None => Happening::Lost,
                },
                () = &mut left => return,
                () = app.drained() => Happening::Drained,
                () = tokio::time::sleep_until(subscription.since + RENEWAL) => Happening::Lost,
                output = async {
                    tokio::time::sleep_until(last + quiet).await;
                    end.as_mut().await
                }, if ended.is_none() => Happening::Ended(output),
                () = tokio::time::sleep_until(last + LAST_EVENT), if ended.is_some() => {
                    // The last part was lost.
                    return self.respond(ended.unwrap_or_else(without_response));
                }
            };
            match happening {
                Happening::Bytes(bytes) => {
                    if events.push(&bytes).is_err() {
                        return;
                    }
                    while let Some(item) = events.next() {
                        last = Instant::now();
                        match self.take(item).await {
                            Taken::GoesOn => {}
                            Taken::Drained => return self.leave().await,
                            Taken::Response(event, bytes) => {
                                // Inngest has it, but no part had room for it, or it is as a
                                // middleware has it stored: the output is restored.
                                let ended_by = &event.response.headers;
                                let is_stored = app.middleware().restores_responses()
                                    && !ended_by.contains_key(headers::OWN_ANSWER);
                                if is_stored || ended_by.contains_key(headers::BODY_NOT_STORED) {
                                    let output = match ended.take() {
                                        Some(output) => Some(output),
                                        None => tokio::time::timeout(LONG_OUTPUT, end.as_mut())
                                            .await
                                            .ok()
                                            .flatten(),
                                    };
                                    if let Some(output) = output {
                                        return self.respond(output);
                                    }
                                }
                                return self.log.append(&bytes);
                            }
                        }
                    }
                }
                Happening::Drained => return self.leave().await,
                Happening::Lost => {
                    let Some(body) = self.source.subscribe().await else { return self.leave().await };
                    (subscription.body, subscription.since) = (body, Instant::now());
                    events = Events::default();
                    if !self.catch_up().await {
                        return self.leave().await;
                    }
                }
                Happening::Ended(output) => {
                    last = Instant::now();
                    ended = Some(output.unwrap_or_else(without_response));
                }
            }
        }
    }

    async fn take(&mut self, item: Item) -> Taken {
        let is_told = match item {
            Item::Begin(step) => {
                if self.shown.begin(step) {
                    self.tell(&Rollback::new(step));
                }
                true
            }
            Item::By(name) => {
                self.shown.set_writer(name);
                true
            }
            Item::Torn => self.catch_up().await,
            Item::Event(event, bytes) => match self.shown.see(&event) {
                Verdict::Passes => self.append(&bytes).await,
                Verdict::Dropped => true,
                Verdict::Missed(step) => self.tell_missed(step).await,
                Verdict::Ends => match event {
                    Event::Response(response) => return Taken::Response(response, bytes),
                    _ => true,
                },
            },
        };
        if is_told { Taken::GoesOn } else { Taken::Drained }
    }

    /// Something may have been missed. `false`: the process is to end.
    async fn catch_up(&mut self) -> bool {
        for step in self.shown.miss() {
            self.tell(&Rollback::new(step));
        }
        match self.source.app.client().state_of(self.source.run_id, 0).await {
            Ok(memo) => self.tell_state(&memo).await,
            Err(NoState::Gone) => true,
            Err(NoState::Failed(error)) => {
                self.source.complain(&error);
                true
            }
        }
    }

    /// Tells of what the run has come to. `false`: the process is to end.
    async fn tell_state(&mut self, memo: &Memo) -> bool {
        for piped in self.shown.learn(memo, piped_texts(memo)) {
            if !self.tell_text(&piped).await {
                return false;
            }
        }
        true
    }

    /// Tells of a step that has just ended, whose beginning was missed. `false`: the process is to
    /// end.
    async fn tell_missed(&mut self, step: StepHash) -> bool {
        for wait in STORING {
            tokio::time::sleep(wait).await;
            let Ok(memo) = self.source.app.client().look_at(self.source.run_id, 0).await else { continue };
            if memo.contains(step) {
                if self.shown.note_over(step) {
                    self.tell(&Rollback::new(step));
                }
                return match piped_text(&memo, step) {
                    Some(piped) => self.tell_text(&piped).await,
                    None => true,
                };
            }
        }
        true
    }

    async fn tell_text(&self, PipedText { step, text }: &PipedText) -> bool {
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let piece = piece(rest);
            rest = &rest[piece.len()..];
            if !self.append(&written(&Stream::new(piece).of_step(*step))).await {
                return false;
            }
        }
        self.append(&written(&Commit::new(*step))).await
    }

    fn respond(&self, result: ApiResult<'_>) {
        self.tell(&Response::of(result));
    }

    fn tell(&self, event: &impl SseEvent) {
        self.log.append(&written(event));
    }

    /// Waits for room. `false`: the process is to end.
    async fn append(&self, event: &[u8]) -> bool {
        tokio::select! {
            biased;
            () = poll_fn(|cx| self.log.poll_append(event, cx)) => true,
            () = self.source.app.drained() => false,
        }
    }

    /// The process is to end, or cannot read the stream: the client is told where it goes on, if it
    /// does not know.
    async fn leave(&self) {
        let Source { app, run_id, redirects, .. } = &self.source;
        if *redirects && let Ok(token) = app.client().stream_token(*run_id).await {
            let url = app.client().subscription_url(&token);
            self.tell(&RedirectInfo::new(run_id.to_string(), url.as_str()));
        }
    }
}

/// What happens while a stream is read.
enum Happening {
    Bytes(Bytes),
    /// Inngest has ended the subscription, or it broke off; or it is time for another.
    Lost,
    Drained,
    Ended(Option<ApiResult<'static>>),
}

/// What became of something that was published.
enum Taken {
    GoesOn,
    Drained,
    /// It is the run's last event.
    Response(Response<'static>, Bytes),
}

/// Waits until nobody has read for a while.
async fn left(log: &Log) {
    loop {
        poll_fn(|cx| log.poll_read(false, cx)).await;
        let back = poll_fn(|cx| log.poll_read(true, cx));
        if tokio::time::timeout(LINGERING, back).await.is_err() {
            return;
        }
    }
}

fn without_response() -> ApiResult<'static> {
    failure("the run has ended without a response")
}

fn written(event: &impl SseEvent) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    // Texts and hashes: this cannot fail.
    let _ = event.write(&mut bytes);
    bytes
}
