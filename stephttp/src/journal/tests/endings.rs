//! How a re-entry ends, as a table of all that it depends on.

use crate::journal::{Ending, Facts, Outcome, Recorded, Saved, Stale, Standing, StepKey, Why};
use crate::wire::{ApiResult, OpCode, OpOpts};

fn op(id: &'static str) -> Recorded {
    Recorded::ask(StepKey::hidden(id), OpCode::Sleep, OpOpts::sleep("1s"))
}

fn result() -> ApiResult<'static> {
    ApiResult::new(200).body("own")
}

fn outcomes() -> [(&'static str, Outcome); 4] {
    [
        ("waits", Outcome::Waits(vec![op("wait")], None)),
        ("ends", Outcome::Ends(result())),
        ("fails", Outcome::Fails("no answer".to_owned())),
        ("errs", Outcome::Errs(ApiResult::new(503).body("err"), None)),
    ]
}

fn standings() -> [(&'static str, Standing); 5] {
    [
        ("goes on", Standing::GoesOn),
        ("agreed", Standing::Agreed(ApiResult::new(200).body("another's"))),
        ("over", Standing::Over),
        ("gone", Standing::Gone),
        ("unknown", Standing::Unknown("not known")),
    ]
}

const SAVED: [(&str, Saved); 4] = [
    ("saved", Saved::All),
    ("unsaved", Saved::Not),
    ("superseded", Saved::Refused(Stale::Superseded)),
    ("refused", Saved::Refused(Stale::Over)),
];

/// An ending in a word.
fn word(ending: &Ending) -> String {
    match ending {
        Ending::Operations(ops, _) => ops.iter().map(|op| op.key().id.as_ref()).collect::<Vec<_>>().join("+"),
        Ending::Finished(result) => format!("finished {}", result.body),
        Ending::TryAgain(Why::App, _) => "again for the app".to_owned(),
        Ending::TryAgain(Why::Inngest | Why::Gone, _) => "again for Inngest".to_owned(),
        Ending::Over => "nothing".to_owned(),
        Ending::Superseded => "superseded".to_owned(),
    }
}

fn ending(outcome: Outcome, saved: Saved, standing: Standing, may_retry: bool) -> Ending {
    Ending::of(outcome, Facts { saved, standing, may_retry }, |mut ops, _| {
        ops.insert(0, op("unsaved"));
        ops
    })
}

#[test]
fn every_ending() {
    let mut table = String::new();
    for may_retry in [true, false] {
        for (saved, _) in SAVED {
            for (standing, _) in standings() {
                let words: Vec<_> = outcomes()
                    .into_iter()
                    .map(|(_, outcome)| {
                        let saved = SAVED.into_iter().find(|(name, _)| *name == saved).unwrap().1;
                        let standing = standings().into_iter().find(|(name, _)| *name == standing).unwrap().1;
                        word(&ending(outcome, saved, standing, may_retry))
                    })
                    .collect();
                let retry = if may_retry { "attempt left" } else { "last attempt" };
                table += &format!("{retry} | {saved} | {standing} | {}\n", words.join(" | "));
            }
        }
    }
    let expected = include_str!("endings.txt");
    assert!(table == expected, "what endings depend on has changed:\n{table}");
}

/// No answer changes a run that is over: whatever is said of one that Inngest shows as over, or has
/// no state of, does not end it again.
#[test]
fn no_ending_changes_a_run_that_is_over() {
    for may_retry in [true, false] {
        for standing in [Standing::Over, Standing::Gone] {
            for saved in [Saved::All, Saved::Refused(Stale::Over), Saved::Refused(Stale::Superseded)] {
                let standing =
                    if matches!(standing, Standing::Over) { Standing::Over } else { Standing::Gone };
                let ending = ending(Outcome::Ends(result()), saved, standing, may_retry);
                assert!(!matches!(ending, Ending::Finished(_)), "{saved:?}: {ending:?}");
            }
        }
    }
}
