//! When steps ran and waited, for timelines.

use std::time::{Duration, SystemTime};

use super::State;
use super::op::IncomingOp;
use super::run::{Origin, Run};
use crate::clock::{Clock, Moment};
use crate::inspect::{Dispatch, StepView};
use crate::notice::Notice;
use crate::timeline::{
    Bar, BarKind, BarOutcome, Checkpoint, Note, NoteKind, Request, Response, Step, Timeline, shown,
    shown_body,
};

/// How far a step's beginning on the app's clock is believed to be before its run's.
const SLACK: Duration = Duration::from_secs(60);

impl State {
    /// Notes that the app ran a step. Where time is real, its own clock says when.
    pub(super) fn draw_attempt(
        &mut self,
        run_id: &str,
        op: &IncomingOp,
        origin: &Origin,
        outcome: BarOutcome,
    ) {
        let (real, moment) = (self.work.time.kind() == Clock::Real, self.touch(run_id));
        let (by, asked) = match origin {
            Origin::FirstRequest => (None, None),
            Origin::Dispatch(request) => {
                let mut dispatches = self.log.dispatches.iter().rev();
                let dispatch = dispatches.find(|dispatch| dispatch.request_id == *request);
                (Some(request.clone()), dispatch.map(|dispatch| dispatch.at))
            }
        };
        let Some(run) = self.runs.get_mut(run_id) else { return };
        // Another machine's clock may be wrong.
        let earliest = asked.unwrap_or(run.began.at - SLACK);
        let began = op.began.filter(|began| real && *began <= moment.at && *began >= earliest);
        let from = Moment { at: began.unwrap_or(moment.at), ..moment };
        let ended = began.and_then(|began| Some((began + op.took?).min(moment.at)));
        let until = Moment { at: ended.unwrap_or(moment.at), ..moment };
        if *origin == Origin::FirstRequest {
            run.began.at = run.began.at.min(from.at);
        }
        let words = if outcome == BarOutcome::Done { String::new() } else { op.message() };
        let (until, took) = (Some(until), op.took);
        run.draw(op, Bar { kind: BarKind::Attempt, from, until, outcome, words, due: None, by, took });
    }

    /// Notes that the server begins to wait or to work for a step.
    pub(super) fn draw_wait(
        &mut self,
        run_id: &str,
        op: &IncomingOp,
        kind: BarKind,
        words: String,
        due: Option<SystemTime>,
    ) {
        let from = self.touch(run_id);
        let Some(run) = self.runs.get_mut(run_id) else { return };
        let (until, outcome) = (None, BarOutcome::Open);
        run.draw(op, Bar { kind, from, until, outcome, words, due, by: None, took: None });
    }

    /// Notes that something is to be tried again.
    pub(super) fn note_retry(&mut self, run_id: &str, after: Duration, reason: String) {
        let moment = self.touch(run_id);
        if let Some(run) = self.runs.get_mut(run_id) {
            let words = format!("again in {}: {reason}", crate::timeline::duration(after));
            run.retried.push((moment, words));
        }
        self.log.notice(&Notice::RetryScheduled { run_id: run_id.to_owned(), after, reason });
    }

    /// What happened in a run.
    pub(crate) fn timeline(&self, run_id: &str) -> Option<Timeline> {
        let run = self.runs.get(run_id)?;
        let dispatches = self.log.dispatches.iter().filter(|dispatch| dispatch.run_id == run_id);
        let calls = || self.log.calls.iter().filter(|call| call.run_id.as_deref() == Some(run_id));
        let mut requests = vec![first_request(run, calls().map(|call| call.at).next())];
        requests.extend(dispatches.map(|dispatch| reentry(run, dispatch)));
        let calls = calls().map(|call| Checkpoint {
            at: call.noted,
            request: format!("{} {}", call.method, call.path.split('?').next().unwrap_or_default()),
            saves: call.kind.saves(),
            status: call.status.map(|status| status.as_u16()),
        });
        let violations = self.log.violations.iter().zip(&self.log.violation_moments);
        let violations = violations.filter(|(violation, _)| violation.run_id.as_deref() == Some(run_id));
        let mut notes: Vec<Note> = violations
            .map(|(violation, at)| Note {
                at: *at,
                kind: NoteKind::Violation,
                words: format!("{:?}: {}", violation.kind, violation.message),
            })
            .collect();
        notes.extend(run.retried.iter().map(|(at, words)| Note {
            at: *at,
            kind: NoteKind::Retry,
            words: words.clone(),
        }));
        let response = run.ending.as_ref().map(|ending| match &ending.response {
            Some(response) => {
                Response { status: Some(response.status), body: shown_body(response.body.as_bytes()) }
            }
            None => Response { status: None, body: shown_body(ending.reply.raw()) },
        });
        let mut steps: Vec<Step> = run.history().map(|(view, bars)| step(view, bars)).collect();
        steps.sort_by_key(|step| step.bars.first().map_or((true, None), |bar| (false, Some(bar.from))));
        Some(Timeline {
            run_id: run.id.clone(),
            function: run.function.clone(),
            status: run.status(),
            began: requests[0].from.at,
            ended: run.ended,
            seen: self.now(),
            requests,
            steps,
            calls: calls.collect(),
            notes,
            response,
        })
    }
}

/// The client's request, as far as it was heard of: `call` is when its first call came.
fn first_request(run: &Run, call: Option<SystemTime>) -> Request {
    let at = call.map_or(run.began.at, |call| call.min(run.began.at));
    let from = Moment { at, order: 0 };
    let answered = run.ending.as_ref().filter(|ending| ending.at_checkpoint);
    let invoked = run.invoker.is_some();
    let answer = match answered.and_then(|ending| ending.response.as_ref()) {
        Some(response) => format!("answered {}", response.status),
        None if answered.is_some() => "ended the run".to_owned(),
        None if invoked => "invoked".to_owned(),
        None => "handed the run over".to_owned(),
    };
    Request {
        name: format!("{} {}", run.request.method, run.request.url),
        reentry: None,
        from,
        until: Some(run.heard),
        failed: false,
        answer,
        body: String::new(),
        memoized: Vec::new(),
        ran: ran(run, None),
    }
}

fn reentry(run: &Run, dispatch: &Dispatch) -> Request {
    let generation = match dispatch.generation {
        0 | 1 => String::new(),
        n => format!(", generation {n}"),
    };
    let step = dispatch.step_id.as_ref().map(|hash| format!(", for step `{}`", run.label(hash)));
    let superseded = if dispatch.superseded { ", superseded" } else { "" };
    let answer = match (&dispatch.status, &dispatch.error) {
        (Some(status), _) => format!("answered {}", status.as_u16()),
        (None, Some(error)) => format!("no answer: {error}"),
        (None, None) => "not answered".to_owned(),
    };
    let bad = dispatch.status.is_some_and(|status| !status.is_success());
    Request {
        name: format!("{} {}", dispatch.method, dispatch.uri),
        reentry: Some(format!("{generation}{}{superseded}", step.unwrap_or_default())),
        from: dispatch.noted,
        until: dispatch.answered,
        failed: dispatch.error.is_some() || bad,
        answer,
        body: shown_body(&dispatch.response_body),
        memoized: run.finished_in_order.iter().take(dispatch.memoized).map(|hash| run.label(hash)).collect(),
        ran: ran(run, Some(&dispatch.request_id)),
    }
}

/// The steps that a request ran.
fn ran(run: &Run, request: Option<&str>) -> Vec<String> {
    let by = |bar: &&Bar| bar.kind == BarKind::Attempt && bar.by.as_deref() == request;
    let mut ran: Vec<(Moment, String)> = run
        .history()
        .flat_map(|(view, bars)| bars.iter().filter(by).map(|bar| (bar.from, view.label())))
        .collect();
    ran.sort();
    ran.into_iter().map(|(_, label)| label).collect()
}

fn step(view: &StepView, bars: &[Bar]) -> Step {
    Step {
        label: view.label(),
        hash: view.hash.clone(),
        op: view.op.clone(),
        status: view.status,
        value: view.value.as_ref().map(shown),
        bars: bars.to_vec(),
    }
}
