//! A sample → the text of a scenario and the files beside it. Pure. What a sample holds of secrets comes as marks, which become places for
//! variables of the environment, or generated values; the recorded ones go into one file, if the user asked for it.

mod choice;
mod group;
mod headers;
mod place;
mod request;
mod route;
#[cfg(test)]
mod tests;
mod text;
mod timing;

use std::collections::{BTreeMap, BTreeSet};

pub use self::choice::Choice;
use self::request::Written;
pub use self::text::quoted;
pub use self::timing::Pace;
use super::sample::{Exchange, Sample, Skip};
use super::secret::{self, Replaced};

/// A scenario, and what belongs to it.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// Its text.
    pub scenario: String,
    /// Files by their names in [`Choice::folder`].
    pub files: BTreeMap<String, Vec<u8>>,
    /// What [`Choice::secrets`] holds.
    pub secrets: Option<Vec<u8>>,
    /// Variables of the environment that have to be set.
    pub variables: BTreeSet<String>,
    /// `[[request]]` tables.
    pub requests: usize,
    /// Exchanges that they stand for.
    pub exchanges: usize,
    /// Origin that was chosen, if the sample names any.
    pub origin: Option<String>,
    /// Where the load goes.
    pub target: String,
    /// The load in words.
    pub load: String,
    /// What was secret, and is not in it.
    pub replaced: Vec<Replaced>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// Where a scenario loads if its sample names no host.
const NOWHERE: &str = "http://127.0.0.1:8080";

/// Makes a scenario of a sample, whose exchanges it takes. What went to other origins is counted as skipped; credentials and persons
/// are replaced.
///
/// # Errors
/// Why there is nothing to send.
pub fn draft(sample: &mut Sample, choice: &Choice) -> Result<Draft, String> {
    if sample.exchanges.is_empty() {
        return Err("nothing in it can be sent: no request was read".to_owned());
    }
    let mut draft = Draft {
        origin: origin(sample, choice)?,
        ..Draft::default()
    };
    let origin = draft.origin.clone();
    let origin = origin
        .as_deref()
        .and_then(|origin| origin.split_once("://"));
    let secrets = secret::take(sample, |exchange| is_of(exchange, origin));
    draft.replaced = secrets.report();
    let exchanges = sent(sample, origin);
    draft.exchanges = exchanges.len();
    draft.target = match (&choice.target, &draft.origin) {
        (Some(target), _) => target.trim_end_matches('/').to_owned(),
        (None, Some(origin)) => origin.clone(),
        (None, None) => {
            draft.notes.push(format!("no host is recorded: the scenario loads {NOWHERE}; name the service with --target, and its Host with --origin"));
            NOWHERE.to_owned()
        }
    };
    let host = origin
        .map(|(_, host)| host)
        .filter(|host| draft.target.split("://").nth(1) != Some(host))
        .map(str::to_owned);
    let groups = group::groups(
        &exchanges,
        host.as_deref(),
        choice.keeps_binary,
        &mut draft.notes,
    );
    let mut writer = request::Writer::new(&secrets, choice);
    let written: Vec<Written> = groups.iter().map(|group| writer.request(group)).collect();
    draft.requests = written.len();
    draft.secrets = writer.kept();
    draft.notes.append(&mut writer.notes);
    draft.variables = std::mem::take(&mut writer.variables);
    draft.files = std::mem::take(&mut writer.files);
    let is_closing = exchanges.iter().all(|exchange| {
        exchange
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    });
    let load = timing::load(&exchanges, &sample.sources, choice.pace, &mut draft.notes);
    draft.load = load.words;
    draft.scenario = whole(
        &draft,
        choice,
        &load.toml,
        is_closing,
        writer.feeds(),
        &written,
    );
    Ok(draft)
}

/// The origin whose requests are taken.
fn origin(sample: &Sample, choice: &Choice) -> Result<Option<String>, String> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for origin in sample.exchanges.iter().filter_map(Exchange::origin) {
        *counts.entry(origin).or_default() += 1;
    }
    let Some(asked) = &choice.origin else {
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

/// Whether a request went to an origin, of its scheme and host; what names no host belongs to it.
fn is_of(exchange: &Exchange, origin: Option<(&str, &str)>) -> bool {
    origin.is_none_or(|(scheme, host)| {
        exchange.host.as_deref().is_none_or(|own| own == host)
            && exchange.scheme.as_deref().is_none_or(|own| own == scheme)
    })
}

/// The requests to an origin.
fn sent(sample: &mut Sample, origin: Option<(&str, &str)>) -> Vec<Exchange> {
    let mut kept = std::mem::take(&mut sample.exchanges);
    let all = kept.len();
    kept.retain(|exchange| is_of(exchange, origin));
    let others = all - kept.len();
    if others > 0 {
        *sample.skipped.entry(Skip::OtherOrigin).or_default() += others as u64;
    }
    kept
}

/// The text of the scenario.
fn whole(
    draft: &Draft,
    choice: &Choice,
    load: &str,
    is_closing: bool,
    feeds: &BTreeMap<String, String>,
    written: &[Written],
) -> String {
    let mut text = String::from(
        "# Made by `telemload import` from recorded traffic: look through it before it is run.\n",
    );
    text += &format!("name = {}\n", quoted(&choice.name));
    text += &format!(
        "description = {}\n\n",
        quoted(&format!(
            "{} recorded requests as {} kinds",
            draft.exchanges, draft.requests
        ))
    );
    text += &format!(
        "[target]\nurl = {}\n\n[load]\n{load}",
        quoted(&draft.target)
    );
    if is_closing {
        text += "keep_alive = false\n";
    }
    for (feed, file) in feeds {
        text += &format!("\n[feed.{feed}]\nfile = {}\n", quoted(file));
    }
    for request in written {
        text += "\n";
        text += &request.toml;
    }
    text
}
