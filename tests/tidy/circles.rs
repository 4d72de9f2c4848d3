//! Which file of a crate uses items of which other one, and the circles among them.
//!
//! A name leads to the file that defines it: through imports, re-exports and globs. `#[cfg(test)]` code does not count, nor does a
//! module that re-exports what its own children define. Calls of methods are not seen: they import nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, UseTree, Visibility};

/// The files that a file uses, for every file.
pub(crate) type Graph = BTreeMap<String, BTreeSet<String>>;

/// Path of a module: empty for the crate's root.
type ModulePath = Vec<String>;

/// What a name of a module is.
#[derive(Clone)]
enum Name {
    Defined,
    /// Another path, as it was written.
    Import(Vec<String>),
}

#[derive(Default)]
struct Module {
    file: String,
    names: BTreeMap<String, Name>,
    globs: Vec<Vec<String>>,
}

/// A path in the code of a module.
struct Use {
    module: ModulePath,
    path: Vec<String>,
    /// Whether it only passes names on.
    is_reexport: bool,
}

#[derive(Default)]
struct Crate {
    modules: BTreeMap<ModulePath, Module>,
    uses: Vec<Use>,
}

/// The graph of a crate whose root is `root`; `sources` has the text of every file by its path.
pub(crate) fn graph(root: &str, sources: &BTreeMap<String, String>) -> Graph {
    let mut found = Crate::default();
    found.read(sources, root, &[]);
    let mut graph = Graph::new();
    for used in &found.uses {
        let from = &found.modules[&used.module].file;
        let own = graph.entry(from.clone()).or_default();
        let Some(home) = found.home(&used.module, &used.path) else {
            continue;
        };
        let to = &found.modules[&home].file;
        // Passing on what a child defines is how a folder shows its content.
        let passes_on = used.is_reexport && home.starts_with(&used.module);
        if to != from && !passes_on {
            own.insert(to.clone());
        }
    }
    graph
}

/// Sets of files of which each uses every other, directly or through others of the set.
pub(crate) fn circles(graph: &Graph) -> BTreeSet<BTreeSet<String>> {
    let reach: BTreeMap<&String, BTreeSet<&String>> = graph
        .keys()
        .map(|file| (file, reachable(graph, file)))
        .collect();
    let circle = |file| {
        let both = reach[file]
            .iter()
            .filter(|other| reach.get(**other).is_some_and(|back| back.contains(file)));
        both.map(|other| (*other).clone()).collect()
    };
    graph
        .keys()
        .map(circle)
        .filter(|circle: &BTreeSet<String>| !circle.is_empty())
        .collect()
}

fn reachable<'a>(graph: &'a Graph, from: &str) -> BTreeSet<&'a String> {
    let mut seen = BTreeSet::new();
    let mut pending: Vec<&String> = graph[from].iter().collect();
    while let Some(file) = pending.pop() {
        if seen.insert(file) {
            pending.extend(graph.get(file).into_iter().flatten());
        }
    }
    seen
}

/// A shortest way round within a circle: `a → b → a`.
pub(crate) fn way_round(graph: &Graph, circle: &BTreeSet<String>) -> String {
    let round = |start: &String| {
        let mut ways = VecDeque::from([vec![start.clone()]]);
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            for next in graph.get(way.last()?).into_iter().flatten() {
                let mut longer = way.clone();
                longer.push(next.clone());
                if next == start {
                    return Some(longer);
                }
                if circle.contains(next) && seen.insert(next.clone()) {
                    ways.push_back(longer);
                }
            }
        }
        None
    };
    let shortest = circle.iter().filter_map(round).min_by_key(Vec::len);
    shortest.unwrap_or_default().join(" → ")
}

impl Crate {
    fn read(&mut self, sources: &BTreeMap<String, String>, file: &str, path: &[String]) {
        let text = &sources[file];
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.gather(sources, file, path, &parsed.items);
    }

    fn gather(
        &mut self,
        sources: &BTreeMap<String, String>,
        file: &str,
        path: &[String],
        items: &[Item],
    ) {
        let mut module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        let mut children = Vec::new();
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            match item {
                Item::Mod(child) => children.push(child),
                Item::Use(import) => {
                    for (name, path) in names_of(import) {
                        match name {
                            Some(name) => drop(module.names.insert(name, Name::Import(path))),
                            None => module.globs.push(path),
                        }
                    }
                }
                _ => {
                    if let Some(name) = name_of(item) {
                        module.names.insert(name, Name::Defined);
                    }
                }
            }
        }
        self.modules.insert(path.to_vec(), module);
        for child in children {
            let name = child.ident.to_string();
            let mut below = path.to_vec();
            below.push(name);
            match &child.content {
                Some((_, items)) => self.gather(sources, file, &below, items),
                None => {
                    let file = file_of(&below, file, sources);
                    self.read(sources, &file, &below);
                }
            }
        }
        let mut uses = Uses {
            module: path,
            found: Vec::new(),
        };
        for item in items.iter().filter(|item| !matches!(item, Item::Mod(_))) {
            uses.visit_item(item);
        }
        let found = uses.found;
        self.uses.extend(found);
    }

    /// The module that defines what `path`, written in `module`, names.
    fn home(&self, module: &[String], path: &[String]) -> Option<ModulePath> {
        self.walk(module, path, &mut BTreeSet::new())
    }

    fn walk(
        &self,
        module: &[String],
        path: &[String],
        seen: &mut BTreeSet<(ModulePath, String)>,
    ) -> Option<ModulePath> {
        let (first, rest) = path.split_first()?;
        let mut here = module.to_vec();
        let rest = match first.as_str() {
            "crate" => {
                here.clear();
                rest
            }
            "self" => rest,
            "super" => {
                here.pop()?;
                rest
            }
            _ => return self.look_up(&here, first, rest, seen),
        };
        match rest.first().map(String::as_str) {
            None => None,
            Some("super") => self.walk(&here, rest, seen),
            Some(next) => self.look_up(&here, next, &rest[1..], seen),
        }
    }

    /// The home of `name::rest` in `module`; nothing for a module itself, whose items are what is used.
    fn look_up(
        &self,
        module: &[String],
        name: &str,
        rest: &[String],
        seen: &mut BTreeSet<(ModulePath, String)>,
    ) -> Option<ModulePath> {
        if !seen.insert((module.to_vec(), name.to_owned())) {
            return None;
        }
        let mut child = module.to_vec();
        child.push(name.to_owned());
        if self.modules.contains_key(&child) {
            let (next, rest) = rest.split_first()?;
            return self.look_up(&child, next, rest, seen);
        }
        let known = self.modules.get(module)?;
        match known.names.get(name) {
            Some(Name::Defined) => Some(module.to_vec()),
            Some(Name::Import(path)) => {
                let whole: Vec<String> = path.iter().chain(rest).cloned().collect();
                if path.first().is_some_and(|first| self.is_own(module, first)) {
                    self.walk(module, &whole, seen)
                } else {
                    // Another crate's item, under the name that this module gives it.
                    Some(module.to_vec())
                }
            }
            None => known.globs.iter().find_map(|glob| {
                let whole: Vec<String> = glob
                    .iter()
                    .cloned()
                    .chain([name.to_owned()])
                    .chain(rest.iter().cloned())
                    .collect();
                self.walk(module, &whole, seen)
            }),
        }
    }

    fn is_own(&self, module: &[String], first: &str) -> bool {
        let mut child = module.to_vec();
        child.push(first.to_owned());
        ["crate", "self", "super"].contains(&first)
            || self.modules.contains_key(&child)
            || self.modules[module].names.contains_key(first)
    }
}

/// Paths in the code of one module, those in macros included.
struct Uses<'a> {
    module: &'a [String],
    found: Vec<Use>,
}

impl Uses<'_> {
    fn add(&mut self, path: Vec<String>, is_reexport: bool) {
        self.found.push(Use {
            module: self.module.to_vec(),
            path,
            is_reexport,
        });
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.add(std::mem::take(&mut path), false);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.add(std::mem::take(&mut path), false);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.add(path, false);
    }
}

impl<'ast> Visit<'ast> for Uses<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Fn(method) => method.attrs.as_slice(),
            syn::ImplItem::Const(constant) => &constant.attrs,
            _ => &[],
        };
        if !is_test(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_use(&mut self, import: &'ast ItemUse) {
        let is_reexport = !matches!(import.vis, Visibility::Inherited);
        for (name, path) in names_of(import) {
            // What a glob brings in counts where it is named.
            if name.is_some() {
                self.add(path, is_reexport);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        self.add(names.collect(), false);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.tokens(called.tokens.clone());
        visit::visit_macro(self, called);
    }

    // `pub(in path)` and `#[attribute]` use nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

/// Whether an item is there for tests alone.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.meta.require_list().is_ok_and(|list| {
                    let words = list.tokens.to_string();
                    words == "test" || words.starts_with("all (test")
                })
    })
}

/// Each name that an import brings in, with its whole path; no name for a glob.
fn names_of(import: &ItemUse) -> Vec<(Option<String>, Vec<String>)> {
    fn walk(tree: &UseTree, path: &[String], found: &mut Vec<(Option<String>, Vec<String>)>) {
        let with = |name: &syn::Ident| {
            let mut path = path.to_vec();
            path.push(name.to_string());
            path
        };
        match tree {
            UseTree::Path(next) => walk(&next.tree, &with(&next.ident), found),
            UseTree::Name(last) if last.ident == "self" => {
                found.push((path.last().cloned(), path.to_vec()));
            }
            UseTree::Name(last) => found.push((Some(last.ident.to_string()), with(&last.ident))),
            UseTree::Rename(last) if last.ident == "self" => {
                found.push((Some(last.rename.to_string()), path.to_vec()));
            }
            UseTree::Rename(last) => found.push((Some(last.rename.to_string()), with(&last.ident))),
            UseTree::Glob(_) => found.push((None, path.to_vec())),
            UseTree::Group(group) => group.items.iter().for_each(|tree| walk(tree, path, found)),
        }
    }
    let mut found = Vec::new();
    walk(&import.tree, &[], &mut found);
    found
}

fn name_of(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Macro(item) => item.ident.as_ref()?.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        Item::Union(item) => item.ident.to_string(),
        _ => return None,
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The file of a module, which is declared in `parent`.
fn file_of(module: &[String], parent: &str, sources: &BTreeMap<String, String>) -> String {
    let source = parent.split_once("src/").map_or("", |(before, _)| before);
    let below = module.join("/");
    [
        format!("{source}src/{below}.rs"),
        format!("{source}src/{below}/mod.rs"),
    ]
    .into_iter()
    .find(|file| sources.contains_key(file))
    .unwrap_or_else(|| panic!("{parent} declares the module {below}, which has no file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The circles of a crate of these files, as ways round.
    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let sources = files
            .iter()
            .map(|(file, text)| (format!("src/{file}"), (*text).to_owned()))
            .collect();
        let graph = graph("src/lib.rs", &sources);
        circles(&graph)
            .iter()
            .map(|circle| way_round(&graph, circle).replace("src/", ""))
            .collect()
    }

    const TWO: &str = "mod a; mod b;";

    #[test]
    fn two_files_that_import_each_other_are_a_circle() {
        let circle = ["a.rs → b.rs → a.rs"];
        for (a, b) in [
            (
                "use crate::b::B; pub struct A;",
                "use crate::a::A; pub struct B;",
            ),
            (
                "use super::{b::{B, C}}; pub struct A;",
                "use super::a::A as X; pub struct B;",
            ),
            (
                "pub fn f() { crate::b::g() }",
                "use crate::a; pub fn g() { a::f() }",
            ),
            (
                "pub fn f() { println!(\"{}\", crate::b::g()); }",
                "use crate::a::*; pub fn g() { f() }",
            ),
            (
                "pub struct A(pub super::b::B);",
                "pub enum B { X } impl B { fn f(_: &crate::a::A) {} }",
            ),
            (
                "mod inner { use super::super::b::B; } pub struct A;",
                "use crate::a::A; pub struct B;",
            ),
        ] {
            assert_eq!(
                found(&[("lib.rs", TWO), ("a.rs", a), ("b.rs", b)]),
                circle,
                "{a} {b}"
            );
        }
    }

    #[test]
    fn a_longer_circle_is_printed_file_by_file() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "use crate::b::B; use crate::d::D; pub struct A;"),
            ("b.rs", "use crate::c::C; pub struct B;"),
            ("c.rs", "use crate::a::A; pub struct C;"),
            ("d.rs", "pub struct D;"),
        ];
        assert_eq!(found(&files), ["a.rs → b.rs → c.rs → a.rs"]);
    }

    #[test]
    fn tests_names_and_other_crates_make_no_circle() {
        for (a, b) in [
            (
                "use crate::b::B; pub struct A;",
                "#[cfg(test)] mod tests { use crate::a::A; } pub struct B;",
            ),
            (
                "use crate::b::B; pub struct A;",
                "#[cfg(test)] use crate::a::A; pub struct B;",
            ),
            (
                "use crate::b::B; pub struct A;",
                "use crate::a; pub struct B;",
            ),
            (
                "use crate::b::B; pub struct A;",
                "use crate::a::*; pub struct B;",
            ),
            (
                "use crate::b::B; pub struct A;",
                "use other::a::A; pub struct B;",
            ),
        ] {
            assert_eq!(
                found(&[("lib.rs", TWO), ("a.rs", a), ("b.rs", b)]),
                [""; 0],
                "{a} {b}"
            );
        }
    }

    #[test]
    fn a_folder_that_shows_what_its_files_define_is_in_no_circle() {
        let files = [
            ("lib.rs", "mod metrics; mod engine;"),
            (
                "metrics/mod.rs",
                "mod tally; mod series; pub use tally::Tally; pub(crate) use series::Series;",
            ),
            ("metrics/tally.rs", "pub struct Tally;"),
            ("metrics/series.rs", "use super::Tally; pub struct Series;"),
            ("engine.rs", "use crate::metrics::{Series, Tally};"),
        ];
        assert_eq!(found(&files), [""; 0]);
    }

    #[test]
    fn a_folder_that_uses_a_file_which_uses_it_is_in_a_circle() {
        let circle = ["m/child.rs → m/mod.rs → m/child.rs"];
        for parent in [
            "mod child; use child::Child; pub struct Parent;",
            "mod child; pub use child::Child; pub struct Parent(Child);",
            "mod child; pub struct Parent; fn f() { child::Child; }",
        ] {
            let files = [
                ("lib.rs", "mod m;"),
                ("m/mod.rs", parent),
                ("m/child.rs", "use super::Parent; pub struct Child;"),
            ];
            assert_eq!(found(&files), circle, "{parent}");
        }
    }

    #[test]
    fn an_import_leads_to_the_file_that_defines_the_name() {
        let files = [
            ("lib.rs", "mod a; mod m;"),
            ("a.rs", "use crate::m::Deep; pub struct A;"),
            ("m/mod.rs", "mod deep; pub use deep::inner::Deep;"),
            (
                "m/deep.rs",
                "pub mod inner { use crate::a::A; pub struct Deep; }",
            ),
        ];
        assert_eq!(found(&files), ["a.rs → m/deep.rs → a.rs"]);
    }

    #[test]
    fn passing_on_what_another_folder_defines_is_a_use() {
        let files = [
            ("lib.rs", TWO),
            ("a.rs", "pub use crate::b::B; pub struct A;"),
            ("b.rs", "use crate::a::A; pub struct B;"),
        ];
        assert_eq!(found(&files), ["a.rs → b.rs → a.rs"]);
    }
}
