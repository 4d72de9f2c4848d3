//! `[[variant]]` and `[[compare]]`: names, and pairs of them.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::resolver::{NamedTable, Resolver};
use crate::scenario::plan::{ComparisonPlan, Plan};
use crate::scenario::read::error::{Error, Source};
use crate::scenario::read::file::{self, Text};
use crate::scenario::read::names::check_name;
use crate::units::list;

/// Takes `[[variant]]` out of the root; without any there is one that overrides nothing.
pub(super) fn take_variants<'i>(
    source: Source<'_>,
    root: &mut DeTable<'i>,
) -> Result<Vec<NamedTable<'i>>, Error> {
    let Some(value) = root.remove("variant") else {
        return Ok(vec![("default".to_owned(), DeTable::new())]);
    };
    let span = value.span();
    let DeValue::Array(items) = value.into_inner() else {
        return Err(source.error(
            Some(span),
            "variant",
            "variants are an array of tables; write [[variant]]",
        ));
    };
    let mut variants: Vec<NamedTable<'i>> = Vec::new();
    for item in items {
        let span = item.span();
        let DeValue::Table(table) = item.into_inner() else {
            return Err(source.error(
                Some(span),
                "variant",
                "variants are tables; write [[variant]]",
            ));
        };
        let Some(name) = table
            .get("name")
            .and_then(|name| name.get_ref().as_str())
            .map(str::to_owned)
        else {
            return Err(source.error(Some(span), "variant", "a variant needs a `name`"));
        };
        let span = table.get("name").map(Spanned::span);
        check_name(source, span.clone(), "variant.name", &name)?;
        if variants.iter().any(|(other, _)| *other == name) {
            return Err(source.error(
                span,
                "variant.name",
                format!("two variants are named `{name}`; give each its own name"),
            ));
        }
        variants.push((name, table));
    }
    Ok(variants)
}

/// Leaves the one variant that is wanted, and what is said of it.
pub(super) fn select_variant(
    source: Source<'_>,
    plan: &mut Plan,
    wanted: Option<&str>,
) -> Result<(), Error> {
    let Some(wanted) = wanted else { return Ok(()) };
    let names: Vec<String> = plan
        .variants
        .iter()
        .map(|variant| variant.name.clone())
        .collect();
    plan.variants.retain(|variant| variant.name == wanted);
    if plan.variants.is_empty() {
        return Err(source.error(
            None,
            "--variant",
            format!("there is no variant `{wanted}`; there is {}", list(&names)),
        ));
    }
    plan.comparisons.clear();
    plan.thresholds.retain(|threshold| {
        threshold
            .variant
            .as_deref()
            .is_none_or(|name| name == wanted)
    });
    Ok(())
}

impl Resolver<'_> {
    /// Index of the variant of this name.
    pub(super) fn variant_index(&self, name: &Text, key: &str) -> Result<usize, Error> {
        self.names
            .iter()
            .position(|(other, _)| other == name.get_ref())
            .ok_or_else(|| {
                let names: Vec<String> = self.names.iter().map(|(name, _)| name.clone()).collect();
                self.error(
                    name.span(),
                    key,
                    format!(
                        "there is no variant `{}`; there is {}",
                        name.get_ref(),
                        list(&names)
                    ),
                )
            })
    }

    /// Pairs of variants; each against the first if none are given.
    pub(super) fn comparisons(
        &self,
        pairs: &[file::Compare],
    ) -> Result<Vec<ComparisonPlan>, Error> {
        if pairs.is_empty() {
            return Ok((1..self.names.len())
                .map(|head| ComparisonPlan { base: 0, head })
                .collect());
        }
        pairs
            .iter()
            .map(|pair| {
                let (base, head) = (
                    self.variant_index(&pair.base, "compare.base")?,
                    self.variant_index(&pair.head, "compare.head")?,
                );
                if base == head {
                    return Err(self.error(
                        pair.head.span(),
                        "compare.head",
                        "a variant is compared with itself; name another one",
                    ));
                }
                Ok(ComparisonPlan { base, head })
            })
            .collect()
    }
}
