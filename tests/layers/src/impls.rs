//! Inherent `impl`s of types that another module of the root defines.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{ItemImpl, Type, TypeParamBound};

use crate::fault::Fault;
use crate::names;
use crate::scope::Scopes;
use crate::tree::Tree;

pub(crate) fn faults(tree: &Tree) -> Vec<Fault> {
    let scopes = Scopes::of(tree);
    let mut faults = Vec::new();
    for module in &tree.modules {
        let found = module.items.iter().flat_map(|item| {
            let mut found = Vec::new();
            find(item.to_token_stream(), true, &mut found);
            found
        });
        for (path, line) in found {
            let Some(place) = scopes.locate(&module.path, &path) else { continue };
            if place.module.first() == module.path.first() {
                continue;
            }
            let here = module.path.first().map_or("the root", |name| name);
            let home = place.module.first().map_or("the root", |name| name);
            let message = format!(
                "an inherent `impl` of `{}`, which `{home}` defines and not `{here}`: move these methods to `{home}`, \
                 or make functions or a trait of them here",
                place.shown()
            );
            faults.push(Fault::new(&module.file, line, message));
        }
    }
    faults
}

/// All inherent `impl`s in an item, also those inside of functions and of macros' braces.
fn find(tokens: TokenStream, holds_items: bool, found: &mut Vec<(Vec<String>, usize)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token {
            find(group.stream(), group.delimiter() == Delimiter::Brace, found);
        }
        if !holds_items || names::ident(token).as_deref() != Some("impl") {
            continue;
        }
        let begins = match at.checked_sub(1).map(|at| &tokens[at]) {
            None => true,
            Some(TokenTree::Group(group)) => group.delimiter() != Delimiter::Parenthesis,
            Some(TokenTree::Ident(ident)) => ident == "unsafe",
            before => names::is_punct(before, ';'),
        };
        let is_braces = |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        let Some(end) = tokens[at..].iter().position(is_braces).filter(|_| begins) else { continue };
        let tokens = tokens[at..=at + end].iter().cloned().collect();
        if let Ok(item) = syn::parse2::<ItemImpl>(tokens)
            && item.trait_.is_none()
            && let Some(path) = path_of(&item.self_ty)
        {
            found.push((path, token.span().start().line));
        }
    }
}

fn path_of(ty: &Type) -> Option<Vec<String>> {
    let path = match ty {
        Type::Path(ty) if ty.qself.is_none() => &ty.path,
        Type::Paren(ty) => return path_of(&ty.elem),
        Type::TraitObject(ty) => ty.bounds.iter().find_map(|bound| match bound {
            TypeParamBound::Trait(bound) => Some(&bound.path),
            _ => None,
        })?,
        _ => return None,
    };
    let segments = path.segments.iter().map(|segment| segment.ident.unraw().to_string());
    path.leading_colon.is_none().then(|| segments.collect())
}
