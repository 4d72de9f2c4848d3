//! Where requests of a sample went, and those of which are taken. Pure.

use std::collections::BTreeMap;

use super::sample::{Exchange, Sample};

/// The origin whose requests are taken: that which is asked for, or the most frequent one; `None` if the sample names no host.
///
/// # Errors
/// No request went to the one that is asked for.
pub fn origin(sample: &Sample, asked: Option<&str>) -> Result<Option<String>, String> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for origin in sample.exchanges.iter().filter_map(Exchange::origin) {
        *counts.entry(origin).or_default() += 1;
    }
    let Some(asked) = asked else {
        // Of several that are as frequent, the first by name: the same sample makes the same scenario.
        let most = counts
            .into_iter()
            .max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)));
        return Ok(most.map(|(origin, _)| origin));
    };
    let asked = asked.trim_end_matches('/').to_ascii_lowercase();
    let Some((scheme, host)) = asked.split_once("://") else {
        let found = counts
            .keys()
            .find(|origin| origin.split("://").nth(1) == Some(asked.as_str()));
        return match found {
            Some(origin) => Ok(Some(origin.clone())),
            None if counts.is_empty() => Ok(Some(format!("http://{asked}"))),
            None => Err(unknown(&asked, &counts)),
        };
    };
    let own = if scheme == "https" { ":443" } else { ":80" };
    let asked = format!("{scheme}://{}", host.strip_suffix(own).unwrap_or(host));
    if counts.is_empty() || counts.contains_key(&asked) {
        return Ok(Some(asked));
    }
    // Logs of a server do not name the scheme.
    let host = asked.split("://").nth(1).unwrap_or_default();
    let unnamed = sample
        .exchanges
        .iter()
        .any(|exchange| exchange.scheme.is_none() && exchange.host.as_deref() == Some(host));
    if unnamed {
        Ok(Some(asked))
    } else {
        Err(unknown(&asked, &counts))
    }
}

fn unknown(asked: &str, counts: &BTreeMap<String, u64>) -> String {
    let known: Vec<&str> = counts.keys().map(String::as_str).take(10).collect();
    format!(
        "--origin {asked}: no request went there; requests went to {}",
        known.join(", ")
    )
}

/// Whether a request went to an origin; what names no host belongs to it.
pub fn is_of(exchange: &Exchange, origin: Option<&str>) -> bool {
    let origin = origin.and_then(|origin| origin.split_once("://"));
    origin.is_none_or(|(scheme, host)| {
        exchange.host.as_deref().is_none_or(|own| own == host)
            && exchange.scheme.as_deref().is_none_or(|own| own == scheme)
    })
}
