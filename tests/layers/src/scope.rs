//! What a path leads to.

use std::collections::HashMap;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Item, Type, UseTree};

use crate::names;
use crate::tree::{Module, Tree};

/// Re-exports of re-exports end somewhere; `use x::x` of another crate does not.
const MAX_HOPS: usize = 32;

/// Where a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) module: Vec<String>,
    /// None for the module itself.
    pub(crate) item: Option<String>,
}

impl Place {
    pub(crate) fn shown(&self) -> String {
        let segments = ["crate"].into_iter().chain(self.module.iter().map(String::as_str));
        segments.chain(self.item.as_deref()).collect::<Vec<_>>().join("::")
    }
}

/// The names that each module defines or brings in.
pub(crate) struct Scopes<'a> {
    tree: &'a Tree,
    scopes: HashMap<&'a [String], Scope>,
}

#[derive(Default)]
struct Scope {
    defined: Vec<String>,
    /// What `use` and `type` give another name, or the same.
    aliases: HashMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
}

impl<'a> Scopes<'a> {
    pub(crate) fn of(tree: &'a Tree) -> Self {
        let mut scopes: HashMap<&[String], Scope> = HashMap::new();
        for module in &tree.modules {
            scopes.entry(&module.path).or_default().add(module);
        }
        Self { tree, scopes }
    }

    /// Where a path in `module` leads to; none when it leads out of the crate, or to what a macro
    /// makes.
    pub(crate) fn locate(&self, module: &[String], path: &[String]) -> Option<Place> {
        self.follow(module, path, MAX_HOPS, true)
    }

    /// `trusting` takes a module's word for an item that cannot be seen in it, because a macro
    /// defines it.
    fn follow(&self, module: &[String], path: &[String], hops: usize, trusting: bool) -> Option<Place> {
        let hops = hops.checked_sub(1)?;
        let (mut module, mut rest) = (module.to_vec(), path);
        while let [name, after @ ..] = rest {
            match name.as_str() {
                "crate" => module.clear(),
                "self" => {}
                "super" => {
                    module.pop()?;
                }
                name => {
                    let inner: Vec<String> = module.iter().cloned().chain([name.to_owned()]).collect();
                    if !self.tree.has(&inner) {
                        let is_said = trusting && rest.len() < path.len();
                        return self
                            .follow_item(&module, name, after, hops)
                            .or_else(|| is_said.then(|| Place { module, item: Some(name.to_owned()) }));
                    }
                    module = inner;
                }
            }
            rest = after;
        }
        Some(Place { module, item: None })
    }

    fn follow_item(&self, module: &[String], name: &str, after: &[String], hops: usize) -> Option<Place> {
        let scope = self.scopes.get(module)?;
        if let Some(target) = scope.aliases.get(name) {
            let path: Vec<String> = target.iter().chain(after).cloned().collect();
            return self.follow(module, &path, hops, true);
        }
        if scope.defined.iter().any(|defined| defined == name) {
            return Some(Place { module: module.to_owned(), item: Some(name.to_owned()) });
        }
        scope.globs.iter().find_map(|glob| {
            let path: Vec<String> =
                glob.iter().cloned().chain([name.to_owned()]).chain(after.iter().cloned()).collect();
            self.follow(module, &path, hops, false)
        })
    }
}

impl Scope {
    fn add(&mut self, module: &Module) {
        for item in &module.items {
            match item {
                Item::Use(item) if item.leading_colon.is_none() => self.bring_in(&item.tree, &[]),
                Item::Use(_) => {}
                Item::Type(item) => match &*item.ty {
                    Type::Path(ty) if ty.qself.is_none() && ty.path.leading_colon.is_none() => {
                        let path = ty.path.segments.iter().map(|segment| segment.ident.unraw().to_string());
                        self.aliases.insert(item.ident.unraw().to_string(), path.collect());
                    }
                    _ => self.defined.push(item.ident.unraw().to_string()),
                },
                // A type may be defined inside of a macro's braces.
                Item::Macro(item) => self.define(item.mac.tokens.clone(), true),
                item => self.define(item.to_token_stream(), false),
            }
        }
    }

    fn define(&mut self, tokens: TokenStream, deeply: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            if let TokenTree::Group(group) = token
                && deeply
            {
                self.define(group.stream(), deeply);
            }
            let defines = matches!(
                names::ident(token).as_deref(),
                Some("struct" | "enum" | "union" | "trait" | "fn" | "const" | "static")
            );
            if defines {
                self.defined.extend(tokens.get(at + 1).and_then(names::ident));
            }
        }
    }

    fn bring_in(&mut self, tree: &UseTree, prefix: &[String]) {
        let with = |name: String| prefix.iter().cloned().chain([name]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.bring_in(&path.tree, &with(path.ident.unraw().to_string())),
            UseTree::Name(name) if name.ident == "self" => {
                if let Some(last) = prefix.last() {
                    self.aliases.insert(last.clone(), prefix.to_vec());
                }
            }
            UseTree::Name(name) => {
                self.aliases.insert(name.ident.unraw().to_string(), with(name.ident.unraw().to_string()));
            }
            UseTree::Rename(rename) => {
                let target = if rename.ident == "self" {
                    prefix.to_vec()
                } else {
                    with(rename.ident.unraw().to_string())
                };
                self.aliases.insert(rename.rename.unraw().to_string(), target);
            }
            UseTree::Glob(_) => self.globs.push(prefix.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.bring_in(tree, prefix)),
        }
    }
}
