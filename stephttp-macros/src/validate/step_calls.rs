//! The ids of the steps in one function.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use crate::{errors::Errors, steps::StepCall};

/// Inngest's limit for a step id, in bytes.
const MAX_STEP_ID: usize = 1024;
/// Inngest saves the run's result under this id.
const RESERVED_STEP_ID: &str = "complete";
/// What the ids of the SDK's own, hidden steps begin with.
const RESERVED_PREFIX: &str = "stephttp:";

pub(super) fn ids(calls: &[StepCall], errors: &mut Errors) {
    for id in calls.iter().flat_map(|call| [&call.id, &call.renamed_from]).flatten() {
        let text = id.value();
        if text.trim().is_empty() {
            errors.at(
                id.span(),
                "a step's id is empty; write one that says what the step does, as \"charge-card\"",
            );
        } else if text.len() > MAX_STEP_ID {
            errors.at(
                id.span(),
                format_args!(
                    "a step's id has {} bytes, and the limit is {MAX_STEP_ID}; shorten it",
                    text.len()
                ),
            );
        } else if text == RESERVED_STEP_ID {
            errors.at(
                id.span(),
                format_args!(
                    "the step id {RESERVED_STEP_ID:?} is reserved: Inngest saves the run's result under it; write \
                     another, as \"complete-order\""
                ),
            );
        } else if text.starts_with(RESERVED_PREFIX) {
            errors.at(
                id.span(),
                format_args!(
                    "step ids that begin with {RESERVED_PREFIX:?} are reserved: this crate keeps its own notes under them; \
                     write another"
                ),
            );
        }
    }
    duplicates(calls, errors);
}

/// One call that runs several times, and calls of which only one can run, may have one id.
fn duplicates(calls: &[StepCall], errors: &mut Errors) {
    for (number, call) in calls.iter().enumerate() {
        let Some(id) = call.id.as_ref().filter(|id| !id.value().trim().is_empty()) else { continue };
        let same = |other: &&StepCall| other.id.as_ref().is_some_and(|other| other.value() == id.value());
        let meet =
            |other: &&StepCall| !other.branches.exclude(&call.branches) && !other.cfgs.exclude(&call.cfgs);
        let first = calls[..number].iter().filter(same).find(meet);
        if let Some(first) = first.and_then(|first| first.id.as_ref()) {
            // From the first to the second: rustc shows both.
            let both: TokenStream = quote!(#first #id);
            errors.on(
                both,
                format_args!(
                    "two steps have the id {}: Inngest tells steps apart by their ids, and which of the two a result \
                     belongs to would depend on their order; give this one another, as {:?}",
                    id.to_token_stream(),
                    format!("{}-2", id.value()),
                ),
            );
        }
    }
}
