//! Where a macro is called, which its input does not say: read from the source.

use std::{fs, str::FromStr};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::tokens::is_ident;

/// What is around the call of a macro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file, or a `mod`.
    Module,
    /// An `impl` or a `trait`.
    Impl,
    /// A body, or another macro's input.
    Block,
    /// There is no source to read, as in some editors.
    Unknown,
}

/// The place of the macro that runs now, if what stands there is its call.
pub(crate) fn of_this_call(is_call: fn(&str) -> bool) -> Place {
    let call = proc_macro::Span::call_site();
    let source = call.local_file().and_then(|file| fs::read_to_string(file).ok());
    source.map_or(Place::Unknown, |source| {
        let (line, column) = (call.start().line(), call.start().column());
        of(&source, line, column, is_call)
    })
}

/// Lines and columns count from one; a column is a character.
fn of(source: &str, line: usize, column: usize, is_call: fn(&str) -> bool) -> Place {
    place(source, line, column, is_call).unwrap_or(Place::Unknown)
}

/// No identifier of anybody's.
const MARK: &str = "__stephttp_is_called_here";

fn place(source: &str, line: usize, column: usize, is_call: fn(&str) -> bool) -> Option<Place> {
    let start: usize = source.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let (within, _) = source.get(start..)?.char_indices().nth(column.checked_sub(1)?)?;
    let (before, after) = source.split_at(start + within);
    // Another source than the compiler's.
    if !is_call(after) {
        return None;
    }
    let tokens = TokenStream::from_str(&format!("{before} {MARK} {after}")).ok()?;
    find(tokens, Place::Module)
}

/// `around` is what the tokens are in.
fn find(tokens: TokenStream, around: Place) -> Option<Place> {
    let mut item: Vec<TokenTree> = Vec::new();
    for token in tokens {
        match &token {
            TokenTree::Ident(name) if name == MARK => return Some(around),
            TokenTree::Group(group) => {
                let is_block = group.delimiter() == Delimiter::Brace;
                let inside = if is_block { place_in(&item) } else { Place::Block };
                if let Some(place) = find(group.stream(), inside) {
                    return Some(place);
                }
                if is_block {
                    item.clear();
                    continue;
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => {
                item.clear();
                continue;
            }
            _ => {}
        }
        item.push(token);
    }
    None
}

/// What braces after these tokens are: `mod tests`, `impl<T> From<T> for Shop`,
/// `fn f() -> impl Fn()`.
fn place_in(item: &[TokenTree]) -> Place {
    let says = |words: &[&str]| item.iter().any(|token| words.iter().any(|word| is_ident(token, word)));
    if says(&["fn", "const", "static", "let", "return"]) {
        Place::Block
    } else if says(&["impl", "trait"]) {
        Place::Impl
    } else if item.iter().rev().nth(1).is_some_and(|token| is_ident(token, "mod")) {
        Place::Module
    } else {
        Place::Block
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, of};

    /// `@` is where the macro is called.
    fn place_of(source: &str) -> Place {
        let line = source.lines().position(|line| line.contains('@')).expect("a call");
        let column = source.lines().nth(line).and_then(|line| line.find('@')).expect("a call");
        of(&source.replace('@', "#"), line + 1, column + 1, |call| call.starts_with("#[x]"))
    }

    #[test]
    fn the_nearest_braces_say_it() {
        assert_eq!(place_of("use a::{b, c};\n@[x] fn f() {}"), Place::Module);
        assert_eq!(place_of("mod tests {\n    @[x] fn f() {}\n}"), Place::Module);
        assert_eq!(place_of("impl<T: Into<U>> Shop<T> {\n    fn a() {}\n    @[x] fn f() {}\n}"), Place::Impl);
        assert_eq!(place_of("unsafe impl A for B {\n    @[x] fn f() {}\n}"), Place::Impl);
        assert_eq!(place_of("trait A {\n    @[x] fn f() {}\n}"), Place::Impl);
        assert_eq!(place_of("fn a() -> impl B {\n    @[x] fn f() {}\n}"), Place::Block);
        assert_eq!(place_of("impl A {\n    fn a() {\n        @[x] fn f() {}\n    }\n}"), Place::Block);
        assert_eq!(place_of("impl A {}\nmod b {\n    mod c {}\n @[x] fn f() {}\n}"), Place::Module);
        assert_eq!(place_of("m! { @[x] fn f() {} }"), Place::Block);
    }

    #[test]
    fn a_source_that_is_another_says_nothing() {
        let is_attribute = |call: &str| call.starts_with('#');
        assert_eq!(of("impl A {\n    fn f() {}\n}", 2, 5, is_attribute), Place::Unknown);
        assert_eq!(of("impl A {", 1, 1, |_| true), Place::Unknown, "it cannot be read");
        assert_eq!(of("", 7, 7, is_attribute), Place::Unknown);
        assert_eq!(of("#", 0, 0, is_attribute), Place::Unknown);
    }
}
