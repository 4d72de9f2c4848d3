//! How values of headers, cookies, parameters and bodies vary, for those that both sides have. A value that is constant here and another
//! one in each request there meets caches that production never meets.

use std::collections::BTreeMap;

use super::finding::{Finding, Verdict};
use super::presence::is_compared;
use super::shape::{FEWEST, Shape, Values, alike_within, told, variation};
use super::side::{Side, Sides};
use super::sizes::{gap_of_chance, largest_gap, quantile};
use crate::parity::record::{Field, Record, Value};
use crate::statistics::Z95;

/// The values of a side by what they stand under.
type Named<'a> = BTreeMap<(&'static str, String), Values<'a>>;

pub(super) fn findings(sides: &Sides<'_>) -> Vec<Finding> {
    let (production, scenario) = (named(sides.production), named(sides.scenario));
    let mut findings = Vec::new();
    for ((attribute, name), there) in &production {
        if let Some(here) = scenario.get(&(attribute, name.clone())) {
            findings.push(compared(attribute, name, there, here));
        }
    }
    findings
}

fn named(side: &Side) -> Named<'_> {
    let mut named = Named::new();
    for record in &side.records {
        let lists: [(&'static str, &[Field]); 3] = [
            ("header value", &record.headers),
            ("query value", &record.query),
            ("cookie value", &record.cookies),
        ];
        for (attribute, fields) in lists {
            for Field(name, value) in fields {
                let name = name.to_ascii_lowercase();
                let is_listed =
                    attribute == "header value" && (!is_compared(&name) || name == "cookie");
                if !is_listed {
                    let values = named.entry((attribute, name)).or_default();
                    values.add(value, record.client);
                }
            }
        }
    }
    named
}

fn compared(attribute: &'static str, name: &str, there: &Values<'_>, here: &Values<'_>) -> Finding {
    let of = there.list.len().min(here.list.len());
    if of < FEWEST {
        let why = match (there.list.is_empty(), here.list.is_empty()) {
            (true, _) => "this source hides its values".to_owned(),
            (_, true) => "its values come from answers".to_owned(),
            _ => format!("{of} requests have it, and {FEWEST} are needed"),
        };
        return Finding::unjudged(attribute, name, why);
    }
    let is_words = |values: &Values<'_>| {
        let words = values.list.iter();
        words
            .filter(|(value, _)| matches!(value, Value::Word(_)))
            .count()
            * 2
            > values.list.len()
    };
    if is_words(there) && is_words(here) {
        let of = [there.list.len(), here.list.len()];
        let (there, here) = (there.words(), here.words());
        let (variation, rows) = variation(&there, &here);
        return if variation > alike_within(&there, &here, of) {
            Finding::new(Verdict::Different, attribute, name, told(&rows))
        } else {
            Finding::new(Verdict::Same, attribute, name, within(variation))
        };
    }
    let lengths = [there.lengths(), here.lengths()];
    shapes(attribute, name, [there.shape(of), here.shape(of)], &lengths)
}

fn within(variation: f64) -> String {
    format!("within {:.1} % of requests", variation * 100.0)
}

fn shapes(
    attribute: &'static str,
    name: &str,
    [there, here]: [Shape; 2],
    lengths: &[Vec<u64>; 2],
) -> Finding {
    let [bytes_there, bytes_here] = lengths.each_ref().map(|sorted| quantile(sorted, 0.5));
    let [all_there, all_here] = lengths;
    let is_chance = largest_gap(all_there, all_here).0 <= gap_of_chance(all_there, all_here);
    let mut differences = Vec::new();
    let ratio = there.distinct as f64 / here.distinct as f64;
    let differ = there.variety != here.variety
        && !(0.8..=1.25).contains(&ratio)
        && !is_few_apart(there.distinct, here.distinct);
    if differ || !(0.5..=2.0).contains(&ratio) {
        differences.push(format!(
            "{} there ({} in {} requests), {} here ({})",
            there.variety.words(),
            there.distinct,
            there.of,
            here.variety.words(),
            here.distinct
        ));
    }
    if bytes_there.abs_diff(bytes_here) > 4.max(bytes_there / 5) && !is_chance {
        differences.push(format!(
            "{bytes_there} bytes there, {bytes_here} here (medians)"
        ));
    } else if let (Some(there), Some(here)) = (there.alphabet, here.alphabet)
        && there != here
    {
        differences.push(format!("{} there, {} here", there.words(), here.words()));
    }
    if differences.is_empty() {
        let words = format!(
            "{}: {} and {} in {} requests, {bytes_there} and {bytes_here} bytes",
            there.variety.words(),
            there.distinct,
            here.distinct,
            there.of
        );
        return Finding::new(Verdict::Same, attribute, name, words);
    }
    Finding::new(Verdict::Different, attribute, name, differences.join("; "))
}

/// Whether two numbers of distinct values are as far apart as draws of the same values are: such a number varies by about half its root.
/// Below some values each one more is another kind of variety.
fn is_few_apart(there: usize, here: usize) -> bool {
    let gap = there.abs_diff(here) as f64;
    there.min(here) > 5 && gap <= Z95 * ((there + here) as f64).sqrt() / 2.0
}

/// The most frequent order of the headers that both sides have, on the route of which production has most.
pub(super) fn order(records: &[&Record], common: &dyn Fn(&str) -> bool) -> Option<Vec<String>> {
    let mut orders: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for record in records {
        let names = record
            .headers
            .iter()
            .map(|field| field.0.to_ascii_lowercase());
        let names = names.filter(|name| is_compared(name) && common(name));
        *orders.entry(names.collect()).or_default() += 1;
    }
    let most = orders.into_iter().max_by_key(|(_, count)| *count)?;
    Some(most.0)
}
