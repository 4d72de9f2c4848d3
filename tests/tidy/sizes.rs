//! Functions of a file with the number of their lines.

use syn::visit::{self, Visit};
use syn::{Block, Signature};

/// Every function of a text, as `Type::name` within an `impl`, with its lines from `fn` to the closing brace.
pub(crate) fn functions(text: &str) -> syn::Result<Vec<(String, usize)>> {
    let mut found = Functions::default();
    found.visit_file(&syn::parse_file(text)?);
    Ok(found.found)
}

#[derive(Default)]
struct Functions {
    owner: Option<String>,
    found: Vec<(String, usize)>,
}

impl Functions {
    fn add(&mut self, signature: &Signature, block: &Block) {
        let end = block.brace_token.span.close().end();
        let lines = end.line - signature.fn_token.span.start().line + 1;
        let name = signature.ident.to_string();
        let whole = match &self.owner {
            Some(owner) => format!("{owner}::{name}"),
            None => name,
        };
        self.found.push((whole, lines));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let owner = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last(),
            _ => None,
        };
        let outer = self
            .owner
            .replace(owner.map_or("_".to_owned(), |last| last.ident.to_string()));
        visit::visit_item_impl(self, item);
        self.owner = outer;
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_fn_to_brace() {
        let text = "/// Says.\nfn a() {\n}\nimpl T for B<u8> {\n    fn c(\n    ) { fn d() {} }\n}\nmod m { fn e() {} }";
        let expected = [("a", 2), ("B::c", 2), ("B::d", 1), ("e", 1)];
        let expected = expected.map(|(name, lines)| (name.to_owned(), lines));
        assert_eq!(functions(text).unwrap(), expected);
    }
}
