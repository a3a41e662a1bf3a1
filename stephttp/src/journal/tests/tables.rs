//! Rules that are tables.

use super::one_request::{OneRequest, Step, memo, next};
use crate::error::Retry;
use crate::function::{StepId, StepKind};
use crate::journal::log::Owner;
use crate::journal::{
    Done, Failing, HandoverFacts, Job, Journal, Mode, Next, Place, Polled, Recorded, Stale, StepKey, Stop,
    Wait, is_repeatable, takes_operations,
};
use crate::wire::{ApiResult, OpCode, OpError, OpOpts, StepHash, Timing};

const SHARED: (&str, &str) = ("stephttp:shared", r#"{"data":true}"#);

#[test]
fn the_mode_of_a_re_entry() {
    let failed = format!("{{\"data\":\"{}\"}}", StepHash::of("step"));
    let plans = ("stephttp:plans", r#"{"data":true}"#);
    let has_failed = ("stephttp:failed", failed.as_str());
    for (stored, mode) in [
        (vec![], Mode::Alone),
        (vec![("a", "null")], Mode::Alone),
        (vec![SHARED], Mode::Shared),
        (vec![("a", "null"), SHARED], Mode::Shared),
        // The order of what one line of work has come to.
        (vec![("stephttp:order:0", r#"{"data":[]}"#)], Mode::Alone),
        // Of runs that were handed over by a version that planned.
        (vec![plans], Mode::Shared),
        (vec![plans, has_failed], Mode::Shared),
        (vec![plans, SHARED], Mode::Shared),
        (vec![has_failed], Mode::Alone),
        (vec![has_failed, ("step", "null")], Mode::Alone),
    ] {
        assert_eq!(Mode::of(&memo(&stored)), mode, "{stored:?}");
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
        let Next::Done(done, _) = journal.after_poll(Polled::default(), |_| false) else {
            panic!("it goes on")
        };
        let text = match &done {
            Done::Misused(fault) | Done::Broken(fault) => fault.as_str(),
            Done::Stale(Stale::Over, _) => "stale",
            other => panic!("{other:?}"),
        };
        assert_eq!(text, told);
    }
}

/// A log that says that a step has failed so often.
fn failed(attempts: u32, retry: &str) -> String {
    let step = StepHash::of("a");
    format!(r#"{{"data":[{{"failed":"{step}","attempt":{attempts},"retry":"{retry}"}}]}}"#)
}

#[test]
fn how_often_a_step_is_tried() {
    let key = StepKey::hidden("a");
    for (mode, attempts, retry, retries, for_good) in [
        (Mode::First, 0, Retry::Backoff, 4, false),
        (Mode::First, 0, Retry::Backoff, 0, true),
        (Mode::First, 0, Retry::Never, 4, true),
        (Mode::Alone, 0, Retry::Backoff, 4, false),
        (Mode::Alone, 0, Retry::Never, 4, true),
        (Mode::Alone, 1, Retry::Never, 4, true),
        // The run counts the attempts of all its requests.
        (Mode::Alone, 3, Retry::Backoff, 4, false),
        (Mode::Alone, 4, Retry::Backoff, 4, true),
        (Mode::Alone, 4, Retry::After(std::time::Duration::ZERO), 4, true),
        (Mode::Alone, 5, Retry::Backoff, 4, true),
        (Mode::Shared, 3, Retry::Backoff, 4, false),
        (Mode::Shared, 4, Retry::Backoff, 4, true),
        (Mode::Shared, 0, Retry::Backoff, 0, true),
    ] {
        for retried_by in ["job", "sleep", "postponed"] {
            // Whichever job and dispatch it is.
            for generation in [1, 3] {
                let mut journal = Journal::new(mode, Job { id: "job".to_owned(), generation });
                if attempts > 0 {
                    journal.learn(memo(&[("stephttp:order:0", &failed(attempts, retried_by))]));
                }
                let failing = Failing { error: OpError::new("Error", "no"), retry, retries };
                let name = format!("{mode:?} {attempts} {retried_by} {failing:?}");
                assert_eq!(journal.is_for_good(&key, &failing), for_good, "{name}");
            }
        }
    }
}

#[test]
fn the_last_failure_of_a_step_counts() {
    let (first, then) = (failed(1, "sleep"), failed(2, "postponed"));
    let mut journal = Journal::new(Mode::Shared, Job::default());
    journal.learn(memo(&[("stephttp:order:0", &first), ("stephttp:order:1", &then)]));
    assert_eq!(journal.log.attempts(StepHash::of("a")), 2);
    assert_eq!((journal.log.attempts(StepHash::of("b")), journal.log_steps()), (0, 2));
}

/// What a step `a` does, when these hidden steps and others are stored, and what the journal says:
/// by turns, until the request ends or asks the others.
fn seen(mode: Mode, stored: &[(&str, &str)]) -> String {
    let mut request = OneRequest::new(mode, stored, vec![Step::Runs("a")]);
    let mut seen = Vec::new();
    for _ in 0..2 {
        seen.push(request.poll()[0]);
        seen.push(match request.next() {
            Next::Give(_) => "give",
            Next::Wake(_) | Next::WakeOne(_) => "wake",
            Next::Rest => "rest",
            Next::GiveWay => unreachable!("it has been let alone"),
            Next::Agree(Some(_)) => "propose",
            Next::Agree(None) => "look",
            Next::Done(Done::Suspended(_), _) => "suspended",
            Next::Done(..) => "done",
        });
        if matches!(seen.last(), Some(&"suspended" | &"propose" | &"look")) {
            break;
        }
    }
    seen.join(" ")
}

#[test]
fn what_a_step_does_by_mode_and_by_what_is_stored() {
    let a = StepHash::of("a");
    let claimed = |by: &str| format!(r#"{{"data":[{{"claimed":["{a}"],"by":"{by}"}}]}}"#);
    let (mine, anothers) = (claimed("job"), claimed("another"));
    let released = format!(r#"{{"data":[{{"released":["{a}"]}}]}}"#);
    let scheduled =
        |by: &str, after: u32| format!(r#"{{"data":[{{"scheduled":"{a}","by":"{by}","after":{after}}}]}}"#);
    let (before, now) = (scheduled("job", 0), scheduled("job", 1));
    let by_another = scheduled("another", 1);
    let (by_job, by_sleep, postponed) = (failed(1, "job"), failed(1, "sleep"), failed(1, "postponed"));
    let dropped = format!(r#"{{"data":["-{a}:5"]}}"#);
    let held = |by: &str| format!(r#"{{"data":[{{"held_by":"{by}"}}]}}"#);
    let left = |by: &str| format!(r#"{{"data":[{{"left_by":"{by}"}},{{"by":"{by}"}}]}}"#);
    let (by_me, somebodys) = (r#"{"data":[{"by":"job"}]}"#, r#"{"data":[]}"#);
    let another_goes_on = r#"{"data":[{"by":"another"}]}"#;
    let (i_hold, another_holds, i_left, another_left) =
        (held("job"), held("another"), left("job"), left("another"));
    let slept = format!("stephttp:retry:{a}:1");
    let order = |n: usize| ["stephttp:order:0", "stephttp:order:1", "stephttp:order:2"][n];
    for (mode, stored, expected) in [
        (Mode::First, vec![], "pending wake may rest"),
        (Mode::Alone, vec![("b", "null")], "pending wake may rest"),
        (Mode::Alone, vec![("a", "null")], "stored give given rest"),
        // Of another way to share the run, nothing.
        (Mode::Alone, vec![(order(0), &*mine)], "pending wake may rest"),
        (Mode::Alone, vec![(order(0), &*anothers)], "pending wake may rest"),
        // What has failed and is its job's to try again, this request tries; after a sleep, once
        // that is over.
        (Mode::Alone, vec![(order(0), &*by_job)], "pending wake may rest"),
        (Mode::Alone, vec![(order(0), &*by_sleep)], "pending suspended"),
        (Mode::Alone, vec![(order(0), &*by_sleep), (&*slept, "null")], "pending wake may rest"),
        // It asks for the step's retry, and does not run it now: the answer is a failure.
        (Mode::Alone, vec![(order(0), &*postponed)], "pending wake pending suspended"),
        (Mode::Alone, vec![(order(0), &*postponed), (order(1), &*before)], "pending wake may rest"),
        (Mode::Alone, vec![(order(0), &*postponed), (order(1), &*now)], "pending wake pending suspended"),
        // Which the handler drops by itself: it is not run again.
        (Mode::Alone, vec![(order(0), &*dropped)], "pending rest pending rest"),
        // What others may want is claimed first.
        (Mode::Shared, vec![("b", "null")], "pending propose"),
        (Mode::Shared, vec![("a", "null")], "stored give given rest"),
        (Mode::Shared, vec![(order(0), &*mine)], "pending wake may rest"),
        (Mode::Shared, vec![(order(0), &*anothers)], "pending suspended"),
        (Mode::Shared, vec![(order(0), &*anothers), ("a", "null")], "stored give given rest"),
        (Mode::Shared, vec![(order(0), &*anothers), (order(1), &*released)], "pending propose"),
        (
            Mode::Shared,
            vec![(order(0), &*anothers), (order(1), &*released), (order(2), &*mine)],
            "pending wake may rest",
        ),
        (
            Mode::Shared,
            vec![(order(0), &*mine), (order(1), &*released), (order(2), &*anothers)],
            "pending suspended",
        ),
        // A step that has failed is its claimer's, whose job is tried again; otherwise anybody's.
        (Mode::Shared, vec![(order(0), &*mine), (order(1), &*by_job)], "pending wake may rest"),
        (Mode::Shared, vec![(order(0), &*anothers), (order(1), &*by_job)], "pending suspended"),
        (Mode::Shared, vec![(order(0), &*anothers), (order(1), &*by_sleep)], "pending suspended"),
        (
            Mode::Shared,
            vec![(order(0), &*anothers), (order(1), &*by_sleep), (&*slept, "null")],
            "pending propose",
        ),
        (
            Mode::Shared,
            vec![(order(0), &*mine), (order(1), &*by_sleep), (&*slept, "null")],
            "pending propose",
        ),
        (Mode::Shared, vec![(order(0), &*anothers), (order(1), &*postponed)], "pending propose"),
        (Mode::Shared, vec![(order(0), &*postponed), (order(1), &*by_another)], "pending suspended"),
        (Mode::Shared, vec![(order(0), &*postponed), (order(1), &*before)], "pending wake may rest"),
        (Mode::Shared, vec![(order(0), &*postponed), (order(1), &*now)], "pending wake pending suspended"),
        (Mode::Shared, vec![(order(0), &*dropped)], "pending rest pending rest"),
        // One job may hold the run: it runs all, and others nothing.
        (Mode::Shared, vec![(order(0), &*i_hold)], "pending wake may rest"),
        (Mode::Shared, vec![(order(0), &*another_holds)], "pending suspended"),
        (Mode::Shared, vec![(order(0), &*another_holds), ("a", "null")], "stored suspended"),
        (Mode::Shared, vec![(order(0), &*i_hold), (order(1), &*i_left)], "pending propose"),
        (Mode::Shared, vec![(order(0), &*another_holds), (order(1), &*another_left)], "pending propose"),
        (
            Mode::Shared,
            vec![(order(0), &*i_hold), (order(1), &*i_left), (order(2), &*another_holds)],
            "pending suspended",
        ),
        // Until somebody else writes to the log, who may believe to be alone.
        (Mode::Shared, vec![(order(0), &*i_hold), (order(1), by_me)], "pending wake may rest"),
        (Mode::Shared, vec![(order(0), &*another_holds), (order(1), another_goes_on)], "pending suspended"),
        (Mode::Shared, vec![(order(0), &*i_hold), (order(1), somebodys)], "pending propose"),
        (Mode::Shared, vec![(order(0), &*another_holds), (order(1), somebodys)], "pending propose"),
        (Mode::Shared, vec![(order(0), &*another_holds), (order(1), by_me)], "pending propose"),
    ] {
        assert_eq!(seen(mode, &stored), expected, "{mode:?} {stored:?}");
    }
}

#[test]
fn whose_a_step_is_by_what_the_log_says_last() {
    let (a, b) = (StepHash::of("a"), StepHash::of("b"));
    let claimed = |steps: &str, by: &str| format!(r#"{{"claimed":[{steps}],"by":"{by}"}}"#);
    let both = format!(r#""{a}","{b}""#);
    let one = format!(r#""{a}""#);
    for (entries, of_a, of_b) in [
        (vec![], Owner::Nobody, Owner::Nobody),
        (vec![claimed(&both, "job")], Owner::This(0), Owner::This(0)),
        (vec![claimed(&both, "x")], Owner::Another, Owner::Another),
        (vec![claimed(&both, "x"), format!(r#"{{"released":[{one}]}}"#)], Owner::Nobody, Owner::Another),
        (vec![claimed(&both, "x"), failed_entry(a, "job")], Owner::Another, Owner::Another),
        (vec![claimed(&both, "job"), failed_entry(a, "job")], Owner::This(0), Owner::This(0)),
        (vec![claimed(&both, "job"), failed_entry(a, "sleep")], Owner::Nobody, Owner::This(0)),
        (vec![claimed(&both, "job"), failed_entry(a, "postponed")], Owner::Nobody, Owner::This(0)),
        (
            vec![
                claimed(&both, "x"),
                failed_entry(a, "postponed"),
                format!(r#"{{"scheduled":"{a}","by":"job","after":3}}"#),
            ],
            Owner::This(3),
            Owner::Another,
        ),
    ] {
        let log = format!(r#"{{"data":[{}]}}"#, entries.join(","));
        let mut journal = Journal::new(Mode::Shared, Job { id: "job".to_owned(), generation: 1 });
        journal.learn(memo(&[("stephttp:order:0", &log)]));
        let owners = (journal.log.owner(a, "job"), journal.log.owner(b, "job"));
        assert_eq!(owners, (of_a, of_b), "{entries:?}");
    }
}

fn failed_entry(step: StepHash, retry: &str) -> String {
    format!(r#"{{"failed":"{step}","attempt":1,"retry":"{retry}"}}"#)
}

#[test]
fn a_wait_is_asked_for_once_and_given_when_it_is_stored() {
    for mode in [Mode::First, Mode::Alone, Mode::Shared] {
        let mut journal = Journal::new(mode, Job::default());
        let key = journal.claim(StepId::from("s"), StepKind::Sleep);
        let mut place = Place::default();
        let op = || Recorded::ask(key.clone(), OpCode::Sleep, OpOpts::sleep("1s"));
        let Wait::Ask(slot, asked) = journal.wait(&key, &mut place, || None, op) else { panic!("not asked") };
        journal.ask(slot, asked);
        assert!(matches!(journal.wait(&key, &mut place, || None, op), Wait::Pending));
        if mode != Mode::First {
            // It ends while the request goes on. Where one decides alone it does so by another
            // dispatch of its job; it has to get the result all the same, or never ends.
            let ended = journal.learn(memo(&[("s", "null")]));
            assert!(matches!(&*ended, [(ended, step)] if *ended == slot && step.hash == key.hash));
            assert!(journal.learn(memo(&[("s", "null")])).is_empty(), "that is said once");
            journal.resolve(slot);
            let Next::Give(_) = next(&mut journal, 4) else { panic!("not given") };
            assert!(matches!(journal.wait(&key, &mut place, || None, op), Wait::Given(_)));
        }
        let key = journal.claim(StepId::from("s"), StepKind::Sleep);
        let refused = journal.wait(&key, &mut Place::default(), || Some("no".to_owned()), op);
        assert!(matches!(refused, Wait::Pending) && journal.is_stopped());
    }
    for mode in [Mode::Alone, Mode::Shared] {
        let mut journal = Journal::new(mode, Job::default());
        journal.learn(memo(&[("s", "null")]));
        let key = journal.claim(StepId::from("s"), StepKind::Sleep);
        let mut place = Place::default();
        let op = || unreachable!("it is stored");
        let Wait::Stored(slot) = journal.wait(&key, &mut place, || None, op) else { panic!("not stored") };
        assert!(matches!(journal.wait(&key, &mut place, || None, op), Wait::Pending), "that is said once");
        journal.resolve(slot);
        let Next::Give(_) = next(&mut journal, 4) else { panic!("not given") };
        assert!(matches!(journal.wait(&key, &mut place, || None, op), Wait::Given(_)));
    }
}

#[test]
fn a_creation_is_called_for_again_only_if_that_does_no_harm() {
    let ran = || Recorded::ran(StepKey::hidden("a"), serde_json::value::to_raw_value(&1).unwrap(), None);
    let wait = || Recorded::ask(StepKey::hidden("s"), OpCode::Sleep, OpOpts::sleep("1s"));
    let failed = || {
        let timing = Timing { start_ns: 0, duration_ns: 0 };
        Recorded::failed(StepKey::hidden("f"), OpCode::StepFailed, OpError::new("Error", "no"), Some(timing))
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
    assert!(takes_operations(false) && !takes_operations(true));
}

/// What a request tells of a step that failed before and that others may try again, with so many
/// attempts left.
fn asks_for_a_retry(generation: u32, attempts_left: u32) -> Vec<String> {
    let stored = failed(1, "postponed");
    let mut request = OneRequest::new(Mode::Shared, &[], vec![]);
    request.journal = Journal::new(Mode::Shared, Job { id: "job".to_owned(), generation });
    request.journal.learn(memo(&[SHARED, ("stephttp:order:0", &stored)]));
    let key = request.journal.claim(StepId::from("a"), StepKind::Run);
    let mut place = Place::default();
    request.journal.begin(&key, &mut place);
    request.attempts_left = attempts_left;
    match request.next() {
        Next::Done(Done::Suspended(outstanding), _) => {
            let handover = request.journal.hand_over(outstanding, HandoverFacts::default());
            handover.ops.iter().map(|op| op.key().id.to_string()).collect()
        }
        Next::Agree(Some(_)) => vec!["a retry of its own job".to_owned()],
        other => panic!("{other:?}"),
    }
}

/// The job that was asked for when a step failed may have come, and left the run to this request's
/// job. Inngest makes one job for a name: one on its last attempt that asked by that name was
/// ignored, and the run hung.
#[test]
fn a_job_without_an_attempt_asks_for_a_retry_by_a_name_of_its_own() {
    assert_eq!(asks_for_a_retry(4, 1), ["a retry of its own job"]);
    let step = StepHash::of("a");
    let (fourth, fifth) = (asks_for_a_retry(4, 0), asks_for_a_retry(5, 0));
    let asked_before = format!("stephttp:discover:{step}:1");
    assert!(fourth[0].starts_with(&asked_before) && fourth[0] != asked_before, "{fourth:?}");
    assert_ne!(fourth, fifth);
}

/// Nothing can be told of what could not be saved when others would wait for it for ever: then the
/// run is given up, and that has to be agreed on.
#[test]
fn what_is_told_by_another_attempt_alone() {
    let a = StepHash::of("a");
    let claimed = format!(r#"{{"data":[{{"claimed":["{a}"],"by":"job"}}]}}"#);
    let (sleep, error) = (
        || Recorded::ask(StepKey::hidden("s"), OpCode::Sleep, OpOpts::sleep("1s")),
        || Recorded::failed(StepKey::hidden("f"), OpCode::StepError, OpError::new("Error", "no"), None),
    );
    for (mode, stored, ops, stranded) in [
        (Mode::Alone, vec![], vec![], true),
        (Mode::Alone, vec![], vec![sleep()], false),
        (Mode::Shared, vec![SHARED], vec![sleep()], false),
        (Mode::Shared, vec![SHARED, ("stephttp:order:0", &*claimed)], vec![sleep()], true),
        (Mode::Shared, vec![SHARED, ("stephttp:order:0", &*claimed)], vec![error()], false),
        (Mode::Shared, vec![SHARED, ("stephttp:order:0", &*claimed), ("a", "null")], vec![sleep()], false),
    ] {
        let mut request = OneRequest::new(mode, &stored, vec![]);
        assert_eq!(request.journal.is_stranded(&ops), stranded, "{mode:?} {stored:?} {ops:?}");
        // As the answer that would be given then says.
        assert_eq!(request.journal.unsaved_with(ops, false).is_empty(), stranded, "{mode:?} {stored:?}");
    }
}

/// Inngest makes one job for a step's end. Where another dispatch of the job has told it, that one
/// may have come and gone: it had left the rest to this request, and the run hung.
#[test]
fn an_end_that_another_dispatch_has_told_brings_nobody() {
    let a = StepHash::of("a");
    let log = format!(r#"{{"data":[{{"claimed":["{a}"],"by":"job"}}]}}"#);
    let slept = format!("stephttp:retry:{a}:1");
    let fails = Step::Fails("a", Some(std::time::Duration::from_secs(1)));
    let by_sleep = failed(1, "sleep");
    let ended = ("a", r#"{"error":{"name":"Error","message":"no"}}"#);
    let is_failure = [OpCode::StepFailed, OpCode::DiscoveryRequest];
    for (step, meanwhile, told) in [
        (Step::FailsForGood("a"), vec![], &is_failure[..]),
        (Step::FailsForGood("a"), vec![ended], &[OpCode::DiscoveryRequest]),
        (fails, vec![("stephttp:order:1", &*by_sleep)], &[OpCode::Sleep]),
        (fails, vec![("stephttp:order:1", &*by_sleep), (&*slept, "null")], &[OpCode::DiscoveryRequest]),
    ] {
        let mut state = vec![SHARED, ("stephttp:order:0", &*log)];
        let mut request = OneRequest::new(Mode::Shared, &state, vec![step]);
        assert_eq!(request.poll(), ["pending"]);
        let Next::WakeOne(_) = request.next() else { panic!("it does not begin") };
        assert_eq!(request.poll(), ["may"]);
        state.extend(meanwhile.clone());
        assert!(request.journal.learn(memo(&state)).is_empty());
        let Next::Done(Done::Suspended(outstanding), _) = request.next() else { panic!("it goes on") };
        let handover = request.journal.hand_over(outstanding, HandoverFacts::default());
        let ops: Vec<_> = handover.ops.iter().map(Recorded::op).collect();
        assert_eq!(ops, told, "{step:?} {meanwhile:?}");
    }
}
