//! The options apart from each other, whatever is wrong with one of them.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{
    Ident, LitStr, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    token::Paren,
};

use super::{
    example,
    given::{Given, Written},
};
use crate::{
    errors::Errors,
    kind::Kind,
    tokens::{as_group, is_punct},
};

/// Splits at commas first: a mistake in one option does not hide those in the others.
pub(super) fn read_all(tokens: TokenStream, kind: Kind, errors: &mut Errors) -> Vec<syn::Result<Given>> {
    let mut given = Vec::new();
    let mut segment = TokenStream::new();
    for token in tokens {
        if !is_punct(&token, ',') {
            segment.extend([token]);
        } else if segment.is_empty() {
            errors.at(token.span(), "there is no option before this `,`; remove it");
        } else {
            read_segment(std::mem::take(&mut segment), kind, &mut given, errors);
        }
    }
    read_segment(segment, kind, &mut given, errors);
    given
}

/// Reads what stands between two commas: one option, or several where a comma was forgotten.
fn read_segment(tokens: TokenStream, kind: Kind, given: &mut Vec<syn::Result<Given>>, errors: &mut Errors) {
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let one = read_one(input, kind);
            let go_on = one.is_ok() && input.peek(Ident::peek_any);
            given.push(one);
            if !input.is_empty() && go_on {
                errors.at(input.span(), "expected `,` between two options; write it before this");
            } else if !input.is_empty() {
                if given.last().is_some_and(Result::is_ok) {
                    given.push(Err(input.error("expected `,` or the end of the options here; remove this")));
                }
                // What follows a mistake is not reported as another.
                return input.parse::<TokenStream>().map(drop);
            }
        }
        Ok(())
    };
    let outcome = parser.parse2(tokens);
    errors.keep(outcome);
}

fn read_one(input: ParseStream<'_>, kind: Kind) -> syn::Result<Given> {
    if input.peek(LitStr) {
        let id: LitStr = input.parse()?;
        if kind == Kind::Helper {
            return Err(syn::Error::new(
                id.span(),
                "a helper has no id: its steps are found by their own; remove this",
            ));
        }
        return Err(syn::Error::new(
            id.span(),
            format_args!("options have names: write `id = {}`", id.token()),
        ));
    }
    if !input.peek(Ident::peek_any) {
        let option = Ident::new(if kind == Kind::Handler { "id" } else { "allow" }, input.span());
        return Err(input.error(format_args!("expected an option, such as `{}`", example(&option))));
    }
    let name = Ident::parse_any(input)?;
    if input.is_empty() || input.peek(Ident::peek_any) {
        return Ok(Given { name, value: Written::Nothing });
    }
    if input.peek(Paren) {
        let list: TokenTree = input.parse()?;
        let list =
            as_group(&list, Delimiter::Parenthesis).map(proc_macro2::Group::stream).unwrap_or_default();
        return Ok(Given { name, value: Written::List(list) });
    }
    let Some(equals) = input.parse::<Option<Token![=]>>()? else {
        return Err(input.error(format_args!("expected `=` after `{name}`: write `{}`", example(&name))));
    };
    let no_value = format!("`{name}` needs a value after `=`: write `{}`", example(&name));
    if input.is_empty() {
        return Err(syn::Error::new(equals.span, no_value));
    }
    let value = input.parse().map_err(|error| syn::Error::new(error.span(), no_value))?;
    Ok(Given { name, value: Written::Value(value) })
}
