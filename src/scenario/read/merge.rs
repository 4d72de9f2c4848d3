//! Lays a variant's overrides over the scenario's tables, keeping the place of every value.
//!
//! Tables merge key by key; everything else is replaced. In an array of named tables (`[[request]]`, `[[phase]]`, `[[service]]`)
//! a variant addresses an element by its name: `request.telemetry.headers.X-Device-Id = "…"`.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Error, Source};
use crate::units::list;

/// What a variant may override.
pub(in crate::scenario) const OVERRIDABLE: [&str; 8] = [
    "target",
    "fleet",
    "load",
    "phase",
    "request",
    "profile",
    "service",
    "description",
];

/// The scenario's root table with the overrides of `variant` laid over it.
pub(in crate::scenario) fn overlay<'i>(
    source: Source<'_>,
    root: &DeTable<'i>,
    variant: &DeTable<'i>,
    name: &str,
) -> Result<DeTable<'i>, Error> {
    let mut merged = root.clone();
    for (key, value) in variant {
        if key.get_ref() == "name" {
            continue;
        }
        let path = format!("variant.{name}.{}", key.get_ref());
        if !OVERRIDABLE.contains(&key.get_ref().as_ref()) {
            let message = format!(
                "a variant cannot override `{}`; it can override {}",
                key.get_ref(),
                OVERRIDABLE.join(", ")
            );
            return Err(source.error(Some(key.span()), &path, message));
        }
        merge_key(source, &mut merged, key, value, &path)?;
    }
    Ok(merged)
}

fn merge_key<'i>(
    source: Source<'_>,
    table: &mut DeTable<'i>,
    key: &Spanned<Cow<'i, str>>,
    value: &Spanned<DeValue<'i>>,
    path: &str,
) -> Result<(), Error> {
    let below = table.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut);
    match (below, value.get_ref()) {
        (Some(DeValue::Table(below)), DeValue::Table(over)) => {
            merge_table(source, below, over, path)
        }
        (Some(DeValue::Array(below)), DeValue::Table(over)) => {
            merge_elements(source, below, over, path)
        }
        (None, DeValue::Table(_))
            if matches!(
                key.get_ref().as_ref(),
                "service" | "phase" | "request" | "fleet" | "load" | "profile"
            ) && path.matches('.').count() == 2 =>
        {
            Err(source.error(
                Some(key.span()),
                path,
                format!(
                    "the scenario has no `{}` to override; add it to the scenario first",
                    key.get_ref()
                ),
            ))
        }
        _ => {
            // Key and value both, else the old key's place would stay in messages.
            table.remove(key.get_ref().as_ref());
            table.insert(key.clone(), value.clone());
            Ok(())
        }
    }
}

fn merge_table<'i>(
    source: Source<'_>,
    below: &mut DeTable<'i>,
    over: &DeTable<'i>,
    path: &str,
) -> Result<(), Error> {
    // `fleet` is the one table whose keys are names: a new one would be a fleet that nobody uses.
    let has_names = path.ends_with(".fleet") && path.matches('.').count() == 2;
    for (key, value) in over {
        let name = key.get_ref().as_ref();
        let path = format!("{path}.{name}");
        if has_names && !below.contains_key(name) {
            let names: Vec<String> = below.keys().map(|of| of.get_ref().to_string()).collect();
            return Err(source.error(Some(key.span()), &path, nothing_to_override(&names)));
        }
        merge_key(source, below, key, value, &path)?;
    }
    Ok(())
}

/// Elements are addressed by their names.
fn merge_elements<'i>(
    source: Source<'_>,
    below: &mut [Spanned<DeValue<'i>>],
    over: &DeTable<'i>,
    path: &str,
) -> Result<(), Error> {
    for (element, value) in over {
        let path = format!("{path}.{}", element.get_ref());
        let named = |item: &Spanned<DeValue<'_>>| name_of(item.get_ref());
        let names: Vec<String> = below.iter().filter_map(named).collect();
        let found = below
            .iter_mut()
            .find(|item| named(item).as_deref() == Some(element.get_ref().as_ref()));
        let (Some(DeValue::Table(found)), DeValue::Table(over)) =
            (found.map(Spanned::get_mut), value.get_ref())
        else {
            return Err(source.error(Some(element.span()), &path, nothing_to_override(&names)));
        };
        merge_table(source, found, over, &path)?;
    }
    Ok(())
}

fn name_of(value: &DeValue<'_>) -> Option<String> {
    value
        .as_table()?
        .get("name")?
        .get_ref()
        .as_str()
        .map(str::to_owned)
}

fn nothing_to_override(names: &[String]) -> String {
    format!(
        "nothing of this name exists to override; there is {}",
        list(names)
    )
}
