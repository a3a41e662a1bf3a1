//! The future among the arguments of `step.run`.

use std::ops::Range;

use proc_macro2::{Delimiter, TokenTree};

use crate::tokens::{as_group, as_string, is_ident, is_punct};

/// `None` if that is not sure: the arguments are then left to rustc as they are.
pub(super) fn range(args: &[TokenTree]) -> Option<Range<usize>> {
    let end = args.len() - args.last().map_or(0, |last| usize::from(is_punct(last, ',')));
    let mut commas = (0..end).filter(|at| is_punct(&args[*at], ','));
    let (first, more) = (commas.next()?, commas.next_back());
    let start = more.unwrap_or(first) + 1;
    // Commas may be within `id::<A, B>()`, or in a future that is not looked at then.
    let is_sure = more.is_none() || args.get(start).is_some_and(|word| is_ident(word, "async"));
    (is_sure && start < end).then_some(start..end)
}

/// `shop.charge(&cart)`: a function says its error type. That most steps are such calls saves the
/// compiler time.
pub(super) fn is_plain_call(future: &[TokenTree]) -> bool {
    match future {
        [.., name @ TokenTree::Ident(_), args] => {
            // `Box::pin(async { .. })` has the block's.
            as_group(args, Delimiter::Parenthesis).is_some() && !is_ident(name, "pin")
        }
        _ => false,
    }
}

/// `tokio::task::spawn_blocking(..)`, whose result may be a `Result` in another.
pub(super) fn is_task(future: &[TokenTree]) -> bool {
    match future {
        [.., name, args] => {
            as_group(args, Delimiter::Parenthesis).is_some()
                && (is_ident(name, "spawn") || is_ident(name, "spawn_blocking"))
        }
        _ => false,
    }
}

/// Puts `async { .. }, "charge-card"` in order.
pub(super) fn swap(args: &mut [TokenTree]) -> bool {
    let end = args.len() - args.last().map_or(0, |last| usize::from(is_punct(last, ',')));
    let is_swapped = match &args[..end] {
        [word, .., block, comma, id] => {
            is_ident(word, "async")
                && as_group(block, Delimiter::Brace).is_some()
                && is_punct(comma, ',')
                && as_string(id).is_some()
        }
        _ => false,
    };
    if is_swapped {
        args[..end].rotate_right(1);
        // The comma is last now, and belongs after the id.
        args[1..end].rotate_right(1);
    }
    is_swapped
}
