//! A crate's modules, as its `mod` declarations build them up.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use proc_macro2::TokenTree;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Expr, ExprLit, Item, ItemMod, Lit, Meta, MetaNameValue, Token, punctuated::Punctuated};

use crate::fault::Fault;
use crate::names;

/// One module; the same path may be there more than once, under different conditions.
pub(crate) struct Module {
    /// Empty for the root.
    pub(crate) path: Vec<String>,
    pub(crate) file: PathBuf,
    /// The file and the line that declare it.
    pub(crate) declared: (PathBuf, usize),
    /// Without modules, and without what is there for tests alone.
    pub(crate) items: Vec<Item>,
}

/// All modules of a crate.
pub(crate) struct Tree {
    pub(crate) modules: Vec<Module>,
    /// `#[macro_export]`ed macros, which are called by the root, and the modules that define them.
    pub(crate) exported: HashMap<String, Vec<String>>,
    /// What could not be read.
    pub(crate) faults: Vec<Fault>,
    /// The folder from which files are named.
    base: PathBuf,
    /// Files that a `mod` declares.
    reached: BTreeSet<PathBuf>,
    /// Files, and folders, of modules for tests.
    skipped: Vec<PathBuf>,
}

impl Tree {
    pub(crate) fn read(src: &Path) -> Self {
        let mut tree = Self {
            modules: Vec::new(),
            exported: HashMap::new(),
            faults: Vec::new(),
            base: src.parent().unwrap_or(src).to_owned(),
            reached: BTreeSet::new(),
            skipped: Vec::new(),
        };
        let roots = ["lib.rs", "main.rs"].map(|name| src.join(name));
        for root in roots.iter().filter(|root| root.is_file()) {
            tree.file(root, &[], (tree.shown(root), 1));
        }
        if tree.reached.is_empty() {
            tree.faults.push(Fault::new(tree.shown(src), 1, "the folder has neither `lib.rs` nor `main.rs`"));
        }
        tree.look_for_strays(src);
        tree
    }

    pub(crate) fn has(&self, path: &[String]) -> bool {
        self.modules.iter().any(|module| module.path == path)
    }

    pub(crate) fn shown(&self, file: &Path) -> PathBuf {
        file.strip_prefix(&self.base).unwrap_or(file).to_owned()
    }

    fn file(&mut self, file: &Path, path: &[String], declared: (PathBuf, usize)) {
        self.reached.insert(file.to_owned());
        let shown = self.shown(file);
        let parsed = fs::read_to_string(file).map_err(|error| (1, error.to_string())).and_then(|text| {
            syn::parse_file(&text).map_err(|error| (error.span().start().line, error.to_string()))
        });
        match parsed {
            Ok(parsed) => {
                let stem = file.file_stem().unwrap_or_default();
                let owns_folder = path.is_empty() || stem == "mod";
                let folder = if owns_folder {
                    file.parent().unwrap_or(file).to_owned()
                } else {
                    file.with_extension("")
                };
                self.module(path, file, &folder, declared, parsed.items);
            }
            Err((line, why)) => {
                self.faults.push(Fault::new(&shown, line, format!("it cannot be read: {why}")));
                self.modules.push(Module { path: path.to_owned(), file: shown, declared, items: Vec::new() });
            }
        }
    }

    /// `folder` is where the files of the modules in it are.
    fn module(
        &mut self,
        path: &[String],
        file: &Path,
        folder: &Path,
        declared: (PathBuf, usize),
        items: Vec<Item>,
    ) {
        let mut kept = Vec::new();
        for item in items {
            let for_tests = is_for_tests(&item);
            match item {
                Item::Mod(item) => self.declared(item, for_tests, path, file, folder),
                _ if for_tests => {}
                Item::ExternCrate(item) if item.ident == "self" => {
                    let line = item.ident.span().start().line;
                    let message =
                        "`extern crate self` gives the crate a name that is not read here: write `crate`";
                    self.faults.push(Fault::new(self.shown(file), line, message));
                }
                item => {
                    self.note_exported(&item, path);
                    kept.push(item);
                }
            }
        }
        self.modules.push(Module { path: path.to_owned(), file: self.shown(file), declared, items: kept });
    }

    fn declared(&mut self, item: ItemMod, for_tests: bool, path: &[String], file: &Path, folder: &Path) {
        let name = item.ident.unraw().to_string();
        let inside = folder.join(&name);
        let beside = file.parent().unwrap_or(file);
        let named = item.attrs.iter().flat_map(|attr| files_named_by(&attr.meta));
        let mut files: Vec<PathBuf> = named.map(|name| beside.join(name)).collect();
        if !item.attrs.iter().any(|attr| attr.path().is_ident("path")) {
            files.extend([inside.with_extension("rs"), inside.join("mod.rs")]);
        }
        if for_tests {
            self.skipped.extend(files);
            self.skipped.push(inside);
            return;
        }
        let declared = (self.shown(file), item.ident.span().start().line);
        let path: Vec<String> = path.iter().cloned().chain([name]).collect();
        if let Some((_, items)) = item.content {
            return self.module(&path, file, &inside, declared, items);
        }
        files.retain(|file| file.is_file());
        if files.is_empty() {
            let message = format!("the file of `{}` is not there", path.join("::"));
            self.faults.push(Fault::new(&declared.0, declared.1, message));
        }
        for file in files {
            self.file(&file, &path, declared.clone());
        }
    }

    fn note_exported(&mut self, item: &Item, path: &[String]) {
        if let Item::Macro(item) = item
            && let Some(name) = &item.ident
            && item.attrs.iter().any(|attr| attr.path().is_ident("macro_export"))
        {
            self.exported.insert(name.unraw().to_string(), path.to_owned());
        }
    }

    /// A file that no `mod` declares could be declared by a macro, and so escape the check.
    fn look_for_strays(&mut self, src: &Path) {
        let mut files = Vec::new();
        if let Err(error) = list(src, &mut files) {
            self.faults.push(Fault::new(self.shown(src), 1, format!("it cannot be read: {error}")));
        }
        for file in files {
            let skipped = self.skipped.iter().any(|skipped| file.starts_with(skipped));
            if !skipped && !self.reached.contains(&file) {
                let message = "no `mod` declares this file: declare it in the open, or delete it";
                self.faults.push(Fault::new(self.shown(&file), 1, message));
            }
        }
    }
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The files of `#[path = ".."]` and `#[cfg_attr(.., path = "..")]`.
fn files_named_by(attr: &Meta) -> Vec<String> {
    match attr {
        Meta::NameValue(MetaNameValue {
            path,
            value: Expr::Lit(ExprLit { lit: Lit::Str(file), .. }),
            ..
        }) if path.is_ident("path") => {
            vec![file.value()]
        }
        Meta::List(list) if list.path.is_ident("cfg_attr") => {
            let metas = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            metas.into_iter().flatten().skip(1).flat_map(|meta| files_named_by(&meta)).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether an item is under `#[cfg(test)]` or `#[cfg(all(test, ..))]`.
fn is_for_tests(item: &Item) -> bool {
    let tokens: Vec<TokenTree> = item.to_token_stream().into_iter().collect();
    tokens
        .chunks(2)
        .take_while(|chunk| names::is_punct(chunk.first(), '#'))
        .filter_map(|chunk| match chunk {
            [_, TokenTree::Group(group)] => syn::parse2::<Meta>(group.stream()).ok(),
            _ => None,
        })
        .any(|meta| match meta {
            Meta::List(list) if list.path.is_ident("cfg") => {
                list.parse_args::<Meta>().is_ok_and(|condition| needs_test(&condition))
            }
            _ => false,
        })
}

fn needs_test(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => list
            .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .is_ok_and(|all| all.iter().any(needs_test)),
        _ => false,
    }
}
