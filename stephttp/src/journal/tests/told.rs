//! What is told of what is outstanding, as tables.

use std::time::Duration;

use super::one_request::{OneRequest, Step, memo_of};
use crate::journal::log::{LogEntry, RetryBy};
use crate::journal::{Done, HandoverFacts, Mode, Next, Recorded};
use crate::wire::{OpCode, StepHash};
use Step::{Asks, Ends, Fails, FailsForGood, Runs};

/// What a request does before it ends: what it saves first, and what it answers, in words; with the
/// `Retry-After`.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    saved: Vec<String>,
    answer: Vec<String>,
    retry_after: Option<Duration>,
}

/// An operation in a word or two.
fn word(op: &Recorded) -> String {
    let key = op.key();
    let mut parts = key.id.split(':').skip(1);
    match (key.kind, op.is_log(), op.op()) {
        (Some(_), ..) => format!("{:?} {}", op.op(), key.id),
        (None, true, _) => {
            let data = data(op);
            let entries: Vec<LogEntry> = serde_json::from_str(&data).unwrap();
            let entries = entries.iter().filter(|entry| !matches!(entry, LogEntry::Proposed { .. }));
            let entries: Vec<_> = entries.map(entry).collect();
            format!("log {}", entries.join(", "))
        }
        (None, _, OpCode::StepRun | OpCode::DiscoveryRequest) => parts.next().unwrap().to_owned(),
        (None, ..) => format!("{:?} {}", op.op(), parts.next().unwrap()),
    }
}

fn data(op: &Recorded) -> String {
    op.to_wire().data.expect("it has run").get().to_owned()
}

fn entry(entry: &LogEntry) -> String {
    let id = |step: &StepHash| {
        let id = ["a", "b", "c"].into_iter().find(|id| StepHash::of(id) == *step);
        id.expect("one of the table's")
    };
    let ids = |steps: &[StepHash]| steps.iter().map(id).collect::<Vec<_>>().join("+");
    match entry {
        LogEntry::Decided(_) => "order".to_owned(),
        LogEntry::Claimed { claimed, by } => format!("{} is {by}'s", ids(claimed)),
        LogEntry::Released { released } => format!("{} is nobody's", ids(released)),
        LogEntry::Held { held_by } => format!("all is {held_by}'s"),
        LogEntry::Left { left_by } => format!("all is left by {left_by}"),
        LogEntry::Failed { failed, attempt, retry, .. } => {
            let by = match retry {
                RetryBy::First => "first",
                RetryBy::Job => "job",
                RetryBy::Sleep => "sleep",
                RetryBy::Postponed => "postponed",
            };
            format!("{} failed {attempt}: {by}", id(failed))
        }
        LogEntry::Scheduled { scheduled, by, .. } => format!("{} is scheduled by {by}", id(scheduled)),
        LogEntry::Erred { erred_in } => format!("{erred_in} has erred"),
        LogEntry::Recovered { recovered_in } => format!("{recovered_in} has recovered"),
        LogEntry::Ended { ended_in } => format!("{ended_in} ends"),
        LogEntry::Proposed { .. } => String::new(),
    }
}

/// A request that comes to these steps at once, and to no others.
fn told(mode: Mode, stored: &[(&str, &str)], steps: Vec<Step>, attempts_left: u32) -> Told {
    told_by(OneRequest::new(mode, stored, steps), stored, attempts_left)
}

/// A request, when this is stored.
fn told_by(mut request: OneRequest, stored: &[(&str, &str)], attempts_left: u32) -> Told {
    request.attempts_left = attempts_left;
    let mut kept: Vec<(StepHash, String)> =
        stored.iter().map(|(id, value)| (StepHash::of(id), (*value).to_owned())).collect();
    let mut saved = Vec::new();
    let outstanding = loop {
        request.poll();
        match request.next() {
            Next::Done(Done::Suspended(outstanding), _) => break outstanding,
            Next::Agree(proposal) => {
                let ops = request.journal.take_unsent().into_iter().chain(proposal);
                for op in ops {
                    saved.push(word(&op));
                    kept.push((op.hash(), format!("{{\"data\":{}}}", data(&op))));
                }
                request.journal.learn(memo_of(&kept));
            }
            Next::Give(_) | Next::Wake(_) | Next::WakeOne(_) => {}
            other => panic!("{other:?}"),
        }
    };
    let facts = HandoverFacts { attempts_left, ..HandoverFacts::default() };
    let handover = request.journal.hand_over(outstanding, facts);
    saved.extend(request.journal.take_unsent().iter().chain(&handover.context).map(word));
    Told { saved, answer: handover.ops.iter().map(word).collect(), retry_after: handover.retry_after }
}

type Row = (Mode, Vec<Step>, &'static [&'static str], &'static [&'static str], Option<Duration>);

fn hold(stored: &[(&str, &str)], rows: Vec<Row>) {
    let mut wrong = Vec::new();
    for (mode, steps, saved, answer, retry_after) in rows {
        let expected = Told { saved: strings(saved), answer: strings(answer), retry_after };
        let name = format!("{mode:?} {steps:?}");
        let told = told(mode, stored, steps, 4);
        if told != expected {
            wrong.push(format!("{name}:\n{told:?}\n{expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "what is told, and what is to be told:\n{}", wrong.join("\n"));
}

const S: Step = Asks("a", OpCode::Sleep);
const T: Step = Asks("b", OpCode::Sleep);
const AFTER: Duration = Duration::from_secs(30);

use Mode::{Alone, First, Shared};

#[test]
fn of_what_is_outstanding_at_inngest() {
    let gateway = Asks("a", OpCode::Gateway);
    let gateway_b = Asks("b", OpCode::Gateway);
    hold(
        &[("x", "null")],
        vec![
            // One thing: the next request is alone.
            (First, vec![S], &[], &["Sleep a"], None),
            (Alone, vec![S], &[], &["Sleep a"], None),
            (Shared, vec![S], &[], &["Sleep a"], None),
            // Several: from here on the run is shared.
            (First, vec![S, T], &["shared"], &["Sleep a", "Sleep b"], None),
            (Alone, vec![S, T], &["shared"], &["Sleep a", "Sleep b"], None),
            (Shared, vec![S, T], &[], &["Sleep a", "Sleep b"], None),
            // A request that Inngest makes each time that it is told is one request's to tell.
            (Alone, vec![S, gateway_b], &["log b is job's", "shared"], &["Sleep a", "Gateway b"], None),
            (Shared, vec![S, gateway_b], &["log b is job's"], &["Sleep a", "Gateway b"], None),
            (
                Shared,
                vec![gateway],
                &["log all is job's", "log a is job's, all is left by job"],
                &["Gateway a"],
                None,
            ),
            // What must not be told with the run's creation is told by a re-entry.
            (First, vec![gateway], &["start"], &["discover"], None),
            (First, vec![gateway, T], &["shared"], &["Sleep b", "discover"], None),
            (Alone, vec![gateway], &[], &["Gateway a"], None),
        ],
    );
}

#[test]
fn of_failing_steps() {
    let (fails, late) = (Fails("a", None), Fails("a", Some(AFTER)));
    let fails_b = Fails("b", None);
    hold(
        &[("x", "null")],
        vec![
            (First, vec![fails], &["log a failed 1: first"], &["StepError a"], None),
            (Alone, vec![fails], &["log a failed 1: job"], &["StepError a"], None),
            (Alone, vec![late], &["log a failed 1: job"], &["StepError a"], Some(AFTER)),
            (
                Shared,
                vec![fails],
                &["log all is job's", "log a failed 1: job, a is job's, all is left by job"],
                &["StepError a"],
                None,
            ),
            (
                Shared,
                vec![late],
                &["log all is job's", "log a failed 1: job, a is job's, all is left by job"],
                &["StepError a"],
                Some(AFTER),
            ),
            // Its delay goes with an answer that holds nothing else: otherwise a hidden sleep
            // stands for it.
            (First, vec![late], &["log a failed 1: sleep"], &["Sleep retry"], None),
            (Alone, vec![late, T], &["log a failed 1: sleep", "shared"], &["Sleep b", "Sleep retry"], None),
            (
                Shared,
                vec![late, T],
                &["log a is job's", "log a failed 1: sleep"],
                &["Sleep b", "Sleep retry"],
                None,
            ),
            // Beside a wait, the job tries it again, and keeps it as its own.
            (
                Alone,
                vec![fails, T],
                &["log a failed 1: job, a is job's", "shared"],
                &["Sleep b", "StepError a"],
                None,
            ),
            (
                Shared,
                vec![fails, T],
                &["log a is job's", "log a failed 1: job"],
                &["Sleep b", "StepError a"],
                None,
            ),
            // A creation has several jobs: none of them knows which of the steps is its own.
            (First, vec![fails, T], &["log a failed 1: postponed", "shared"], &["Sleep b", "discover"], None),
            // A job is tried again for one of several that failed, and others ask for theirs.
            (
                Alone,
                vec![fails, fails_b],
                &["log a failed 1: job, b failed 1: postponed, a is job's", "shared"],
                &["StepError a", "discover"],
                None,
            ),
            (
                Shared,
                vec![fails, fails_b],
                &[
                    "log all is job's",
                    "log a failed 1: job, b failed 1: postponed, a is job's, all is left by job",
                ],
                &["StepError a", "discover"],
                None,
            ),
            (
                First,
                vec![fails, fails_b],
                &["log a failed 1: postponed, b failed 1: postponed", "shared"],
                &["discover", "discover"],
                None,
            ),
            (
                Alone,
                vec![Fails("a", Some(AFTER)), fails_b],
                &["log a failed 1: sleep, b failed 1: job, b is job's", "shared"],
                &["Sleep retry", "StepError b"],
                None,
            ),
        ],
    );
}

#[test]
fn of_steps_that_failed_for_good() {
    hold(
        &[("x", "null")],
        vec![
            (Alone, vec![FailsForGood("a")], &[], &["StepFailed a"], None),
            // The rest is found again then: so the run stays one line of work.
            (Alone, vec![S, FailsForGood("b")], &[], &["StepFailed b"], None),
            // Others must not run it before the answer has come.
            (
                Shared,
                vec![FailsForGood("a")],
                &["log all is job's", "log a is job's, all is left by job"],
                &["StepFailed a", "discover"],
                None,
            ),
            // After a failure the server does not call back while something else is open, unless
            // its job races.
            (
                Shared,
                vec![S, FailsForGood("b")],
                &["log b is job's"],
                &["Sleep a", "StepFailed b", "discover"],
                None,
            ),
            (
                Alone,
                vec![FailsForGood("a"), Fails("b", None)],
                &["log b failed 1: job, b is job's", "shared"],
                &["StepFailed a", "StepError b", "discover"],
                None,
            ),
            (
                Alone,
                vec![FailsForGood("a"), FailsForGood("b")],
                &["shared"],
                &["StepFailed a", "StepFailed b", "discover"],
                None,
            ),
        ],
    );
}

#[test]
fn of_a_wait_that_could_be_missed() {
    let event = Asks("a", OpCode::WaitForEvent);
    hold(
        &[("x", "null")],
        vec![
            (First, vec![event], &[], &["WaitForEvent a"], None),
            (Alone, vec![event], &[], &["WaitForEvent a"], None),
            // It is told before a step begins, which is left to another request.
            (First, vec![event, Runs("b")], &["shared", "told"], &["WaitForEvent a", "discover"], None),
            (Alone, vec![event, Runs("b")], &["shared"], &["WaitForEvent a", "discover", "told"], None),
            (Shared, vec![event, Runs("b")], &[], &["WaitForEvent a", "discover", "told"], None),
            // And before a request of Inngest's, which may cause it too.
            (
                Alone,
                vec![event, Asks("b", OpCode::Gateway)],
                &["shared"],
                &["WaitForEvent a", "discover", "told"],
                None,
            ),
            // A sleep is missed by nobody, and waits with it.
            (Alone, vec![event, T], &["shared"], &["WaitForEvent a", "Sleep b"], None),
            (
                Shared,
                vec![event, Asks("b", OpCode::WaitForSignal)],
                &[],
                &["WaitForEvent a", "WaitForSignal b"],
                None,
            ),
        ],
    );
    // Inngest has been told of it: it is not told again, and the step begins.
    let told = format!("stephttp:told:{}", StepHash::of("a"));
    hold(
        &[(&*told, r#"{"data":true}"#)],
        vec![
            (Shared, vec![event], &[], &[], None),
            (Shared, vec![event, Ends("b")], &["log b is job's", "StepRun b", "log order"], &[], None),
            (Alone, vec![event, Fails("b", None)], &["log b failed 1: job"], &["StepError b"], None),
        ],
    );
}

#[test]
fn of_what_another_request_runs() {
    let (a, b) = (StepHash::of("a"), StepHash::of("b"));
    let claimed = format!(r#"{{"data":[{{"claimed":["{a}"],"by":"another"}}]}}"#);
    hold(
        &[("stephttp:order:0", &claimed)],
        vec![
            (Shared, vec![Runs("a")], &[], &[], None),
            (Shared, vec![Runs("a"), T], &[], &["Sleep b"], None),
            (Shared, vec![Runs("a"), Ends("b")], &["log b is job's", "StepRun b", "log order"], &[], None),
            (Shared, vec![Asks("a", OpCode::Gateway)], &[], &[], None),
            // Another one sees to its own retry.
            (
                Shared,
                vec![Runs("a"), Fails("b", None)],
                &["log b is job's", "log b failed 1: job"],
                &["StepError b"],
                None,
            ),
        ],
    );
    // A claim of this job on what the handler does not come to any more is left to others.
    let claimed = format!(r#"{{"data":[{{"claimed":["{b}"],"by":"job"}}]}}"#);
    hold(
        &[("stephttp:order:0", &claimed)],
        vec![(Shared, vec![S], &["log b is nobody's"], &["Sleep a", "discover"], None)],
    );
}

/// On a job's last attempt nothing is left to it.
#[test]
fn on_the_last_attempt() {
    for (mode, saved) in [
        (Alone, &["log a failed 1: postponed"][..]),
        (Shared, &["log all is job's", "log a failed 1: postponed, all is left by job"]),
    ] {
        let told = told(mode, &[("x", "null")], vec![Fails("a", None)], 0);
        assert_eq!(told.saved, saved, "{mode:?}");
        assert_eq!(told.answer, ["discover"], "{mode:?}");
    }
}

/// Two steps have failed, and each has to be tried again by a job of its own. A job has come to
/// both when one of them ends in another process. It had its own retry for that one, which was lost
/// to the other step: for that it asked by a name that had been asked by before, and the run hung.
#[test]
fn of_a_step_that_ends_before_it_is_claimed() {
    let failed = |id: &str| {
        let step = StepHash::of(id);
        format!(r#"{{"data":[{{"failed":"{step}","attempt":1,"retry":"postponed"}}]}}"#)
    };
    let (a, b) = (failed("a"), failed("b"));
    let mut stored = vec![("stephttp:order:0", &*a), ("stephttp:order:1", &*b)];
    for (meanwhile, saved, answer) in [
        (None, &["log a is scheduled by job"][..], &["discover", "StepError a"][..]),
        (Some(("a", r#"{"data":1}"#)), &["log order", "log b is scheduled by job"], &["StepError b"]),
    ] {
        let mut request = OneRequest::new(Shared, &stored, vec![Runs("a"), Runs("b")]);
        assert_eq!(request.poll(), ["pending", "pending"]);
        stored.extend(meanwhile);
        let memo = memo_of(
            &stored.iter().map(|(id, value)| (StepHash::of(id), (*value).to_owned())).collect::<Vec<_>>(),
        );
        for (slot, _) in request.journal.learn(memo) {
            request.journal.resolve(slot);
        }
        let told = told_by(request, &stored, 4);
        assert_eq!((&*told.saved, &*told.answer), (&*strings(saved), &*strings(answer)));
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Others see by that whether the job that holds the run is the only one that writes to the log.
#[test]
fn who_holds_the_run_says_whose_its_log_is() {
    let held = ("stephttp:order:0", r#"{"data":[{"held_by":"job"},{"by":"job"}]}"#);
    for (mode, stored, says) in [(Shared, [held], true), (Alone, [("x", "null")], false)] {
        let mut request = OneRequest::new(mode, &stored, vec![Fails("a", None)]);
        request.poll();
        assert!(matches!(request.next(), Next::WakeOne(_)));
        request.poll();
        let Next::Done(Done::Suspended(outstanding), _) = request.next() else { panic!("it goes on") };
        request.journal.hand_over(outstanding, HandoverFacts { attempts_left: 4, ..Default::default() });
        let log: Vec<_> = request.journal.take_unsent().into_iter().filter(Recorded::is_log).collect();
        let by = LogEntry::Proposed { by: "job".to_owned() };
        let has_by = |op: &Recorded| serde_json::from_str::<Vec<LogEntry>>(&data(op)).unwrap().contains(&by);
        assert_eq!(log.iter().map(has_by).collect::<Vec<_>>(), [says], "{mode:?}");
    }
}
