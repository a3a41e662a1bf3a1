//! The names in a folder's modules, held against their order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use quote::ToTokens;

use crate::fault::Fault;
use crate::names::{self, Name};
use crate::scope::Scopes;
use crate::tree::{Module, Tree};

/// `folder` is the path of the module whose modules are in order; the root's is empty.
pub(crate) fn faults(tree: &Tree, folder: &[String], rows: &[&[&str]]) -> Vec<Fault> {
    let order = Order { tree, scopes: Scopes::of(tree), folder, ranks: ranks(rows) };
    let mut faults = order.list_faults(rows);
    for module in &tree.modules {
        if let Some(unit) = order.unit(&module.path) {
            let names = module.items.iter().flat_map(|item| names::of(item.to_token_stream()));
            faults.extend(names.filter_map(|name| {
                let message = order.breach(module, unit, &name)?;
                Some(Fault::new(&module.file, name.line, message))
            }));
        }
    }
    faults
}

fn ranks<'a>(rows: &[&[&'a str]]) -> HashMap<&'a str, usize> {
    let ranked = rows.iter().enumerate().flat_map(|(rank, row)| row.iter().map(move |name| (*name, rank)));
    ranked.collect()
}

struct Order<'a> {
    tree: &'a Tree,
    scopes: Scopes<'a>,
    folder: &'a [String],
    ranks: HashMap<&'a str, usize>,
}

impl Order<'_> {
    /// The module of the folder that a path is in, or is.
    fn unit<'p>(&self, path: &'p [String]) -> Option<&'p str> {
        path.strip_prefix(self.folder)?.first().map(String::as_str)
    }

    fn root(&self) -> String {
        if self.folder.is_empty() { "the root".to_owned() } else { format!("`{}`", self.folder.join("::")) }
    }

    /// What the list lacks, has twice, or has in vain.
    fn list_faults(&self, rows: &[&[&str]]) -> Vec<Fault> {
        let root = self.tree.modules.iter().find(|module| module.path == self.folder);
        let at = root.map_or_else(|| PathBuf::from("src"), |root| root.file.clone());
        let mut there: BTreeMap<&str, &(PathBuf, usize)> = BTreeMap::new();
        for module in self.tree.modules.iter().filter(|module| module.path.len() == self.folder.len() + 1) {
            if let Some(unit) = self.unit(&module.path) {
                there.insert(unit, &module.declared);
            }
        }
        let unlisted = there.iter().filter(|(unit, _)| !self.ranks.contains_key(*unit));
        let mut faults: Vec<Fault> = unlisted
            .map(|(unit, (file, line))| {
                Fault::new(
                    file,
                    *line,
                    format!("the order lacks `{unit}`: give it a row below all that it names"),
                )
            })
            .collect();
        let mut seen = BTreeSet::new();
        for name in rows.iter().copied().flatten().copied() {
            if !seen.insert(name) {
                faults.push(Fault::new(&at, 1, format!("the order has `{name}` twice: keep one")));
            } else if !there.contains_key(name) {
                let message =
                    format!("the order has `{name}`, which is not there: take it out, or mend its name");
                faults.push(Fault::new(&at, 1, message));
            }
        }
        faults
    }

    /// What is wrong with a name in a module, which belongs to `unit`.
    fn breach(&self, module: &Module, unit: &str, name: &Name) -> Option<String> {
        let full = absolute(&module.path, &name.segments)?;
        let shown = name.shown();
        let Some(head) = full.strip_prefix(self.folder)?.first() else {
            return Some(format!(
                "`{shown}` names all of {}, which stands below `{unit}`: name the module that is meant",
                self.root()
            ));
        };
        let path: Vec<String> = self.folder.iter().chain([head]).cloned().collect();
        if self.tree.has(&path) {
            return self.upward(unit, head, &shown);
        }
        if self.folder.is_empty()
            && let Some(home) = self.tree.exported.get(head)
        {
            return self.unit(home).and_then(|home| self.upward(unit, home, &shown));
        }
        let beginning: Vec<String> = ["crate".to_owned()].into_iter().chain(path).collect();
        let home = self.scopes.locate(&[], &beginning);
        let is_common = home.as_ref().is_none_or(|home| home.module == self.folder) && head != "*";
        if is_common && !self.folder.is_empty() {
            return None;
        }
        let way_out = match home {
            Some(home) if !is_common => format!("name it where it is defined: `{}`", home.shown()),
            _ => "name it where it is defined, or move it into a module of its own above".to_owned(),
        };
        Some(format!("`{shown}` is of {}, which stands below `{unit}`: {way_out}", self.root()))
    }

    fn upward(&self, unit: &str, named: &str, shown: &str) -> Option<String> {
        let (own, other) = (self.ranks.get(unit)?, self.ranks.get(named)?);
        if unit == named || other < own {
            return None;
        }
        let side = if other == own { "beside" } else { "below" };
        Some(format!(
            "`{shown}` is of `{named}`, which stands {side} `{unit}` and not above: move what is needed to a module above \
             both, or turn the call around by an argument or a trait"
        ))
    }
}

/// The path from the root, as it is written: re-exports are not followed.
fn absolute(module: &[String], segments: &[String]) -> Option<Vec<String>> {
    let mut path = module.to_vec();
    let mut segments = segments.iter().peekable();
    while let Some(segment) =
        segments.next_if(|segment| ["crate", "self", "super"].contains(&segment.as_str()))
    {
        match segment.as_str() {
            "crate" => path.clear(),
            "super" => {
                path.pop()?;
            }
            _ => {}
        }
    }
    path.extend(segments.cloned());
    Some(path)
}
