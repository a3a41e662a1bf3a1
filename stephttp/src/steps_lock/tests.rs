//! What is told of a change, as whole texts, and whether it is right about what becomes of runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use super::compare::Comparison;
use super::file::Lock;
use super::program::Program;
use super::{StepsLockError, package_dir, verdict_of};
use crate::function::{FnOpts, Helper, Registration, StepKind, StepMeta};
use crate::wire::StepHash;
use StepKind::{Run, SendEvent, Sleep, WaitForEvent};

type Step = (&'static str, StepKind, Option<&'static str>);
type Endpoint = (&'static str, &'static [Step]);

/// Functions stand ten lines apart, and their steps in the lines that follow them.
fn program(endpoints: &[(&'static str, &[Step])]) -> Vec<Registration> {
    let endpoint = |(n, (id, steps)): (usize, &(&'static str, &[Step]))| {
        let line = u32::try_from(n).unwrap() * 10 + 10;
        let steps = steps.iter().zip(line + 1..).map(|((id, kind, old), line)| {
            let step = StepMeta::new(id, StepHash::of(id), *kind, "src/shop.rs", line);
            old.map_or(step, |old| step.with_renamed_from(old))
        });
        let function = format!("shop::{}", id.replace('-', "_")).leak();
        Registration {
            opts: FnOpts::new(id),
            steps: steps.collect::<Vec<_>>().leak(),
            function,
            file: "src/shop.rs",
            line,
        }
    };
    endpoints.iter().enumerate().map(endpoint).collect()
}

fn lock(endpoints: &[Registration]) -> Lock {
    Lock::of(&Program::of(endpoints).unwrap())
}

/// Compares what is told with `tests/golden/steps_lock/{name}.txt`.
///
/// `BLESS=1 cargo test -p stephttp steps_lock` writes the files anew.
#[track_caller]
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/steps_lock")
        .join(name)
        .with_extension("txt");
    if env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(text == expected, "{name} (BLESS=1 accepts it):\n{text}\nbefore:\n{expected}");
}

/// What becomes of runs.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Strands,
    OutOfDate,
    Same,
}

fn verdict(comparison: &Comparison<'_>) -> Verdict {
    match (comparison.strands(), comparison.is_empty()) {
        (true, false) => Verdict::Strands,
        (false, false) => Verdict::OutOfDate,
        (false, true) => Verdict::Same,
        (true, true) => panic!("nothing differs, and runs are stranded"),
    }
}

/// A change of one endpoint's steps.
#[track_caller]
fn change(name: &str, before: &[Step], after: &[Step], expected: Verdict) {
    let before = program(&[("checkout", before)]);
    let after = program(&[("checkout", after)]);
    let (lock, after) = (lock(&before), Program::of(&after).unwrap());
    let comparison = Comparison::of(&lock, &after);
    assert_eq!(verdict(&comparison), expected, "{comparison}");
    golden(name, &comparison.to_string());
}

const CHARGE: Step = ("charge-card", Run, None);
const SHIP: Step = ("ship", Run, None);
const COOL_OFF: Step = ("cool-off", Sleep, None);
const RENAMED: Step = ("charge-card", Run, Some("charge"));

#[test]
fn a_step_is_removed() {
    change("step_removed", &[CHARGE, COOL_OFF], &[], Verdict::Strands);
}

#[test]
fn a_step_has_another_id() {
    let old = [("charge", Run, None), COOL_OFF];
    change("step_renamed", &old, &[CHARGE, ("pause", Sleep, None)], Verdict::Strands);
    change("step_renamed_from", &old, &[RENAMED, COOL_OFF], Verdict::OutOfDate);
}

#[test]
fn a_step_is_of_another_kind() {
    change("kind_changed", &[CHARGE], &[("charge-card", WaitForEvent, None)], Verdict::Strands);
    change("kind_changed_with_id", &[("charge", Sleep, None)], &[RENAMED], Verdict::Strands);
}

#[test]
fn an_id_is_used_at_more_places_or_fewer() {
    let tell = ("tell", SendEvent, None);
    change("place_added", &[tell], &[tell, tell], Verdict::Strands);
    change("place_removed", &[tell, tell, SHIP], &[SHIP, tell], Verdict::Strands);
    change(
        "number_written_out",
        &[tell],
        &[tell, ("tell:1", Run, None), ("tell:01", Run, None)],
        Verdict::Strands,
    );
    let run = ("tell", Run, None);
    change("places_swapped", &[tell, run], &[run, tell], Verdict::Strands);
    change("one_place_renamed", &[("charge", Run, None)], &[CHARGE, RENAMED], Verdict::Strands);
}

#[test]
fn two_steps_want_one_result() {
    let old = ("charge", Run, None);
    change("old_id_still_used", &[old], &[old, RENAMED], Verdict::Strands);
    change("old_id_used_again", &[RENAMED], &[RENAMED, old], Verdict::Strands);
    let other = ("charge-bank", Run, Some("charge"));
    change("renamed_twice", &[old], &[RENAMED, other], Verdict::Strands);
    change("renamed_twice_later", &[RENAMED], &[RENAMED, other], Verdict::Strands);
    change("contested_before", &[old, RENAMED], &[RENAMED, old, SHIP], Verdict::OutOfDate);
    change("merged", &[old, CHARGE], &[RENAMED], Verdict::Strands);
}

#[test]
fn a_renaming_is_forgotten() {
    change("old_id_forgotten", &[RENAMED], &[CHARGE], Verdict::Strands);
    change("old_id_forgotten_at_one_place", &[RENAMED, RENAMED], &[RENAMED, CHARGE], Verdict::Strands);
    change("old_id_at_one_place_more", &[RENAMED, CHARGE], &[RENAMED, RENAMED], Verdict::OutOfDate);
    change("renamed_again", &[RENAMED], &[("charge-it", Run, Some("charge-card"))], Verdict::Strands);
    change("renaming_taken_back", &[RENAMED], &[("charge", Run, None)], Verdict::Strands);
}

#[test]
fn steps_are_added() {
    change("step_added", &[CHARGE], &[CHARGE, COOL_OFF, SHIP], Verdict::OutOfDate);
    change("old_id_added", &[CHARGE], &[RENAMED], Verdict::OutOfDate);
    change("some_gone_some_added", &[SHIP], &[CHARGE, COOL_OFF], Verdict::Strands);
}

#[test]
fn the_order_of_different_ids_does_not_matter() {
    change("reordered", &[CHARGE, COOL_OFF, SHIP], &[SHIP, CHARGE, COOL_OFF], Verdict::Same);
}

#[test]
fn endpoints_come_and_go() {
    let refund: Endpoint = ("refund", &[("refund", Run, None)]);
    let checkout: Endpoint = ("checkout", &[CHARGE, SHIP]);
    let before = program(&[refund, checkout]);
    let cases: [(_, &[Endpoint], _); 4] = [
        ("endpoint_gone", &[checkout], Verdict::Strands),
        ("endpoint_has_another_id", &[refund, ("checkout-v2", checkout.1)], Verdict::Strands),
        ("endpoint_added", &[refund, checkout, ("gift", &[])], Verdict::OutOfDate),
        ("endpoints_reordered", &[checkout, refund], Verdict::Same),
    ];
    for (name, after, expected) in cases {
        let after = program(after);
        let (lock, after) = (lock(&before), Program::of(&after).unwrap());
        let comparison = Comparison::of(&lock, &after);
        assert_eq!(verdict(&comparison), expected, "{comparison}");
        golden(name, &comparison.to_string());
    }
}

/// The endpoint, as if it had the option.
fn sync_only(endpoints: &[Endpoint]) -> Vec<Registration> {
    let mut endpoints = program(endpoints);
    for endpoint in &mut endpoints {
        endpoint.opts = endpoint.opts.sync_only(true);
    }
    endpoints
}

#[test]
fn endpoints_without_runs_in_flight_are_not_in_the_file() {
    let before = sync_only(&[("checkout", &[CHARGE]), ("refund", &[])]);
    assert!(lock(&before).endpoints.is_empty());
    // Its steps change, and the other one is gone.
    let after = sync_only(&[("checkout", &[SHIP])]);
    assert!(Comparison::of(&lock(&before), &Program::of(&after).unwrap()).is_empty());
}

#[test]
fn an_endpoint_becomes_sync_only_or_is_so_no_longer() {
    let checkout: &[Endpoint] = &[("checkout", &[CHARGE, SHIP])];
    let without_ship: &[Endpoint] = &[("checkout", &[CHARGE])];
    for (name, before, after, expected) in [
        ("sync_only", program(checkout), sync_only(checkout), Verdict::Strands),
        ("sync_only_and_step_removed", program(checkout), sync_only(without_ship), Verdict::Strands),
        ("sync_only_no_longer", sync_only(checkout), program(without_ship), Verdict::OutOfDate),
    ] {
        let (lock, after) = (lock(&before), Program::of(&after).unwrap());
        let comparison = Comparison::of(&lock, &after);
        assert_eq!(verdict(&comparison), expected, "{comparison}");
        golden(name, &comparison.to_string());
    }
}

#[test]
fn a_failure_begins_with_the_verdict_and_ends_with_the_way_to_accept_it() {
    let before = program(&[("checkout", &[("charge", Run, None)])]);
    for (name, step) in [("failure_stranded", CHARGE), ("failure_out_of_date", RENAMED)] {
        let after = program(&[("checkout", &[step])]);
        let (lock, after) = (lock(&before), Program::of(&after).unwrap());
        let error = verdict_of(Path::new("steps.lock"), &Comparison::of(&lock, &after)).unwrap_err();
        golden(name, &format!("{error}\n"));
    }
}

#[test]
fn a_program_without_endpoints_or_with_two_of_one_id_is_refused() {
    assert!(matches!(Program::of(&[]), Err(StepsLockError::NoEndpoints)));
    let twice = program(&[("checkout", &[]), ("checkout", &[])]);
    let error = Program::of(&twice).unwrap_err().to_string();
    for part in ["\"checkout\"", "src/shop.rs:10", "src/shop.rs:20"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn the_package_is_where_it_was_compiled_unless_that_is_gone() {
    let here = || env!("CARGO_MANIFEST_DIR").into();
    assert_eq!(package_dir(here(), Some("/moved".into())), Path::new(env!("CARGO_MANIFEST_DIR")));
    assert_eq!(package_dir("/no/such/directory".into(), Some("/moved".into())), Path::new("/moved"));
    assert_eq!(package_dir("/no/such/directory".into(), None), Path::new("/no/such/directory"));
}

/// Under which id each step finds its result, or stores it, when they are called in the order of
/// the source; claimed as `Run::claim` and `Run::rename` do.
fn replay(steps: &[StepMeta], stored: &BTreeMap<String, StepKind>) -> Vec<String> {
    let numbered = |id: &str, n: usize| if n == 0 { id.to_owned() } else { format!("{id}:{n}") };
    let mut used: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for step in steps {
        let index = (0..).find(|n| !used.contains(&numbered(step.id(), *n))).unwrap();
        let id = numbered(step.id(), index);
        used.push(id.clone());
        let old = step.renamed_from().map(|old| numbered(old, index));
        let old =
            old.filter(|old| stored.contains_key(old) && !stored.contains_key(&id) && !used.contains(old));
        used.extend(old.clone());
        found.push(old.unwrap_or(id));
    }
    found
}

/// The version from before steps were renamed.
fn older(steps: &[StepMeta]) -> Vec<StepMeta> {
    let older = |step: &StepMeta| {
        let id = step.renamed_from().unwrap_or(step.id());
        StepMeta::new(id, StepHash::of(id), step.kind(), "", 0)
    };
    steps.iter().map(older).collect()
}

/// Whether the order of the calls decides already which step takes a result: several have, or had,
/// one id, or only some places of an id say what it was.
fn is_contested(steps: &[StepMeta]) -> bool {
    let claims = |one: &StepMeta, id: &str| one.id() == id || one.renamed_from() == Some(id);
    steps.iter().any(|one| {
        steps.iter().any(|two| {
            if one.id() == two.id() {
                one.renamed_from() != two.renamed_from()
            } else {
                one.renamed_from().is_some_and(|old| claims(two, old))
            }
        })
    })
}

/// Every program of up to two steps, before and after: a run that has ended some steps before, or
/// still before they were renamed, finds each of its results in a step of the same kind, unless the
/// comparison warns; and what is written is the same when nothing is told.
#[test]
fn what_is_called_harmless_loses_no_result() {
    let of_id = |id| {
        [(id, Sleep, None), (id, Run, None), (id, Run, Some("a")), (id, Run, Some("b")), (id, Run, Some("c"))]
    };
    let steps: Vec<Step> = ["a", "b"].into_iter().flat_map(of_id).collect();
    let mut programs: Vec<Vec<Step>> = vec![Vec::new()];
    programs.extend(steps.iter().map(|step| vec![*step]));
    programs.extend(steps.iter().flat_map(|one| steps.iter().map(|two| vec![*one, *two])));
    let programs: Vec<_> = programs.iter().map(|steps| program(&[("checkout", steps)])).collect();
    let texts: Vec<_> = programs.iter().map(|program| format!("{:?}", lock(program))).collect();
    let mut harmless = 0;
    for (before, text_before) in programs.iter().zip(&texts) {
        let lock = lock(before);
        let begun = [before[0].steps.to_vec(), older(before[0].steps)];
        for (after, text_after) in programs.iter().zip(&texts) {
            let steps = after[0].steps;
            let after = Program::of(after).unwrap();
            let comparison = Comparison::of(&lock, &after);
            let told = format!("{:#?}\nto {steps:#?}\n{comparison}", before[0].steps);
            assert_eq!(comparison.is_empty(), text_before == text_after, "{told}");
            if comparison.strands() || is_contested(before[0].steps) {
                continue;
            }
            harmless += 1;
            for begun in &begun {
                let ids = replay(begun, &BTreeMap::new());
                for ended in 0..=begun.len() {
                    let stored =
                        ids.iter().cloned().zip(begun.iter().map(StepMeta::kind)).take(ended).collect();
                    let found = replay(steps, &stored);
                    for (id, kind) in &stored {
                        let claims = found.iter().position(|found| found == id).map(|n| steps[n].kind());
                        assert_eq!(claims, Some(*kind), "what was stored under {id} is lost: {told}");
                    }
                }
            }
        }
    }
    assert!(harmless > programs.len(), "{harmless} of {}", programs.len());
}

#[test]
fn kinds_have_the_names_of_the_methods() {
    let named = StepKind::method;
    assert_eq!([Run, Sleep, SendEvent].map(named), ["run", "sleep", "send_event"]);
}

/// Its path, line and steps.
type Declared<'a> = (&'static str, u32, &'a [Step]);

fn helpers(helpers: &[Declared<'_>]) -> Vec<Helper> {
    let helper = |(function, line, steps): &Declared<'_>| {
        let like = &program(&[("checkout", steps)])[0];
        Helper { function, steps: like.steps, file: "src/pay.rs", line: *line }
    };
    helpers.iter().map(helper).collect()
}

/// A change of the helpers beside an endpoint.
#[track_caller]
fn helpers_change(
    name: &str,
    (before_steps, before): (&[Step], &[Declared<'_>]),
    (after_steps, after): (&[Step], &[Declared<'_>]),
    expected: Verdict,
) {
    let endpoints = [program(&[("checkout", before_steps)]), program(&[("checkout", after_steps)])];
    let (before, after) = (helpers(before), helpers(after));
    let lock = Lock::of(&Program::of(&endpoints[0]).unwrap().with_helpers(&before));
    let after = Program::of(&endpoints[1]).unwrap().with_helpers(&after);
    let comparison = Comparison::of(&lock, &after);
    assert_eq!(verdict(&comparison), expected, "{comparison}");
    golden(name, &comparison.to_string());
}

#[test]
fn helpers_follow_the_rules_of_endpoints() {
    const PAY: &str = "shop::pay";
    let old = [("charge", Run, None)];
    let with = |steps: &'static [Step]| [(PAY, 10, steps)];
    for (name, before, after, expected) in [
        ("helper_step_renamed", with(&[("charge", Run, None)]), with(&[CHARGE]), Verdict::Strands),
        ("helper_step_renamed_from", with(&[("charge", Run, None)]), with(&[RENAMED]), Verdict::OutOfDate),
        ("helper_step_removed", with(&[CHARGE, SHIP]), with(&[SHIP]), Verdict::Strands),
        ("helper_without_steps_left", with(&[CHARGE]), with(&[]), Verdict::Strands),
        ("helper_step_added", with(&[CHARGE]), with(&[CHARGE, SHIP]), Verdict::OutOfDate),
        ("helper_same", with(&[CHARGE, SHIP]), with(&[SHIP, CHARGE]), Verdict::Same),
    ] {
        helpers_change(name, (&[], &before), (&[], &after), expected);
    }
    helpers_change(
        "helper_new",
        (&[], &[]),
        (&[], &[(PAY, 10, &old), ("shop::log", 20, &[])]),
        Verdict::OutOfDate,
    );
    helpers_change("helper_gone", (&[], &with(&[CHARGE, COOL_OFF])), (&[], &[]), Verdict::Strands);
}

#[test]
fn code_that_moves_between_functions_is_told_as_that() {
    let pay: &[Step] = &[CHARGE, COOL_OFF];
    // Only the function's name is another.
    let (here, there) = (("shop::pay", 10, pay), ("shop::card::pay", 30, pay));
    helpers_change("helper_moved", (&[], &[here]), (&[], &[there]), Verdict::OutOfDate);
    // Out of the handler, and into it.
    helpers_change("helper_taken_out", (pay, &[]), (&[], &[here]), Verdict::Strands);
    helpers_change("helper_taken_in", (&[], &[here]), (pay, &[]), Verdict::Strands);
}

/// Methods of several types: the path does not have the type.
#[test]
fn helpers_of_one_path_are_compared_together() {
    let card = ("shop::pay", 10, &[CHARGE] as &[Step]);
    let bank = ("shop::pay", 30, &[SHIP] as &[Step]);
    helpers_change("helpers_of_one_path_same", (&[], &[card, bank]), (&[], &[bank, card]), Verdict::Same);
    helpers_change("helpers_of_one_path", (&[], &[card, bank]), (&[], &[card]), Verdict::Strands);
}
