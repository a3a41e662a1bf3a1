//! What a request's stream holds.

use std::task::Waker;

use super::*;

fn stream(writer: Writer) -> RunStream {
    RunStream::new("01M817QB1N98C1FRD955KWQZQ2".parse().unwrap(), writer)
}

/// The names of what there is to read, with the first letter of the step's hash.
fn names(stream: &RunStream) -> Vec<String> {
    let taken = stream.poll_take(usize::MAX, &mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Some(bytes)) = taken else { return Vec::new() };
    let text = String::from_utf8(bytes.into()).unwrap();
    let name = |event: &str| {
        let name = event.strip_prefix("event: inngest.").unwrap().split('\n').next().unwrap();
        let step = event.split("\"hashedStepId\":\"").nth(1).map(|step| step[..1].to_owned());
        format!("{name} {}", step.unwrap_or_default()).trim().to_owned()
    };
    text.split_terminator("\n\n").filter(|block| !block.starts_with(':')).map(name).collect()
}

fn json(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

#[test]
fn a_first_request_tells_of_every_step() {
    let stream = stream(Writer::First);
    // They begin with 86 and e9.
    let (a, b) = (StepHash::of("a"), StepHash::of("b"));
    assert!(!stream.has_begun());
    stream.step_ended(a, true);
    stream.push(Some(b), &json("1"));
    stream.step_ended(b, false);
    stream.step_dropped(b);
    stream.push(None, &json("2"));
    assert!(stream.has_begun());
    assert_eq!(names(&stream), ["metadata", "commit 8", "stream e", "rollback e", "stream"]);
}

#[test]
fn a_re_entry_tells_of_those_that_have_streamed() {
    let (a, b) = (StepHash::of("a"), StepHash::of("b"));
    let stream = stream(Writer::Reentry { repeats: true });
    stream.step_ended(a, true);
    stream.step_dropped(a);
    assert!(names(&stream).is_empty());
    stream.push(Some(a), &json("1"));
    stream.push(Some(b), &json("2"));
    stream.push(Some(a), &json("3"));
    stream.step_dropped(b);
    stream.step_ended(a, true);
    assert_eq!(
        names(&stream),
        ["rollback 8", "stream 8", "rollback e", "stream e", "stream 8", "rollback e", "commit 8"]
    );
}

#[test]
fn a_re_entry_says_where_steps_begin() {
    let (a, b) = (StepHash::of("a"), StepHash::of("b"));
    for repeats in [false, true] {
        let stream = stream(Writer::Reentry { repeats });
        for step in [Some(a), Some(b), Some(a), None] {
            stream.push(step, &json("1"));
        }
        let taken = stream.poll_take(usize::MAX, &mut Context::from_waker(Waker::noop()));
        let Poll::Ready(Some(bytes)) = taken else { panic!("there is something") };
        let text = String::from_utf8(bytes.into()).unwrap();
        let begins: Vec<_> = text.split("\n\n").filter_map(|block| block.strip_prefix(BEGIN)).collect();
        assert_eq!(begins, [a.to_string(), b.to_string()]);
        let first = text.find("inngest.stream").unwrap();
        assert!(text.find(BEGIN).unwrap() < first);
    }
}

#[test]
fn a_step_of_one_pipe_is_known_by_its_text() {
    let (a, b) = (StepHash::of("a"), StepHash::of("b"));
    let stream = stream(Writer::First);
    stream.note_piped(a, "one");
    assert_eq!((stream.piped(a), stream.piped(b)), (Some(StepHash::of("one")), None));
    stream.note_piped(a, "two");
    assert_eq!(stream.piped(a), None);
    stream.note_piped(b, "one");
    stream.step_dropped(b);
    assert_eq!(stream.piped(b), None);
}

#[test]
fn pieces_end_between_characters() {
    assert_eq!(piece("short"), "short");
    let long = "ü".repeat(PIECE_BYTES);
    assert_eq!(piece(&long).len(), PIECE_BYTES);
    let odd = format!("x{long}");
    assert_eq!(piece(&odd).len(), PIECE_BYTES - 1);
}

#[test]
fn what_finds_no_room_is_counted() {
    let stream = stream(Writer::Reentry { repeats: false });
    let large = json(&format!("\"{}\"", "x".repeat(ROOM)));
    assert!(stream.push(None, &large));
    assert!(!stream.push(None, &json("1")));
    assert!(stream.push(None, &json("1")), "it has been said");
    let mut cx = Context::from_waker(Waker::noop());
    assert!(stream.poll_push(None, &json("1"), &mut cx).is_pending());
    assert_eq!((stream.take_dropped(), stream.take_dropped()), (2, 0));
    assert_eq!(names(&stream), ["stream"]);
    assert_eq!(stream.poll_push(None, &json("1"), &mut cx), Poll::Ready(Pushed::Taken));
}

#[test]
fn after_a_tear_open_steps_begin_anew() {
    let stream = stream(Writer::Reentry { repeats: false });
    stream.push(Some(StepHash::of("a")), &json("1"));
    stream.tear();
    assert_eq!(stream.torn(), 1);
    assert_eq!(names(&stream), ["stream 8", "rollback 8"]);
}
