//! What the program would do to runs that began under the lock.

use std::collections::{BTreeMap, BTreeSet};

use super::file::{Lock, Locked, Words};
use super::program::{Function, Program, Steps, hands_over};
use crate::function::StepMeta;

/// The endpoints and helpers that differ.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    pub(super) gone: Vec<Gone<'a>>,
    pub(super) changed: Vec<Changed<'a>>,
    /// Helpers that have another path, with the one of the lock.
    pub(super) moved: Vec<(&'a str, Function<'a>)>,
    pub(super) new: Vec<Function<'a>>,
}

#[derive(Debug)]
pub(super) enum Gone<'a> {
    Endpoint {
        id: &'a str,
        /// A new endpoint with one of its steps: it may be the same function under another id.
        alike: Option<Function<'a>>,
    },
    Helper {
        path: &'a str,
        locked: &'a Locked,
        /// Functions that have steps of its ids, which are new there.
        takers: Vec<Function<'a>>,
    },
}

#[derive(Debug)]
pub(super) struct Changed<'a> {
    pub(super) function: Function<'a>,
    pub(super) breaks: Vec<Break<'a>>,
    pub(super) additions: Vec<Addition<'a>>,
}

/// A change by which a run in flight may lose a result.
#[derive(Debug)]
pub(super) enum Break<'a> {
    /// The endpoint has become `sync_only`, and leaves the lock: later changes of its steps are not
    /// seen.
    SyncOnly,
    /// No step has the id, or had it.
    StepGone {
        id: &'a str,
        kinds: &'a Words,
        /// New steps of that kind: one of them may be the same under another id.
        candidates: Vec<&'a StepMeta>,
        /// Other functions that have a step of that id, which is new there.
        takers: Vec<Function<'a>>,
    },
    /// What is stored under the id was stored by another kind of step.
    KindChanged { id: &'a str, was: &'a str, step: &'a StepMeta },
    /// An id is used at more places, or fewer, or at those of other kinds.
    PlacesChanged { id: &'a str, was: &'a Words, places: Vec<&'a StepMeta> },
    /// Several steps may take what is stored under the id.
    Contested { id: &'a str, steps: Vec<&'a StepMeta> },
    /// A new step's id is what an id of the lock becomes when it is used again.
    Numbered { id: &'a str, step: &'a StepMeta },
    /// Two steps of the lock have become one.
    Merged { id: &'a str, into: &'a StepMeta },
    /// A `renamed_from` is gone.
    OldIdForgotten { id: &'a str, old: &'a str },
}

/// A change that leaves runs in flight as they are, but that the lock does not know of.
#[derive(Debug)]
pub(super) enum Addition<'a> {
    NewStep(&'a StepMeta),
    Renamed { old: &'a str, step: &'a StepMeta },
}

impl<'a> Comparison<'a> {
    pub(super) fn of(lock: &'a Lock, program: &Program<'a>) -> Self {
        let newcomers = newcomers(lock, program);
        let mut new: Vec<Function<'_>> =
            program.functions().filter(|function| locked(lock, function).is_none()).collect();
        // No run depends on a helper that has no steps.
        new.retain(|function| matches!(function, Function::Endpoint(_)) || function.steps().next().is_some());
        let gone = lock.endpoints.iter().filter(|(id, _)| !program.endpoints.contains_key(id.as_str()));
        let mut gone: Vec<Gone<'_>> =
            gone.map(|(id, locked)| Gone::Endpoint { id, alike: alike(locked, &new) }).collect();
        let mut moved = Vec::new();
        for (path, locked) in lock.helpers.iter() {
            if program.helpers.contains_key(path.as_str()) {
                continue;
            }
            let is_same = |function: &Function<'_>| {
                matches!(function, Function::Helper(_)) && Locked::of(&Steps::of(function)) == *locked
            };
            if let Some(at) = new.iter().position(is_same) {
                moved.push((path.as_str(), new.remove(at)));
            } else {
                let takers = newcomers.takers(|id| locked.steps.contains_key(id));
                gone.push(Gone::Helper { path, locked, takers });
            }
        }
        let endpoints = lock.endpoints.iter().filter_map(|(id, locked)| {
            Some((locked, Function::Endpoint(program.endpoints.get(id.as_str())?)))
        });
        let helpers = lock.helpers.iter().filter_map(|(path, locked)| {
            Some((locked, Function::Helper(program.helpers.get(path.as_str())?.clone())))
        });
        let changed = endpoints
            .chain(helpers)
            .map(|(locked, function)| Changed::of(locked, function, &newcomers))
            .filter(|changed| !changed.breaks.is_empty() || !changed.additions.is_empty())
            .collect();
        Self { gone, changed, moved, new }
    }

    /// Whether a run in flight may lose a result.
    pub(super) fn strands(&self) -> bool {
        !self.gone.is_empty() || self.changed.iter().any(|changed| !changed.breaks.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.changed.is_empty() && self.moved.is_empty() && self.new.is_empty()
    }
}

/// What the lock has of a function.
fn locked<'a>(lock: &'a Lock, function: &Function<'_>) -> Option<&'a Locked> {
    match function {
        Function::Endpoint(endpoint) => lock.endpoints.get(endpoint.opts().id()),
        Function::Helper(helpers) => helpers.first().and_then(|helper| lock.helpers.get(helper.function())),
    }
}

fn alike<'a>(locked: &Locked, new: &[Function<'a>]) -> Option<Function<'a>> {
    let app = |endpoint: &Function<'_>| {
        endpoint.steps().filter(|step| locked.steps.contains_key(step.id())).count()
    };
    let endpoints = new.iter().filter(|function| matches!(function, Function::Endpoint(_)));
    endpoints.filter(|endpoint| app(endpoint) > 0).max_by_key(|endpoint| app(endpoint)).cloned()
}

/// The steps that the lock does not have where they are now: code may have moved between functions.
struct Newcomers<'a>(Vec<(Function<'a>, BTreeSet<&'a str>)>);

fn newcomers<'a>(lock: &Lock, program: &Program<'a>) -> Newcomers<'a> {
    let new = program.functions().map(|function| {
        let before = locked(lock, &function);
        let ids = function.steps().map(StepMeta::id);
        let ids = ids.filter(|id| !before.is_some_and(|before| before.steps.contains_key(*id))).collect();
        (function, ids)
    });
    Newcomers(new.collect())
}

impl<'a> Newcomers<'a> {
    /// The functions to which one of the ids has come.
    fn takers(&self, is_gone: impl Fn(&str) -> bool) -> Vec<Function<'a>> {
        let takers = self.0.iter().filter(|(_, new)| new.iter().any(|id| is_gone(id)));
        takers.map(|(function, _)| function.clone()).collect()
    }
}

impl<'a> Changed<'a> {
    fn of(locked: &'a Locked, function: Function<'a>, newcomers: &Newcomers<'a>) -> Self {
        let comparing = Comparing { locked, steps: Steps::of(&function), newcomers };
        let mut breaks = Vec::new();
        let mut additions = Vec::new();
        if matches!(&function, Function::Endpoint(endpoint) if !hands_over(endpoint)) {
            breaks.push(Break::SyncOnly);
        }
        for (id, kinds) in locked.steps.iter() {
            match comparing.locked_step(id, kinds) {
                Fate::Same => {}
                Fate::Broken(broken) => breaks.push(broken),
                Fate::Renamed(addition) => additions.push(addition),
            }
        }
        breaks.extend(comparing.forgotten());
        breaks.extend(comparing.reused());
        breaks.extend(comparing.numbered());
        additions.extend(comparing.added());
        Self { function, breaks, additions }
    }
}

struct Comparing<'a, 'b> {
    locked: &'a Locked,
    steps: Steps<'a>,
    newcomers: &'b Newcomers<'a>,
}

/// What becomes of a step of the lock.
enum Fate<'a> {
    Same,
    Renamed(Addition<'a>),
    Broken(Break<'a>),
}

impl<'a> Comparing<'a, '_> {
    fn locked_step(&self, id: &'a str, was: &'a Words) -> Fate<'a> {
        let renamed = self.steps.by_old_id.get(id);
        let is_known = |new: &str| self.locked_renamings(new, id) > 0;
        match (self.steps.by_id.get(id), renamed) {
            // Accepted as it is, or contested from now on.
            (Some(own), Some(renamed)) if !renamed.keys().all(|new| is_known(new)) => {
                Fate::Broken(Break::Contested { id, steps: claimants(own, renamed) })
            }
            (Some(places), _) => compare_places(id, was, places).map_or(Fate::Same, Fate::Broken),
            (None, Some(renamed)) => self.renamed_step(id, was, renamed),
            (None, None) => {
                let candidates =
                    self.new_steps().filter(|step| was.0.iter().any(|kind| kind == step.kind().method()));
                let takers = self.newcomers.takers(|new| new == id);
                Fate::Broken(Break::StepGone { id, kinds: was, candidates: candidates.collect(), takers })
            }
        }
    }

    /// `renamed`: the steps that had its id.
    fn renamed_step(
        &self,
        id: &'a str,
        was: &'a Words,
        renamed: &BTreeMap<&'a str, Vec<&'a StepMeta>>,
    ) -> Fate<'a> {
        let mut steps = renamed.iter();
        let (Some((new, saying_so)), None) = (steps.next(), steps.next()) else {
            return Fate::Broken(Break::Contested { id, steps: claimants(&[], renamed) });
        };
        if self.locked.steps.contains_key(*new) {
            return Fate::Broken(Break::Merged { id, into: saying_so[0] });
        }
        let places = &self.steps.by_id[new];
        if let Some(broken) = compare_places(id, was, places) {
            return Fate::Broken(broken);
        }
        if saying_so.len() < places.len() {
            // The uses of one id are numbered together, so the one that does not say so may take
            // the first number.
            return Fate::Broken(Break::PlacesChanged { id, was, places: saying_so.clone() });
        }
        Fate::Renamed(Addition::Renamed { old: id, step: saying_so[0] })
    }

    /// What is stored under an id that a step had before must still find a step.
    fn forgotten(&self) -> impl Iterator<Item = Break<'a>> {
        self.locked_old_ids()
            .into_iter()
            .filter(|(id, old)| self.steps.renamings(id, old) < self.locked_renamings(id, old))
            // With the step gone, that is what is reported.
            .filter(|(id, _)| self.steps.by_id.contains_key(id) || self.steps.by_old_id.contains_key(id))
            .map(|(id, old)| Break::OldIdForgotten { id, old })
    }

    /// A new step takes an id that another one had: it may find what that one has stored.
    fn reused(&self) -> impl Iterator<Item = Break<'a>> {
        let old_ids: BTreeSet<&str> = self.locked_old_ids().into_iter().map(|(_, old)| old).collect();
        old_ids.into_iter().filter(|old| !self.locked.steps.contains_key(*old)).filter_map(|old| {
            let none = BTreeMap::new();
            let renamed = self.steps.by_old_id.get(old).unwrap_or(&none);
            let own = self.steps.by_id.get(old).map_or(&[][..], |own| own);
            let more = !own.is_empty() || renamed.keys().any(|new| self.locked_renamings(new, old) == 0);
            // One alone that has taken the place of another is no contest.
            let several = own.len().min(1) + renamed.len() > 1;
            (more && several).then(|| Break::Contested { id: old, steps: claimants(own, renamed) })
        })
    }

    /// A new step with a number in its id takes what a call in a loop, say, has stored.
    fn numbered(&self) -> impl Iterator<Item = Break<'a>> {
        self.new_steps().filter_map(|step| Some(Break::Numbered { id: self.repeated(step.id())?, step }))
    }

    /// For `id:1` the `id`, if the lock has that.
    fn repeated(&self, id: &'a str) -> Option<&'a str> {
        let (id, index) = id.rsplit_once(':')?;
        let is_index = index.parse::<u32>().is_ok_and(|n| n > 0 && n.to_string() == index);
        (is_index && self.locked.steps.contains_key(id)).then_some(id)
    }

    /// What the lock does not have, and what no other change has told of.
    fn added(&self) -> impl Iterator<Item = Addition<'a>> {
        let old_ids: BTreeSet<&str> = self.locked_old_ids().into_iter().map(|(_, old)| old).collect();
        // A `Break` tells of these, if they are not as they were, or a `Renamed`.
        let is_told = move |id: &str| self.locked.steps.contains_key(id) || old_ids.contains(id);
        let steps = self.new_steps().filter({
            let is_told = is_told.clone();
            move |step| {
                let is_renamed = step.renamed_from().is_some_and(&is_told);
                !is_told(step.id()) && !is_renamed && self.repeated(step.id()).is_none()
            }
        });
        let renamings = self
            .steps
            .by_old_id
            .iter()
            .flat_map(|(old, renamed)| renamed.iter().map(move |(id, places)| (*old, *id, places)));
        let renamed = renamings.filter(move |(old, id, places)| match self.locked_renamings(id, old) {
            0 => !is_told(old),
            before => places.len() > before,
        });
        steps
            .map(Addition::NewStep)
            .chain(renamed.map(|(old, _, places)| Addition::Renamed { old, step: places[0] }))
    }

    fn new_steps(&self) -> impl Iterator<Item = &'a StepMeta> {
        let new = self.steps.by_id.iter().filter(|(id, _)| !self.locked.steps.contains_key(**id));
        new.map(|(_, places)| places[0])
    }

    /// An id and one that it had before, for each in the lock, once.
    fn locked_old_ids(&self) -> BTreeSet<(&'a str, &'a str)> {
        let pairs = self.locked.renamed_from.iter();
        pairs.flat_map(|(id, old)| old.0.iter().map(move |old| (id.as_str(), old.as_str()))).collect()
    }

    /// At how many of its places a step of the lock says that it had the id `old`.
    fn locked_renamings(&self, id: &str, old: &str) -> usize {
        let olds = self.locked.renamed_from.get(id);
        olds.map_or(0, |olds| olds.0.iter().filter(|locked| *locked == old).count())
    }
}

fn compare_places<'a>(id: &'a str, was: &'a Words, places: &[&'a StepMeta]) -> Option<Break<'a>> {
    if places.iter().map(|step| step.kind().method()).eq(was.0.iter().map(String::as_str)) {
        return None;
    }
    Some(match (&was.0[..], places) {
        ([was], [step]) => Break::KindChanged { id, was, step },
        _ => Break::PlacesChanged { id, was, places: places.to_vec() },
    })
}

/// The steps that may take what is stored under an id: those that have it, and those that had it.
fn claimants<'a>(own: &[&'a StepMeta], renamed: &BTreeMap<&'a str, Vec<&'a StepMeta>>) -> Vec<&'a StepMeta> {
    own.iter().chain(renamed.values().flatten()).copied().collect()
}
