//! Rules that are tables.

use std::time::Duration;

use crate::error::Retry;
use crate::function::StepId;
use crate::function::StepKind;
use crate::journal::{
    Begin, Done, Failing, HandoverFacts, Journal, Memo, Mode, Next, OutstandingKind, Place, Recorded, Stale,
    StepKey, Stop, Wait, is_repeatable,
};
use crate::wire::{ApiResult, OpCode, OpError, OpOpts, StepHash, Timing};

fn memo(steps: &[(&'static str, &str)]) -> Memo {
    let steps = steps.iter().map(|(id, value)| format!("\"{}\":{value}", StepKey::hidden(*id).hash));
    Memo::parse(format!("{{{}}}", steps.collect::<Vec<_>>().join(",")).into()).unwrap()
}

#[test]
fn the_mode_of_a_re_entry() {
    let step = StepHash::of("step");
    let failed = format!("{{\"data\":\"{step}\"}}");
    let plans = ("stephttp:plans", r#"{"data":true}"#);
    let has_failed = ("stephttp:failed", failed.as_str());
    for (named, generation, stored, mode) in [
        (None, 1, vec![("a", "null")], Mode::RunsOn),
        (None, 2, vec![("a", "null")], Mode::Retries),
        (None, 1, vec![has_failed], Mode::Retries),
        (None, 1, vec![has_failed, ("step", "null")], Mode::RunsOn),
        (None, 1, vec![plans], Mode::Plans),
        (None, 2, vec![plans, has_failed], Mode::Plans),
        (Some(step), 1, vec![], Mode::Runs(step)),
        (Some(step), 3, vec![plans], Mode::Runs(step)),
    ] {
        assert_eq!(Mode::of(named, generation, &memo(&stored)), mode, "{generation} {stored:?}");
    }
}

#[test]
fn the_gravest_reason_to_stop_is_told_and_the_first_of_those() {
    let (misused, broken) = (Stop::Misused("m".to_owned()), Stop::Broken("b".to_owned()));
    let stale = Stop::Stale(Stale::Over);
    for (stops, told) in [
        (vec![broken.clone(), misused.clone()], "m"),
        (vec![misused.clone(), stale.clone(), broken.clone()], "m"),
        (vec![misused.clone(), Stop::Misused("later".to_owned())], "m"),
        (vec![broken.clone()], "b"),
        (vec![broken, stale.clone()], "stale"),
        (vec![Stop::Stale(Stale::Over), Stop::Stale(Stale::Superseded)], "stale"),
    ] {
        let mut journal = Journal::default();
        stops.into_iter().for_each(|stop| journal.stop(stop));
        let Next::Done(done, _) = journal.after_poll(false, false) else { panic!("it goes on") };
        let text = match &done {
            Done::Misused(fault) | Done::Broken(fault) => fault.as_str(),
            Done::Stale(Stale::Over, _) => "stale",
            other => panic!("{other:?}"),
        };
        assert_eq!(text, told);
    }
}

/// A journal in which something is outstanding, and what that is told as.
fn told(
    mode: Mode,
    outstanding: &[(OutstandingKind, OpCode)],
) -> (Vec<String>, Vec<OpCode>, Option<Duration>) {
    let mut journal = Journal::new(mode);
    for (n, (kind, op)) in outstanding.iter().enumerate() {
        let key = journal.claim(StepId::from(["a", "b", "c"][n]), StepKind::Run);
        let mut place = Place::default();
        if *kind == OutstandingKind::Wait {
            let ask = || Recorded::ask(key.clone(), *op, OpOpts::sleep("1s"));
            if let Wait::Ask(slot, kind, asked) = journal.wait(&key, &mut place, || None, ask) {
                journal.await_inngest(slot, kind, asked);
            }
            continue;
        }
        journal.begin(&key, &mut place);
        let op = match op {
            OpCode::StepError | OpCode::StepFailed => {
                let timing = Timing { start_ns: 0, duration_ns: 0 };
                Recorded::failed(key, *op, OpError::new("Error", "no"), timing)
            }
            op => Recorded::ask(key, *op, OpOpts::sleep("1s")),
        };
        journal.await_inngest(place.slot().unwrap(), *kind, op);
    }
    let outstanding = loop {
        match journal.after_poll(false, false) {
            Next::Done(Done::Suspended(outstanding), _) => break outstanding,
            // The gate opens for what it finds outstanding.
            Next::Wake(_) => {}
            other => panic!("{other:?}"),
        }
    };
    let facts = HandoverFacts { remembered: None, has_attempt: true };
    let handover = journal.hand_over(outstanding, facts);
    let context = handover.context.iter().map(|op| op.key().id.split(':').nth(1).unwrap().to_owned());
    (context.collect(), handover.ops.iter().map(Recorded::op).collect(), handover.retry_after)
}

#[test]
fn what_is_told_of_what_is_outstanding() {
    use OpCode::{DiscoveryRequest, Gateway, Sleep, StepError, StepFailed, StepPlanned};
    use OutstandingKind::{Answer, Failing, Wait};
    let after = Duration::from_secs(30);
    let (failing, late) = (Failing(None), Failing(Some(after)));
    for (mode, outstanding, context, ops, retry_after) in [
        // One thing: the next request runs on.
        (Mode::First, vec![(Wait, Sleep)], vec![], vec![Sleep], None),
        (Mode::RunsOn, vec![(Wait, Sleep)], vec![], vec![Sleep], None),
        // Several: from here on the run plans.
        (Mode::First, vec![(Wait, Sleep), (Wait, Sleep)], vec!["plans"], vec![Sleep, Sleep], None),
        (Mode::RunsOn, vec![(Wait, Sleep), (Wait, Gateway)], vec!["plans"], vec![Sleep, StepPlanned], None),
        (Mode::Plans, vec![(Wait, Sleep), (Wait, Sleep)], vec![], vec![Sleep, Sleep], None),
        // What must not be told with the run's creation is told by a re-entry.
        (Mode::First, vec![(Wait, Gateway)], vec!["start"], vec![DiscoveryRequest], None),
        (Mode::RunsOn, vec![(Wait, Gateway)], vec![], vec![Gateway], None),
        // A failing step.
        (Mode::First, vec![(failing, StepError)], vec!["failed"], vec![StepError], None),
        (Mode::RunsOn, vec![(failing, StepError)], vec![], vec![StepError], None),
        (Mode::RunsOn, vec![(late, StepError)], vec![], vec![StepError], Some(after)),
        // Its delay goes with an answer that holds nothing else: otherwise a hidden sleep stands
        // for it.
        (Mode::First, vec![(late, StepError)], vec!["delayed", "failed"], vec![Sleep], None),
        (
            Mode::RunsOn,
            vec![(late, StepError), (Wait, Sleep)],
            vec!["delayed", "plans"],
            vec![Sleep, Sleep],
            None,
        ),
        // Of several that failed, the one that waits longest; one that failed for good goes alone.
        (Mode::RunsOn, vec![(failing, StepError), (late, StepError)], vec![], vec![StepError], Some(after)),
        (Mode::RunsOn, vec![(Wait, Sleep), (failing, StepFailed)], vec![], vec![StepFailed], None),
        // What the request was made for goes alone.
        (Mode::Retries, vec![(Wait, Sleep), (Answer(None), StepError)], vec![], vec![StepError], None),
    ] {
        let name = format!("{mode:?} {outstanding:?}");
        let context: Vec<_> = context.into_iter().map(str::to_owned).collect();
        assert_eq!(told(mode, &outstanding), (context, ops, retry_after), "{name}");
    }
}

#[test]
fn how_often_a_step_is_tried() {
    let key = StepKey::hidden("a");
    let delayed = format!("stephttp:delayed:{}", key.hash);
    for (mode, is_delayed, retry, retries, generation, for_good) in [
        (Mode::First, false, Retry::Backoff, 4, 0, false),
        (Mode::First, false, Retry::Backoff, 0, 0, true),
        (Mode::First, false, Retry::Never, 4, 0, true),
        // Inngest counts these attempts itself.
        (Mode::RunsOn, false, Retry::Backoff, 4, 5, false),
        (Mode::RunsOn, false, Retry::Never, 4, 1, true),
        // Of these it does not know the first.
        (Mode::RunsOn, true, Retry::Backoff, 4, 3, false),
        (Mode::RunsOn, true, Retry::Backoff, 4, 4, true),
    ] {
        let mut journal = Journal::new(mode);
        if is_delayed {
            let note = format!("{{\"{}\":{{\"data\":{{\"seconds\":1.0}}}}}}", StepHash::of(&delayed));
            journal.learn(Memo::parse(note.into()).unwrap());
        }
        let failing = Failing { error: OpError::new("Error", "no"), retry, retries, generation };
        let name = format!("{mode:?} delayed {is_delayed} {failing:?}");
        assert_eq!(journal.is_for_good(&key, &failing), for_good, "{name}");
    }
}

#[test]
fn what_a_step_does_by_mode_and_by_what_is_stored() {
    let begin = |mode, stored: &[(&'static str, &str)]| {
        let mut journal = Journal::new(mode);
        journal.learn(memo(stored));
        let key = journal.claim(StepId::from("a"), StepKind::Run);
        let mut place = Place::default();
        let mut seen = Vec::new();
        for _ in 0..2 {
            seen.push(match journal.begin(&key, &mut place) {
                Begin::Given(_) => "given",
                Begin::Stored(slot) => {
                    journal.resolve(slot);
                    "stored"
                }
                Begin::May(_) => "may",
                Begin::Pending => "pending",
                Begin::Refused(_) => "refused",
            });
            seen.push(match journal.after_poll(false, false) {
                Next::Give(_) => "give",
                Next::Wake(_) => "wake",
                Next::Rest | Next::GiveWay => "rest",
                Next::Done(Done::Suspended(_), _) => "suspended",
                Next::Undecided(_) | Next::Done(..) => "done",
            });
            if matches!(seen.last(), Some(&"suspended")) {
                break;
            }
        }
        seen.join(" ")
    };
    let (this, other) = (StepHash::of("a"), StepHash::of("b"));
    for (mode, stored, seen) in [
        (Mode::First, vec![], "may rest may rest"),
        (Mode::RunsOn, vec![("b", "null")], "pending wake may rest"),
        (Mode::RunsOn, vec![("a", "null")], "stored give given rest"),
        (Mode::Plans, vec![("b", "null")], "pending suspended"),
        (Mode::Plans, vec![("a", "null")], "stored rest pending rest"),
        (Mode::Runs(this), vec![], "pending wake may rest"),
        // It waits for the handler to come to the step that it was made for.
        (Mode::Runs(other), vec![], "pending rest pending rest"),
    ] {
        assert_eq!(begin(mode, &stored), seen, "{mode:?} {stored:?}");
    }
}

#[test]
fn a_wait_is_asked_for_once_and_given_when_it_is_stored() {
    let mut journal = Journal::new(Mode::RunsOn);
    let key = journal.claim(StepId::from("s"), StepKind::Sleep);
    let mut place = Place::default();
    let op = || Recorded::ask(key.clone(), OpCode::Sleep, OpOpts::sleep("1s"));
    let Wait::Ask(slot, kind, asked) = journal.wait(&key, &mut place, || None, op) else {
        panic!("not asked")
    };
    journal.await_inngest(slot, kind, asked);
    assert!(matches!(journal.wait(&key, &mut place, || None, op), Wait::Pending));
    let refused = journal.wait(&key, &mut Place::default(), || Some("no".to_owned()), op);
    assert!(matches!(refused, Wait::Pending) && journal.is_stopped());
}

#[test]
fn a_creation_is_called_for_again_only_if_that_does_no_harm() {
    let ran = || Recorded::ran(StepKey::hidden("a"), serde_json::value::to_raw_value(&1).unwrap(), None);
    let wait = || Recorded::ask(StepKey::hidden("s"), OpCode::Sleep, OpOpts::sleep("1s"));
    let failed = || {
        let timing = Timing { start_ns: 0, duration_ns: 0 };
        Recorded::failed(StepKey::hidden("f"), OpCode::StepFailed, OpError::new("Error", "no"), timing)
    };
    let end = || Recorded::complete(&ApiResult::new(200)).unwrap();
    for (ops, is_safe) in [
        (vec![], true),
        (vec![ran()], true),
        (vec![ran(), wait()], false),
        (vec![failed()], false),
        (vec![ran(), failed(), end()], true),
    ] {
        assert_eq!(is_repeatable(&ops), is_safe, "{ops:?}");
    }
}
